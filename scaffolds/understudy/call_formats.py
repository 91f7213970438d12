"""The forms in which models write tool calls into text: each finds its calls, as (where, name, raw arguments).

One function per family. None decides whether a call is meant or valid: `rescue` does, which knows the tools.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from typing import Any

from understudy.call_labels import argument_blocks, react_calls
from understudy.call_tags import WRAPPERS, key_values, lone_names, tags_by_name, xml_parameters
from understudy.found import NAME, UNREADABLE, Found
from understudy.keyword_calls import keywords
from understudy.loose_json import Unreadable, read
from understudy.python_calls import python_calls

Format = Callable[[str, bool], Iterator[Found]]

NAMES = ("name", "tool_name", "function_name", "tool", "function", "func", "action", "recipient_name")
GIVEN = ("arguments", "parameters", "args", "params", "input", "action_input", "tool_input", "kwargs", "tool_args")
_KEYS = {re.sub("_", "", key): key for key in (*NAMES, *GIVEN, *WRAPPERS)} | {
    "functionargs": "args",
    "functionarguments": "arguments",
    "functionparameters": "parameters",
    "toolarguments": "arguments",
    "toolparameters": "parameters",
}


def json_calls(text: str, whole: bool) -> Iterator[Found]:
    """Objects with a name and arguments, or lists of them, wherever a brace or bracket begins one."""
    at = failed = 0
    most = max(20, 2_000_000 // (len(text) + 1))  # each failure may have read the text to its end
    while failed < most and (match := _BEGINS.search(text, at)) is not None:
        try:
            found = read(text, match.start(), whole=whole)
        except Unreadable:
            at, failed = match.start() + 1, failed + 1
            continue
        calls = list(_named(found.value))
        if calls:
            yield from (Found(match.start(), found.end, name, given) for name, given in calls)
            at = found.end
        else:
            at = match.start() + 1 if isinstance(found.value, list) else max(found.end, match.start() + 1)


_BEGINS = re.compile(r"[\[{]")


def _named(value: Any) -> Iterator[tuple[str, str | Mapping[str, Any]]]:
    """Calls in a value: `{"name", "arguments"}` under any of their names, in a list, or under one key."""
    if isinstance(value, list):
        inner = [list(_named(item)) for item in without_parts(value)]
        if inner and all(inner):  # a list that holds something else is data
            yield from (call for calls in inner for call in calls)
    elif isinstance(value, dict):
        yield from _named_object(value)


def without_parts(items: list[Any]) -> list[Any]:
    """A message's parts without those that are text or thinking."""
    beside = ("text", "output_text", "thinking", "reasoning")
    return [item for item in items if not (isinstance(item, dict) and item.get("type") in beside)]


def _named_object(value: dict[str, Any]) -> Iterator[tuple[str, str | Mapping[str, Any]]]:
    value = {_KEYS.get(_folded(key), key): given for key, given in value.items()}
    for wrapper in WRAPPERS:
        if isinstance(value.get(wrapper), list | dict):
            yield from _named(value[wrapper])
            return
    inner = next((value[key] for key in ("function", "action", "tool") if isinstance(value.get(key), dict)), None)
    if inner is not None and "arguments" not in value:
        yield from _named(inner)
        return
    name = next((value[key] for key in NAMES if isinstance(value.get(key), str)), None)
    key = next((key for key in GIVEN if key in value), None)
    if name is not None and key is not None:
        given = _one_text(key, unlisted(value[key]))
        if isinstance(given, str | dict | None):
            yield name, {} if given is None else given
    elif name is not None and not {"name", "action"} & value.keys():
        rest = {other: given for other, given in value.items() if other not in (*NAMES, "type", "id")}
        yield name, rest  # {"tool": "add", "x": 1}
    elif len(value) == 1:
        (only, given), *_ = value.items()
        if isinstance(given, dict):
            yield only, given  # {"add": {"x": 1}}


