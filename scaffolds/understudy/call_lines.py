"""Values written as lines: YAML, TOML, bullets and labels, as models write a call when they leave JSON alone."""

import json
import re
import tomllib
from collections.abc import Sequence
from typing import Any

from understudy.loose_json import Unreadable, loads

MOST = 400  # lines
_LINE = re.compile(
    r"(?P<indent>[ \t]{0,40})(?P<bullet>[-*•+][ \t]{1,8})?"
    r"[*_`\"']{0,3}(?P<key>[A-Za-z_][\w.-]{0,60}(?: \w{1,20}){0,2})[*_`\"']{0,3}"
    r"[ \t]*[:=][*_]{0,3}(?:[ \t]+(?P<value>\S.*)|[ \t]*)"
)
_BLOCK_TEXT = re.compile(r":[ \t]*\|-?[ \t]*$", re.MULTILINE)
_ITEM = re.compile(r"(?P<indent>[ \t]{0,40})[-*•+][ \t]{1,8}(?P<value>\S.*)")


def lines_value(text: str) -> Any:
    """The value that a text of lines is; its single values stay texts.

    Raises:
        Unreadable: A line says something else.
    """
    if re.match(r"\s*\[{1,2}[\w.]+\]{1,2}\s*\n", text):
        try:
            value = tomllib.loads(text)
            json.dumps(value, allow_nan=False)  # TOML has dates and NaN, which no argument is
        except (ValueError, TypeError, RecursionError) as error:
            raise Unreadable(str(error)) from error
        return value
    if _BLOCK_TEXT.search(text) and re.search(r"\n[ \t]*\n", text.strip()):
        raise Unreadable("empty lines in a text of several lines")
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    if not lines or len(lines) > MOST:
        raise Unreadable("no lines, or too many")
    value, rest = _block(lines, _indent(lines[0]))
    if rest:
        raise Unreadable(f"{rest[0][:40]!r} is no part of it")
    return value


def _block(lines: Sequence[str], indent: int) -> tuple[Any, Sequence[str]]:
    """The mapping or list that begins here, and the lines behind it."""
    if _ITEM.fullmatch(lines[0]):
        return _items(lines, indent)
    made: dict[str, Any] = {}
    while lines and _indent(lines[0]) == indent:
        found = _LINE.fullmatch(lines[0])
        if found is None or found["bullet"]:
            break
        if found["key"] in made:
            raise Unreadable(f"{found['key']!r} says two things")
        made[found["key"]], lines = _held(found["value"], lines[1:], indent)
    if not made:
        raise Unreadable(f"{lines[0][:40]!r} is no line of a value")
    return made, lines


def _items(lines: Sequence[str], indent: int) -> tuple[Any, Sequence[str]]:
    items: list[Any] = []
    while lines and _indent(lines[0]) == indent and (found := _ITEM.fullmatch(lines[0])):
        inner = found.start("value")
        entry = " " * inner + found["value"]
        if _LINE.fullmatch(entry):
            item, lines = _block([entry, *lines[1:]], inner)
        else:
            item, lines = _scalar(found["value"]), lines[1:]
        items.append(item)
    return _merged(items), lines


def _merged(items: list[Any]) -> Any:
    """Bullets of one key each are one mapping."""
    if not all(isinstance(item, dict) and len(item) == 1 for item in items):
        return items
    keys = [key for item in items for key in item]
    return {key: item[key] for item in items for key in item} if len(set(keys)) == len(keys) else items


def _held(value: str | None, lines: Sequence[str], indent: int) -> tuple[Any, Sequence[str]]:
    """What a key holds: the rest of its line, a text of several lines, or the block below it."""
    if value in ("|", "|-"):
        count = next((n for n, line in enumerate(lines) if _indent(line) <= indent), len(lines))
        own = [line[_indent(lines[0]) :] for line in lines[:count]]
        return "\n".join(own) + ("" if value == "|-" else "\n"), lines[count:]
    if value is not None:
        return _scalar(value), lines
    if not lines:
        return {}, lines
    deeper = _indent(lines[0]) > indent or (_indent(lines[0]) == indent and _ITEM.fullmatch(lines[0]) is not None)
    return _block(lines, _indent(lines[0])) if deeper else ({}, lines)


def _scalar(written: str) -> Any:
    written = written.strip()
    if written in ("null", "~", "None"):
        return None
    if written[0] in "{[":
        return loads(written)
    if len(written) > 1 and written[0] == written[-1] and written[0] in "\"'`":
        return loads(written) if written[0] == '"' else written[1:-1]
    if written[0] in "\"'`|>&*!%@<" or re.search(r"\s#", written):
        raise Unreadable(f"{written[:40]!r} is no plain text")
    return written


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
