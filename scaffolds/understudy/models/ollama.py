"""Ollama's own dialect: `/api/chat`, because its OpenAI-compatible one ignores the window and cuts prompts in silence.

`truncate` and `shift` are sent as false, so a prompt that does not fit is refused in words (Ollama 0.12.4 and later;
older ones ignore both, and the check of every completion finds the cut). `ollama:qwen3:4b?num_ctx=16384` loads the
model with a window of that size; `think` may be set likewise.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from understudy.model import Completion, Delta, FinishReason, Request, Usage
from understudy.models.chat_body import as_object, sampled, tool_out
from understudy.models.failures import refused_inside
from understudy.models.reasoning import part
from understudy.models.remote import RemoteModel, Sent, wrote
from understudy.models.usage import chat_usage
from understudy.models.wire import Answered
from understudy.problem import Message, Options, ToolCall

_FINISH: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}
_TOP = ("think", "keep_alive", "truncate", "shift")
_TIMINGS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")  # nanoseconds


class OllamaModel(RemoteModel):
    """A model that Ollama runs."""

    path = "/api/chat"

    def write(self, request: Request) -> Sent:
        """Write a request in this dialect."""
        sampling = sampled(request, self.provider, self.omitted())
        settings = {key: value for key, value in self.extra.items() if key not in _TOP}
        options = {**sampling, "num_predict": request.options.max_tokens, **settings}
        if request.options.stop:
            options["stop"] = list(request.options.stop)
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [_message(message, request.messages) for message in request.messages],
            "stream": False,
            "truncate": False,
            "shift": False,
            "options": options,
            **{key: self.extra[key] for key in _TOP if key in self.extra},
        }
        facts: dict[str, Any] = {"sent": {**sampling, "max_tokens": request.options.max_tokens, **self.extra}}
        _offer(body, request, facts)
        if request.options.response_format is not None:
            body["format"] = _format(request.options)
        return Sent(body, facts)

    def read(self, answered: Answered, sent: Sent) -> Completion:
        """Read an answer of this dialect.

        Raises:
            ModelUnavailable: There is no completion in it.
        """
        if answered.raw is not None:
            facts = {**sent.facts, "server_parse_error": True}
            return Completion(text=answered.raw, finish="unknown", model=self.model, facts=facts)
        body = answered.body
        message = body.get("message")
        if not isinstance(message, dict):
            raise self.empty()
        content, thinking = str(message.get("content") or ""), str(message.get("thinking") or "")
        text, reasoning = (content, thinking) if thinking else part(content)
        rows = message.get("tool_calls")
        calls = tuple(_call(row) for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
        finish = _FINISH.get(str(body.get("done_reason")), "unknown")
        timings = {key: body[key] for key in _TIMINGS if isinstance(body.get(key), int)}
        return Completion(
            text=text,
            reasoning=reasoning,
            tool_calls=calls,
            finish="tool_calls" if calls and finish == "stop" else finish,
            usage=_usage(body, wrote(text, reasoning, calls)),
            model=str(body.get("model") or self.model),
            facts={**sent.facts, **({"timings": timings} if timings else {})},
        )

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Completion]:
        """Yield pieces as they come, and at last the whole completion.

        Raises:
            ModelUnavailable: The stream broke; what came before is no completion.
        """
        await self.ready()
        sent = self.write(request)
        gathered: dict[str, Any] = {"content": "", "thinking": "", "tool_calls": []}
        last: dict[str, Any] | None = None
        async with aclosing(self.endpoint.stream(self.path, {**sent.body, "stream": True}, model=self.name)) as lines:
            async for line in lines:
                if not line.strip():
                    continue
                row = self._row(line)
                message = row.get("message")
                delta = _gather(gathered, message if isinstance(message, dict) else {})
                if delta is not None:
                    yield delta
                last = row if row.get("done") else None
        if last is None:
            raise self.cut_short()
        completion = self.read(Answered(body={**last, "message": gathered}, headers={}), sent)
        yield await self.finished(request, completion)

    def _row(self, line: str) -> dict[str, Any]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise self.cut_short() from None
        if not isinstance(row, dict) or refused_inside(row):
            raise self.endpoint.failed_inside(row if isinstance(row, dict) else {}, self.name)
        return row


def _gather(gathered: dict[str, Any], message: Mapping[str, Any]) -> Delta | None:
    text, thinking = str(message.get("content") or ""), str(message.get("thinking") or "")
    gathered["content"] += text
    gathered["thinking"] += thinking
    rows = message.get("tool_calls")
    gathered["tool_calls"] += rows if isinstance(rows, list) else []
    return Delta(text=text, reasoning=thinking) if text or thinking else None


def _message(message: Message, before: tuple[Message, ...]) -> dict[str, Any]:
    out: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        out["tool_calls"] = [
            {"function": {"name": call.name, "arguments": json.loads(as_object(call))}} for call in message.tool_calls
        ]
    if message.role == "tool":
        called = {call.id: call.name for earlier in before for call in earlier.tool_calls}
        out["tool_name"] = called.get(message.tool_call_id or "", "")  # results are matched by name here
    return out


def _offer(body: dict[str, Any], request: Request, facts: dict[str, Any]) -> None:
    """Offer tools; there is no `tool_choice`, so a named tool is offered alone and "none" offers nothing."""
    choice = request.options.tool_choice
    named = choice not in (None, "auto", "none", "required")
    if request.tools and choice != "none":
        body["tools"] = [tool_out(tool) for tool in request.tools if not named or tool.name == choice]
    if request.tools and choice not in (None, "auto"):
        facts["degraded"] = [f"tool_choice={choice}: the server does not know the field"]


def _format(options: Options) -> Any:
    wanted = options.response_format or {}
    given = wanted.get("json_schema")
    schema = given.get("schema") if isinstance(given, Mapping) else None
    return schema or "json"


def _call(row: Mapping[str, Any]) -> ToolCall:
    function = row.get("function")
    function = function if isinstance(function, dict) else {}
    given = function.get("arguments")
    arguments = given if isinstance(given, str) else json.dumps({} if given is None else given, ensure_ascii=False)
    return ToolCall(name=str(function.get("name") or ""), arguments=arguments, id=str(row.get("id") or ""))


def _usage(body: Mapping[str, Any], size: int) -> Usage:
    return chat_usage(
        {"prompt_tokens": body.get("prompt_eval_count"), "completion_tokens": body.get("eval_count")}, wrote=size
    )
