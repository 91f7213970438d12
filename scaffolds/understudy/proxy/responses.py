"""The responses endpoint: items in, items out, and the events of a stream in the order in which clients expect them."""

import json
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
    refuse,
    rows,
    schema_of,
    temperature,
    text_of,
    written,
)
from understudy.proxy.chat import PIECE, extra
from understudy.proxy.done import Done
from understudy.proxy.errors import BadRequest

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_IGNORED = frozenset(
    {
        *("reasoning", "item_reference", "compaction", "mcp_list_tools"),
        # What OpenAI's own tools did; none of them is offered here.
        *("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call"),
        *("local_shell_call", "local_shell_call_output"),
    }
)
_NOT_SERVED = {
    "conversation": "Send the whole conversation, or previous_response_id.",
    "background": "Ask for a stream, which stays alive however long it takes.",
}


def read_request(body: Mapping[str, Any], earlier: tuple[Message, ...] = (), *, most: int = MOST_TOKENS) -> Asked:
    """Read a request; `earlier` are the messages of the response that it continues, `most` is how many tokens the
    answer may have where the client does not say.

    Raises:
        BadRequest: It is malformed, or asks for what is not served here.
    """
    refuse(body, _NOT_SERVED)
    tools, custom = _tools(body)
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else rows(body, "input")
    messages = [*earlier, *_messages(items)]
    if body.get("instructions"):
        messages = [m for m in messages if m.role != "system" or m not in earlier]
        messages.insert(0, Message(role="system", content=text_of(body["instructions"], "instructions")))
    if not messages:
        raise BadRequest("input must hold a text or at least one item.", param="input")
    return Asked(
        model=str(body.get("model") or NAME),
        messages=tuple(messages),
        tools=tools,
        options=Options(
            max_tokens=limit(body, "max_output_tokens", most=most),
            tool_choice=_choice(body, tools),
            response_format=_format(body),
        ),
        stream=flag(body, "stream"),
        temperature=temperature(body),
        custom=custom,
        echo={
            "instructions": body.get("instructions"),
            "tools": body.get("tools") or [],
            "tool_choice": body.get("tool_choice") or "auto",
            "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
            "temperature": body.get("temperature"),
            "top_p": body.get("top_p"),
            "metadata": body.get("metadata") or {},
            "previous_response_id": body.get("previous_response_id"),
            "max_output_tokens": body.get("max_output_tokens"),
        },
    )


def _tools(body: Mapping[str, Any]) -> tuple[tuple[Tool, ...], frozenset[str]]:
    """Functions, and custom tools as functions of one text. Tools that only OpenAI runs are not offered."""
    tools, custom = [], set()
    for index, row in enumerate(rows(body, "tools")):
        name = str(row.get("name") or "")
        if row.get("type") == "function" and name:
            schema = schema_of(row.get("parameters"), f"tools[{index}].parameters")
            tools.append(Tool(name=name, description=str(row.get("description") or ""), parameters=schema))
        elif row.get("type") == "custom" and name:
            form = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
            tools.append(Tool(name=name, description=str(row.get("description") or ""), parameters=form))
            custom.add(name)
    return tuple(tools), frozenset(custom)


def _choice(body: Mapping[str, Any], tools: tuple[Tool, ...]) -> str | None:
    """The choice among the functions; one of a tool that only OpenAI runs leaves it to the model."""
    value = body.get("tool_choice")
    elsewhere = isinstance(value, dict) and value.get("type") not in ("function", "custom", "allowed_tools")
    return choose(None if elsewhere or (value == "required" and not tools) else value, tools)


def _messages(items: list[dict[str, Any]]) -> Iterator[Message]:
    """Items as messages; calls in a row belong to one message, as models were trained to see them."""
    calls: list[ToolCall] = []
    text = ""
    for index, item in enumerate(items):
        kind = item.get("type") or "message"
        if kind in ("function_call", "custom_tool_call"):
            calls.append(_call(item, kind))
            continue
        if calls:
            yield Message(role="assistant", content=text, tool_calls=tuple(calls))
            calls, text = [], ""
        elif text:
            yield Message(role="assistant", content=text)
            text = ""
        if kind == "message" and item.get("role") == "assistant":
            text = text_of(item.get("content"), f"input[{index}].content")  # its calls may follow
        elif kind in ("function_call_output", "custom_tool_call_output"):
            output = item.get("output")
            content = output if isinstance(output, str) else text_of(output, f"input[{index}].output")
            yield Message(role="tool", content=content, tool_call_id=str(item.get("call_id") or ""))
        elif kind == "message":
            yield _message(item, f"input[{index}]")
        elif kind not in _IGNORED:
            raise BadRequest(f"input[{index}] is of type {kind!r}, which is not served here.", param="input")
    if calls or text:
        yield Message(role="assistant", content=text, tool_calls=tuple(calls))


def _message(item: Mapping[str, Any], where: str) -> Message:
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        raise BadRequest(f"{where}.role must be one of {', '.join(_ROLES)}, not {item.get('role')!r}.", param="input")
    return Message(role=role, content=text_of(item.get("content"), f"{where}.content"))  # type: ignore[arg-type]


def _call(item: Mapping[str, Any], kind: str) -> ToolCall:
    arguments = item.get("arguments") if kind == "function_call" else json.dumps({"input": item.get("input", "")})
    return ToolCall(name=str(item.get("name") or ""), arguments=written(arguments), id=str(item.get("call_id") or ""))


