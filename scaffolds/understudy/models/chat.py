"""The chat-completions dialect: OpenAI's wire form, as LM Studio, vLLM, llama.cpp and most clouds speak it.

Tool calls are delivered as the model wrote them. Nothing is repaired here: a bare arm stays bare.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from understudy.model import Completion, Delta, FinishReason, Request
from understudy.models import chat_body
from understudy.models.failures import refused_inside
from understudy.models.reasoning import part
from understudy.models.remote import RemoteModel, Sent, wrote
from understudy.models.usage import chat_usage
from understudy.models.wire import Answered
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


class ChatModel(RemoteModel):
    """A model behind a chat-completions endpoint."""

    path = "chat/completions"

    def write(self, request: Request) -> Sent:
        """Write a request in this dialect."""
        return chat_body.build(
            request, model=self.model, provider=self.provider, omitted=self.omitted(), extra=self.extra
        )

    def read(self, answered: Answered, sent: Sent) -> Completion:
        """Read an answer of this dialect.

        Raises:
            ModelUnavailable: There is no completion in it.
        """
        if answered.raw is not None:
            facts = {**sent.facts, "server_parse_error": True}
            return Completion(text=answered.raw, finish="unknown", model=self.model, facts=facts)
        choices = answered.body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(message, dict) or choice.get("finish_reason") in _BROKEN:
            raise self.empty()
        text, reasoning = _text(message)
        calls = _calls(message)
        finish = _FINISH.get(str(choice.get("finish_reason")), "unknown")
        return Completion(
            text=text,
            reasoning=reasoning,
            tool_calls=calls,
            finish="tool_calls" if calls and finish in ("stop", "unknown") else finish,
            usage=chat_usage(answered.body.get("usage"), wrote=wrote(text, reasoning, calls)),
            model=str(answered.body.get("model") or self.model),
            facts={**sent.facts, **_said(answered.body)},
        )

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Completion]:
        """Yield pieces as they come, and at last the whole completion.

        Raises:
            ModelUnavailable: The stream broke; what came before is no completion.
        """
        await self.ready()
        sent = self.write(request)
        body = {**sent.body, "stream": True, "stream_options": {"include_usage": True}}
        gathered = chat_body.Gathered()
        async with aclosing(self.endpoint.stream(self.path, body, model=self.name)) as lines:
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
            raise self.cut_short()
        completion = self.read(Answered(body=gathered.body(), headers={}), sent)
        yield await self.finished(request, completion)

    def _chunk(self, data: str) -> dict[str, Any]:
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError):
            raise self.cut_short() from None
        if not isinstance(chunk, dict) or refused_inside(chunk):
            raise self.endpoint.failed_inside(chunk if isinstance(chunk, dict) else {}, self.name)
        return chunk


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
