"""What goes wrong between us and a server, each over a real loopback socket, each with one clear outcome."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from tests.scaffolds.models.wire_server import Heard, Play, Stage, chat, events, hang, raw, reply, staged

from understudy.budget import Budget, Meter, TokenPrice
from understudy.context import Context
from understudy.errors import ModelRejected, ModelUnavailable, WindowExceeded
from understudy.model import Completion, Delta, Request
from understudy.models.chat import ChatModel
from understudy.models.providers import PLAIN, PROVIDERS, Provider
from understudy.models.wire import Endpoint, Patience
from understudy.problem import Message, Options, ToolCall
from understudy.trace import Trace

ASKED = Request(messages=(Message(role="user", content="What is six times seven?"),))
SECRET = "sk-very-secret-1234567890"


class Pauses:
    """Remembers how long it was asked to wait, and does not wait."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def model_at(
    *script: Play, patience: Patience | None = None, provider: Provider = PLAIN, facts: dict[str, Any] | None = None
) -> AsyncIterator[tuple[ChatModel, Stage, Pauses]]:
    pauses = Pauses()
    async with staged(*script, facts=facts) as stage:
        endpoint = Endpoint(
            stage.base_url,
            headers={"authorization": f"Bearer {SECRET}"},
            secrets=(SECRET,),
            patience=patience,
            sleep=pauses,
        )
        model = ChatModel(name="http://test#m", model="m", endpoint=endpoint, provider=provider)
        try:
            with anyio.fail_after(10):
                yield model, stage, pauses
        finally:
            await model.aclose()


def metered(model: ChatModel) -> Context:
    return Context(
        models={"local": model},
        meter=Meter(Budget(usd=1.0)),
        trace=Trace(),
        price=lambda name: TokenPrice(input=1.0, output=2.0),
    )


async def test_a_storm_of_429_is_waited_out_as_the_server_asks() -> None:
    busy = reply({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "7"})
    async with model_at(busy, busy, busy, reply(chat("42"))) as (model, stage, pauses):
        assert (await model.generate(ASKED)).text == "42"
    assert len(stage.posts()) == 4
    assert len(pauses.seconds) == 3
    assert all(7 <= pause <= 7.7 for pause in pauses.seconds)


async def test_an_endless_storm_of_429_ends_in_words_and_costs_nothing() -> None:
    busy = reply({"error": {"message": "slow down"}}, status=429)
    async with model_at(busy) as (model, stage, pauses):
        context = metered(model)
        with pytest.raises(ModelUnavailable, match="rate limited or overloaded") as caught:
            await context.generate(ASKED)
    assert caught.value.reason == "rate_limited"
    assert len(stage.posts()) == 7
    assert pauses.seconds[5] > pauses.seconds[0]
    assert (context.meter.usd, context.meter.open_reservations) == (0.0, 0)


async def test_a_server_that_asks_for_an_hour_ends_the_call_at_once() -> None:
    later = reply({"error": "busy"}, status=429, headers={"retry-after": "3600"})
    async with model_at(later) as (model, _, pauses):
        with pytest.raises(ModelUnavailable) as caught:
            await model.generate(ASKED)
    assert caught.value.retry_after_s == 3600
    assert pauses.seconds == []


