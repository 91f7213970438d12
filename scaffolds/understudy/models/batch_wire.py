"""The batch APIs of OpenAI and Anthropic behind one set of words: create, ask, collect.

Formats: https://platform.openai.com/docs/guides/batch and
https://platform.claude.com/docs/en/build-with-claude/batch-processing
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from understudy.errors import ModelError, ModelUnavailable
from understudy.models.failures import failure
from understudy.models.remote import RemoteModel


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one call: a body to be read, or an error."""

    body: dict[str, Any] = field(default_factory=dict)
    error: ModelError | None = None


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where a batch stands."""

    id: str
    ended: bool
    word: str
    problem: str = ""
    """Why the provider refused the whole batch."""
    files: tuple[str, ...] = ()
    """Where the results are, if they are files."""


class BatchWire(Protocol):
    """A provider's batch API."""

    async def create(self, model: RemoteModel, bodies: Mapping[str, dict[str, Any]]) -> str:
        """Send calls by their ids; returns the batch's id."""

    async def status(self, model: RemoteModel, id: str) -> Status:
        """Ask where a batch stands."""

    async def results(self, model: RemoteModel, status: Status) -> dict[str, Outcome]:
        """Collect what became of the calls of a batch that has ended."""


class OpenAIBatches:
    """A file of calls in, a file of answers out."""

    async def create(self, model: RemoteModel, bodies: Mapping[str, dict[str, Any]]) -> str:
        """Send calls by their ids; returns the batch's id."""
        lines = [
            json.dumps(
                {"custom_id": id, "method": "POST", "url": f"/v1/{model.path}", "body": body}, ensure_ascii=False
            )
            for id, body in bodies.items()
        ]
        data = "\n".join(lines).encode("utf-8", "replace") + b"\n"
        uploaded = await model.endpoint.upload("files", "calls.jsonl", data, {"purpose": "batch"}, model=model.name)
        wanted = {
            "input_file_id": uploaded.body.get("id"),
            "endpoint": f"/v1/{model.path}",
            "completion_window": "24h",
        }
        return _id(model, (await model.endpoint.post("batches", wanted, model=model.name)).body)

    async def status(self, model: RemoteModel, id: str) -> Status:
        """Ask where a batch stands."""
        body = _parsed(await model.endpoint.fetch(f"batches/{id}", model=model.name))
        word = str(body.get("status"))
        errors = body.get("errors")
        rows = errors.get("data") if isinstance(errors, dict) else None
        problem = "; ".join(str(row.get("message")) for row in rows or () if isinstance(row, dict))
        files = tuple(str(body[key]) for key in ("output_file_id", "error_file_id") if body.get(key))
        ended = word in ("completed", "failed", "expired", "cancelled")
        return Status(id=id, ended=ended, word=word, problem=problem, files=files)

    async def results(self, model: RemoteModel, status: Status) -> dict[str, Outcome]:
        """Collect what became of the calls of a batch that has ended."""
        outcomes: dict[str, Outcome] = {}
        for file in status.files:
            for row in _lines(await model.endpoint.fetch(f"files/{file}/content", model=model.name)):
                outcomes[str(row.get("custom_id"))] = self._outcome(model, row)
        return outcomes

    def _outcome(self, model: RemoteModel, row: Mapping[str, Any]) -> Outcome:
        response = row.get("response")
        if isinstance(response, dict) and isinstance(response.get("body"), dict):
            if response.get("status_code") == 200:
                return Outcome(body=response["body"])
            return Outcome(error=_failed(model, int(response.get("status_code") or 500), response["body"]))
        return Outcome(error=_failed(model, 500, {"error": row.get("error") or {"message": "no answer"}}))


class AnthropicBatches:
    """One request in, lines of messages out."""

    async def create(self, model: RemoteModel, bodies: Mapping[str, dict[str, Any]]) -> str:
        """Send calls by their ids; returns the batch's id."""
        wanted = {"requests": [{"custom_id": id, "params": body} for id, body in bodies.items()]}
        return _id(model, (await model.endpoint.post("messages/batches", wanted, model=model.name)).body)

    async def status(self, model: RemoteModel, id: str) -> Status:
        """Ask where a batch stands."""
        body = _parsed(await model.endpoint.fetch(f"messages/batches/{id}", model=model.name))
        word = str(body.get("processing_status"))
        return Status(id=id, ended=word == "ended", word=word)

    async def results(self, model: RemoteModel, status: Status) -> dict[str, Outcome]:
        """Collect what became of the calls. The address that the status names is not followed, as it could be any."""
        text = await model.endpoint.fetch(f"messages/batches/{status.id}/results", model=model.name)
        return {str(row.get("custom_id")): self._outcome(model, row.get("result")) for row in _lines(text)}

    def _outcome(self, model: RemoteModel, result: Any) -> Outcome:
        kind = result.get("type") if isinstance(result, dict) else None
        if kind == "succeeded" and isinstance(result.get("message"), dict):
            return Outcome(body=result["message"])
        if kind == "errored":
            error = result.get("error")
            inner = error.get("error", error) if isinstance(error, dict) else {}
            status = _STATUSES.get(str(inner.get("type")) if isinstance(inner, dict) else "", 400)
            return Outcome(error=_failed(model, status, {"error": inner}))
        return Outcome(
            error=ModelUnavailable(f"{model.name} left a call of a batch unanswered ({kind}).", model=model.name)
        )


_STATUSES = {"api_error": 500, "overloaded_error": 529, "rate_limit_error": 429, "not_found_error": 404}


def _failed(model: RemoteModel, status: int, body: Mapping[str, Any]) -> ModelError:
    return failure(status, {}, json.dumps(body), where=model.endpoint.where, model=model.name)


def _id(model: RemoteModel, body: Mapping[str, Any]) -> str:
    id = body.get("id")
    if not isinstance(id, str) or not id.replace("-", "").replace("_", "").isalnum():
        raise ModelUnavailable(
            f"{model.name} at {model.endpoint.where} took a batch and gave it no id.", model=model.name
        )
    return id


def _parsed(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        row = _parsed(line)
        if row:
            yield row


BATCHES: Mapping[str, BatchWire] = {"openai": OpenAIBatches(), "anthropic": AnthropicBatches()}