def _one_text(key: str, given: Any) -> Any:
    """The text that LangChain's tools of one argument get, as that argument."""
    if key not in ("action_input", "tool_input") or not isinstance(given, str) or given.lstrip()[:1] in ("{", "["):
        return given
    return {"$0": given} if given.strip() else {}


def unlisted(given: Any) -> Any:
    """Arguments that stand in a list: one object, or one for each of them with its name and value."""
    if not isinstance(given, list) or not given or not all(isinstance(item, dict) for item in given):
        return given
    if all(set(item) == {"name", "value"} and isinstance(item["name"], str) for item in given):
        named = {item["name"]: item["value"] for item in given}
        return named if len(named) == len(given) else given
    return given[0] if len(given) == 1 else given


def _folded(key: str) -> str:
    return re.sub(r"[\W_]", "", key).lower()


def quoted_calls(text: str, whole: bool) -> Iterator[Found]:
    """A whole text that is JSON in a JSON string."""
    stripped = text.strip()
    if not stripped.startswith(('"{', '"[')):
        return
    try:
        inner = json.loads(stripped)
    except ValueError:
        return
    yield from (item._replace(start=0, end=len(text)) for item in json_calls(inner, whole))


def marked_json(text: str, whole: bool) -> Iterator[Found]:
    """A name and JSON behind marks: DeepSeek, Kimi, Mistral, Functionary, gpt-oss, ReAct, and Qwen's `name {…}`."""
    taken: set[int] = set()
    for pattern in _MARKED:
        for match in pattern.finditer(text):
            if match.end() in taken:
                continue  # two labels may fit one call
            try:
                found = read(text, match.end(), whole=whole)
            except Unreadable:
                continue
            if isinstance(found.value, dict):
                taken.add(match.end())
                closing = _CLOSERS.match(text, found.end)
                end = closing.end() if closing else found.end
                yield Found(match.start(), end, match["name"], text[match.end() : found.end])


_SEPARATOR = r"<\|tool_sep\|>"
_BEHIND = r"<\|tool_call_argument_begin\|>"
_FENCE = r"\s*(?:```(?:json)?\s*)?(?=\{)"
_GIVEN = "(?:arguments|parameters|input)"
_WITH = f"(?: with (?:the )?{_GIVEN})?"
_TOOL = "(?:name|tool|tool_name|function)"
_LABEL = r"[ \t]*\n\s{0,4}(?:\W{0,4}(?:Arg\w*|Parameters|Input)\W{0,4}:)?\W{0,4}?"
_AROUND = r"[ \t*_`#-]{0,8}"
_LABELED = (
    rf"^{_AROUND}(?i:Action|Tool|Function|Name)[ \t]?\d*[*_ ]{{0,3}}:[*_`\"' \t]{{0,8}}(?P<name>{NAME})"
    rf"[`*_\"']{{0,3}}[ \t]*\n{_AROUND}(?i:(?:(?:Action|Tool|Function)[ _]?)?(?:Input|Arguments|Args|Parameters))"
    r"[ \t]?\d*[*_ ]{0,3}:[*_]{0,3}"
)
_MARKED = tuple(
    re.compile(pattern + _FENCE, re.DOTALL | re.MULTILINE)
    for pattern in (
        rf"<\|tool_call_begin\|>\s*(?:function\s*{_SEPARATOR})?\s*(?P<name>{NAME})\s*(?:{_SEPARATOR}|{_BEHIND})?",
        rf"\[TOOL_CALLS\]\s*(?P<name>{NAME})\s*(?:\[CALL_ID\]\w+)?\s*(?:\[ARGS\])?",
        rf">>>\s*(?P<name>{NAME})\s*\n",
        rf"to=(?P<name>{NAME})[^{{]{{0,80}}?<\|message\|>",
        rf"\bfunctions\.(?P<name>{NAME})\s*<\|channel\|>[^{{]{{0,80}}?<\|message\|>",
        rf"\A[\s`*]{{0,8}}(?P<name>{NAME})[`*:]{{0,4}}[ \t]*\n",
        rf"<tool_call>\s*(?P<name>{NAME})\s*(?:\n|:|=)?",
        _LABELED,
        rf"^[ \t]*Action[ \t]*\d*[ \t]*:[ \t]*(?P<name>{NAME})[ \t]*\[",
        rf"\A[\s`]*(?:(?:javascript|typescript|js|ts)\s+)?(?:await\s+)?(?P<name>{NAME})\(",
        rf"(?:^|\n)\W{{0,6}}(?:Tool|Function)(?:[ _]?(?:call|name))?\W{{0,4}}:\W{{0,4}}(?P<name>{NAME})`?{_LABEL}",
        rf"\b(?:[Cc]all|[Uu]s)(?:e|ing)? (?:the )?(?:tool|function):? `?(?P<name>{NAME})`?{_WITH}:?",
        rf"\bto=(?P<name>{NAME})[ \t]*(?:json|code)?",
        rf"<{_TOOL}>\s*(?P<name>{NAME})\s*</{_TOOL}>\s*<(?:arguments|parameters|args|input|tool_input)>",
    )
)
_CLOSERS = re.compile(
    r"\s*(?:```)?\s*(?:<\|tool_call_end\|>|<\|call\|>|<\|end\|>|"
    r"</tool_call>|</function>|</(?:arguments|parameters|args|input|tool_input)>)?"
)


