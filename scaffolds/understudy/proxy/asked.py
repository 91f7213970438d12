"""What a client asked for, whichever of the two endpoints it used."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from understudy.problem import Message, Options, Problem, Tool
from understudy.proxy.errors import BadRequest

NAME = "understudy"
"""The scaffold as a model's name; a role's name is its bare model. Other names mean the scaffold too."""
MOST_TOKENS = 4096
"""`max_tokens` where neither client nor user names one: the budget reserves what is sent, so it must be something."""

LARGEST_LIMIT = 10_000_000  # tokens; no model answers at such length
LARGEST = 1e20  # of any number; a seed may have 64 bits


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request, read."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    options: Options = Options()
    stream: bool = False
    include_usage: bool = False
    temperature: float | None = None
    seed: int | None = None
    custom: frozenset[str] = frozenset()
    """Tools that take one text instead of JSON (the responses endpoint has such)."""
    echo: Mapping[str, Any] = field(default_factory=dict)
    """Fields that the answer repeats."""

    def problem(self) -> Problem:
        """The problem that the scaffold works on; its check is the proxy's business."""
        return Problem(messages=self.messages, tools=self.tools, options=self.options)


def text_of(content: Any, where: str) -> str:
    """The text of a message's content, plain or in parts.

    Raises:
        BadRequest: A part is no text.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise BadRequest(f"{where} must be a text or a list of parts, not {type(content).__name__}.", param=where)
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "refusal":
            texts.append(str(part.get("refusal") or ""))
        elif kind in ("text", "input_text", "output_text", "summary_text"):
            texts.append(str(part.get("text") or ""))
        else:
            raise BadRequest(f"{where} holds a part of type {kind!r}; only text is served here.", param=where)
    return "".join(texts)


def number(body: Mapping[str, Any], name: str) -> float | None:
    """A field that is a number, where it is set.

    Raises:
        BadRequest: It is something else, or no number that can be computed with (JSON as Python reads it has NaN and
            Infinity).
    """
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise BadRequest(f"{name} must be a number of a usual size, not {repr(value)[:40]}.", param=name)
    return float(value)


def limit(body: Mapping[str, Any], *names: str, most: int) -> int:
    """How many tokens the answer may have, by the first of these fields that is set; else `most`.

    Raises:
        BadRequest: It is no positive number.
    """
    name = next((name for name in names if body.get(name) is not None), names[0])
    given = number(body, name)
    if given is None:
        return most
    if not 1 <= given <= LARGEST_LIMIT or given != int(given):
        raise BadRequest(f"{name} must be a whole number from 1 to {LARGEST_LIMIT}, not {given:g}.", param=name)
    return int(given)


def temperature(body: Mapping[str, Any]) -> float | None:
    """What the client would have drawn at.

    Raises:
        BadRequest: It is no number from 0.
    """
    given = number(body, "temperature")
    if given is not None and given < 0:
        raise BadRequest(f"temperature must be 0 or more, not {given:g}.", param="temperature")
    return given


def flag(body: Mapping[str, Any], name: str) -> bool:
    """A field that is true or false; false where it is left out.

    Raises:
        BadRequest: It is something else: a stream that was asked for with a text would be missed without a word.
    """
    value = body.get(name)
    if value is None or isinstance(value, bool):
        return value is True
    raise BadRequest(f"{name} must be true or false, not {value!r}.", param=name)


def refuse(body: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
    """Refuse fields whose meaning would be lost if they were ignored.

    Raises:
        BadRequest: One of them is set.
    """
    for name, instead in reasons.items():
        if body.get(name):
            raise BadRequest(f"{name} is not served here. {instead}", param=name)


def choose(value: Any, tools: tuple[Tool, ...]) -> str | None:
    """A tool choice in either endpoint's form, or in the words of other providers.

    Raises:
        BadRequest: It is none, or means a tool that is not there.
    """
    choice = _choice(value)
    if choice in (None, "auto", "none"):
        return choice if tools else None
    if choice == "required" and not tools:
        raise BadRequest("tool_choice requires a call, and there are no tools.", param="tool_choice")
    if choice != "required" and choice not in {tool.name for tool in tools}:
        raise BadRequest(f"tool_choice names {choice!r}, which is not among the tools.", param="tool_choice")
    return choice


def _choice(value: Any) -> str | None:
    if value is None or value in ("auto", "none", "required"):
        return value  # type: ignore[no-any-return]
    if value == "any":  # Mistral's and Anthropic's word
        return "required"
    if isinstance(value, dict):
        if value.get("type") == "allowed_tools":
            allowed = value.get("allowed_tools", value)
            return str(allowed.get("mode") if isinstance(allowed, dict) and allowed.get("mode") else "auto")
        function = value.get("function")
        name = function.get("name") if isinstance(function, dict) else value.get("name")
        if isinstance(name, str) and name:
            return name
    raise BadRequest(f"tool_choice {value!r} is none of auto, none, required or a function.", param="tool_choice")


def written(value: Any) -> str:
    """Arguments of a call as text; some clients send them as an object."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def schema_of(value: Any, where: str) -> dict[str, Any]:
    """A tool's parameters.

    Raises:
        BadRequest: They are no object.
    """
    if value is None:
        return {"type": "object", "properties": {}}
    if not isinstance(value, dict):
        raise BadRequest(f"{where} must be a JSON schema.", param=where)
    return value


def rows(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of objects, empty when it is left out.

    Raises:
        BadRequest: It is something else.
    """
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise BadRequest(f"{name} must be a list of objects.", param=name)
    return value