async def test_a_model_that_is_loading_is_waited_for() -> None:
    loading = reply({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, status=503)
    async with model_at(*[loading] * 9, reply(chat("up"))) as (model, _, pauses):
        assert (await model.generate(ASKED)).text == "up"
    assert len(pauses.seconds) == 9


async def test_a_400_is_never_tried_again() -> None:
    async with model_at(reply({"error": {"message": "messages: too few"}}, status=400)) as (model, stage, _):
        with pytest.raises(ModelRejected, match="another try cannot help"):
            await model.generate(ASKED)
    assert len(stage.posts()) == 1


async def test_an_endpoint_that_hangs_is_given_up_and_counted_as_billed() -> None:
    async with model_at(hang, patience=Patience(silence_s=0.05)) as (model, stage, _):
        context = metered(model)
        with pytest.raises(ModelUnavailable, match="stopped answering") as caught:
            await context.generate(ASKED)
    assert caught.value.billed
    assert context.meter.calls == len(stage.posts()) == 2
    assert context.meter.usd > 0
    assert context.meter.open_reservations == 0


async def test_an_endpoint_that_drips_forever_is_given_up_too() -> None:
    async def drip(heard: Heard, stream: anyio.abc.ByteStream) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n")
        while True:
            await stream.send(b" ")
            await anyio.lowlevel.checkpoint()

    async with model_at(drip, patience=Patience(total_s=0.1)) as (model, _, _):
        with pytest.raises(ModelUnavailable, match=r"longer than 0\.1 s"):
            await model.generate(ASKED)


async def test_a_connection_cut_in_the_middle_of_the_answer_is_repeated_under_a_new_reservation() -> None:
    cut = raw(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"choices": [')
    async with model_at(cut, reply(chat("42"))) as (model, stage, _):
        context = metered(model)
        assert (await context.generate(ASKED)).text == "42"
    assert context.meter.calls == len(stage.posts()) == 2
    assert [event.error is None for event in context.trace] == [False, True]


async def gather(model: ChatModel, pieces: list[Delta | Completion]) -> None:
    async for piece in model.stream(ASKED):
        pieces.append(piece)  # noqa: PERF401 (what came before the error is looked at)


async def test_a_stream_cut_in_the_middle_is_an_error_and_no_completion() -> None:
    pieces: list[Delta | Completion] = []
    cut = events({"choices": [{"delta": {"content": "The answer is"}}]}, done=False, cut=True)
    async with model_at(cut) as (model, _, _):
        with pytest.raises(ModelUnavailable) as caught:
            await gather(model, pieces)
    assert pieces == [Delta(text="The answer is")]
    assert caught.value.billed


async def test_a_stream_that_ends_early_without_an_end_is_an_error() -> None:
    async with model_at(events({"choices": [{"delta": {"content": "The"}}]}, done=False)) as (model, _, _):
        with pytest.raises(ModelUnavailable, match="ended its stream before"):
            [piece async for piece in model.stream(ASKED)]


async def test_an_error_inside_a_stream_is_an_error() -> None:
    broken = events({"choices": [{"delta": {"content": "The"}}]}, {"error": {"code": 502, "message": "upstream died"}})
    async with model_at(broken) as (model, _, _):
        with pytest.raises(ModelUnavailable, match="upstream died"):
            [piece async for piece in model.stream(ASKED)]


async def test_a_web_page_instead_of_json_says_so() -> None:
    async with model_at(reply("<!DOCTYPE html><html><body>Welcome</body></html>")) as (model, stage, _):
        with pytest.raises(ModelRejected, match=r"a web page, not JSON.*usually ends in /v1"):
            await model.generate(ASKED)
        with pytest.raises(ModelRejected, match="web page"):
            [piece async for piece in model.stream(ASKED)]
    assert len(stage.posts()) == 2


async def test_a_dead_endpoint_is_named_with_what_to_do() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    pauses = Pauses()
    endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", sleep=pauses)
    model = ChatModel(name="x", model="m", endpoint=endpoint)
    with pytest.raises(ModelUnavailable, match=f"127.0.0.1:{port}/v1 cannot be reached. Start the server") as caught:
        await model.generate(ASKED)
    await model.aclose()
    assert (caught.value.reason, caught.value.billed, len(pauses.seconds)) == ("refused", False, 1)


async def test_an_unknown_model_is_answered_with_the_ones_there_are() -> None:
    gone = reply({"error": {"message": "model 'm' not found", "type": "not_found_error"}}, status=404)
    listed = {"/v1/models": {"data": [{"id": "qwen3:4b"}, {"id": "gemma3:1b"}]}}
    async with model_at(gone, provider=PROVIDERS["ollama"], facts=listed) as (model, _, _):
        with pytest.raises(ModelRejected, match=r"no model 'm'; it offers 'qwen3:4b', 'gemma3:1b'.*ollama pull m"):
            await model.generate(ASKED)


async def test_a_redirect_is_not_followed_since_it_would_carry_the_key_along() -> None:
    away = reply({}, status=307, headers={"location": f"https://elsewhere.example/?key={SECRET}"})
    async with model_at(away) as (model, stage, _):
        with pytest.raises(ModelRejected, match=r"redirects to 'https://elsewhere\.example/"):
            await model.generate(ASKED)
    assert len(stage.posts()) == 1


@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_a_key_that_the_server_repeats_is_in_no_error_and_no_trace(status: int) -> None:
    async with model_at(reply({"error": {"message": f"bad key {SECRET}"}}, status=status)) as (model, stage, _):
        context = metered(model)
        with pytest.raises((ModelRejected, ModelUnavailable)) as caught:
            await context.generate(ASKED)
    assert SECRET in stage.posts()[0].headers["authorization"]
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(context.trace.events)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        pytest.param(None, (None, None), id="none at all"),
        pytest.param("lots", (None, None), id="a word"),
        pytest.param({"prompt_tokens": 0, "completion_tokens": 0}, (None, None), id="zeros for a text"),
        pytest.param({"prompt_tokens": -5, "completion_tokens": 1}, (None, None), id="negative"),
        pytest.param({"prompt_tokens": True, "completion_tokens": "3"}, (None, None), id="other types"),
        pytest.param({"prompt_tokens": 10.0, "completion_tokens": 20}, (10, 20), id="floats"),
        pytest.param({"prompt_tokens": 1e300, "completion_tokens": 20}, (None, 20), id="beyond measure"),
    ],
)
async def test_usage_that_is_missing_or_a_lie_is_unknown_and_settles_at_the_reservation(
    usage: object, counted: tuple[int | None, int | None]
) -> None:
    async with model_at(reply(chat("y" * 500, usage=usage))) as (model, _, _):
        context = metered(model)
        completion = await context.generate(ASKED)
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == counted
    if None in counted:
        assert context.meter.usd > 1024 * 2 / 1e6
        assert context.meter.tokens > 1024


async def test_more_cached_tokens_than_the_prompt_has_are_cut_to_it() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 5000}}
    async with model_at(reply(chat("hi", usage=usage))) as (model, _, _):
        assert (await model.generate(ASKED)).usage.cache_read_tokens == 10


