"""Calls between labels: ReAct's `Action:` and `Action Input:`, and the `TOOL_NAME` and `BEGIN_ARG` of Continue."""

import json
import re
from collections.abc import Iterator

from understudy.found import UNREADABLE, Found
from understudy.loose_json import Unreadable, read

_AROUND = r"[ \t>*_`#-]{0,8}"
_NUMBER = r"[ \t]?\d{0,3}[ \t]?"
_ACTION = re.compile(
    rf"^{_AROUND}(?i:Action){_NUMBER}[*_]{{0,3}}:[*_`\"' \t]{{0,8}}(?P<name>[\w.:/-]+)[`*_\"']{{0,3}}[ \t]*\n\s*?"
    rf"{_AROUND}(?i:(?:Action[ _]?)?(?:Input|Arguments|Args|Parameters)){_NUMBER}[*_]{{0,3}}:[*_]{{0,3}}[ \t]*",
    re.MULTILINE,
)
_NEXT = re.compile(
    rf"^{_AROUND}(?i:Observation|Thought|Final Answer|Question|Action|Result|Output|PAUSE){_NUMBER}"
    r"[*_]{0,3}(?::|\Z|$)",
    re.MULTILINE,
)
NO_INPUT = {"", "none", "null", "n/a", "{}", "()", "no input", "empty", "nothing", "-"}


def react_calls(text: str, whole: bool) -> Iterator[Found]:
    """The first action and its input; what the model imagined behind it (`Observation: …`) is left out.

    An input that is no JSON is the one argument that the tool needs.
    """
    match = _ACTION.search(text)
    if match is None:
        return
    following = _NEXT.search(text, match.end())
    stop = following.start() if following else len(text)
    if not whole and following is None:
        return
    written = text[match.end() : stop].strip()
    fence = re.fullmatch(r"```\w*\n?(.*?)\n?```", written, re.DOTALL)
    given = (fence[1] if fence else written).strip()
    if given.lower().rstrip(".") in NO_INPUT:
        yield Found(match.start(), len(text), match["name"], "{}")
    elif given[0] in "{[":
        yield from _object(given, match)
    elif re.match(r"[A-Za-z_]\w*[ \t]*[=:]", given):
        yield Found(match.start(), len(text), match["name"], given)
    elif given.lstrip("`")[:1] not in "{[<(":
        yield Found(match.start(), len(text), match["name"], {"$0": _unquoted(given)})


def _object(given: str, match: re.Match[str]) -> Iterator[Found]:
    try:
        end = read(given).end
    except Unreadable:
        end = 0
    if end and not given[end:].strip(" \n\t`}]),.;"):
        yield Found(match.start(), len(match.string), match["name"], given[:end])


def _unquoted(given: str) -> str:
    inner = given[1:-1]
    return inner if len(given) > 1 and given[0] == given[-1] and given[0] in "\"'`" and given[0] not in inner else given


_TOOL_NAME = re.compile(r"^[ \t]*TOOL_NAME[ \t]*:[ \t]*(?P<name>[\w.:/-]+)[ \t]*$", re.MULTILINE)
_ARGUMENT = re.compile(
    r"\s*BEGIN_ARG[ \t]*:[ \t]*(?P<key>[\w.-]+)[ \t]*\n(?P<value>(?:(?!^[ \t]*END_ARG).)*+)^[ \t]*END_ARG[ \t]*$",
    re.DOTALL | re.MULTILINE,
)


def argument_blocks(text: str, whole: bool) -> Iterator[Found]:
    """`TOOL_NAME: add`, `BEGIN_ARG: x`, the value, `END_ARG` (Continue, and models that its prompt taught)."""
    names = list(_TOOL_NAME.finditer(text))
    for match, limit in zip(names, [*(name.start() for name in names[1:]), len(text)], strict=False):
        given: dict[str, str] = {}
        at = match.end()
        while (block := _ARGUMENT.match(text, at, limit)) is not None and block["key"] not in given:
            given[block["key"]] = block["value"].removesuffix("\n")
            at = block.end()
        broken = "BEGIN_ARG" in text[at:limit]
        yield Found(match.start(), at, match["name"], UNREADABLE if broken else json.dumps(given))
