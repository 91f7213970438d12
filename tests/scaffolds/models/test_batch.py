"""Batches: calls that come in together are sent together, at half the price, and nothing is paid twice."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.scaffolds.models.wire_server import Heard, Stage, chat, reply, staged

from understudy.errors import ModelError, ModelRejected, ModelUnavailable, SpecError
from understudy.model import Completion, Request, Sampling
from understudy.models import model_from, price_of
from understudy.models.anthropic import MessagesModel
from understudy.models.batch import BatchModel, Register
from understudy.models.batch_wire import BATCHES
from understudy.models.chat import ChatModel
from understudy.models.providers import PROVIDERS
from understudy.models.wire import Endpoint
from understudy.problem import Message


def asking(text: str, seed: int | None = None) -> Request:
    return Request(messages=(Message(role="user", content=text),), sampling=Sampling(seed=seed))


class OpenAI:
    """Their batch API, in memory."""

    def __init__(self, *, looks: int = 2, ends: str = "completed") -> None:
        self.looks, self.ends = looks, ends
        self.files: list[list[dict[str, Any]]] = []
        self.broken: set[str] = set()

    async def __call__(self, heard: Heard, stream: anyio.abc.ByteStream) -> None:
        if heard.path == "/v1/files":
            lines = heard.body.split('calls.jsonl"\r\n\r\n')[1].split("\r\n--")[0]
            self.files.append([json.loads(line) for line in lines.splitlines()])
            body: Any = {"id": f"file-{len(self.files) - 1}"}
        elif heard.path == "/v1/batches":
            number = heard.body["input_file_id"].removeprefix("file-")
            body = {"id": f"batch_{number}", "status": "validating"}
        elif heard.path.startswith("/v1/batches/"):
            self.looks -= 1
            number = heard.path.rpartition("_")[2]
            body = {"id": f"batch_{number}", "status": "in_progress"}
            if self.looks <= 0:
                body = {**body, "status": self.ends, "output_file_id": f"out-{number}"}
            if self.ends == "failed":
                body = {"id": "b", "status": "failed", "errors": {"data": [{"message": "the file is empty"}]}}
        else:
            number = int(heard.path.split("/")[3].removeprefix("out-"))
            lines = "\n".join(json.dumps(self.answered(row)) for row in self.files[number])
            await reply(lines)(heard, stream)
            return
        await reply(body)(heard, stream)

    def answered(self, row: dict[str, Any]) -> dict[str, Any]:
        text = row["body"]["messages"][0]["content"]
        if text in self.broken:
            error = {"error": {"message": "bad request", "type": "invalid_request_error"}}
            return {"custom_id": row["custom_id"], "response": {"status_code": 400, "body": error}}
        return {"custom_id": row["custom_id"], "response": {"status_code": 200, "body": chat(f"re: {text}")}}


@asynccontextmanager
async def batching(
    server: Any, *, provider: str = "openai", register: Register | None = None
) -> AsyncIterator[tuple[BatchModel, Stage]]:
    kind = PROVIDERS[provider]
    async with staged(everything=server) as stage:
        dialect = MessagesModel if provider == "anthropic" else ChatModel
        inner = dialect(
            name=f"{provider}:m", model="m", endpoint=Endpoint(f"http://127.0.0.1:{stage.port}/v1"), provider=kind
        )
        model = BatchModel(inner, BATCHES[provider], register=register, linger_s=0.02, first_poll_s=0.01)
        try:
            with anyio.fail_after(20):
                yield model, stage
        finally:
            await model.aclose()


async def drawn(model: BatchModel, requests: list[Request]) -> list[Completion | ModelError]:
    results: dict[int, Completion | ModelError] = {}

    async def draw(index: int, request: Request) -> None:
        try:
            results[index] = await model.generate(request)
        except ModelError as error:
            results[index] = error

    async with anyio.create_task_group() as group:
        for index, request in enumerate(requests):
            group.start_soon(draw, index, request)
    return [results[index] for index in range(len(requests))]


def texts(results: list[Completion | ModelError]) -> list[str]:
    return [result.text if isinstance(result, Completion) else type(result).__name__ for result in results]


async def test_calls_that_come_in_together_are_one_batch() -> None:
    server = OpenAI()
    async with batching(server) as (model, stage):
        results = await drawn(model, [asking("a"), asking("b"), asking("a")])
    assert texts(results) == ["re: a", "re: b", "re: a"]
    assert [len(file) for file in server.files] == [3]
    assert len({row["custom_id"] for row in server.files[0]}) == 3
    assert len(stage.posts("v1/batches")) == 1


async def test_one_refused_call_does_not_take_the_others_with_it() -> None:
    server = OpenAI()
    server.broken.add("b")
    async with batching(server) as (model, _):
        results = await drawn(model, [asking("a"), asking("b")])
    assert texts(results) == ["re: a", "ModelRejected"]


async def test_a_batch_that_fails_as_a_whole_says_why() -> None:
    async with batching(OpenAI(ends="failed", looks=0)) as (model, _):
        with pytest.raises(ModelRejected, match="the file is empty"):
            await model.generate(asking("a"))


async def test_a_batch_that_expires_leaves_its_calls_unanswered() -> None:
    server = OpenAI(ends="expired", looks=0)
    server.answered = lambda row: {}  # type: ignore[method-assign]
    async with batching(server) as (model, _):
        with pytest.raises(ModelUnavailable, match="'expired' without an answer"):
            await model.generate(asking("a"))


async def test_when_the_one_who_asks_leaves_another_goes_on_asking() -> None:
    server = OpenAI(looks=5)
    got: list[str] = []
    async with batching(server) as (model, _), anyio.create_task_group() as group:

        async def first() -> None:
            with anyio.move_on_after(0.03):
                await model.generate(asking("a"))

        async def second() -> None:
            got.append((await model.generate(asking("b"))).text)

        group.start_soon(first)
        group.start_soon(second)
    assert got == ["re: b"]


async def test_a_network_that_fails_for_a_while_does_not_lose_a_batch() -> None:
    server, failures = OpenAI(looks=1), iter(range(3))

    async def flaky(heard: Heard, stream: anyio.abc.ByteStream) -> None:
        if heard.method == "GET" and next(failures, None) is not None:
            return  # hangs up
        await server(heard, stream)

    async with batching(flaky) as (model, _):
        assert (await model.generate(asking("a"))).text == "re: a"


async def test_a_process_that_is_started_again_collects_what_was_paid_for(tmp_path: Path) -> None:
    path, server = tmp_path / "deep" / "batches.jsonl", OpenAI(looks=10_000)
    async with batching(server, register=Register(path)) as (model, stage):
        with anyio.move_on_after(0.3):
            await drawn(model, [asking("a"), asking("b")])
        where = stage.base_url
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 1
    server.looks = 1
    async with staged(everything=server) as again:
        path.write_text(path.read_text().replace(where, again.base_url) + '{"batch": "cut o')
        inner = ChatModel(name="openai:m", model="m", endpoint=Endpoint(again.base_url), provider=PROVIDERS["openai"])
        model = BatchModel(inner, BATCHES["openai"], register=Register(path), linger_s=0.02, first_poll_s=0.01)
        results = await drawn(model, [asking("a"), asking("b")])
        await model.aclose()
    assert texts(results) == ["re: a", "re: b"]
    assert len(server.files) == 1
    assert list(Register(path).jobs(again.base_url, "m")) == []
    assert path.stat().st_mode & 0o077 == 0


async def test_anthropics_batches_are_collected_from_their_own_address() -> None:
    asked: list[dict[str, Any]] = []

    async def server(heard: Heard, stream: anyio.abc.ByteStream) -> None:
        if heard.method == "POST":
            asked.extend(heard.body["requests"])
            await reply({"id": "msgbatch_1", "processing_status": "in_progress"})(heard, stream)
        elif heard.path.endswith("/results"):
            rows = []
            for row in asked:
                text = row["params"]["messages"][0]["content"][0]["text"]
                message = {"content": [{"type": "text", "text": f"re: {text}"}], "stop_reason": "end_turn"}
                result: Any = {"type": "succeeded", "message": message}
                if text == "b":
                    result = {"type": "errored", "error": {"error": {"type": "overloaded_error", "message": "busy"}}}
                if text == "c":
                    result = {"type": "expired"}
                rows.append(json.dumps({"custom_id": row["custom_id"], "result": result}))
            await reply("\n".join(rows))(heard, stream)
        else:
            status = {"id": "msgbatch_1", "processing_status": "ended", "results_url": "http://169.254.169.254/secret"}
            await reply(status)(heard, stream)

    async with batching(server, provider="anthropic") as (model, stage):
        results = await drawn(model, [asking("a"), asking("b"), asking("c")])
    assert texts(results) == ["re: a", "ModelUnavailable", "ModelUnavailable"]
    assert all(len(row["custom_id"]) <= 64 for row in asked)
    assert stage.heard[-1].path == "/v1/messages/batches/msgbatch_1/results"


async def test_an_endpoint_that_is_gone_is_told_to_all_who_wait() -> None:
    inner = ChatModel(
        name="openai:m", model="m", endpoint=Endpoint("http://127.0.0.1:9/v1"), provider=PROVIDERS["openai"]
    )
    model = BatchModel(inner, BATCHES["openai"], linger_s=0.01)
    results = await drawn(model, [asking("a"), asking("b")])
    await model.aclose()
    assert texts(results) == ["ModelUnavailable"] * 2


def test_a_batched_spec_is_named_and_priced_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    model = model_from("batch:openai:gpt-5", environ={"OPENAI_API_KEY": "k"})
    at_once, batched = price_of("openai:gpt-5"), price_of(model.name)
    assert model.name == "batch:openai:gpt-5"
    assert at_once is not None
    assert batched is not None
    assert batched.input == at_once.input / 2


def test_a_provider_without_batches_is_refused_in_words() -> None:
    with pytest.raises(SpecError, match="Those with one are openai, anthropic"):
        model_from("batch:ollama:q")
