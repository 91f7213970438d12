"""What a client asked for, whichever of the two endpoints it used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from understudy.problem import Message, Options, Problem, Tool
from understudy.proxy.errors import BadRequest

NAME = "understudy"
"""The scaffold as a model's name; a role's name is its bare model. Other names mean the scaffold too."""
MOST_TOKENS = 4096
"""`max_tokens` where the client names none: the budget reserves what is sent, so it must be something."""


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
            texts.append(str(part.get("refusal", "")))
        elif kind in ("text", "input_text", "output_text", "summary_text"):
            texts.append(str(part.get("text", "")))
        else:
            raise BadRequest(f"{where} holds a part of type {kind!r}; only text is served here.", param=where)
    return "".join(texts)


def number(body: Mapping[str, Any], *names: str) -> float | None:
    """The first of these fields that is set.

    Raises:
        BadRequest: It is no number.
    """
    for name in names:
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise BadRequest(f"{name} must be a number, not {value!r}.", param=name)
        return float(value)
    return None


def limit(body: Mapping[str, Any], *names: str) -> int:
    """How many tokens the answer may have.

    Raises:
        BadRequest: It is no positive number.
    """
    given = number(body, *names)
    if given is None:
        return MOST_TOKENS
    if given < 1 or given != int(given):
        raise BadRequest(f"{names[0]} must be a whole number from 1, not {given:g}.", param=names[0])
    return int(given)


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
