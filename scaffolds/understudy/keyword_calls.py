"""Calls in the manner of Python or JavaScript that no parser of either takes: `add(x: 1, from="a", ok=true)`."""

import re
from collections.abc import Iterator
from typing import Any

from understudy.loose_json import Unreadable, read

_NAME = re.compile(r"(?:(?:await|call:?|const \w+ =|\w+ =)\s+){0,2}(?P<name>[A-Za-z_][\w.:/-]*)\s*\(")
_KEY = re.compile(r"\s*([\"']?)(?P<key>[A-Za-z_][\w-]*)\1\s*(?:=(?!=)|:(?!:))\s*")
_BETWEEN = re.compile(r"(?:[\s,;]|#[^\n]*|//[^\n]*)*")
_SPACE = re.compile(r"\s*")


def loose_source(code: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The calls that a text consists of, in a list or in a row; none where it holds anything else."""
    code = code.strip()
    if code.startswith("[") and code.endswith("]"):
        code = code[1:-1]
    calls: list[tuple[str, dict[str, Any]]] = []
    at = 0
    while at < len(code):
        match = _NAME.match(code, at)
        if match is None:
            return
        try:
            given, at = keywords(code, match.end())
        except Unreadable:
            return
        calls.append((match["name"], given))
        at = _past(_BETWEEN, code, at)
    yield from calls


def keywords(text: str, at: int) -> tuple[dict[str, Any], int]:
    """Arguments from behind an opening parenthesis to behind the closing one; those by position are `$0`, `$1` …

    Raises:
        Unreadable: They are something else.
    """
    given: dict[str, Any] = {}
    while True:
        at = _past(_SPACE, text, at)
        if text[at : at + 1] == ")":
            return given, at + 1
        named = _KEY.match(text, at)
        key = named["key"] if named else f"${len(given)}"
        found = read(text, named.end() if named else at)
        if key in given or not found.closed:
            raise Unreadable(f"{key!r} is given twice or breaks off")
        given[key] = found.value
        at = _past(_SPACE, text, found.end)
        if text[at : at + 1] == ",":
            at += 1
        elif text[at : at + 1] != ")":
            raise Unreadable(f"{text[at : at + 20]!r} cannot follow an argument")


def _past(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
