"""The chat-completions endpoint: what a client sends, and what it gets, whole or as a stream of chunks."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from understudy.problem import Message, Options, Tool, ToolCall
from understudy.proxy.asked import (
    MOST_TOKENS,
    NAME,
    Asked,
    choose,
    flag,
    limit,
    number,
    refuse,
    rows,
    schema_of,
    temperature,
    text_of,
    written,
)
from understudy.proxy.done import Counted, Done
from understudy.proxy.errors import BadRequest

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_NOT_SERVED = {
    "functions": "Send the functions as tools.",
    "function_call": "Send tools and tool_choice.",
    "logprobs": "A scaffold's answer has no probabilities; ask a model itself.",
    "audio": "Only text is served.",
}
PIECE = 160  # characters of a chunk when an answer is whole before it is sent


def read_request(body: Mapping[str, Any], *, most: int = MOST_TOKENS) -> Asked:
    """Read a request; `most` is how many tokens the answer may have where the client does not say.

    Raises:
        BadRequest: It is malformed, or asks for what is not served here.
    """
    if number(body, "n") not in (None, 1):
        raise BadRequest("n must be 1; use Vote(…) in the scaffold to draw several answers.", param="n")
    messages = rows(body, "messages")
    if not messages:
        raise BadRequest("messages must hold at least one message.", param="messages")
    refuse(body, _NOT_SERVED)
    streaming = body.get("stream_options")
    tools = tuple(_tool(row, f"tools[{index}]") for index, row in enumerate(rows(body, "tools")))
    return Asked(
        model=str(body.get("model") or NAME),
        messages=tuple(_message(row, f"messages[{index}]") for index, row in enumerate(messages)),
        tools=tools,
        options=Options(
            max_tokens=limit(body, "max_completion_tokens", "max_tokens", most=most),
            stop=_stop(body.get("stop")),
            tool_choice=choose(body.get("tool_choice"), tools),
            response_format=_format(body.get("response_format")),
        ),
        stream=flag(body, "stream"),
        include_usage=isinstance(streaming, dict) and streaming.get("include_usage") is True,
        temperature=temperature(body),
        seed=None if (seed := number(body, "seed")) is None else int(seed),
    )


def _message(row: Mapping[str, Any], where: str) -> Message:
    role = _ROLES.get(str(row.get("role")))
    if role is None:
        raise BadRequest(f"{where}.role must be one of {', '.join(_ROLES)}, not {row.get('role')!r}.", param=where)
    calls = tuple(_call(call, f"{where}.tool_calls") for call in rows(row, "tool_calls"))
    call_id = row.get("tool_call_id")
    return Message(
        role=role,  # type: ignore[arg-type]  # the table's values are the roles
        content=text_of(row.get("content"), f"{where}.content"),
        tool_calls=calls,
        tool_call_id=None if call_id is None else str(call_id),
    )


def _call(row: Mapping[str, Any], where: str) -> ToolCall:
    function = row.get("function")
    if not isinstance(function, dict):
        raise BadRequest(f"{where} holds a call without a function.", param=where)
    return ToolCall(
        name=str(function.get("name") or ""),
        arguments=written(function.get("arguments")),
        id=str(row.get("id") or ""),
    )


def _tool(row: Mapping[str, Any], where: str) -> Tool:
    function = row.get("function")
    if row.get("type", "function") != "function" or not isinstance(function, dict) or not function.get("name"):
        raise BadRequest(f"{where} must be a function with a name.", param=where)
    return Tool(
        name=str(function["name"]),
        description=str(function.get("description") or ""),
        parameters=schema_of(function.get("parameters"), f"{where}.function.parameters"),
    )


def _stop(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise BadRequest("stop must be a text or a list of texts.", param="stop")
    return tuple(given)


def _format(value: Any) -> Mapping[str, Any] | None:
    if value is None or (isinstance(value, dict) and value.get("type") == "text"):
        return None
    if not isinstance(value, dict):
        raise BadRequest("response_format must be an object.", param="response_format")
    if value.get("type") == "json_schema":
        named = value.get("json_schema")
        if not isinstance(named, dict) or not isinstance(named.get("schema", {}), dict):
            raise BadRequest("response_format.json_schema must hold a schema.", param="response_format")
    return value


def whole(asked: Asked, done: Done) -> dict[str, Any]:
    """The answer as one body."""
    message: dict[str, Any] = {"role": "assistant", "content": done.answer.text or None, "refusal": None}
    if done.calls:
        message["tool_calls"] = [_call_out(call) for call in done.calls]
    choice = {"index": 0, "message": message, "finish_reason": finish(done), "logprobs": None}
    return {
        **_head(asked, done.id, "chat.completion"),
        "choices": [choice],
        "usage": usage(done.counted),
        **extra(done),
    }


def first(asked: Asked, id: str) -> dict[str, Any]:
    """The first chunk, sent at once so that a client sees that its request is being worked on."""
    return _chunk(asked, id, {"role": "assistant", "content": ""})


def piece(asked: Asked, id: str, *, text: str = "", reasoning: str = "") -> dict[str, Any]:
    """A chunk of text, of thinking, or of nothing: then it only says that work goes on."""
    return _chunk(asked, id, {"content": text} if text or not reasoning else {"reasoning_content": reasoning})


def last(asked: Asked, done: Done, *, shown: int = 0) -> Iterator[dict[str, Any]]:
    """The chunks from the answer to the end; `shown` characters of the text were sent already."""
    text = done.answer.text[shown:]
    for start in range(0, len(text), PIECE):
        yield _chunk(asked, done.id, {"content": text[start : start + PIECE]})
    for index, call in enumerate(done.calls):
        yield _chunk(asked, done.id, {"tool_calls": [{"index": index, **_call_out(call)}]})
    yield {**_chunk(asked, done.id, {}, finish(done)), **extra(done)}
    if asked.include_usage:
        yield {**_head(asked, done.id, "chat.completion.chunk"), "choices": [], "usage": usage(done.counted)}


def finish(done: Done) -> str:
    """Why the answer ended, in the endpoint's words."""
    if done.calls:
        return "tool_calls"
    return "stop" if done.answer.complete else "length"


def usage(counted: Counted) -> dict[str, Any]:
    """The tokens of all inner calls together."""
    return {
        "prompt_tokens": counted.input_tokens,
        "completion_tokens": counted.output_tokens,
        "total_tokens": counted.input_tokens + counted.output_tokens,
        "prompt_tokens_details": {"cached_tokens": counted.cache_read_tokens},
        "completion_tokens_details": {"reasoning_tokens": counted.reasoning_tokens},
    }


def extra(done: Done) -> dict[str, Any]:
    """What else is known, in a field that clients ignore."""
    answer = done.answer
    said: dict[str, Any] = {"calls": done.counted.calls, "usd": round(done.counted.usd, 9)}
    if done.counted.unpriced:
        said["unpriced_calls"] = done.counted.unpriced
    if answer.verdict is not None:
        said["verdict"] = answer.verdict.word
    if answer.stopped is not None:
        said["stopped"] = answer.stopped
    if answer.agreement is not None:
        said["agreement"] = answer.agreement
    return {"understudy": said}


def _head(asked: Asked, id: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{id}", "object": kind, "created": int(time.time()), "model": asked.model}


def _chunk(asked: Asked, id: str, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    return {**_head(asked, id, "chat.completion.chunk"), "choices": [choice]}


def _call_out(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