async def test_an_answer_larger_than_any_completion_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.models.wire.MOST_BYTES", 1000)
    async with model_at(reply(chat("x" * 5000))) as (model, _, _):
        with pytest.raises(ModelRejected, match="which no completion is"):
            await model.generate(ASKED)


async def test_deeply_nested_json_is_an_error_and_not_a_crash() -> None:
    async with model_at(reply("[" * 100_000)) as (model, _, _):
        with pytest.raises(ModelRejected):
            await model.generate(ASKED)


async def test_a_prompt_beyond_the_window_is_named_as_such() -> None:
    body = {
        "error": {
            "code": 400,
            "message": "the request exceeds the available context size",
            "type": "exceed_context_size_error",
        }
    }
    async with model_at(reply(body, status=400)) as (model, _, _):
        with pytest.raises(WindowExceeded, match="Send less"):
            await model.generate(ASKED)


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        pytest.param(
            500,
            {
                "code": 500,
                "message": 'Failed to parse input at pos 4: <tool_call>{"name": "add"',
                "type": "server_error",
            },
            '<tool_call>{"name": "add"',
            id="llama.cpp",
        ),
        pytest.param(
            500,
            {"message": 'error parsing tool call: raw=\'{"name": "add", \', err=unexpected end of JSON input'},
            '{"name": "add", ',
            id="ollama",
        ),
        pytest.param(
            400,
            {"message": "Failed to call a function.", "code": "tool_use_failed", "failed_generation": "<add(2,3)>"},
            "<add(2,3)>",
            id="groq",
        ),
    ],
)
async def test_words_that_a_server_failed_to_parse_are_delivered_raw(status: int, error: object, words: str) -> None:
    async with model_at(reply({"error": error}, status=status)) as (model, stage, _):
        completion = await model.generate(ASKED)
    assert completion.text == words
    assert completion.usage.input_tokens is None
    assert completion.facts["server_parse_error"] is True
    assert len(stage.posts()) == 1


async def test_no_more_calls_are_in_flight_than_the_endpoint_allows() -> None:
    inside, most, met = 0, 0, anyio.Event()

    async def meet(heard: Heard, stream: anyio.abc.ByteStream) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if inside == 2:
            met.set()
        await met.wait()
        await reply(chat("met"))(heard, stream)
        inside -= 1

    async with staged(meet) as stage:
        model = ChatModel(name="x", model="m", endpoint=Endpoint(stage.base_url, concurrency=2))
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for _ in range(6):
                    group.start_soon(model.generate, ASKED)
        await model.aclose()
    assert most == 2


async def test_cancelling_a_call_leaves_no_reservation_and_no_held_slot() -> None:
    arrived = anyio.Event()

    async def hang_when_arrived(heard: Heard, stream: anyio.abc.ByteStream) -> None:
        arrived.set()
        await hang(heard, stream)

    async with model_at(hang_when_arrived, reply(chat("42"))) as (model, _, _):
        model.endpoint.concurrency = 1
        context = metered(model)
        async with anyio.create_task_group() as group:
            group.start_soon(context.generate, ASKED)
            await arrived.wait()
            group.cancel_scope.cancel()
        assert context.meter.open_reservations == 0
        assert (await context.generate(ASKED)).text == "42"


async def test_a_sampling_parameter_that_a_model_turns_down_is_left_out_and_remembered() -> None:
    message = "Unsupported parameter: 'temperature' is not supported with this model."
    async with model_at(reply({"error": {"message": message}}, status=400), reply(chat("ok"))) as (model, stage, _):
        first = await model.generate(ASKED)
        await model.generate(ASKED)
    assert ["temperature" in heard.body for heard in stage.posts()] == [True, False, False]
    assert first.facts["not_sent"] == ["temperature"]


async def test_a_200_that_holds_an_error_is_an_error() -> None:
    refused = {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}, "choices": None}
    async with model_at(reply(refused)) as (model, stage, _):
        with pytest.raises(ModelRejected, match="no credit left"):
            await model.generate(ASKED)
    assert len(stage.posts()) == 1


async def test_calls_come_through_as_the_model_wrote_them() -> None:
    calls = [{"id": "a", "type": "function", "function": {"name": "add", "arguments": '{"x": 1,}'}}]
    async with model_at(reply(chat(None, finish="tool_calls", tool_calls=calls))) as (model, _, _):
        completion = await model.generate(Request(messages=ASKED.messages, options=Options(max_tokens=9)))
    assert completion.tool_calls == (ToolCall(name="add", arguments='{"x": 1,}', id="a"),)
    assert completion.finish == "tool_calls"
