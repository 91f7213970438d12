"""What each server really sends, read into one form: text, thinking, calls, end, usage, and what provenance needs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from tests.scaffolds.models.wire_server import Heard, Play, Stage, chat, events, reply, staged

from understudy.errors import ModelRejected, ModelUnavailable, WindowExceeded
from understudy.model import Completion, Delta, Request, Sampling, Usage
from understudy.models.anthropic import MessagesModel
from understudy.models.chat import ChatModel
from understudy.models.ollama import OllamaModel
from understudy.models.providers import PROVIDERS
from understudy.models.remote import RemoteModel
from understudy.models.wire import Endpoint
from understudy.problem import Message, Options, Tool, ToolCall

ADD = Tool(name="add", description="Adds.", parameters={"type": "object", "properties": {"x": {"type": "number"}}})
MADE = {"chat": ChatModel, "messages": MessagesModel, "ollama": OllamaModel}


def asking(text: str = "What is six times seven?", **given: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), **given)


@asynccontextmanager
async def serving(
    provider: str,
    *script: Play,
    facts: dict[str, Any] | None = None,
    extra: dict[str, Any] | None = None,
    name: str = "m",
) -> AsyncIterator[tuple[Any, Stage]]:
    kind = PROVIDERS[provider]
    async with staged(*script, facts=facts) as stage:
        model: RemoteModel = MADE[kind.dialect](
            name=f"{provider}:{name}", model=name, endpoint=Endpoint(stage.base_url), provider=kind, extra=extra
        )
        try:
            with anyio.fail_after(10):
                yield model, stage
        finally:
            await model.aclose()


CALL = {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"x": 1}'}}
PARSED = {"function": {"name": "add", "arguments": {"x": 1}}}

SHAPES: list[Any] = [
    pytest.param(
        "llamacpp",
        {
            **chat(
                "42",
                usage={"prompt_tokens": 555, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 532}},
            ),
            "timings": {"cache_n": 532, "prompt_n": 23},
            "system_fingerprint": "b6000",
        },
        Completion(text="42", usage=Usage(input_tokens=555, output_tokens=3, cache_read_tokens=532)),
        id="llama.cpp: cached tokens and timings",
    ),
    pytest.param(
        "llamacpp",
        chat("", reasoning_content="Let me see.", tool_calls=[CALL], finish="tool_calls"),
        Completion(
            reasoning="Let me see.",
            tool_calls=(ToolCall(name="add", arguments='{"x": 1}', id="c"),),
            finish="tool_calls",
            usage=Usage(input_tokens=12, output_tokens=3),
        ),
        id="llama.cpp: reasoning_content and a call",
    ),
    pytest.param(
        "vllm",
        chat(
            "42",
            reasoning="Six sevens.",
            usage={"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": None},
        ),
        Completion(text="42", reasoning="Six sevens.", usage=Usage(input_tokens=9, output_tokens=4)),
        id="vllm: reasoning, no cache details",
    ),
    pytest.param(
        "vllm",
        chat("<think>\nSix sevens.\n</think>\n\n42"),
        Completion(text="42", reasoning="Six sevens.", usage=Usage(input_tokens=12, output_tokens=3)),
        id="vllm without a reasoning parser: the tags stay in the text",
    ),
    pytest.param(
        "vllm",
        chat("Six sevens.\n</think>\n\n42"),
        Completion(text="42", reasoning="Six sevens.", usage=Usage(input_tokens=12, output_tokens=3)),
        id="qwen3: the template opened the tag",
    ),
    pytest.param(
        "vllm",
        chat("<think>Six sevens and", finish="length"),
        Completion(reasoning="Six sevens and", finish="length", usage=Usage(input_tokens=12, output_tokens=3)),
        id="the tokens ran out while thinking",
    ),
    pytest.param(
        "lmstudio",
        chat("<|channel|>analysis<|message|>Sevens.<|end|><|start|>assistant<|channel|>final<|message|>42"),
        Completion(text="42", reasoning="Sevens.", usage=Usage(input_tokens=12, output_tokens=3)),
        id="gpt-oss channels left in the text",
    ),
    pytest.param(
        "lmstudio",
        chat("The tag `</think>` ends thinking."),
        Completion(text="The tag `</think>` ends thinking.", usage=Usage(input_tokens=12, output_tokens=3)),
        id="a tag that is only mentioned",
    ),
    pytest.param(
        "deepseek",
        chat(
            "42",
            reasoning_content="Sevens.",
            usage={
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "prompt_cache_hit_tokens": 64,
                "prompt_cache_miss_tokens": 36,
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
        ),
        Completion(
            text="42",
            reasoning="Sevens.",
            usage=Usage(input_tokens=100, output_tokens=50, cache_read_tokens=64, reasoning_tokens=40),
        ),
        id="deepseek: its own cache fields",
    ),
    pytest.param(
        "zai",
        chat("no", finish="sensitive"),
        Completion(text="no", finish="filtered", usage=Usage(input_tokens=12, output_tokens=3)),
        id="zai: sensitive",
    ),
    pytest.param(
        "minimax",
        {
            **chat("42", reasoning_details=[{"type": "reasoning.text", "text": "Sevens."}]),
            "base_resp": {"status_code": 0, "status_msg": ""},
        },
        Completion(text="42", reasoning="Sevens.", usage=Usage(input_tokens=12, output_tokens=3)),
        id="minimax: reasoning_details and a base_resp that is fine",
    ),
    pytest.param(
        "openrouter",
        {**chat("42", reasoning="Sevens."), "provider": "Novita"},
        Completion(text="42", reasoning="Sevens.", usage=Usage(input_tokens=12, output_tokens=3)),
        id="openrouter: who served it",
    ),
    pytest.param(
        "openai",
        chat(None, refusal="I cannot help with that.", finish="content_filter"),
        Completion(text="I cannot help with that.", finish="filtered", usage=Usage(input_tokens=12, output_tokens=3)),
        id="openai: a refusal",
    ),
    pytest.param(
        "openai",
        chat(None, function_call={"name": "add", "arguments": "{}"}, finish="function_call"),
        Completion(
            tool_calls=(ToolCall(name="add", arguments="{}"),),
            finish="tool_calls",
            usage=Usage(input_tokens=12, output_tokens=3),
        ),
        id="the function_call of 2023",
    ),
    pytest.param(
        "vllm",
        chat([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "42"}]),  # type: ignore[arg-type]
        Completion(text="42", reasoning="Hm.", usage=Usage(input_tokens=12, output_tokens=3)),
        id="mistral: content in parts",
    ),
    pytest.param(
        "vllm",
        chat(None, tool_calls=[PARSED], finish="stop"),
        Completion(
            tool_calls=(ToolCall(name="add", arguments='{"x": 1}'),),
            finish="tool_calls",
            usage=Usage(input_tokens=12, output_tokens=3),
        ),
        id="arguments that are parsed already, and an end that says stop",
    ),
    pytest.param(
        "ollama",
        {
            "model": "m",
            "message": {"role": "assistant", "content": "42", "thinking": "Sevens."},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 30,
            "eval_count": 7,
        },
        Completion(text="42", reasoning="Sevens.", usage=Usage(input_tokens=30, output_tokens=7)),
        id="ollama",
    ),
    pytest.param(
        "ollama",
        {
            "model": "m",
            "message": {"role": "assistant", "content": "", "tool_calls": [PARSED]},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 30,
            "eval_count": 7,
        },
        Completion(
            tool_calls=(ToolCall(name="add", arguments='{"x": 1}'),),
            finish="tool_calls",
            usage=Usage(input_tokens=30, output_tokens=7),
        ),
        id="ollama: a call",
    ),
    pytest.param(
        "anthropic",
        {
            "id": "msg",
            "model": "m",
            "content": [
                {"type": "thinking", "thinking": "Sevens.", "signature": "x"},
                {"type": "text", "text": "Adding."},
                {"type": "tool_use", "id": "t", "name": "add", "input": {"x": 1}},
            ],
            "stop_reason": "tool_use",
            "usage": {
                "input_tokens": 20,
                "cache_read_input_tokens": 1000,
                "cache_creation_input_tokens": 300,
                "output_tokens": 44,
            },
        },
        Completion(
            text="Adding.",
            reasoning="Sevens.",
            tool_calls=(ToolCall(name="add", arguments='{"x": 1}', id="t"),),
            finish="tool_calls",
            usage=Usage(input_tokens=1320, output_tokens=44, cache_read_tokens=1000, cache_write_tokens=300),
        ),
        id="anthropic: its input leaves the cache out",
    ),
]


@pytest.mark.parametrize(("provider", "body", "expected"), SHAPES)
async def test_an_answer_is_read_as_it_was_meant(provider: str, body: Any, expected: Completion) -> None:
    async with serving(provider, reply(body), facts={"/api/chat": body} if provider == "ollama" else None) as (
        model,
        _,
    ):
        completion = await model.generate(asking(tools=(ADD,)))
    seen = Completion(
        text=completion.text,
        reasoning=completion.reasoning,
        tool_calls=completion.tool_calls,
        finish=completion.finish,
        usage=completion.usage,
    )
    assert seen == expected
    assert completion.facts["sent"]["max_tokens"] == 1024


async def test_a_probe_of_llama_cpp_sets_the_concurrency_and_keeps_what_provenance_needs() -> None:
    props = {
        "default_generation_settings": {"n_ctx": 4096},
        "total_slots": 3,
        "model_path": "/home/me/secret/q.gguf",
        "build_info": "b6000",
    }
    async with serving("llamacpp", reply(chat("42")), facts={"/props": props}) as (model, _):
        completion = await model.generate(asking())
        assert model.endpoint.concurrency == 3
    assert (completion.facts["window"], completion.facts["build_info"]) == (4096, "b6000")
    assert completion.facts["model_path"] == "q.gguf"


async def test_what_was_probed_once_is_not_asked_again() -> None:
    async with serving(
        "vllm", reply(chat("42")), facts={"/v1/models": {"data": [{"id": "m", "max_model_len": 99}]}}
    ) as (
        model,
        stage,
    ):
        for _ in range(3):
            assert (await model.generate(asking())).facts["window"] == 99
    assert [heard.path for heard in stage.heard].count("/v1/models") == 1


async def test_a_200_without_a_choice_is_no_completion() -> None:
    async with serving("openrouter", reply({"choices": []})) as (model, _):
        with pytest.raises(ModelUnavailable, match="without a completion"):
            await model.generate(asking())


async def test_an_error_that_openrouter_puts_into_a_200_has_the_status_it_names() -> None:
    body = {"error": {"code": 400, "message": "Provider returned error", "metadata": {"raw": "max_tokens too large"}}}
    async with serving("openrouter", reply(body)) as (model, stage):
        with pytest.raises(ModelRejected, match="max_tokens too large"):
            await model.generate(asking())
    assert len(stage.posts()) == 1


def piece(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


async def test_a_stream_is_gathered_with_its_usage_its_comments_and_its_calls() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "add", "arguments": ""}}
    more = {"index": 0, "function": {"arguments": '{"x": '}}
    rest = {"index": 0, "function": {"arguments": "1}"}}
    second = {"index": 0, "id": "b", "function": {"name": "add", "arguments": "{}"}}
    script = events(
        ": OPENROUTER PROCESSING\n\n",
        piece(role="assistant", content=""),
        piece(reasoning_content="Hm."),
        piece(content="Add"),
        piece(content="ing."),
        piece(tool_calls=[call]),
        piece(tool_calls=[more]),
        piece(tool_calls=[rest]),
        piece(tool_calls=[second]),
        {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
        {"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 9}},
    )
    async with serving("openai", script) as (model, stage):
        pieces = [piece async for piece in model.stream(asking(tools=(ADD,)))]
    assert stage.posts()[0].body["stream_options"] == {"include_usage": True}
    assert pieces[:-1] == [Delta(reasoning="Hm."), Delta(text="Add"), Delta(text="ing.")]
    last = pieces[-1]
    assert last.tool_calls == (
        ToolCall(name="add", arguments='{"x": 1}', id="a"),
        ToolCall(name="add", arguments="{}", id="b"),
    )
    assert (last.text, last.reasoning, last.finish) == ("Adding.", "Hm.", "tool_calls")
    assert last.usage == Usage(input_tokens=20, output_tokens=9)


async def test_a_stream_without_usage_is_of_unknown_usage() -> None:
    async with serving("openai", events(piece(content="hi"))) as (model, _):
        pieces = [piece async for piece in model.stream(asking())]
    assert pieces[-1].usage == Usage()


async def test_ollama_is_told_to_refuse_what_does_not_fit_and_which_window_to_load() -> None:
    answer = {"message": {"content": "42"}, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 2}
    async with serving("ollama", reply({}), facts={"/api/chat": answer}, extra={"num_ctx": 16384, "think": False}) as (
        model,
        stage,
    ):
        await model.generate(
            asking(sampling=Sampling(temperature=0.5, seed=7), options=Options(max_tokens=5, stop=("!",)))
        )
    body = next(heard.body for heard in stage.heard if heard.path == "/api/chat")
    assert (body["truncate"], body["shift"], body["think"]) == (False, False, False)
    assert body["options"] == {"temperature": 0.5, "seed": 7, "num_predict": 5, "num_ctx": 16384, "stop": ["!"]}


async def test_ollama_saying_that_a_prompt_does_not_fit_is_that_error() -> None:
    async def refuse(heard: Heard, stream: anyio.abc.ByteStream) -> None:
        await reply({"error": "the input length exceeds the context length"}, status=400)(heard, stream)

    async with serving("ollama", refuse) as (model, _):
        model.path = "chat"  # below /v1, where the stage plays its script
        with pytest.raises(WindowExceeded):
            await model.generate(asking())


async def test_ollamas_stream_is_gathered() -> None:
    rows = [
        '{"message": {"content": "", "thinking": "Hm."}, "done": false}\n',
        '{"message": {"content": "4"}, "done": false}\n',
        '{"message": {"content": "2"}, "done": true, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 5}\n',
    ]
    async with serving("ollama", events(*rows, done=False)) as (model, _):
        model.path = "chat"
        pieces = [piece async for piece in model.stream(asking())]
    assert [piece.text for piece in pieces] == ["", "4", "2", "42"]
    assert pieces[-1].usage == Usage(input_tokens=9, output_tokens=5)


async def test_a_tool_result_is_given_to_ollama_by_the_name_of_its_tool() -> None:
    messages = (
        Message(role="user", content="?"),
        Message(role="assistant", tool_calls=(ToolCall(name="add", arguments='{"x": 1}', id="c1"),)),
        Message(role="tool", content="3", tool_call_id="c1"),
    )
    answer = {"message": {"content": "3"}, "done_reason": "stop"}
    async with serving("ollama", reply({}), facts={"/api/chat": answer}) as (model, stage):
        await model.generate(Request(messages=messages, tools=(ADD,)))
    sent = next(heard.body for heard in stage.heard if heard.path == "/api/chat")["messages"]
    assert sent[1]["tool_calls"] == [PARSED]
    assert sent[2] == {"role": "tool", "content": "3", "tool_name": "add"}