def _format(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    text = body.get("text")
    given = text.get("format") if isinstance(text, dict) else None
    if not isinstance(given, dict) or given.get("type") in (None, "text"):
        return None
    if given["type"] == "json_schema":
        return {"type": "json_schema", "json_schema": {k: v for k, v in given.items() if k != "type"}}
    return given


def messages_of(done: Done) -> tuple[Message, ...]:
    """The answer as messages, for a later request that continues it."""
    return (Message(role="assistant", content=done.answer.text, tool_calls=done.calls),)


def whole(asked: Asked, done: Done) -> dict[str, Any]:
    """The answer as one body."""
    status = "completed" if done.answer.complete else "incomplete"
    details = None if done.answer.complete else {"reason": "max_output_tokens"}
    counted = done.counted
    return {
        **_head(asked, done.id, status),
        "incomplete_details": details,
        "output": list(_items(asked, done)),
        "usage": {
            "input_tokens": counted.input_tokens,
            "input_tokens_details": {"cached_tokens": counted.cache_read_tokens},
            "output_tokens": counted.output_tokens,
            "output_tokens_details": {"reasoning_tokens": counted.reasoning_tokens},
            "total_tokens": counted.input_tokens + counted.output_tokens,
        },
        **extra(done),
    }


def _items(asked: Asked, done: Done) -> Iterator[dict[str, Any]]:
    if done.answer.text or not done.calls:
        yield _message_item(done.id, done.answer.text, "completed")
    for index, call in enumerate(done.calls):
        yield _call_item(asked, done.id, index, call)


def _message_item(id: str, text: str | None, status: str) -> dict[str, Any]:
    content = [] if text is None else [_part(text)]
    return {"id": f"msg_{id}", "type": "message", "status": status, "role": "assistant", "content": content}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _call_item(asked: Asked, id: str, index: int, call: ToolCall) -> dict[str, Any]:
    head = {"id": f"fc_{id}_{index}", "status": "completed", "call_id": call.id, "name": call.name}
    if call.name in asked.custom:
        return {**head, "type": "custom_tool_call", "input": _input_of(call)}
    return {**head, "type": "function_call", "arguments": call.arguments}


def _input_of(call: ToolCall) -> str:
    try:
        value = json.loads(call.arguments)
    except ValueError:
        return call.arguments
    return str(value.get("input", "")) if isinstance(value, dict) else call.arguments


class Events:
    """The events of one stream, numbered."""

    def __init__(self, asked: Asked, id: str) -> None:
        self.asked, self.id = asked, id
        self._number = -1
        self._opened = False

    def begin(self) -> Iterator[dict[str, Any]]:
        """The first events, sent at once."""
        for kind in ("response.created", "response.in_progress"):
            yield self._event(kind, response=_head(self.asked, self.id, "in_progress"))

    def alive(self) -> dict[str, Any]:
        """An event that says that work goes on."""
        return self._event("response.in_progress", response=_head(self.asked, self.id, "in_progress"))

    def text(self, text: str) -> Iterator[dict[str, Any]]:
        """Events for a piece of the answer's text."""
        if not self._opened:
            self._opened = True
            yield self._event(
                "response.output_item.added", output_index=0, item=_message_item(self.id, None, "in_progress")
            )
            yield self._of_text("response.content_part.added", part=_part(""))
        yield self._of_text("response.output_text.delta", delta=text, logprobs=[])

    def end(self, done: Done, *, shown: int = 0) -> Iterator[dict[str, Any]]:
        """The events from the answer to the end; `shown` characters of the text were sent already."""
        text = done.answer.text
        for start in range(shown, len(text), PIECE):
            yield from self.text(text[start : start + PIECE])
        if not self._opened and not done.calls:
            yield from self.text("")
        if self._opened:
            yield self._of_text("response.output_text.done", text=text, logprobs=[])
            yield self._of_text("response.content_part.done", part=_part(text))
            item = _message_item(self.id, text, "completed")
            yield self._event("response.output_item.done", output_index=0, item=item)
        for index, call in enumerate(done.calls):
            yield from self._call(index, index + self._opened, call)
        kind = "response.completed" if done.answer.complete else "response.incomplete"
        yield self._event(kind, response=whole(self.asked, done))

    def failed(self, error: Mapping[str, Any]) -> dict[str, Any]:
        """The event that ends a stream that failed."""
        said = {"code": error.get("code") or error.get("type"), "message": error.get("message")}
        return self._event("response.failed", response={**_head(self.asked, self.id, "failed"), "error": said})

    def _call(self, index: int, place: int, call: ToolCall) -> Iterator[dict[str, Any]]:
        item = _call_item(self.asked, self.id, index, call)
        key, kind = ("input", "custom_tool_call_input") if "input" in item else ("arguments", "function_call_arguments")
        begun = {**item, key: "", "status": "in_progress"}
        yield self._event("response.output_item.added", output_index=place, item=begun)
        where = {"item_id": item["id"], "output_index": place}
        yield self._event(f"response.{kind}.delta", **where, delta=item[key])
        yield self._event(f"response.{kind}.done", **where, **{key: item[key]})
        yield self._event("response.output_item.done", output_index=place, item=item)

    def _of_text(self, kind: str, **fields: Any) -> dict[str, Any]:
        return self._event(kind, item_id=f"msg_{self.id}", output_index=0, content_index=0, **fields)

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        self._number += 1
        return {"type": kind, "sequence_number": self._number, **fields}


def _head(asked: Asked, id: str, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_{id}",
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "model": asked.model,
        "output": [],
        "error": None,
        "incomplete_details": None,
        "usage": None,
        **asked.echo,
    }
