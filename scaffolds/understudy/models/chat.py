"""The chat-completions dialect: OpenAI's wire form, as Ollama, LM Studio, vLLM, llama.cpp and most clouds speak it.

Tool calls are delivered as the model wrote them. Nothing is repaired here: a bare arm stays bare.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from understudy.errors import ModelRejected, ModelUnavailable
from understudy.model import Completion, Delta, FinishReason, Request
from understudy.models import chat_body
from understudy.models.failures import refused_inside
from understudy.models.providers import PLAIN, Provider
from understudy.models.reasoning import part
from understudy.models.usage import chat_usage
from understudy.models.window import Capabilities, probe, was_cut
from understudy.models.wire import Answered, Endpoint
from understudy.problem import ToolCall

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "model_length": "length",
    "max_output_reached": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "filtered",
    "sensitive": "filtered",
}
_BROKEN = ("error", "network_error", "insufficient_system_resource")
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|does not support|deprecated|cannot both|not allowed", re.IGNORECASE
)
_SAMPLING = ("temperature", "top_p", "seed")


class ChatModel:
    """A model behind a chat-completions endpoint."""

    def __init__(
        self,
        *,
        name: str,
        model: str,
        endpoint: Endpoint,
        provider: Provider = PLAIN,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Speak to `model` at `endpoint`; nothing is sent yet.

        Args:
            name: The spec, for prices and provenance.
            model: The model's name on the wire; empty for the only one that the server has.
            endpoint: Where; shared by models of one address so that its limit holds for all of them.
            provider: The quirks.
            extra: Fields that every request carries, such as `reasoning_effort`.
        """
        self._name, self.model, self.endpoint, self.provider = name, model, endpoint, provider
        self.extra = {**provider.extra, **(extra or {})}
        self._refused: frozenset[str] = frozenset()  # sampling parameters that this model turned down
        self._capabilities: Capabilities | None = None
        self._answered = False

    @property
    def name(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"ChatModel({self._name!r})"

    async def aclose(self) -> None:
        """Close the endpoint's connections."""
        await self.endpoint.aclose()

    async def capabilities(self) -> Capabilities:
        """What the server says about itself and the model, asked once."""
        if self._capabilities is None:
            kind = self.provider.probe
            found = await probe(self.endpoint, kind, self.model) if kind else Capabilities()
            if found.slots:
                self.endpoint.concurrency = found.slots
            if found.window or self._answered:  # Ollama knows its window only once the model is loaded
                self._capabilities = found
            return found
        return self._capabilities

    async def generate(self, request: Request) -> Completion:
        """Draw one completion.

        Raises:
            ModelUnavailable: The server cannot be reached or is overloaded.
            ModelRejected: The request is wrong, or the model is not there.
        """
        if self.provider.probe and self._capabilities is None and not self.provider.silent_window:
            await self.capabilities()  # first, for the number of slots
        await self._named()
        sent = self._body(request)
        try:
            answered = await self._post(sent)
        except ModelRejected as error:
            sent = await self._without(request, sent, error)
            answered = await self._post(sent)
        return await self._finished(request, self._parsed(answered, sent))

    async def stream(self, request: Request) -> AsyncIterator[Delta | Completion]:
        """Yield pieces as they come, and at last the whole completion.

        Raises:
            ModelUnavailable: The stream broke; what came before is no completion.
        """
        await self._named()
        body = {**self._body(request).body, "stream": True, "stream_options": {"include_usage": True}}
        gathered = chat_body.Gathered()
        async with aclosing(self.endpoint.stream("chat/completions", body, model=self.name)) as lines:
            async for line in lines:
                if not line.startswith("data:"):  # comments keep the connection alive
                    continue
                data = line[5:].strip()
                if data == "[DONE]":
                    gathered.done = True
                    break
                delta = gathered.add(self._chunk(data))
                if delta is not None:
                    yield delta
        if not gathered.done and gathered.finish is None:
            raise self._cut_short()
        completion = self._parsed(Answered(body=gathered.body(), headers={}), self._body(request))
        yield await self._finished(request, completion)

    def _chunk(self, data: str) -> dict[str, Any]:
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError):
            raise self._cut_short() from None
        if not isinstance(chunk, dict) or refused_inside(chunk):
            raise self.endpoint.failed_inside(chunk if isinstance(chunk, dict) else {}, self.name)
        return chunk

    def _cut_short(self) -> ModelUnavailable:
        return ModelUnavailable(
            f"{self.name} at {self.endpoint.where} ended its stream before the answer was whole.",
            model=self.name,
            reason="disconnected",
            billed=True,
        )

    async def _named(self) -> None:
        if self.model:
            return
        models = (await probe(self.endpoint, "any", "")).models
        if len(models) != 1:
            offered = ", ".join(map(repr, models[:20])) or "none that it lists"
            raise ModelRejected(
                f"{self.name} names no model, and the server offers {offered}. Write {self.endpoint.where}#NAME.",
                model=self.name,
            )
        self.model = models[0]

    def _body(self, request: Request) -> chat_body.Sent:
        refuses = any(re.search(pattern, self.model) for pattern in self.provider.unsampled)
        omitted = self._refused | (frozenset(_SAMPLING) if refuses else frozenset())
        return chat_body.build(request, model=self.model, provider=self.provider, omitted=omitted, extra=self.extra)

    async def _post(self, sent: chat_body.Sent) -> Answered:
        try:
            return await self.endpoint.post("chat/completions", sent.body, model=self.name)
        except ModelRejected as error:
            if error.status != 404:
                raise
            raise await self._unknown(error) from error

    async def _without(self, request: Request, sent: chat_body.Sent, error: ModelRejected) -> chat_body.Sent:
        """The request less the sampling parameter that the server turned down, for this and all later calls."""
        refused = {name for name in _SAMPLING if name in sent.body and re.search(rf"\b{name}\b", str(error))}
        if error.status not in (400, 422) or not refused or not _UNSUPPORTED.search(str(error)):
            raise error
        self._refused |= refused
        return self._body(request)

    async def _unknown(self, error: ModelRejected) -> ModelRejected:
        models = (await probe(self.endpoint, "any", "")).models
        if not models or self.model in models:
            return error
        offered = ", ".join(map(repr, models[:20])) + (" …" if len(models) > 20 else "")
        advice = f" {self.provider.install.format(model=self.model)}" if self.provider.install else ""
        return ModelRejected(
            f"{self.endpoint.where} has no model {self.model!r}; it offers {offered}.{advice}",
            model=self.name,
            status=404,
        )

    def _parsed(self, answered: Answered, sent: chat_body.Sent) -> Completion:
        if answered.raw is not None:
            facts = {**sent.facts, "server_parse_error": True}
            return Completion(text=answered.raw, finish="unknown", model=self.model, facts=facts)
        choices = answered.body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(message, dict) or choice.get("finish_reason") in _BROKEN:
            raise ModelUnavailable(
                f"{self.name} at {self.endpoint.where} answered 200 without a completion.", model=self.name, billed=True
            )
        text, reasoning = _text(message)
        calls = _calls(message)
        wrote = len((text + reasoning + "".join(c.name + c.arguments for c in calls)).encode("utf-8", "replace"))
        finish = _FINISH.get(str(choice.get("finish_reason")), "unknown")
        return Completion(
            text=text,
            reasoning=reasoning,
            tool_calls=calls,
            finish="tool_calls" if calls and finish in ("stop", "unknown") else finish,
            usage=chat_usage(answered.body.get("usage"), wrote=wrote),
            model=str(answered.body.get("model") or self.model),
            facts={**sent.facts, **_said(answered.body)},
        )

    async def _finished(self, request: Request, completion: Completion) -> Completion:
        """The completion with what the probe knows: the window, and whether the prompt fit into it."""
        if self.provider.probe is None:
            return completion
        self._answered = True
        known = await self.capabilities()
        facts = {**completion.facts, **known.facts}
        if known.window:
            facts["window"] = known.window
        silent = self.provider.silent_window and known.server in (None, "ollama", "lmstudio")
        answered = "server_parse_error" not in completion.facts
        cut = silent and answered and was_cut(request, completion.usage, known.window)
        return replace(completion, facts=facts, truncated=cut)


