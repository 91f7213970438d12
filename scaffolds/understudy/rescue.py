"""Tool calls and structure out of a model's text: what it plainly meant, or nothing.

`Repair`, `Tools` and the proxy use this; a bare arm does not. A call is rescued only when its tool is known and every
argument stands in the text; an argument is never invented, a call that was cut off is never completed, and a call that
the text only talks about is left alone. When one of several calls cannot be read, none is taken, since the others may
depend on it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from understudy.call_arguments import match_tool, read_arguments, required_of, schema_of
from understudy.call_formats import FORMATS, GIVEN, NAMES
from understudy.call_marks import has_broken_rest, is_introduced, is_marked, is_talk, is_waiting, without_marks
from understudy.calls_by_tool import BY_TOOL, lines_by_tool
from understudy.found import Found
from understudy.loose_json import Unreadable, loads, read
from understudy.mark_spelling import is_original, spelled_alike
from understudy.models.reasoning import part
from understudy.problem import Tool, ToolCall

LONGEST = 100_000  # characters of a text that is searched
MOST = 64  # calls
NOTHING = frozenset({"", "null", "None", "[]", '""', "''"})
"""How models write that a function gets no arguments."""


@dataclass(frozen=True, kw_only=True)
class Rescued:
    """What was found."""

    calls: tuple[ToolCall, ...] = ()
    text: str = ""
    """The text without its calls."""
    mended: bool = False
    """Something was read otherwise than it stood there."""


def rescue(
    text: str, tools: Sequence[Tool], *, calls: Sequence[ToolCall] = (), complete: bool = True
) -> Rescued | None:
    """Find the calls that a completion means; None when a call is meant and cannot be read for sure.

    Args:
        text: The completion's text.
        tools: The tools that may be called.
        calls: Calls that the server found, as the model wrote them.
        complete: The model ended by itself; what its tokens cut off is not completed.
    """
    if calls:
        fixed = [mended_call(call, tools, complete=complete) for call in calls]
        if any(call is None for call in fixed):
            return None
        delivered = tuple(call for call in fixed if call is not None)
        return Rescued(calls=delivered, text=text, mended=delivered != tuple(calls))
    text = _plain_text(text) if len(text) <= LONGEST else text
    if not tools or len(text) > LONGEST:
        return Rescued(text=text)
    written, text = text, spelled_alike(text)
    for found in _found(text, tools, complete):
        if not any(match_tool(item.name, tools) for item in found):
            continue
        if len(found) > MOST or not _meant(text, found, tools):
            return Rescued(text=written)
        made = [_made(item, tools, complete) for item in found]
        sure = tuple(call for call in made if call is not None and is_original(json.loads(call.arguments), written))
        if len(sure) < len(made) or has_broken_rest(text, [item[:2] for item in found]):
            return None if is_marked(text) else Rescued(text=written)
        numbered = tuple(replace(call, id=f"call_{n}") for n, call in enumerate(sure))
        return Rescued(calls=numbered, text=_without(text, found), mended=True)
    return None if is_marked(text) else Rescued(text=written)


def _found(text: str, tools: Sequence[Tool], complete: bool) -> Iterator[list[Found]]:
    """What each reader finds, the forms of the model families first."""
    yield _outermost(lines_by_tool(text, complete, tools))
    for form in FORMATS:
        yield _outermost(form(text, complete))
    for by_tool in BY_TOOL:
        yield _outermost(by_tool(text, complete, tools))


_NEXT_TURN = re.compile(
    r"(?:(?:<\|(?:im_start|start_header_id|start)\|>|<start_of_turn>)(?:user|system|tool)\b|<\|(?:user|system|tool)\|>|\[INST\]).*",
    re.DOTALL,
)
"""A turn of somebody else, which the model went on to imagine."""


_RECIPIENT = re.compile(r"<\|channel\|>commentary to=[^{<]{1,80}(?:<\|constrain\|>\w+)?<\|message\|>")
_FINAL = re.compile(r"(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>.*", re.DOTALL)


def _plain_text(text: str) -> str:
    """A text without its thinking and escapes before all of its quotes."""
    if recipient := _RECIPIENT.search(text):  # gpt-oss went on to imagine the result
        text = _FINAL.sub("", text) if _FINAL.search(text, recipient.end()) else text
    for _ in range(4):  # some models think in several blocks
        text, thought = part(text)
        if not thought:
            break
    text = _NEXT_TURN.sub("", text)
    if '\\"' in text and not re.search(r'(?<!\\)"', text):
        text = text.replace('\\"', '"')
    if re.match(r"\s*\"(?:name|tool|function)\"\s*:", text):
        text = "{" + text  # the first brace is missing
    return text


def mended_call(call: ToolCall, tools: Sequence[Tool], *, complete: bool = True) -> ToolCall | None:
    """A call that the server delivered, well-formed; None when it cannot be read for sure.

    Raw arguments that are JSON already are kept to the letter, unless they stand in an envelope.
    """
    name, arguments = _split_name(call, complete)
    tool = match_tool(name, tools)
    if tool is None:
        return None
    if arguments.strip() in NOTHING:
        return None if required_of(tool) else replace(call, name=tool.name, arguments="{}")
    value = read_arguments(arguments, tool, complete=complete)
    if value is None:
        return None
    kept = _is_same(arguments, value)
    return replace(call, name=tool.name, arguments=arguments if kept else json.dumps(value, ensure_ascii=False))


def structure(text: str, schema: Mapping[str, Any] | None = None, *, complete: bool = True) -> Any:
    """The JSON value that a text holds: alone, in its last fence, or between words.

    Raises:
        Unreadable: There is none, there are several, or it was cut off.
    """
    text = part(text).text.strip()
    fences = re.findall(r"```(?:json\w*)?[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", text, re.DOTALL)
    for candidate in (text, *reversed(fences)):
        try:
            return loads(candidate, whole=complete)
        except Unreadable:
            continue
    begins = re.search(r"[{\[]", text)
    if not begins:
        raise Unreadable("no JSON in the text")
    found = read(text, begins.start(), whole=complete)
    wanted = (schema or {}).get("type")
    if not isinstance(found.value, {"object": dict, "array": list}.get(str(wanted), dict | list)):
        raise Unreadable("no value of the type that is wanted")
    if re.search(r"[{\[]\s*[\"'\w]", text[found.end :]):
        raise Unreadable("several values, and nothing says which is meant")
    return found.value


def _split_name(call: ToolCall, complete: bool) -> tuple[str, str]:
    """Name and arguments, where a server or a model put both into one of the two."""
    if call.name.lstrip().startswith("{") or (not call.name.strip() and call.arguments.strip()):
        try:
            value = loads(call.name if call.name.strip() else call.arguments, whole=complete)
        except Unreadable:
            return call.name, call.arguments
        if isinstance(value, dict):
            name = next((value[key] for key in NAMES if isinstance(value.get(key), str)), "")
            given = next((value[key] for key in GIVEN if key in value), None)
            if name and given is not None:
                return name, given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    inside = re.fullmatch(r"\s*([\w.:/-]+)\s*\((\{.*\})\)\s*", call.name, re.DOTALL)
    if inside and not call.arguments.strip(" {}"):
        return inside[1], inside[2]
    return call.name, call.arguments


def _outermost(found: Any) -> list[Found]:
    """Calls in the order of the text, without those that stand inside another one, or that were found twice."""
    kept: list[Found] = []
    for item in sorted(found, key=lambda item: (item.start, -item.end)):
        if not any(item.start < other.end and other[:2] != item[:2] for other in kept):
            kept.append(item)
    return kept


def _meant(text: str, found: Sequence[Found], tools: Sequence[Tool]) -> bool:
    """Whether calls are made here, not talked about: marked as calls, or the last thing that the text says."""
    if is_marked(text):
        return True
    before = text[: found[0].start]
    if is_talk(before) or not is_introduced(before):
        return False
    if re.search(r"^\+ ?\{", text, re.MULTILINE):
        return False  # a comparison of two texts
    behind = without_marks(text[found[-1].end :]).strip(" \n\t`]}),.;*")
    behind = re.sub(r"\A(?://|#)[^\n]*\Z", "", behind)
    return (not behind or is_waiting(behind)) and all(_complete(item, tools) for item in found)


def _complete(item: Found, tools: Sequence[Tool]) -> bool:
    """Whether an unmarked object has all that its tool requires, so that it is no accident."""
    tool = match_tool(item.name, tools)
    value = read_arguments(item.arguments, tool) if tool else None
    if tool is None or value is None or not all(key in value for key in required_of(tool)):
        return False
    return not any(isinstance(v, dict | list) and schema_of(tool, k).get("type") == "string" for k, v in value.items())


def _made(item: Found, tools: Sequence[Tool], complete: bool) -> ToolCall | None:
    tool = match_tool(item.name, tools)
    if tool is None:
        return None
    if isinstance(item.arguments, str) and not item.arguments.strip():
        value: dict[str, Any] | None = None if required_of(tool) else {}
    else:
        value = read_arguments(item.arguments, tool, complete=complete)
    if value is None or (not value and required_of(tool)):
        return None
    value = {key: _with_backslash(item) for key, item in value.items()}
    return ToolCall(name=tool.name, arguments=json.dumps(value, ensure_ascii=False))


def _with_backslash(value: Any) -> Any:
    r"""A text with `\frac` or `\beta` in it, whose backslash JSON or Python took for an escape that nobody means."""
    if not isinstance(value, str) or not re.search(r"[\f\b]", value) or re.search(r"[\n\t\r]", value):
        return value
    return value.replace("\f", "\\f").replace("\b", "\\b")


def _without(text: str, found: Sequence[Found]) -> str:
    kept, at = [], 0
    for item in found:
        kept.append(text[at : max(item.start, at)])
        at = max(at, item.end)
    kept.append(text[at:])
    return re.sub(r"\*{4}", "", without_marks("".join(kept))).strip().strip("[]{},;`").strip()


def _is_same(raw: str, value: Any) -> bool:
    try:
        return bool(json.loads(raw) == value)
    except (ValueError, RecursionError):
        return False
