"""Tools described in the prompt, for models and servers without native tool calling; and the reading of their calls.

Only well-formed calls are read here. Malformed ones are left as text: rescuing them is a scaffold of its own.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from understudy.problem import Message, Tool, ToolCall

_PREAMBLE = (
    "You can call these functions. To call one, reply with nothing but\n"
    '<tool_call>{"name": "...", "arguments": {...}}</tool_call>\n'
    "and repeat it for further calls. When no function fits, answer in plain words."
)
_TAGGED = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)


def describe_tools(messages: Sequence[Message], tools: Sequence[Tool]) -> tuple[Message, ...]:
    """Put the tools into the system message, one JSON object a line; earlier calls and results become text."""
    listed = "\n".join(
        json.dumps(
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters}, ensure_ascii=False
        )
        for tool in tools
    )
    text = f"{_PREAMBLE}\n{listed}"
    turns = [_as_text(message) for message in messages]
    if turns and turns[0].role == "system":
        return (replace(turns[0], content=f"{turns[0].content}\n\n{text}"), *turns[1:])
    return (Message(role="system", content=text), *turns)


def calls_from(text: str) -> tuple[str, tuple[ToolCall, ...]]:
    """Split a reply into its text and its well-formed calls; one malformed call and everything stays text."""
    calls: list[ToolCall] = []
    for index, found in enumerate(_TAGGED.finditer(text)):
        try:
            call = json.loads(found.group(1))
        except ValueError:
            return text, ()
        if not isinstance(call.get("name"), str) or not isinstance(call.get("arguments", {}), dict):
            return text, ()
        arguments = json.dumps(call.get("arguments", {}), ensure_ascii=False)
        calls.append(ToolCall(name=call["name"], arguments=arguments, id=f"call_{index}"))
    if not calls or _TAGGED.sub("", text).count("<tool_call>"):
        return text, ()
    return _TAGGED.sub("", text).strip(), tuple(calls)


def _as_text(message: Message) -> Message:
    if message.role == "tool":
        return Message(role="user", content=f"<tool_response>\n{message.content}\n</tool_response>")
    if not message.tool_calls:
        return message
    calls = "\n".join(
        f'<tool_call>{{"name": {json.dumps(call.name)}, "arguments": {call.arguments or "{}"}}}</tool_call>'
        for call in message.tool_calls
    )
    return Message(role=message.role, content="\n".join(part for part in (message.content, calls) if part))