def _text(message: Mapping[str, Any]) -> tuple[str, str]:
    content = message.get("content")
    thinking = ""
    if isinstance(content, list):  # Mistral and some gateways write parts
        parts = [piece for piece in content if isinstance(piece, dict)]
        thinking = "".join(_flat(piece.get("thinking")) for piece in parts)
        content = "".join(str(piece.get("text", "")) for piece in parts)
    text = content if isinstance(content, str) else str(message.get("refusal") or "")
    for field in ("reasoning_content", "reasoning"):
        given = message.get(field)
        if isinstance(given, str) and given:
            return text, given
    details = message.get("reasoning_details")  # MiniMax, OpenRouter
    if isinstance(details, list):
        thinking += "".join(str(piece.get("text") or "") for piece in details if isinstance(piece, dict))
    if thinking:
        return text, thinking
    return part(text)


def _flat(thinking: Any) -> str:
    if isinstance(thinking, list):
        return "".join(str(piece.get("text", "")) for piece in thinking if isinstance(piece, dict))
    return thinking if isinstance(thinking, str) else ""


def _calls(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    calls = message.get("tool_calls")
    rows = list(calls) if isinstance(calls, list) else []
    if not rows and isinstance(message.get("function_call"), dict):  # the form of 2023
        rows = [{"function": message["function_call"]}]
    return tuple(_call(row) for row in rows if isinstance(row, dict))


def _call(row: Mapping[str, Any]) -> ToolCall:
    function = row.get("function")
    function = function if isinstance(function, dict) else row
    arguments = function.get("arguments")
    if not isinstance(arguments, str):  # some servers parse them already
        arguments = "" if arguments is None else json.dumps(arguments, ensure_ascii=False)
    return ToolCall(name=str(function.get("name") or ""), arguments=arguments, id=str(row.get("id") or ""))


def _said(body: Mapping[str, Any]) -> dict[str, Any]:
    facts = {key: body[key] for key in ("id", "system_fingerprint", "provider", "timings") if body.get(key)}
    usage = body.get("usage")
    if isinstance(usage, dict) and isinstance(usage.get("cost"), int | float):  # OpenRouter says what it charged
        facts["charged_usd"] = usage["cost"]
    return facts
