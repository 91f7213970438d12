"""A call inside of a text that is no JSON: keywords of Python, lines of `field: value`, or tags. Nothing raises."""

import re
from collections.abc import Collection
from typing import Any

from understudy_servers.reading import folded, loaded

LONGEST = 100_000  # characters of a text that may be a call
LINE = re.compile(r"[\s*_`\"'-]*+([A-Za-z]\w*)[*`\"']*+\s*+[:=][*_]*+\s*+(.*)")
TAGGED = re.compile(
    r"<(?P<tag>parameter)?[\s=]*(?:name=)?[\"']?(?P<name>\w+)[\"']?>(?P<value>[^<]*)</(?:(?P=name)|(?P=tag))>"
)


def call_in_text(
    text: object, names: Collection[str], fields: Collection[str], main: str | None
) -> dict[str, Any] | None:
    """Read `thought="…", thoughtNumber=2`, with the tool's name around it or not, the same as lines, or as tags.

    Only the tool's own field names count, and the main one with another, since a thought may hold any other words.

    Args:
        text: what was sent in the place of arguments.
        names: the tool's names, folded.
        fields: the names of its fields.
        main: the field that has to be there; without one, no text is a call.
    """
    if not isinstance(text, str) or main is None or len(text) > LONGEST:
        return None
    called = re.fullmatch(r"\s*(?:\w+\.)*(\w+)\s*\((.*)\)\s*", text, re.DOTALL)
    if called and folded(called[1]) in names:
        text = called[2]
    exact = {folded(name) for name in fields}
    tagged = text.lstrip().startswith("<")
    read: Any = _tagged(text) if tagged else _keywords(text) if KEYWORD.match(text) else _lines(text, exact)
    if not isinstance(read, dict) or not {folded(key) for key in read} <= exact:
        return None
    enough = len(read) > 1 or called or tagged
    return read if enough and folded(main) in {folded(key) for key in read} else None


KEYWORD = re.compile(r"\s*\w+\s*=")


def _keywords(text: str) -> Any:
    return loaded("{" + text + "}")


def _tagged(text: str) -> dict[str, str] | None:
    """Read tags in a row: `<parameter=thought>…</parameter>`, `<thought>…</thought>`."""
    found = list(TAGGED.finditer(text))
    read = {match["name"]: match["value"].strip() for match in found}
    return read if len(read) == len(found) and not TAGGED.sub("", text).strip() else None


def _lines(text: str, exact: Collection[str]) -> dict[str, Any] | None:
    """Read lines that each begin with a field's name; a line without one belongs to the field before."""
    read: dict[str, Any] = {}
    key = None
    for line in text.strip().splitlines():
        found = LINE.fullmatch(line)
        if found and folded(found[1]) in exact:
            key = found[1]
            if key in read:
                return None
            read[key] = found[2].strip().removesuffix(",")
        elif key is None:
            return None
        else:
            read[key] += "\n" + line
    return {name: loaded(value) if value[:1] == '"' else value for name, value in read.items()}
