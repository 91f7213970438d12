"""Specs: what they name, what they refuse, and what each server's quirks do to a request."""

from pathlib import Path
from typing import Any

import pytest
from tests.scaffolds.models.wire_server import chat, reply, staged

from understudy.errors import MissingKey, SpecError
from understudy.model import Request, Sampling
from understudy.models import model_from, open_models
from understudy.models.chat import ChatModel
from understudy.models.chat_body import build
from understudy.models.naming import parse_spec
from understudy.models.providers import PLAIN, PROVIDERS
from understudy.models.remote import RemoteModel
from understudy.problem import Message, Options, Tool, ToolCall

KEYS = {name: "k" for provider in PROVIDERS.values() for name in provider.key_variables}
ADD = Tool(name="add", description="Adds.", parameters={"type": "object", "properties": {"x": {"type": "number"}}})
SUB = Tool(name="sub")


@pytest.mark.parametrize(
    ("spec", "environ", "base_url", "model"),
    [
        pytest.param("ollama:qwen3:4b", {}, "http://127.0.0.1:11434/v1", "qwen3:4b", id="ollama"),
        pytest.param("ollama:a", {"OLLAMA_HOST": "0.0.0.0"}, "http://127.0.0.1:11434/v1", "a", id="OLLAMA_HOST bare"),
        pytest.param("ollama:a", {"OLLAMA_HOST": "box:99"}, "http://box:99/v1", "a", id="OLLAMA_HOST with a port"),
        pytest.param(
            "ollama:a", {"OLLAMA_HOST": "https://x.y/"}, "https://x.y:11434/v1", "a", id="OLLAMA_HOST address"
        ),
        pytest.param("lmstudio:q/w", {}, "http://127.0.0.1:1234/v1", "q/w", id="lmstudio"),
        pytest.param("vllm:Qwen/Q3", {}, "http://127.0.0.1:8000/v1", "Qwen/Q3", id="vllm"),
        pytest.param("llamacpp:m", {}, "http://127.0.0.1:8080/v1", "m", id="llama.cpp"),
        pytest.param("openai:gpt-5", {}, "https://api.openai.com/v1", "gpt-5", id="openai"),
        pytest.param("openai:g", {"OPENAI_BASE_URL": "http://p/v1/"}, "http://p/v1", "g", id="openai elsewhere"),
        pytest.param("deepseek:deepseek-chat", {}, "https://api.deepseek.com/v1", "deepseek-chat", id="deepseek"),
        pytest.param("zai:glm-4.7", {}, "https://api.z.ai/api/paas/v4", "glm-4.7", id="zai"),
        pytest.param("minimax:MiniMax-M2", {}, "https://api.minimax.io/v1", "MiniMax-M2", id="minimax"),
        pytest.param("openrouter:a/b:free", {}, "https://openrouter.ai/api/v1", "a/b:free", id="openrouter"),
        pytest.param("http://host:8080/v1#name", {}, "http://host:8080/v1", "name", id="an address"),
        pytest.param("http://host:8080/v1", {}, "http://host:8080/v1", "", id="an address without a model"),
        pytest.param("openai:gpt-5?reasoning_effort=low", {}, "https://api.openai.com/v1", "gpt-5", id="settings"),
    ],
)
def test_a_spec_names_an_address_and_a_model(spec: str, environ: dict[str, str], base_url: str, model: str) -> None:
    made = model_from(spec, environ={**KEYS, **environ})
    assert isinstance(made, RemoteModel)
    assert (made.name, made.endpoint.base_url, made.model) == (spec, base_url, model)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        pytest.param("qwen3:4b", "names no model", id="no scheme"),
        pytest.param("ollama:", "names no model", id="no model"),
        pytest.param("", "names no model", id="empty"),
        pytest.param("http://", "names no host", id="no host"),
        pytest.param("http://h:99999/v1#m", "not an address", id="a port beyond 65535"),
        pytest.param("openai:gpt-5?effort", "is not SETTING=VALUE", id="a setting without a value"),
        pytest.param("openai:gpt-5?temperature=1", "cannot be set in a spec", id="sampling belongs to scaffolds"),
        pytest.param("replay:nowhere.jsonl", "No recording can be read", id="a recording that is not there"),
    ],
)
def test_a_spec_that_names_nothing_is_refused_in_words(spec: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        model_from(spec, environ=KEYS)


def test_a_missing_key_is_named_by_its_variable() -> None:
    with pytest.raises(MissingKey, match="Set ZAI_API_KEY or Z_AI_API_KEY in the environment"):
        model_from("zai:glm-4.7", environ={})


def test_a_key_that_cannot_travel_is_refused_without_being_shown() -> None:
    with pytest.raises(MissingKey) as caught:
        model_from("openai:gpt-5", environ={"OPENAI_API_KEY": "geheim\nnis"})
    assert "geheim" not in str(caught.value)


def test_a_password_in_an_address_is_in_no_name() -> None:
    assert parse_spec("http://me:hush@host/v1#m?a=1").text == "http://host/v1#m?a=1"
    assert "hush" not in repr(model_from("http://me:hush@host/v1#m", environ={}))


async def test_models_of_one_address_share_its_limits_and_are_closed_together() -> None:
    async with staged(reply(chat("hi"))) as stage:
        a, b = f"{stage.base_url}#a", f"{stage.base_url}#b"
        async with open_models({"local": a, "cloud": b, "judge": a}) as models:
            local, cloud = models["local"], models["cloud"]
            assert isinstance(local, ChatModel)
            assert isinstance(cloud, ChatModel)
            assert local.endpoint is cloud.endpoint
            assert models["judge"] is local
            assert (await local.generate(Request(messages=(Message(role="user", content="?"),)))).text == "hi"


def body(provider: str, request: Request, model: str = "m") -> dict[str, Any]:
    sent = build(request, model=model, provider=PROVIDERS.get(provider, PLAIN))
    return {**sent.body, "facts": sent.facts}


def asking(choice: str | None = None, *, form: dict[str, Any] | None = None, **sampling: Any) -> Request:
    return Request(
        messages=(Message(role="user", content="?"),),
        tools=(ADD, SUB),
        options=Options(tool_choice=choice, response_format=form, max_tokens=7),
        sampling=Sampling(**sampling),
    )


def test_sampling_and_the_token_limit_are_always_sent() -> None:
    sent = body("vllm", asking(temperature=0.7, top_p=0.9, seed=5))
    assert (sent["temperature"], sent["top_p"], sent["seed"], sent["max_tokens"]) == (0.7, 0.9, 5, 7)
    assert sent["facts"]["sent"] == {"temperature": 0.7, "top_p": 0.9, "seed": 5, "max_tokens": 7}


def test_openai_takes_its_own_name_for_the_token_limit() -> None:
    assert body("openai", asking())["max_completion_tokens"] == 7


def test_minimax_takes_no_temperature_of_zero() -> None:
    assert body("minimax", asking())["temperature"] == 0.01


def test_zai_is_told_to_be_greedy_by_a_flag() -> None:
    greedy, drawn = body("zai", asking()), body("zai", asking(temperature=0.7))
    assert ("temperature" in greedy, greedy["do_sample"]) == (False, False)
    assert "not_sent" not in greedy["facts"]
    assert (drawn["temperature"], "do_sample" in drawn) == (0.7, False)


@pytest.mark.parametrize(
    ("provider", "choice", "expected", "offered"),
    [
        pytest.param("vllm", "add", {"type": "function", "function": {"name": "add"}}, 2, id="vllm by name"),
        pytest.param("lmstudio", "add", "required", 1, id="lmstudio by word, with that tool only"),
        pytest.param("lmstudio", "required", "required", 2, id="lmstudio required"),
        pytest.param("ollama", "add", None, 1, id="ollama ignores the field"),
        pytest.param("zai", "auto", "auto", 2, id="zai auto"),
        pytest.param("zai", "required", None, 2, id="zai knows only auto"),
    ],
)
def test_a_tool_choice_is_sent_as_each_server_can_take_it(
    provider: str, choice: str, expected: object, offered: int
) -> None:
    sent = body(provider, asking(choice))
    assert sent.get("tool_choice") == expected
    assert len(sent["tools"]) == offered
    assert ("degraded" in sent["facts"]) == (expected is None or (provider == "lmstudio" and choice == "add"))


def test_no_tools_are_offered_where_none_cannot_be_said() -> None:
    assert "tools" not in body("ollama", asking("none"))


def test_lmstudio_gets_a_schema_for_any_object() -> None:
    sent = body("lmstudio", asking(form={"type": "json_object"}))
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_malformed_arguments_of_an_earlier_call_are_wrapped_only_where_the_server_would_fail_on_them() -> None:
    message = Message(role="assistant", tool_calls=(ToolCall(name="add", arguments='{"x": '),))
    request = Request(messages=(message,))
    strict = body("llamacpp", request)["messages"][0]["tool_calls"][0]["function"]["arguments"]
    loose = body("openai", request)["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert (strict, loose) == ('{"malformed": "{\\"x\\": "}', '{"x": ')


async def test_the_only_model_of_an_address_needs_no_name() -> None:
    listed = {"/v1/models": {"data": [{"id": "lonely"}]}}
    async with staged(reply(chat("hi")), facts=listed) as stage, open_models({"local": stage.base_url}) as models:
        await models["local"].generate(Request(messages=(Message(role="user", content="?"),)))
    assert stage.posts()[0].body["model"] == "lonely"


def test_a_recording_may_be_named_with_a_drive_or_a_space(tmp_path: Path) -> None:
    path = tmp_path / "a b.jsonl"
    path.write_text("")
    assert model_from(f"replay:{path}").name == f"replay:{path}"
