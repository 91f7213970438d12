"""A prompt that a server cut in silence is found in every case; a prompt that fits is never taken for cut."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scaffolds.models.wire_server import chat, reply, staged

from understudy.model import Request, Usage
from understudy.models import model_from
from understudy.models.window import estimate, most, was_cut
from understudy.problem import Message

PROSE = "The quick brown fox jumps over the lazy dog, and then it does so again because nobody stopped it. "
CODE = "def add(first, second):\n    return first + second  # the sum of both\n\n\n"
CHINESE = "这是一个很长的句子，用来检查窗口是否被静默截断。"
NUMBERS = "4821 9930 1177 3.14159 2718281828 "


def asking(text: str) -> Request:
    return Request(messages=(Message(role="user", content=text),))


# As reported: window, the text, the prompt tokens and completion tokens that the server claimed.
CUT = [
    pytest.param(4096, PROSE * 400, 2048, 300, id="cut to half the window (ollama 17427)"),
    pytest.param(4096, PROSE * 2000, 2050, 120, id="40k tokens answered as 2050 (ollama 17889)"),
    pytest.param(4096, PROSE * 200, 4096, 1, id="prompt fills the window"),
    pytest.param(4096, PROSE * 190, 3900, 196, id="prompt and answer fill the window"),
    pytest.param(4096, PROSE * 150, 193, 3903, id="the answer ran through the window (TradingAgents 168)"),
    pytest.param(2048, PROSE * 300, 2047, 300, id="more reported than the window holds"),
    pytest.param(8192, PROSE * 1000, 8000, 100, id="messages dropped until the rest fit"),
    pytest.param(4096, CODE * 600, 2048, 50, id="code"),
    pytest.param(4096, CHINESE * 400, 2048, 50, id="Chinese"),
    pytest.param(4096, NUMBERS * 700, 2049, 50, id="numbers"),
    pytest.param(None, PROSE * 400, 2048, 50, id="an unknown window, and half is missing"),
    pytest.param(4096, PROSE * 400, None, None, id="nothing reported, and it cannot have fit"),
]
WHOLE = [
    pytest.param(4096, "What is six times seven?", 14, 3, id="a question"),
    pytest.param(4096, "What is six times seven?", None, None, id="a question, nothing reported"),
    pytest.param(32768, PROSE * 400, 8100, 300, id="a long prompt in a long window"),
    pytest.param(None, PROSE * 400, 8100, 300, id="a long prompt, unknown window"),
    pytest.param(16384, CODE * 300, 5400, 300, id="code"),
    pytest.param(16384, CHINESE * 300, 5100, 300, id="Chinese"),
    pytest.param(16384, NUMBERS * 300, 7000, 300, id="numbers"),
    pytest.param(None, "", 9, 3, id="an empty prompt"),
]


@pytest.mark.parametrize(("window", "text", "given", "made"), CUT)
def test_a_cut_prompt_is_found(window: int | None, text: str, given: int | None, made: int | None) -> None:
    assert was_cut(asking(text), Usage(input_tokens=given, output_tokens=made), window)


@pytest.mark.parametrize(("window", "text", "given", "made"), WHOLE)
def test_a_whole_prompt_is_not_taken_for_cut(
    window: int | None, text: str, given: int | None, made: int | None
) -> None:
    assert not was_cut(asking(text), Usage(input_tokens=given, output_tokens=made), window)


@given(st.text(max_size=3000), st.integers(64, 4096))
def test_a_prompt_whose_bytes_fit_the_window_was_read_whole_whatever_was_reported(text: str, window: int) -> None:
    request = asking(text)
    if most(request) <= window:
        assert not was_cut(request, Usage(input_tokens=1, output_tokens=window), window)


@given(st.text(max_size=3000))
def test_the_estimate_never_exceeds_the_bound(text: str) -> None:
    assert 0 <= estimate(asking(text)) <= most(asking(text))


async def test_an_ollama_too_old_to_refuse_is_found_out_by_its_window() -> None:
    answer = {"message": {"content": "ok"}, "done_reason": "stop", "prompt_eval_count": 2049, "eval_count": 5}
    facts: dict[str, Any] = {
        "/api/chat": answer,
        "/api/ps": {"models": [{"name": "q:latest", "digest": "abc", "context_length": 4096}]},
        "/api/show": {"details": {"quantization_level": "Q4_K_M"}, "capabilities": ["completion", "tools"]},
    }
    async with staged(reply({}), facts=facts) as stage:
        model = model_from("ollama:q", environ={"OLLAMA_HOST": f"127.0.0.1:{stage.port}"})
        cut = await model.generate(asking(PROSE * 400))
        whole = await model.generate(asking("short"))
        await model.aclose()  # type: ignore[attr-defined]
    assert cut.truncated
    assert not whole.truncated
    assert (cut.facts["window"], cut.facts["digest"]) == (4096, "abc")
    assert cut.facts["details"] == {"quantization_level": "Q4_K_M"}


async def test_an_unknown_server_that_lists_itself_as_ollama_is_checked_like_ollama() -> None:
    facts = {
        "/v1/models": {"data": [{"id": "q", "owned_by": "library"}]},
        "/api/ps": {"models": [{"name": "q", "context_length": 2048}]},
    }
    usage = {"prompt_tokens": 1030, "completion_tokens": 5}
    async with staged(reply(chat("ok", usage=usage)), facts=facts) as stage:
        model = model_from(f"http://127.0.0.1:{stage.port}/v1#q")
        completion = await model.generate(asking(PROSE * 200))
        await model.aclose()  # type: ignore[attr-defined]
    assert completion.truncated


async def test_lm_studio_is_asked_for_the_window_that_it_loaded() -> None:
    row = {
        "id": "q",
        "loaded_context_length": 4096,
        "max_context_length": 131072,
        "quantization": "Q4_K_M",
        "arch": "qwen3",
    }
    usage = {"prompt_tokens": 4090, "completion_tokens": 6}
    async with staged(reply(chat("ok", usage=usage)), facts={"/api/v0/models": {"data": [row]}}) as stage:
        model = model_from("lmstudio:q", environ={"LMSTUDIO_BASE_URL": stage.base_url})
        completion = await model.generate(asking(PROSE * 400))
        await model.aclose()  # type: ignore[attr-defined]
    assert completion.truncated
    assert (completion.facts["window"], completion.facts["quantization"]) == (4096, "Q4_K_M")


async def test_a_server_that_refuses_long_prompts_itself_is_not_doubted() -> None:
    facts = {"/v1/models": {"data": [{"id": "q", "owned_by": "vllm", "max_model_len": 4096}]}}
    async with staged(reply(chat("ok", usage={"prompt_tokens": 100, "completion_tokens": 5})), facts=facts) as stage:
        model = model_from(f"http://127.0.0.1:{stage.port}/v1#q")
        completion = await model.generate(asking(PROSE * 200))
        await model.aclose()  # type: ignore[attr-defined]
    assert not completion.truncated
