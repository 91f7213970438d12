"""The messages dialect: Anthropic's wire form, with prompt caching so that n samples of one problem cost one write.

A breakpoint is set behind tools and system and another behind the last message, where another call with the same
beginning is to be expected: a sampled call (more draws will come), a conversation in progress, or a beginning that was
seen before. A single greedy call carries none, since a write costs a quarter more than plain input. Of several calls
with one uncached beginning the first goes ahead alone until its first token, when the cache can be read.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import anyio

from understudy.errors import ModelRejected
from understudy.model import Completion, Delta, FinishReason, Request
from understudy.models.chat_body import as_object, sampled
from understudy.models.remote import RemoteModel, Sent, wrote
from understudy.models.usage import messages_usage
from understudy.models.window import estimate
from understudy.models.wire import Answered
from understudy.problem import Message, Options, Tool, ToolCall

SHORTEST_CACHED = 1024
"""Tokens. Below this (by model up to 4096) the server ignores breakpoints, so none are set."""
REMEMBERED = 512  # beginnings

_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "filtered",
}
_MARK = {"type": "ephemeral"}


class MessagesModel(RemoteModel):
    """A model behind a messages endpoint."""

    path = "messages"

    def __init__(self, **given: Any) -> None:
        """As `RemoteModel`; `cache` among the extra fields is "auto", "always" or "never"."""
        super().__init__(**given)
        self.cache = str(self.extra.pop("cache", "auto"))
        self._seen: OrderedDict[str, anyio.Event] = OrderedDict()

    def write(self, request: Request) -> Sent:
        """Write a request in this dialect."""
        return build(
            request,
            model=self.model,
            sampling=sampled(request, self.provider, self.omitted()),
            marked=self._marks(request),
            extra=self.extra,
        )

    async def generate(self, request: Request) -> Completion:
        """Draw one completion; of several with one uncached beginning, the first goes ahead until its first token.

        Raises:
            ModelUnavailable: The server cannot be reached or is overloaded.
            ModelRejected: The request is wrong, or the model is not there.
        """
        beginning = _beginning(request)
        known = self._seen.get(beginning)
        if known is not None:
            await known.wait()
            return await super().generate(request)
        if not self._marks(request):
            completion = await super().generate(request)
            self._remember(beginning).set()
            return completion
        started = self._remember(beginning)
        try:
            return await self._leading(request, started)
        except ModelRejected:
            return await super().generate(request)  # which knows what to leave out
        finally:
            started.set()  # also when it failed: the next one may then lead

    async def stream(self, request: Request) -> AsyncGenerator[Delta | Completion]:
        """Yield pieces as they come, and at last the whole completion.

        Raises:
            ModelUnavailable: The stream broke; what came before is no completion.
        """
        sent = self.write(request)
        gathered = Gathered()
        body = {**sent.body, "stream": True}
        async with aclosing(self.endpoint.stream(self.path, body, model=self.name)) as lines:
            async for line in lines:
                if line.startswith("data:"):
                    event = self._event(line[5:].strip())
                    delta = gathered.add(event)
                    if delta is not None:
                        yield delta
        if not gathered.stopped:
            raise self.cut_short()
        yield await self.finished(request, self.read(Answered(body=gathered.body(), headers={}), sent))

    def read(self, answered: Answered, sent: Sent) -> Completion:
        """Read an answer of this dialect.

        Raises:
            ModelUnavailable: There is no completion in it.
        """
        blocks = answered.body.get("content")
        if not isinstance(blocks, list):
            raise self.empty()
        rows = [block for block in blocks if isinstance(block, dict)]
        text = "".join(str(block.get("text", "")) for block in rows if block.get("type") == "text")
        reasoning = "".join(str(block.get("thinking", "")) for block in rows if block.get("type") == "thinking")
        calls = tuple(_call(block) for block in rows if block.get("type") == "tool_use")
        facts = {key: answered.body[key] for key in ("id",) if answered.body.get(key)}
        return Completion(
            text=text,
            reasoning=reasoning,
            tool_calls=calls,
            finish=_FINISH.get(str(answered.body.get("stop_reason")), "unknown"),
            usage=messages_usage(answered.body.get("usage"), wrote=wrote(text, "", calls)),
            model=str(answered.body.get("model") or self.model),
            facts={**sent.facts, **facts},
        )

    async def _leading(self, request: Request, started: anyio.Event) -> Completion:
        """Draw by a stream, and let the others go with its first event: from then on the cache can be read."""
        async with aclosing(self.stream(request)) as pieces:
            async for piece in pieces:
                started.set()
                if isinstance(piece, Completion):
                    return piece
        raise self.cut_short()

    def _marks(self, request: Request) -> bool:
        if self.cache == "never" or estimate(request) < SHORTEST_CACHED:
            return False
        drawn = request.sampling.temperature > 0 or request.sampling.top_p is not None
        talking = any(message.role in ("assistant", "tool") for message in request.messages)
        return self.cache == "always" or drawn or talking or _beginning(request) in self._seen

    def _remember(self, beginning: str) -> anyio.Event:
        event = self._seen[beginning] = anyio.Event()
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return event

    def _event(self, data: str) -> dict[str, Any]:
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            raise self.cut_short() from None
        if not isinstance(event, dict):
            raise self.cut_short()
        if event.get("type") == "error":
            raise self.endpoint.failed_inside(event, self.name)
        return event


def _beginning(request: Request) -> str:
    """What a cache would be read by: everything but sampling."""
    return hashlib.sha256(
        repr((request.messages, request.tools, request.options)).encode("utf-8", "replace")
    ).hexdigest()


def build(
    request: Request, *, model: str, sampling: Mapping[str, Any], marked: bool, extra: Mapping[str, Any] | None = None
) -> Sent:
    """Write a request."""
    options = request.options
    system = [{"type": "text", "text": m.content} for m in request.messages if m.role == "system" and m.content]
    messages = _merged([message for message in request.messages if message.role != "system"])
    body: dict[str, Any] = {"model": model, "max_tokens": options.max_tokens, "messages": messages, **sampling}
    if options.stop:
        body["stop_sequences"] = list(options.stop)
    if system:
        body["system"] = system
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
        if options.tool_choice is not None:
            body["tool_choice"] = _choice(options)
    facts: dict[str, Any] = {"sent": {**sampling, "max_tokens": options.max_tokens, **(extra or {})}}
    _format(body, options, facts)
    if marked:
        _mark(body)
    wanted = {"temperature", *(k for k in ("top_p", "seed") if getattr(request.sampling, k) is not None)}
    if wanted - sampling.keys():
        facts["not_sent"] = sorted(wanted - sampling.keys())
    body.update(extra or {})
    return Sent(body, facts)


def _mark(body: dict[str, Any]) -> None:
    """Set breakpoints, in the order in which the server reads: behind tools and system, behind the last message."""
    fixed = body.get("system") or body.get("tools")
    if fixed:
        fixed[-1]["cache_control"] = dict(_MARK)
    if body["messages"] and body["messages"][-1]["content"]:
        body["messages"][-1]["content"][-1]["cache_control"] = dict(_MARK)


def _merged(messages: list[Message]) -> list[dict[str, Any]]:
    """Messages as blocks; tool results and texts of one side in a row become one message, as the API wants it."""
    merged: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if not blocks:
            continue
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"].extend(blocks)
        else:
            merged.append({"role": role, "content": blocks})
    return merged


def _blocks(message: Message) -> list[dict[str, Any]]:
    if message.role == "tool":
        content = [{"type": "text", "text": message.content}] if message.content else []
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id or "call_0", "content": content}]
    # Empty text is refused, and so is white space at the end of an answer that is to be continued.
    text = message.content.rstrip() if message.role == "assistant" else message.content
    blocks: list[dict[str, Any]] = [{"type": "text", "text": text}] if text.strip() else []
    for number, call in enumerate(message.tool_calls):
        arguments = json.loads(as_object(call))
        blocks.append({"type": "tool_use", "id": call.id or f"call_{number}", "name": call.name, "input": arguments})
    return blocks


def _tool(tool: Tool) -> dict[str, Any]:
    schema = dict(tool.parameters) or {"type": "object", "properties": {}}
    return {"name": tool.name, "description": tool.description, "input_schema": schema}


def _choice(options: Options) -> dict[str, str]:
    words = {"auto": "auto", "none": "none", "required": "any"}
    choice = options.tool_choice or "auto"
    return {"type": words[choice]} if choice in words else {"type": "tool", "name": choice}


def _format(body: dict[str, Any], options: Options, facts: dict[str, Any]) -> None:
    wanted = options.response_format
    if wanted is None:
        return
    given = wanted.get("json_schema")
    schema = given.get("schema") if isinstance(given, Mapping) else None
    if schema is None:
        facts["degraded"] = ["response_format: only a schema can be asked for here"]
        return
    body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}


def _call(block: Mapping[str, Any]) -> ToolCall:
    given = block.get("input")
    arguments = given if isinstance(given, str) else json.dumps({} if given is None else given, ensure_ascii=False)
    return ToolCall(name=str(block.get("name") or ""), arguments=arguments, id=str(block.get("id") or ""))


class Gathered:
    """A stream's events, put together as they come."""

    def __init__(self) -> None:
        self.message: dict[str, Any] = {}
        self.blocks: dict[int, dict[str, Any]] = {}
        self.usage: dict[str, Any] = {}
        self.stopped = False

    def add(self, event: Mapping[str, Any]) -> Delta | None:
        """Take an event; return what is new for a reader. The first event brings an empty delta."""
        kind = event.get("type")
        if kind == "message_start" and isinstance(event.get("message"), dict):
            self.message = dict(event["message"])
            self.usage.update(self.message.get("usage") or {})
            return Delta()
        if kind == "content_block_start" and isinstance(event.get("content_block"), dict):
            block = dict(event["content_block"])
            if block.get("type") == "tool_use":
                block["input"] = ""  # it comes in pieces, as text
            self.blocks[int(event.get("index", 0))] = block
        elif kind == "content_block_delta" and isinstance(event.get("delta"), dict):
            return self._piece(self.blocks.setdefault(int(event.get("index", 0)), {}), event["delta"])
        elif kind == "message_delta":
            delta = event.get("delta")
            self.message.update(delta if isinstance(delta, dict) else {})
            counted = event.get("usage")
            self.usage.update({k: v for k, v in (counted or {}).items() if v is not None})
        elif kind == "message_stop":
            self.stopped = True
        return None

    def _piece(self, block: dict[str, Any], delta: Mapping[str, Any]) -> Delta | None:
        for kind, source, target in (
            ("text_delta", "text", "text"),
            ("thinking_delta", "thinking", "thinking"),
            ("input_json_delta", "partial_json", "input"),
        ):
            if delta.get("type") == kind:
                piece = str(delta.get(source, ""))
                block[target] = block.get(target, "") + piece
                block.setdefault("type", {"text": "text", "thinking": "thinking", "input": "tool_use"}[target])
                return (
                    Delta(text=piece) if target == "text" else Delta(reasoning=piece) if target == "thinking" else None
                )
        return None

    def body(self) -> dict[str, Any]:
        """The answer as if it had not been streamed."""
        blocks = [block for _, block in sorted(self.blocks.items())]
        for block in blocks:
            if block.get("type") == "tool_use" and not block["input"]:
                block["input"] = {}  # a call without arguments sends no pieces
        return {**self.message, "content": blocks, "usage": self.usage}
