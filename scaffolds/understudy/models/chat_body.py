"""Bodies of the chat-completions dialect: a request written out, and a stream gathered back into one answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from understudy.model import Delta, Request
from understudy.models.providers import SMALLEST_TEMPERATURE, Provider
from understudy.models.remote import Sent
from understudy.problem import Message, Options, Tool, ToolCall


def build(
    request: Request,
    *,
    model: str,
    provider: Provider,
    omitted: frozenset[str] = frozenset(),
    extra: Mapping[str, Any] | None = None,
) -> Sent:
    """Write a request; what the provider cannot express is replaced by the nearest thing it can, and said in facts."""
    options, sampling = request.options, sampled(request, provider, omitted)
    body: dict[str, Any] = {
        "model": model,
        "messages": [message_out(message, strict=provider.strict_history) for message in request.messages],
        provider.limit_field: options.max_tokens,
        **sampling,
    }
    degraded: list[str] = []
    if options.stop:
        body["stop"] = list(options.stop)
    if request.tools:
        _choose(body, request.tools, options, provider, degraded)
    if options.response_format is not None:
        body["response_format"] = _format(options.response_format, provider, degraded)
    body.update(extra or {})
    wanted = {"temperature", *(k for k in ("top_p", "seed") if getattr(request.sampling, k) is not None)}
    facts: dict[str, Any] = {"sent": {**sampling, "max_tokens": options.max_tokens, **(extra or {})}}
    left_out = sorted(wanted - sampling.keys() - ({"temperature"} if "do_sample" in sampling else set()))
    if left_out:
        facts["not_sent"] = left_out
    if degraded:
        facts["degraded"] = degraded
    return Sent(body, facts)


def sampled(request: Request, provider: Provider, omitted: frozenset[str]) -> dict[str, Any]:
    """The sampling parameters that this provider and model accept."""
    asked = request.sampling
    temperature: float | None = asked.temperature
    flagged: dict[str, Any] = {}
    if temperature == 0 and provider.greedy == "smallest":
        temperature = SMALLEST_TEMPERATURE
    if temperature == 0 and provider.greedy == "flag":
        temperature, flagged = None, {"do_sample": False}
    given = {"temperature": temperature, "top_p": asked.top_p, "seed": asked.seed if provider.seed else None}
    return flagged | {key: value for key, value in given.items() if value is not None and key not in omitted}


def message_out(message: Message, *, strict: bool) -> dict[str, Any]:
    """Write one message."""
    out: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        out["tool_calls"] = [
            {
                "id": call.id or f"call_{number}",
                "type": "function",
                "function": {"name": call.name, "arguments": as_object(call) if strict else call.arguments},
            }
            for number, call in enumerate(message.tool_calls)
        ]
    if message.role == "tool":
        out["tool_call_id"] = message.tool_call_id or "call_0"
    return out


def as_object(call: ToolCall) -> str:
    """The arguments of an earlier call as a JSON object, wrapped where they are none: history is shown, never run."""
    try:
        if isinstance(json.loads(call.arguments), dict):
            return call.arguments
    except (ValueError, RecursionError):
        pass
    return json.dumps({"malformed": call.arguments}, ensure_ascii=False)


def tool_out(tool: Tool) -> dict[str, Any]:
    """Write one tool."""
    parameters = dict(tool.parameters) or {"type": "object", "properties": {}}
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": parameters},
    }


def _choose(
    body: dict[str, Any], tools: tuple[Tool, ...], options: Options, provider: Provider, degraded: list[str]
) -> None:
    choice = options.tool_choice
    named = choice not in (None, "auto", "none", "required")
    can = provider.tool_choice
    if can == "full" or choice is None or (can == "words" and not named) or (can == "auto" and choice == "auto"):
        body["tools"] = [tool_out(tool) for tool in tools]
        if choice is not None:
            body["tool_choice"] = {"type": "function", "function": {"name": choice}} if named else choice
        return
    if choice == "none":
        degraded.append("tool_choice=none: no tools were offered")
        return
    # Offering only the named tool is what a server without named choice can do.
    body["tools"] = [tool_out(tool) for tool in tools if not named or tool.name == choice]
    if can == "words":
        body["tool_choice"] = "required"
    if choice != "auto":
        degraded.append(f"tool_choice={choice}: the server only knows {can}")


def _format(wanted: Mapping[str, Any], provider: Provider, degraded: list[str]) -> dict[str, Any]:
    if wanted.get("type") == "json_object" and not provider.json_object:
        degraded.append("response_format=json_object: sent as a schema of any object")
        return {"type": "json_schema", "json_schema": {"name": "object", "schema": {"type": "object"}}}
    return dict(wanted)


@dataclass(kw_only=True)
class Gathered:
    """A stream's chunks, put together as they come."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, dict[str, str]] = field(default_factory=dict)
    at: dict[int, int] = field(default_factory=dict)
    finish: str | None = None
    usage: Any = None
    head: dict[str, Any] = field(default_factory=dict)
    done: bool = False

    def add(self, chunk: Mapping[str, Any]) -> Delta | None:
        """Take a chunk; return what is new for a reader, if anything."""
        self.head.update(
            {k: chunk[k] for k in ("id", "model", "system_fingerprint", "timings", "provider") if chunk.get(k)}
        )
        if chunk.get("usage"):
            self.usage = chunk["usage"]
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        self.finish = choice.get("finish_reason") or self.finish
        delta = choice.get("delta")
        return self._fragment(delta) if isinstance(delta, dict) else None

    def _fragment(self, delta: Mapping[str, Any]) -> Delta | None:
        text = delta.get("content")
        text = text if isinstance(text, str) else ""
        thinking = delta.get("reasoning_content") or delta.get("reasoning")
        thinking = thinking if isinstance(thinking, str) else ""
        self.text.append(text)
        self.reasoning.append(thinking)
        fragments = delta.get("tool_calls")
        for position, fragment in enumerate(fragments if isinstance(fragments, list) else ()):
            if isinstance(fragment, dict):
                self._call(position, fragment)
        return Delta(text=text, reasoning=thinking) if text or thinking else None

    def _call(self, position: int, fragment: Mapping[str, Any]) -> None:
        index = fragment.get("index")
        index = index if isinstance(index, int) else position
        given = str(fragment.get("id") or "")
        key = self.at.setdefault(index, index)
        kept = self.calls.get(key)
        if kept is not None and given and kept["id"] and given != kept["id"]:
            key = self.at[index] = max(self.calls) + 1  # some gateways give every parallel call the index 0
        call = self.calls.setdefault(key, {"id": "", "name": "", "arguments": ""})
        function = fragment.get("function")
        function = function if isinstance(function, dict) else {}
        call["id"] = given or call["id"]
        name = function.get("name")
        if isinstance(name, str) and name != call["name"]:  # some servers repeat the whole name in every chunk
            call["name"] += name
        arguments = function.get("arguments")
        if arguments is not None:
            call["arguments"] += arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)

    def body(self) -> dict[str, Any]:
        """The answer as if it had not been streamed."""
        message: dict[str, Any] = {"content": "".join(self.text), "reasoning_content": "".join(self.reasoning)}
        message["tool_calls"] = [
            {"id": call["id"], "function": {"name": call["name"], "arguments": call["arguments"]}}
            for _, call in sorted(self.calls.items())
        ]
        choice = {"message": message, "finish_reason": self.finish or "stop"}
        return {**self.head, "choices": [choice], "usage": self.usage}
