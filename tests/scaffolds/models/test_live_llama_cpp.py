"""The chat dialect against real llama.cpp over HTTP: probe, usage, cache, stream, window, schema, unknown key."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from tests.scaffolds.proxy.serving import client_of, service_of

from understudy import Direct, Vote
from understudy.errors import ModelRejected, WindowExceeded
from understudy.model import Completion, Delta, Request, Sampling
from understudy.models import open_models
from understudy.models.chat import ChatModel
from understudy.problem import Message, Options

xllamacpp = pytest.importorskip("xllamacpp", reason="needs the extra `local`")

ASKED = (
    Message(role="system", content="Word problem. Reply `Answer: number`."),
    Message(role="user", content="Mia has 12 keys. Ben gives Mia 3 more. How many keys now?"),
)
WINDOW = 512


@pytest.fixture(scope="module")
def server() -> Any:
    weights = Path(str(resources.files("understudy_harness.fixtures").joinpath("nano.gguf")))
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel = str(weights), WINDOW * 2, 2
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # more wait for each other on a busy machine
    params.n_gpu_layers, params.fit_params, params.warmup = 0, False, False
    params.hostnames, params.port, params.verbosity = ["127.0.0.1"], 0, -1
    params.model_alias, params.api_keys = {"nano"}, ["hush"]
    return xllamacpp.Server(params)


@asynccontextmanager
async def model_at(
    server: Any, monkeypatch: pytest.MonkeyPatch, key: str = "hush", spec: str = "llamacpp:nano"
) -> AsyncIterator[ChatModel]:
    monkeypatch.setenv("LLAMACPP_BASE_URL", f"{server.listening_address}/v1")
    monkeypatch.setenv("LLAMA_API_KEY", key)
    async with open_models({"local": spec}) as models:
        model = models["local"]
        assert isinstance(model, ChatModel)
        yield model


def asking(max_tokens: int = 24, **given: Any) -> Request:
    return Request(messages=ASKED, options=Options(max_tokens=max_tokens), **given)


async def test_it_is_probed_for_its_window_and_its_slots(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with model_at(server, monkeypatch) as model:
        completion = await model.generate(asking())
        assert model.endpoint.concurrency == 2
    assert completion.text.startswith("Answer: ")
    assert completion.facts["window"] == WINDOW
    assert completion.facts["build_info"]
    assert completion.facts["model_path"] == "nano.gguf"
    assert completion.usage.input_tokens
    assert completion.usage.output_tokens
    assert not completion.truncated


async def test_a_prompt_that_was_read_before_comes_from_the_cache(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with model_at(server, monkeypatch) as model:
        await model.generate(asking())
        again = [await model.generate(asking()) for _ in range(2)]
    assert max(completion.usage.cache_read_tokens for completion in again) > 0


async def test_its_stream_says_what_its_answer_says(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with model_at(server, monkeypatch) as model:
        pieces = [piece async for piece in model.stream(asking())]
        whole = await model.generate(asking())
    last = pieces[-1]
    assert isinstance(last, Completion)
    assert "".join(piece.text for piece in pieces if isinstance(piece, Delta)) == last.text == whole.text
    assert (last.usage.input_tokens, last.usage.output_tokens) == (whole.usage.input_tokens, whole.usage.output_tokens)


async def test_a_prompt_beyond_its_window_is_refused_by_name(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    long = Request(messages=(Message(role="user", content="keys and " * 1000),))
    async with model_at(server, monkeypatch) as model:
        with pytest.raises(WindowExceeded, match="Send less"):
            await model.generate(long)


async def test_the_token_limit_ends_an_answer_and_says_so(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with model_at(server, monkeypatch) as model:
        completion = await model.generate(asking(max_tokens=1))
    assert (completion.finish, completion.usage.output_tokens) == ("length", 1)


async def test_a_schema_is_enforced_even_on_a_model_that_never_saw_json(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "boolean"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    async with model_at(server, monkeypatch) as model:
        completion = await model.generate(
            Request(messages=ASKED, options=Options(max_tokens=64, response_format=form), sampling=Sampling(seed=1))
        )
    if completion.finish == "stop":
        assert isinstance(json.loads(completion.text)["n"], bool)
    else:
        assert completion.text.lstrip().startswith("{")


async def test_a_wrong_key_is_refused_and_not_shown(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with model_at(server, monkeypatch, key="wrong-key") as model:
        with pytest.raises(ModelRejected, match="Check the key") as caught:
            await model.generate(asking())
    assert "wrong-key" not in str(caught.value)


async def test_settings_of_the_spec_are_sent(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with model_at(server, monkeypatch, spec="llamacpp:nano?top_k=1&cache_prompt=false") as model:
        completion = await model.generate(asking())
    assert completion.facts["sent"]["top_k"] == 1
    assert completion.usage.cache_read_tokens == 0


async def test_a_scaffold_on_it_is_served_to_openais_client(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with model_at(server, monkeypatch) as model, client_of(service_of(Vote(Direct(), n=3), model)) as sdk:
        talk: Any = [{"role": message.role, "content": message.content} for message in ASKED]
        stream = await sdk.chat.completions.create(
            model="understudy", messages=talk, max_tokens=24, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("Answer: ")
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens >= 3
