"""Calls that no family's form explains, found by the names of the tools: in JSON under any keys, in tags, in lines, and
as a name with its arguments behind it.

They are looked for after all forms of `call_formats`, and only where the whole of what was written can be explained.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from understudy.call_arguments import match_tool, properties_of
from understudy.call_lines import lines_value
from understudy.call_marks import is_introduced, is_marked, without_marks
from understudy.call_meaning import calls_meant, is_placeholder
from understudy.call_tags import MOST_FAILED, tagged_arguments
from understudy.found import Found
from understudy.keyword_calls import keywords
from understudy.loose_json import Unreadable, read
from understudy.problem import Tool

ToolFormat = Callable[[str, bool, Sequence[Tool]], Iterator[Found]]


def json_by_tool(text: str, whole: bool, tools: Sequence[Tool]) -> Iterator[Found]:
    """`{"method": "add", "payload": {"x": 1}}`: a tool's name under one key, its arguments under another."""
    marked = is_marked(text)
    at = failed = 0
    most = max(20, 2_000_000 // (len(text) + 1))
    while failed < most and (match := _BEGINS.search(text, at)) is not None:
        try:
            found = read(text, match.start(), whole=whole)
        except Unreadable:
            at, failed = match.start() + 1, failed + 1
            continue
        at = max(found.end, match.start() + 1)
        for name, given in calls_meant(found.value, tools, marked=marked):
            yield Found(match.start(), found.end, name, given)


_BEGINS = re.compile(r"[\[{［｛]")


def lines_by_tool(text: str, whole: bool, tools: Sequence[Tool]) -> Iterator[Found]:
    """`tool: add` and lines of its arguments: YAML, TOML, bullets, labels in bold."""
    if not whole:
        return  # no line says that it was the last one
    fences = list(_FENCED.finditer(text))
    start = _FIRST.search(text)
    spans = [(fence.start("body"), fence.end("body")) for fence in fences]
    spans += [(start.start(), len(text))] if start and not fences else []
    for begin, end in spans:
        body = text[begin:end]
        plain = without_marks(body)
        try:
            value = lines_value(plain)
        except Unreadable:
            continue
        for name, given in calls_meant(value, tools, marked=is_marked(text)):
            if isinstance(given, Mapping) and any(is_placeholder(item) for item in given.values()):
                return
            yield Found(begin, end, name, given)


_FENCED = re.compile(r"```[\w-]*[ \t]*\n(?P<body>[^`]+?)(?:```|\Z)")
_FIRST = re.compile(
    r"^[ \t]*(?:\[{1,2}[ \t]*)?(?:[-*][ \t])?[*_`\"]{0,3}"
    r"(?i:(?:tool|function|action|call|method|api)(?:[ _-]?(?:name|calls?|use|request))?|name|fn)"
    r"[*_`\"]{0,3}[ \t]*(?:[:=]|\])",
    re.MULTILINE,
)


def tags_by_tool(text: str, whole: bool, tools: Sequence[Tool]) -> Iterator[Found]:
    """A tool as a tag, as an attribute or as the text of a tag, with its arguments as tags, attributes or JSON."""
    at = 0
    for _ in range(MOST_FAILED):
        match = _TAG.search(text, at)
        if match is None:
            return
        at = match.end()
        body, end = _body(text, match, whole)
        call = _tagged_call(match, body, tools) if body is not None else None
        if call is not None:
            yield Found(match.start(), end, *call)
            at = end


_ATTRIBUTE = r"[\w:-]{1,40}\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*')"
_TAG = re.compile(rf"<(?P<tag>[A-Za-z_][\w.:-]{{0,80}})(?P<given>(?:\s+{_ATTRIBUTE})*)\s*(?P<closed>/?)>")
_PAIR = re.compile(r"([\w:-]{1,40})\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)')")
_CALLED = {"name", "tool_name", "function_name", "tool", "function", "action", "id", "method"}
_BESIDE = {"id", "type", "index", "call_id", "server"}
_HOLDS = {"arguments", "parameters", "args", "params", "input", "tool_input", "parameter_list", "kwargs"}
_ONE = {"parameter", "param", "arg", "argument", "property", "field", "input", "option"}


def _body(text: str, match: re.Match[str], whole: bool) -> tuple[str | None, int]:
    """What a tag holds, and where it ends; None where its end is not known."""
    if match["closed"]:
        return "", match.end()
    stop = text.find(f"</{match['tag']}>", match.end())
    if stop < 0:
        return (text[match.end() :], len(text)) if whole else (None, match.end())
    return text[match.end() : stop], stop + len(match["tag"]) + 3


def _tagged_call(match: re.Match[str], body: str, tools: Sequence[Tool]) -> tuple[str, Any] | None:
    given = {pair[1]: pair[2] if pair[2] is not None else pair[3] for pair in _PAIR.finditer(match["given"])}
    tool = match_tool(match["tag"], tools)
    if tool is None:
        named = [key for key, value in given.items() if key in _CALLED and match_tool(value, tools)]
        tool = match_tool(given.pop(named[0]), tools) if len(named) == 1 else None
    if tool is None:
        return _call_by_child(body, tools)
    given = {key: value for key, value in given.items() if key in properties_of(tool) or key not in _BESIDE}
    inner = _arguments(body, tool)
    if inner is None or (isinstance(inner, str) and given):
        return None
    return tool.name, inner if isinstance(inner, str) else given | dict(inner)


def _call_by_child(body: str, tools: Sequence[Tool]) -> tuple[str, Any] | None:
    """`<name>add</name><arguments>…</arguments>` inside of any tag."""
    children = _children(body)
    named = [key for key, value in (children or {}).items() if key in _CALLED and match_tool(value.strip(), tools)]
    tool = match_tool(children[named[0]].strip(), tools) if children and len(named) == 1 else None
    if tool is None or children is None:
        return None
    rest = {key: value for key, value in children.items() if key not in (*named, "server_name", "id", "type")}
    if len(rest) == 1 and set(rest) <= _HOLDS:
        return _with(tool, _arguments(next(iter(rest.values())), tool))
    return tool.name, rest


def _with(tool: Tool, given: str | Mapping[str, Any] | None) -> tuple[str, Any] | None:
    return None if given is None else (tool.name, given)


def _arguments(body: str, tool: Tool) -> str | Mapping[str, Any] | None:
    """Arguments inside of a call's tag; None where there is anything else."""
    text = body.strip()
    if not text:
        return {}
    if text.startswith("{"):
        return text
    tagged = tagged_arguments(text)
    if tagged is not None:
        return tagged
    children = _children(text)
    if children is not None and len(children) == 1 and next(iter(children)) in _HOLDS - set(properties_of(tool)):
        return _arguments(next(iter(children.values())), tool)
    return children


def _children(body: str) -> dict[str, str] | None:
    """The tags in a row that a text consists of, by tag or by their name; None when there is anything else."""
    given: dict[str, str] = {}
    at = 0
    while body[at:].strip():
        at += len(body[at:]) - len(body[at:].lstrip())
        match = _TAG.match(body, at)
        if match is None or match["closed"] or len(given) > MOST_FAILED:
            return None
        inner, at = _body(body, match, False)
        key, inner = _named_child(match, inner)
        if inner is None or key in given:
            return None
        given[key] = inner.removeprefix("\n").removesuffix("\n")
    return given or None


def _named_child(match: re.Match[str], inner: str | None) -> tuple[str, str | None]:
    """`<param name="x">1</param>`, `<param><name>x</name><value>1</value></param>` give `x`; other tags give theirs."""
    named = _PAIR.search(match["given"])
    if inner is None or match["tag"] not in _ONE:
        return match["tag"], inner
    if named:
        return named[2] or named[3] or "", inner
    pair = _PARTS.fullmatch(inner)
    return (pair["key"], pair["value"]) if pair else (match["tag"], inner)


_PARTS = re.compile(r"\s*<(?:name|key)>\s*(?P<key>[\w.-]{1,80})\s*</(?:name|key)>\s*<value>(?P<value>[^<]*)</value>\s*")


def named_by_tool(text: str, whole: bool, tools: Sequence[Tool]) -> Iterator[Found]:
    """A tool's name and, behind any marks and labels, its arguments: `[Tool call: add] {"x": 1}`, `add[ARGS]{…}`."""
    if not whole or _PROGRAM.search(text):
        return
    calls: list[Found] = []
    at = failed = 0
    most = max(20, 2_000_000 // (len(text) + 1))
    known: dict[str, Tool | None] = {}
    for word in _WORD.finditer(text):
        if word.start() < at or failed > most:
            continue
        if word[0] not in known:
            known[word[0]] = match_tool(word[0], tools)
        tool = known[word[0]]
        behind = _given_behind(text, word.end(), tool) if tool else _called(text, word, tools)
        if behind is None:
            failed += tool is not None
            continue
        name, given, end = behind
        begin = max(at, word.start() - 80)
        prefix = _PREFIX.search(text[begin : word.start()])
        start = begin + prefix.start() if prefix else word.start()
        if calls and not is_introduced(text[at:start].strip(" \t\n,;")):
            return  # prose between two calls
        calls.append(Found(start, end, name, given))
        at = end
    yield from calls


_WORD = re.compile(r"[A-Za-z_]\w{0,80}(?:(?:[.:/-]|::)\w{1,80}){0,6}")
_PREFIX = re.compile(r"(?:[`*\"'(<\[{@]|\b(?:await|default_api\.|functions\.)[ \t]*){0,6}\Z")
_PROGRAM = re.compile(
    r"```(?:bash|sh|shell|zsh|console|diff|python|py|javascript|typescript|js|ts|java|go|rust|c|html)\b|"
    r"^[ \t]*(?:def \w+\(|class \w+|import \w+|from \w+ import|return |assert |async def )",
    re.MULTILINE,
)
_CONNECT = re.compile(
    r"(?:[\s`*\"'\]>:=,|]|-(?=>)|→|<\|\w{1,40}\|>|\[(?:ARGS|CALL_ID)\]\w{0,40}+|</?\w{1,20}>|```\w{0,12}|"
    r"\b(?i:with|the|following|these|arguments?|args|param(?:eter)?s?|(?:tool|action)[ _]input|inputs?|kwargs|json|"
    r"code|commentary|payload|and|as)\b){0,40}+"
)
_CALLER = re.compile(r"(?:\w+\.)*\w*(?:tool|function|call|invoke|execute)\w*", re.IGNORECASE)


def _called(text: str, word: re.Match[str], tools: Sequence[Tool]) -> tuple[str, Any, int] | None:
    """`call_tool("add", {"x": 1})`, `ToolCall(name="add", arguments={"x": 1})`: one call that holds another."""
    if not text.startswith("(", word.end()) or not _CALLER.fullmatch(word[0]):
        return None
    try:
        given, end = keywords(text, word.end() + 1)
    except Unreadable:
        return None
    named = {{"$0": "name", "$1": "arguments"}.get(key, key): value for key, value in given.items()}
    calls = list(calls_meant(named, tools, marked=True))
    return (*calls[0], end) if len(calls) == 1 else None


def _given_behind(text: str, at: int, tool: Tool) -> tuple[str, Any, int] | None:
    """The arguments that stand behind a name, and where they end."""
    connected = _CONNECT.match(text, at)
    begin = connected.end() if connected else at
    try:
        if text.startswith("(", begin):
            return (tool.name, *keywords(text, begin + 1))
        if not text.startswith(("{", "[", "｛"), begin):
            return _lines_behind(text, text.rfind("\n", at, begin) + 1, tool)
        found = read(text, begin)
    except Unreadable:
        return None
    value = found.value[0] if isinstance(found.value, list) and len(found.value) == 1 else found.value
    if isinstance(value, list) or (not isinstance(value, dict) and value is found.value):
        return None
    return tool.name, value if isinstance(value, dict) else {"$0": value}, found.end


def _lines_behind(text: str, begin: int, tool: Tool) -> tuple[str, Any, int] | None:
    """Arguments as lines or bullets below a name, up to the end of the text."""
    begin = begin or len(text)
    value = lines_value(without_marks(text[begin:])) if text[begin:].strip() else None
    own = properties_of(tool)
    if not isinstance(value, Mapping) or not set(value) <= set(own) or any(is_placeholder(v) for v in value.values()):
        return None
    return tool.name, dict(value), len(text)


BY_TOOL: tuple[ToolFormat, ...] = (json_by_tool, tags_by_tool, named_by_tool)
