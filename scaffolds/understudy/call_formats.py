"""The forms in which models write tool calls into text: each finds its calls, as (where, name, raw arguments).

One function per family. None decides whether a call is meant or valid: `rescue` does, which knows the tools.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from typing import Any

from understudy.found import Found
from understudy.loose_json import Unreadable, read
from understudy.python_calls import python_calls

Format = Callable[[str, bool], Iterator[Found]]

MOST_FAILED = 100  # tags that begin nothing, before a text is taken to hold no call
UNREADABLE = "\0"
"""Arguments of a call that is there and broke off; they read as nothing, so no call of the text is taken."""

NAMES = ("name", "tool_name", "function_name", "tool", "function", "func", "action", "recipient_name")
GIVEN = ("arguments", "parameters", "args", "params", "input", "action_input", "tool_input", "kwargs", "tool_args")
WRAPPERS = ("tool_calls", "tool_call", "tool_use", "function_call", "function_calls", "calls", "tools")
_KEYS = {re.sub("_", "", key): key for key in (*NAMES, *GIVEN, *WRAPPERS)} | {
    "functionargs": "args",
    "functionarguments": "arguments",
    "functionparameters": "parameters",
    "toolarguments": "arguments",
    "toolparameters": "parameters",
}
_NAME = r"[\w.:/-]+"


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
        inner = [list(_named(item)) for item in value]
        if inner and all(inner):  # a list that holds something else is data
            yield from (call for calls in inner for call in calls)
    elif isinstance(value, dict):
        yield from _named_object(value)


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
        given = unlisted(value[key])
        if isinstance(given, str | dict):
            yield name, given
        elif given is None:
            yield name, {}
    elif name is not None and not {"name", "action"} & value.keys():
        rest = {other: given for other, given in value.items() if other not in (*NAMES, "type", "id")}
        yield name, rest  # {"tool": "add", "x": 1}
    elif len(value) == 1:
        (only, given), *_ = value.items()
        if isinstance(given, dict):
            yield only, given  # {"add": {"x": 1}}


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


def xml_parameters(text: str, whole: bool) -> Iterator[Found]:
    """`<function=add><parameter=x>1</parameter></function>` (Qwen 3 Coder, Seed) and `<invoke name="add">` (MiniMax,
    Anthropic, DeepSeek V3.2, Step), with closing tags left out."""
    opening = re.compile(
        rf"<(?P<prefix>[\w|｜:]*?)(?:function=[\"']?(?P<a>{_NAME})[\"']?|"
        rf"(?:invoke|function|function_call|tool_call|tool)\s+name\s*=\s*[\"']?(?P<b>{_NAME})[\"']?[^>]*)>"
    )
    for match, body, end in _sections(text, opening, r"</[\w|｜:]*?(?:function|invoke|function_call|tool_call|tool)>"):
        name = match["a"] or match["b"]
        if not whole and end == match.end() + len(body):
            yield Found(match.start(), end, name, UNREADABLE)
            continue
        if body.lstrip().startswith("{"):  # Llama 3: <function=add>{"x": 1}</function>
            yield Found(match.start(), end, name, body.strip())
            continue
        given = _parameters(body)
        given = given or _tagged(body) or given  # some leave `parameter=` out
        yield Found(match.start(), end, name, UNREADABLE if given is None else given)


_PARAMETER = re.compile(
    r"<[\w|｜:]*?(?:parameter=[\"']?(?P<a>[\w.-]+)[\"']?|(?:parameter|param|arg)\s+name\s*=\s*[\"']?(?P<b>[\w.-]+)[\"']?"
    r"(?P<rest>[^>]*))>(?P<value>.*?)(?P<close></[\w|｜:]*?(?:parameter|param|arg)(?:=[^>]*)?>|"
    r"(?=<[\w|｜:]*?(?:parameter=|(?:parameter|param|arg)\s+name))|(?=</)|\Z)",
    re.DOTALL,
)


def _parameters(body: str) -> dict[str, Any] | None:
    given: dict[str, Any] = {}
    matches = list(_PARAMETER.finditer(body))
    rest = _PARAMETER.sub("", body).strip()
    if rest and not re.fullmatch(r"(?:</?[^>]*>|\s)*", rest):
        return None
    for match in matches:
        name = match["a"] or match["b"]
        if name in given:
            return None
        given[name] = _value_text(match["value"])
    return given


def _value_text(value: str) -> str:
    """A value as its tags hold it: one line break at each end belongs to the layout."""
    value = value.removeprefix("\r\n").removeprefix("\n")
    return value.removesuffix("\n").removesuffix("\r")


def key_values(text: str, whole: bool) -> Iterator[Found]:
    """`<tool_call>add <arg_key>x</arg_key><arg_value>1</arg_value></tool_call>` (GLM 4.5 and later)."""
    opening = re.compile(rf"(?:<tool_call>\s*)?(?<![\w.:/-])(?P<name>{_NAME})\s*(?=<arg_key>)")
    for match, body, end in _sections(text, opening, r"</tool_call>"):
        if body.count("<arg_key>") != body.count("</arg_value>"):  # also keeps the search below linear
            yield Found(match.start(), end, match["name"], UNREADABLE)
            continue
        pairs = _PAIR.findall(body)
        rest = _PAIR.sub("", body).strip()
        given = {key.strip(): _value_text(value) for key, value in pairs}
        closed = whole or end > match.end() + len(body)
        sure = pairs and not rest and closed and len(given) == len(pairs)
        yield Found(match.start(), end, match["name"], given if sure else UNREADABLE)


_PAIR = re.compile(r"<arg_key>([^<]*)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)


_LONE = re.compile(
    rf"<tool_call>\s*(?:\{{\s*[\"']name[\"']\s*:)?\s*[\"']?(?P<name>{_NAME})[\"']?\s*\}}?\s*</tool_call>"
)


def lone_names(text: str, whole: bool) -> Iterator[Found]:
    """`<tool_call>now</tool_call>`: a tool that wants nothing (GLM)."""
    for match in _LONE.finditer(text):
        yield Found(match.start(), match.end(), match["name"], "")


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


_SEPARATOR = r"<[|｜]tool▁sep[|｜]>"
_FENCE = r"\s*(?:```(?:json)?\s*)?(?=\{)"
_GIVEN = "(?:arguments|parameters|input)"
_WITH = f"(?: with (?:the )?{_GIVEN})?"
_TOOL = "(?:name|tool|tool_name|function)"
_LABEL = r"[ \t]*\n\s{0,4}(?:\W{0,4}(?:Arg\w*|Parameters|Input)\W{0,4}:)?\W{0,4}?"
_AROUND = r"[ \t*_`#-]{0,8}"
_LABELED = (
    rf"^{_AROUND}(?i:Action|Tool|Function|Name)[ \t]?\d*[*_ ]{{0,3}}:[*_`\"' \t]{{0,8}}(?P<name>{_NAME})"
    rf"[`*_\"']{{0,3}}[ \t]*\n{_AROUND}(?i:(?:(?:Action|Tool|Function)[ _]?)?(?:Input|Arguments|Args|Parameters))"
    r"[ \t]?\d*[*_ ]{0,3}:[*_]{0,3}"
)
_MARKED = tuple(
    re.compile(pattern + _FENCE, re.DOTALL | re.MULTILINE)
    for pattern in (
        rf"<[|｜]tool▁call▁begin[|｜]>\s*(?:function\s*{_SEPARATOR})?\s*(?P<name>{_NAME})\s*(?:{_SEPARATOR})?",
        rf"<\|tool_call_begin\|>\s*(?P<name>{_NAME})\s*<\|tool_call_argument_begin\|>",
        rf"\[TOOL_CALLS\]\s*(?P<name>{_NAME})\s*(?:\[CALL_ID\]\w+)?\s*(?:\[ARGS\])?",
        rf">>>\s*(?P<name>{_NAME})\s*\n",
        rf"to=(?P<name>{_NAME})[^{{]{{0,80}}?<\|message\|>",
        rf"\bfunctions\.(?P<name>{_NAME})\s*<\|channel\|>[^{{]{{0,80}}?<\|message\|>",
        rf"\A[\s`*]{{0,8}}(?P<name>{_NAME})[`*:]{{0,4}}[ \t]*\n",
        rf"<tool_call>\s*(?P<name>{_NAME})\s*(?:\n|:|=)?",
        _LABELED,
        rf"^[ \t]*Action[ \t]*\d*[ \t]*:[ \t]*(?P<name>{_NAME})[ \t]*\[",
        rf"\A[\s`]*(?:(?:javascript|typescript|js|ts)\s+)?(?:await\s+)?(?P<name>{_NAME})\(",
        rf"(?:^|\n)\W{{0,6}}(?:Tool|Function)(?:[ _]?(?:call|name))?\W{{0,4}}:\W{{0,4}}(?P<name>{_NAME})`?{_LABEL}",
        rf"\b(?:[Cc]all|[Uu]s)(?:e|ing)? (?:the )?(?:tool|function):? `?(?P<name>{_NAME})`?{_WITH}:?",
        rf"\bto=(?P<name>{_NAME})[ \t]*(?:json|code)?",
        rf"<{_TOOL}>\s*(?P<name>{_NAME})\s*</{_TOOL}>\s*<(?:arguments|parameters|args|input|tool_input)>",
    )
)
_CLOSERS = re.compile(
    r"\s*(?:```)?\s*(?:<[|｜]tool▁call▁end[|｜]>|<\|tool_call_end\|>|<\|call\|>|<\|end\|>|"
    r"</tool_call>|</function>|</(?:arguments|parameters|args|input|tool_input)>)?"
)


def tags_by_name(text: str, whole: bool) -> Iterator[Found]:
    """`<weather><city>Rome</city></weather>`: the tool as a tag, its parameters as tags in it (Cline, Roo)."""
    at = 0
    for _ in range(MOST_FAILED):
        match = _TAG.search(text, at)
        if not match:
            return
        stop = text.find(f"</{match[1]}>", match.end())
        given = _inside(text[match.end() : stop]) if stop >= 0 and match[1] not in WRAPPERS else None
        at = match.end() if given is None else stop
        if given is not None:
            yield Found(match.start(), stop + len(match[1]) + 3, match[1], given)


_TAG = re.compile(r"<(\w+)>")


def _inside(body: str) -> str | dict[str, str] | None:
    return body.strip() if body.lstrip().startswith("{") else _tagged(body)


def _tagged(body: str) -> dict[str, str] | None:
    """The tags in a row that a text consists of; None when there is anything else, or one twice."""
    given: dict[str, str] = {}
    at = 0
    while body[at:].strip():
        match = _TAG.match(body, at + len(body[at:]) - len(body[at:].lstrip()))
        stop = body.find(f"</{match[1]}>", match.end()) if match else -1
        if not match or stop < 0 or match[1] in given or len(given) > MOST_FAILED:
            return None
        given[match[1]] = _value_text(body[match.end() : stop])
        at = stop + len(match[1]) + 3
    return given or None


def gemma_calls(text: str, whole: bool) -> Iterator[Found]:
    """`<start_function_call>call:add{x:1,y:<escape>text<escape>}<end_function_call>` (FunctionGemma, Gemma 4)."""
    opening = re.compile(rf"(?:<start_function_call>|<\|tool_call>)\s*call:(?P<name>{_NAME})\s*(?=\{{)")
    for match in opening.finditer(text):
        written = text[match.end() :]
        stop = re.search(r"<end_function_call>|<tool_call\|>", written)
        body = written[: stop.start()] if stop else written
        body = re.sub(r"<escape>(.*?)<escape>|<\|\"\|>(.*?)<\|\"\|>", _quoted, body, flags=re.DOTALL)
        yield Found(match.start(), match.end() + (stop.end() if stop else len(written)), match["name"], body)


def _quoted(match: re.Match[str]) -> str:
    return json.dumps(match[1] if match[1] is not None else match[2], ensure_ascii=False)


def tagged_arguments(text: str) -> dict[str, Any] | None:
    """Arguments that stand in tags alone, without the call around them; None where there are none."""
    if text.startswith("<arg_key>"):
        found = next(key_values(f"<tool_call>x{text}</tool_call>", True), None)
        return dict(found.arguments) if found is not None and isinstance(found.arguments, dict) else None
    return _parameters(text) if re.match(r"<(?:parameter|param|arg)[ =]", text) else None


def escaped_tags(text: str, whole: bool) -> Iterator[Found]:
    """Any of these with its angle brackets written as entities."""
    if "&lt;" in text and "<" not in text:
        plain = unescape(text)
        for form in (xml_parameters, key_values, marked_json, json_calls):
            found = list(form(plain, whole))
            if found:
                yield from (item._replace(start=0, end=len(text)) for item in found)
                return


def _sections(text: str, opening: re.Pattern[str], closing: str) -> Iterator[tuple[re.Match[str], str, int]]:
    """Each opening with its body, up to its closing, the next opening, or the end of the text."""
    matches = list(opening.finditer(text))
    for index, match in enumerate(matches):
        limit = matches[index + 1].start() if index + 1 < len(matches) else len(text)
        close = re.compile(closing).search(text, match.end(), limit)
        stop, end = (close.start(), close.end()) if close else (limit, limit)
        yield match, text[match.end() : stop], end


FORMATS: tuple[Format, ...] = (
    xml_parameters,
    key_values,
    gemma_calls,
    lone_names,
    marked_json,
    python_calls,
    quoted_calls,
    json_calls,
    tags_by_name,
    escaped_tags,
)