def gemma_calls(text: str, whole: bool) -> Iterator[Found]:
    """`<start_function_call>call:add{x:1,y:<escape>text<escape>}<end_function_call>` (FunctionGemma, Gemma 4)."""
    opening = re.compile(rf"(?:<start_function_call>|<\|tool_call>)\s*(?:call)?:(?P<name>{NAME})\s*(?=[{{(])")
    for match in opening.finditer(text):
        written = text[match.end() :]
        stop = re.search(r"<end_function_call>|<tool_call\|>", written)
        body = written[: stop.start()] if stop else written
        body = _LONE_QUOTE.sub(r'\1<|"|>\2<|"|>', body)
        body = re.sub(r"<escape>(.*?)<escape>|<\|\"\|>(.*?)<\|\"\|>", _quoted, body, flags=re.DOTALL)
        yield Found(match.start(), match.end() + (stop.end() if stop else len(written)), match["name"], _braced(body))


_LONE_QUOTE = re.compile(r"([{,(]\s*\w+\s*[:=]\s*)((?:(?!,\s*\w+\s*[:=])[^<>{}\"])+)<\|\"\|>(?=\s*[,})])")
"""A text whose opening mark Gemma 4 forgot."""


def _braced(body: str) -> str:
    """Gemma's arguments in braces, also where it wrote them in parentheses."""
    if not body.startswith("("):
        return body
    try:
        given, end = keywords(body, 1)
    except Unreadable:
        return UNREADABLE
    return UNREADABLE if body[end:].strip() else json.dumps(given, ensure_ascii=False)


def _quoted(match: re.Match[str]) -> str:
    return json.dumps(match[1] if match[1] is not None else match[2], ensure_ascii=False)


def escaped_tags(text: str, whole: bool) -> Iterator[Found]:
    """Any of these with its angle brackets written as entities."""
    if ("&lt;" in text and "<" not in text) or ("&quot;" in text and '"' not in text):
        plain = unescape(text)
        for form in (xml_parameters, key_values, marked_json, json_calls):
            found = list(form(plain, whole))
            if found:
                begin = re.search(r"&lt;|[{\[]", text)
                yield from (item._replace(start=begin.start() if begin else 0, end=len(text)) for item in found)
                return


FORMATS: tuple[Format, ...] = (
    xml_parameters,
    key_values,
    gemma_calls,
    lone_names,
    argument_blocks,
    react_calls,
    marked_json,
    python_calls,
    quoted_calls,
    json_calls,
    tags_by_name,
    escaped_tags,
)
