"""The messages dialect: how it is written, and that n samples of one problem cost one cache write."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from tests.scaffolds.models.wire_server import Heard, Play, Stage, events, reply, staged

from understudy.errors import ModelUnavailable, WindowExceeded
from understudy.model import Completion, Delta, Request, Sampling, Usage
from understudy.models.anthropic import MessagesModel
from understudy.models.providers import PROVIDERS
from understudy.models.wire import Endpoint, Patience
from understudy.problem import Message, Options, Tool, ToolCall

ADD = Tool(name="add", description="Adds.", parameters={"type": "object", "properties": {"x": {"type": "number"}}})
LONG = "Context that all samples share. " * 400


def message(text: str = "42", **usage: int) -> dict[str, Any]:
    counted = {"input_tokens": 10, "output_tokens": 3, **usage}
    return {"id": "m1", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "usage": counted}


def streamed(text: str = "42", **usage: int) -> Play:
    return events(
        {"type": "message_start", "message": {"id": "m1", "usage": {"input_tokens": 10, "output_tokens": 1, **usage}}},
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
        done=False,
    )


async def either(heard: Heard, stream: anyio.abc.ByteStream) -> None:
    await (streamed() if heard.body.get("stream") else reply(message()))(heard, stream)


@asynccontextmanager
async def model_at(*script: Play, extra: dict[str, Any] | None = None) -> AsyncIterator[tuple[MessagesModel, Stage]]:
    async with staged(*script) as stage:
        endpoint = Endpoint(stage.base_url, patience=Patience(tries={}))
        model = MessagesModel(
            name="anthropic:m", model="m", endpoint=endpoint, provider=PROVIDERS["anthropic"], extra=extra
        )
        try:
            with anyio.fail_after(10):
                yield model, stage
        finally:
            await model.aclose()


def asking(text: str = "?", *, temperature: float = 0.0, **given: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), sampling=Sampling(temperature=temperature), **given)


def marks(heard: Heard) -> int:
    return str(heard.body).count("cache_control")


async def test_a_request_is_written_as_the_api_wants_it() -> None:
    request = Request(
        messages=(
            Message(role="system", content="Be brief."),
            Message(role="user", content="Add."),
            Message(
                role="assistant",
                content="Adding. ",
                tool_calls=(
                    ToolCall(name="add", arguments='{"x": 1}', id="a"),
                    ToolCall(name="add", arguments="{x", id="b"),
                ),
            ),
            Message(role="tool", content="1", tool_call_id="a"),
            Message(role="tool", content="", tool_call_id="b"),
            Message(role="user", content="And now?"),
        ),
        tools=(ADD,),
        options=Options(max_tokens=9, stop=("!",), tool_choice="required"),
    )
    async with model_at(reply(message())) as (model, stage):
        await model.generate(request)
    body = stage.posts("messages")[0].body
    assert body["system"] == [{"type": "text", "text": "Be brief."}]
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"] == [
        {"type": "text", "text": "Adding."},
        {"type": "tool_use", "id": "a", "name": "add", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "add", "input": {"malformed": "{x"}},
    ]
    assert [block["type"] for block in body["messages"][2]["content"]] == ["tool_result", "tool_result", "text"]
    assert (body["tool_choice"], body["stop_sequences"], body["max_tokens"]) == ({"type": "any"}, ["!"], 9)
    assert body["tools"][0]["input_schema"] == ADD.parameters


async def test_samples_of_one_problem_wait_for_the_first_to_write_the_cache() -> None:
    first_has_answered, order = anyio.Event(), list[str]()

    async def play(heard: Heard, stream: anyio.abc.ByteStream) -> None:
        order.append("streamed" if heard.body.get("stream") else "plain")
        assert heard.body.get("stream") or first_has_answered.is_set()
        first_has_answered.set()
        await either(heard, stream)

    async with model_at(play) as (model, stage), anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(model.generate, asking(LONG, temperature=0.7))
    assert order == ["streamed", "plain", "plain", "plain", "plain"]
    assert [marks(heard) for heard in stage.posts("messages")] == [1] * 5


async def test_a_single_greedy_call_pays_for_no_write_and_a_repeated_one_does() -> None:
    async with model_at(either) as (model, stage):
        await model.generate(asking(LONG))
        await model.generate(asking(LONG))
    assert [marks(heard) for heard in stage.posts("messages")] == [0, 1]


async def test_a_short_prompt_carries_no_breakpoint() -> None:
    async with model_at(either) as (model, stage):
        await model.generate(asking("short", temperature=1.0))
    assert marks(stage.posts("messages")[0]) == 0


async def test_breakpoints_stand_behind_the_fixed_part_and_behind_the_last_message() -> None:
    messages = (Message(role="system", content=LONG), Message(role="user", content="?"))
    async with model_at(either) as (model, stage):
        await model.generate(Request(messages=messages, tools=(ADD,), sampling=Sampling(temperature=1)))
    body = stage.posts("messages")[0].body
    assert body["system"][-1]["cache_control"] == {"type": "ephemeral"}
    assert body["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in body["tools"][-1]


async def test_caching_can_be_switched_off() -> None:
    async with model_at(either, extra={"cache": "never"}) as (model, stage):
        await model.generate(asking(LONG, temperature=1.0))
    body = stage.posts("messages")[0].body
    assert "cache" not in body
    assert marks(stage.posts("messages")[0]) == 0


async def test_when_the_first_of_several_fails_the_others_go_on() -> None:
    failed = False

    async def play(heard: Heard, stream: anyio.abc.ByteStream) -> None:
        nonlocal failed
        if not failed:
            failed = True
            await reply({"type": "error", "error": {"type": "api_error", "message": "oops"}}, status=500)(heard, stream)
            return
        await either(heard, stream)

    got: list[str] = []

    async def draw(model: MessagesModel) -> None:
        try:
            got.append((await model.generate(asking(LONG, temperature=0.7))).text)
        except ModelUnavailable:
            got.append("failed")

    async with model_at(play) as (model, _), anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(draw, model)
    assert sorted(got) == ["42", "42", "failed"]


async def test_a_stream_is_gathered_with_both_halves_of_its_usage() -> None:
    script = streamed("hello", cache_read_input_tokens=100)
    async with model_at(script) as (model, _):
        pieces = [piece async for piece in model.stream(asking())]
    assert pieces[:-1] == [Delta(), Delta(text="hello")]
    assert isinstance(pieces[-1], Completion)
    assert pieces[-1].usage == Usage(input_tokens=110, output_tokens=9, cache_read_tokens=100)
    assert pieces[-1].finish == "stop"


async def test_a_calls_arguments_come_out_of_a_stream_as_the_model_wrote_them() -> None:
    script = events(
        {"type": "message_start", "message": {"usage": {"input_tokens": 1, "output_tokens": 1}}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "t", "name": "add", "input": {}},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"x": '}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "1.0}"}},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "id": "u", "name": "now", "input": {}},
        },
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 20}},
        {"type": "message_stop"},
        done=False,
    )
    async with model_at(script) as (model, _):
        pieces = [piece async for piece in model.stream(asking(tools=(ADD,)))]
    last = pieces[-1]
    assert isinstance(last, Completion)
    assert last.tool_calls == (
        ToolCall(name="add", arguments='{"x": 1.0}', id="t"),
        ToolCall(name="now", arguments="{}", id="u"),
    )


async def test_an_overload_in_the_middle_of_a_stream_is_an_error() -> None:
    script = events(
        {"type": "message_start", "message": {}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        done=False,
    )
    async with model_at(script) as (model, _):
        with pytest.raises(ModelUnavailable, match="Overloaded"):
            [piece async for piece in model.stream(asking())]


async def test_a_prompt_that_is_too_long_is_named_as_such() -> None:
    body = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000"},
    }
    async with model_at(reply(body, status=400)) as (model, _):
        with pytest.raises(WindowExceeded):
            await model.generate(asking())


async def test_a_model_that_takes_no_temperature_is_asked_without_one_from_then_on() -> None:
    refused = reply(
        {"error": {"type": "invalid_request_error", "message": "`temperature` is deprecated for this model."}},
        status=400,
    )
    async with model_at(refused, either) as (model, stage):
        completion = await model.generate(asking())
        await model.generate(asking("again"))
    assert ["temperature" in heard.body for heard in stage.posts("messages")] == [True, False, False]
    assert completion.facts["not_sent"] == ["temperature"]


async def test_a_schema_is_asked_for_in_its_own_field() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    async with model_at(either) as (model, stage):
        await model.generate(asking(options=Options(response_format=form)))
    assert stage.posts("messages")[0].body["output_config"] == {
        "format": {"type": "json_schema", "schema": {"type": "object"}}
    }
