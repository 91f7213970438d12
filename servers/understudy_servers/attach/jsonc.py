"""Change one member of a JSON file in place, comments and layout kept.

JSON with comments and trailing commas (JSONC) is what VS Code, Zed and OpenCode read. No maintained Python library
edits it in place, so this scanner finds where members begin and end, and the edit is made on the text.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

SKIP = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
REMARKS = re.compile(r"(?:[ \t]*(?:/\*[^\n]*?\*/|//[^\n]*))*")  # comments behind a value, on its line
SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")


class NotJson(ValueError):
    """The text is not JSON, with or without comments."""


@dataclass
class Value:
    """A value of the document: where it stands, and the members it has."""

    start: int
    end: int
    members: list["Member"] = field(default_factory=list)
    is_object: bool = False


@dataclass
class Member:
    """A member of an object: its key, and where key and value stand."""

    key: str
    start: int
    value: Value


def parse(text: str) -> Value:
    """Find every object member of a JSON document.

    Raises:
        NotJson: With the line where it stops being JSON.
    """
    start = _skip(text, 0)
    if start == len(text):
        raise NotJson("the file is empty")
    root = _value(text, start, 0)
    if _skip(text, root.end) != len(text):
        raise _wrong(text, _skip(text, root.end))
    return root


def load(text: str) -> Any:
    """Read a JSON document that may have comments and trailing commas."""
    parse(text)
    return json.loads("".join(_bare(text)))


def set_member(text: str, path: Sequence[str], value: Any) -> str:
    """Return the text with the member at `path` set to `value`, and nothing else changed."""
    if _skip(text, 0) == len(text):
        for key in reversed(path):
            value = {key: value}
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    parent, found, rest = _walk(parse(text), path)
    newline = "\r\n" if "\r\n" in text else "\n"
    if not rest:
        assert found is not None
        indent = _indent(text, found.start)
        return text[: found.value.start] + _dumped(value, indent, newline) + text[found.value.end :]
    if not parent.is_object:
        raise NotJson(f"{'.'.join(path[: len(path) - len(rest)]) or 'the document'} is not an object")
    for key in reversed(rest[1:]):
        value = {key: value}
    return _inserted(text, parent, rest[0], value, newline)


def delete_member(text: str, path: Sequence[str]) -> str:
    """Return the text without the member at `path`; the same text when there is none."""
    if _skip(text, 0) == len(text):
        return text
    parent, found, rest = _walk(parse(text), path)
    if rest or found is None:
        return text
    start, end = found.start, found.value.end
    comma = re.compile(r"[ \t]*,").match(text, _skip(text, end)) if text[_skip(text, end)] == "," else None
    if comma:
        end = comma.end()
    elif parent.members[0] is not found:  # the last member: the comma before it goes
        previous = parent.members[parent.members.index(found) - 1]
        at = text.index(",", _skip(text, previous.value.end))
        text = text[:at] + text[at + 1 :]
        start, end = start - 1, end - 1
    line_start = text.rfind("\n", 0, start) + 1
    if text[line_start:start].strip() == "":
        rest_of_line = re.compile(r"[ \t]*\r?\n").match(text, end)
        start, end = line_start, rest_of_line.end() if rest_of_line else end
    return text[:start] + text[end:]


def _walk(root: Value, path: Sequence[str]) -> tuple[Value, Member | None, Sequence[str]]:
    """Follow `path`: the innermost object reached, its member for the last key found, and the keys not found."""
    parent, member = root, None
    for depth, key in enumerate(path):
        holder = member.value if member else root
        found = next((m for m in reversed(holder.members) if m.key == key), None)
        if found is None:
            return holder, None, path[depth:]
        parent, member = holder, found
    return parent, member, ()


def _inserted(text: str, parent: Value, key: str, value: Any, newline: str) -> str:
    outer = _indent(text, parent.start)
    if parent.members:
        last = parent.members[-1]
        inner = _indent(text, last.start) if "\n" in text[parent.start : last.start] else outer + "  "
        after = _skip(text, last.value.end)
        trailing = text[after] == ","
        ends = after + 1 if trailing else last.value.end
        remarks = REMARKS.match(text, ends)
        at = remarks.end() if remarks else ends
        written = f"{newline}{inner}{json.dumps(key)}: {_dumped(value, inner, newline)}"
        if "\n" not in text[parent.start : parent.end]:
            written += newline + outer
        return text[:ends] + ("" if trailing else ",") + text[ends:at] + written + text[at:]
    inner = outer + "  "
    body = text[parent.start + 1 : parent.end - 1].rstrip()  # comments in an empty object stay
    written = f"{{{body}{newline}{inner}{json.dumps(key)}: {_dumped(value, inner, newline)}{newline}{outer}}}"
    return text[: parent.start] + written + text[parent.end :]


def _dumped(value: Any, indent: str, newline: str) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", newline + indent)


def _indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _skip(text: str, at: int) -> int:
    found = SKIP.match(text, at)
    return found.end() if found else at


def _wrong(text: str, at: int) -> NotJson:
    line = text.count("\n", 0, at) + 1
    return NotJson(
        f"line {line}: {text[at : at + 20].splitlines()[0]!r}" if text[at:].strip() else "the file ends too early"
    )


def _value(text: str, at: int, depth: int) -> Value:
    if depth > 100:
        raise NotJson("it is nested more than 100 deep")
    if text[at : at + 1] == "{":
        return _items(text, at, "}", depth)
    if text[at : at + 1] == "[":
        return _items(text, at, "]", depth)
    found = STRING.match(text, at) or SCALAR.match(text, at)
    if not found:
        raise _wrong(text, at)
    return Value(at, found.end())


def _items(text: str, start: int, close: str, depth: int) -> Value:
    value = Value(start, start, is_object=close == "}")
    at = _skip(text, start + 1)
    while text[at : at + 1] != close:
        began = at
        if value.is_object:
            key = STRING.match(text, at)
            at = _skip(text, key.end()) if key else at
            if not key or text[at : at + 1] != ":":
                raise _wrong(text, at)
            item = _value(text, _skip(text, at + 1), depth + 1)
            value.members.append(Member(json.loads(key.group()), began, item))
        else:
            item = _value(text, at, depth + 1)
        at = _skip(text, item.end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != close:
            raise _wrong(text, at)
    value.end = at + 1
    return value


def _bare(text: str) -> Iterator[str]:
    """Yield the document without comments and trailing commas; `parse` has checked it."""
    at = 0
    while at < len(text):
        found = SKIP.match(text, at)
        if found:
            at = found.end()
        elif text[at] == "," and text[_skip(text, at + 1)] in "}]":
            at += 1
        else:
            token = STRING.match(text, at) or SCALAR.match(text, at)
            yield token.group() if token else text[at]
            at = token.end() if token else at + 1
