"""Tool calls and structure out of a model's text: what it plainly meant, or nothing.

`Repair`, `Tools` and the proxy use this; a bare arm does not. A call is rescued only when its tool is known and every
argument stands in the text; an argument is never invented, a call that was cut off is never completed, and a call that
the text only talks about is left alone. When one of several calls cannot be read, none is taken, since the others may
depend on it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from understudy.call_formats import FORMATS, GIVEN, NAMES, tagged_arguments, unlisted
from understudy.call_marks import has_broken_rest, is_introduced, is_marked, is_talk, without_marks
from understudy.found import Found
from understudy.loose_json import Unreadable, loads, read
from understudy.models.reasoning import part
from understudy.problem import Tool, ToolCall
from understudy.python_calls import python_source

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
        made = tuple(call for call in fixed if call is not None)
        return Rescued(calls=made, text=text, mended=made != tuple(calls))
    text = _plain_text(text) if len(text) <= LONGEST else text
    if not tools or len(text) > LONGEST:
        return Rescued(text=text)
    for form in FORMATS:
        found = _outermost(form(text, complete))
        known = [item for item in found if match_tool(item.name, tools)]
        if not known:
            continue
        if len(found) > MOST or not _meant(text, found, tools):
            return Rescued(text=text)
        made_calls = [_made(item, tools, complete) for item in found]
        if any(call is None for call in made_calls) or has_broken_rest(text, [item[:2] for item in found]):
            return None if is_marked(text) else Rescued(text=text)
        numbered = tuple(replace(call, id=f"call_{n}") for n, call in enumerate(made_calls) if call is not None)
        return Rescued(calls=numbered, text=_without(text, found), mended=True)
    return None if is_marked(text) else Rescued(text=text)


def _plain_text(text: str) -> str:
    """A text without its thinking, escapes before all of its quotes, and tags in capitals."""
    for _ in range(4):  # some models think in several blocks
        text, thought = part(text)
        if not thought:
            break
    if '\\"' in text and not re.search(r'(?<!\\)"', text):
        text = text.replace('\\"', '"')
    if re.match(r"\s*\"(?:name|tool|function)\"\s*:", text):
        text = "{" + text  # the first brace is missing
    return re.sub(r"</?TOOL_CALLS?>", lambda tag: tag[0].lower(), text).replace("[TOOL\\_CALLS]", "[TOOL_CALLS]")


def mended_call(call: ToolCall, tools: Sequence[Tool], *, complete: bool = True) -> ToolCall | None:
    """A call that the server delivered, well-formed; None when it cannot be read for sure.

    Raw arguments that are JSON already are kept to the letter, unless they stand in an envelope.
    """
    name, arguments = _split_name(call, complete)
    tool = match_tool(name, tools)
    if tool is None:
        return None
    if arguments.strip() in NOTHING:
        return None if _required(tool) else replace(call, name=tool.name, arguments="{}")
    value = read_arguments(arguments, tool, complete=complete)
    if value is None:
        return None
    kept = _is_same(arguments, value)
    return replace(call, name=tool.name, arguments=arguments if kept else json.dumps(value, ensure_ascii=False))


def read_arguments(raw: str | Mapping[str, Any], tool: Tool, *, complete: bool = True) -> dict[str, Any] | None:
    """Read the arguments of a known tool; None when they have no one meaning."""
    if isinstance(raw, str):
        try:
            value = _object(raw, tool, complete)
        except Unreadable:
            return None
    else:
        value = dict(raw)
    value = _spelled(_placed(_opened(value, tool), tool), tool)
    if value is None or not _belongs(value, tool):
        return None
    return {key: _typed(item, _schema(tool, key)) for key, item in value.items()}


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


def match_tool(name: str, tools: Sequence[Tool]) -> Tool | None:
    """The tool that a name means: itself, in another spelling, or behind a prefix; None when none or several fit."""
    name = name.rpartition(" to=")[2]  # gpt-oss: assistant<|channel|>commentary to=functions.add
    name = re.sub(r"\A<(?:function=)?|>\Z", "", name.strip().strip("`\"'"))  # <function=add>
    name = re.split(r"<\||｜|\s|\(", name, maxsplit=1)[0]  # gpt-oss: add<|channel|>commentary
    exact = [tool for tool in tools if tool.name == name]
    if exact:
        return exact[0]
    bare = re.sub(r":\d+$", "", name)  # Kimi: functions.add:0
    last = re.split(r"[.:/]|__", bare)[-1]
    for candidate in (bare, last):
        fits = [tool for tool in tools if _plain(tool.name) == _plain(candidate)]
        if len(fits) == 1:
            return fits[0]
    ends = [tool for tool in tools if re.split(r"[.:/]|__", tool.name)[-1] == bare]
    return ends[0] if len(ends) == 1 else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


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


def _object(raw: str, tool: Tool, complete: bool) -> dict[str, Any] | None:
    text = part(raw).text.strip().lstrip("\ufeff")
    tagged = tagged_arguments(text) if complete else None
    if tagged is not None:
        return tagged
    fence = re.fullmatch(r"```(?:\w+)?\s*\n?(.*?)\n?\s*```", text, re.DOTALL)
    if fence is None and text.count("```") == 2 and "{" not in text.partition("```")[0]:
        fence = re.search(r"```(?:json)?\s*\n(.*?)\n?\s*```", text, re.DOTALL)  # with words before it
    text = (fence[1] if fence else text).strip()
    text = re.sub(r"^(?:arguments|parameters|args|input|json)\s*[:=]\s*(?=\{)", "", text, flags=re.IGNORECASE)
    if "&quot;" in text and '"' not in text:
        text = text.replace("&quot;", '"').replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    text = re.sub(r"\Ab(?=['\"]\{)", "", text)  # Python's bytes
    text = re.sub(r"\s*(?:<\|[\w ]*\|>|</[\w:]+>)+\s*$", "", text)
    text = _braced(text, tool, complete)
    value: Any = _several(text, complete) if text.startswith("{") else loads(text, whole=complete)
    for _ in range(3):  # JSON inside a JSON string, as deep as models have been seen to go
        if not isinstance(value, str):
            break
        value = loads(value, whole=complete)
    value = unlisted(value)
    return value if isinstance(value, dict) else None


def _braced(text: str, tool: Tool, complete: bool) -> str:
    """Arguments that were written without their braces: as keywords of Python, as JSON, or as lines."""
    if not complete or not text or text[0] in "{[":
        return text
    call = re.fullmatch(r"(?P<name>[\w.-]+)\((?P<given>.*)\)", text, re.DOTALL)
    if call is not None and match_tool(call["name"], (tool,)) is None:
        return text
    given = call["given"] if call is not None else text
    if re.match(r"[A-Za-z_]\w*\s*=[^=]", given):
        read_calls = list(python_source(f"f({given})"))
        return json.dumps(read_calls[0][1], ensure_ascii=False) if len(read_calls) == 1 else text
    if re.match(r"[\"']\w+[\"']\s*:", given):
        return "{" + given + "}"
    lines = [re.fullmatch(r"\s*(\w+):[ \t]+([^\"'{\[\s].*?)\s*", line) for line in given.splitlines()]
    named = {line[1]: line[2] for line in lines if line is not None}
    if lines and len(named) == len(lines) and set(named) <= set(_properties(tool)):
        return json.dumps(named, ensure_ascii=False)
    return text


def _several(text: str, complete: bool) -> Any:
    """One object, or several in a row that say one thing: repeated, or empty before the real one."""
    values: list[Any] = []
    at = 0
    while at < len(text) and len(values) < 4:
        found = read(text, at, whole=complete)
        values.append(found.value)
        rest = re.sub(r"\A(?:\s*(?://|#)[^\n]*\n?)+", "", text[found.end :]).lstrip(" \n\t\r}];,`")
        at = len(text) - len(rest)
        if rest and not rest.startswith("{"):
            raise Unreadable(f"text behind the value: {rest[:40]!r}")
    different = [value for index, value in enumerate(values) if value and value not in values[:index]]
    if len(different) > 1:
        raise Unreadable("several objects that say different things")
    return different[0] if different else values[0]


def _opened(value: dict[str, Any] | None, tool: Tool) -> dict[str, Any] | None:
    """Take the arguments out of an envelope that is no parameter of the tool."""
    properties = _properties(tool)
    for _ in range(3):
        if value is None or not properties:
            return value
        inner = next((key for key in (*GIVEN, "properties") if key in value and key not in properties), None)
        if inner is None or any(key in properties for key in value) or set(value) - {inner, *NAMES, "id", "type"}:
            return value
        if inner == "properties" and value.get("type") == "object":
            return None  # a copy of the schema, not arguments
        given = value[inner]
        if isinstance(given, str):
            given = loads(given)
        value = given if isinstance(given, dict) else None
    return value


def _placed(value: dict[str, Any] | None, tool: Tool) -> dict[str, Any] | None:
    """Give a single argument by position its name, where only one parameter can be meant."""
    if value is None or not any(key.startswith("$") for key in value):
        return value
    required = _required(tool) or tuple(_properties(tool))
    (given,) = value.values() if len(value) == 1 else (None,)
    if isinstance(given, dict) and given and set(given) <= set(_properties(tool)):
        return given  # add({"x": 1})
    return {required[0]: given} if len(value) == 1 and len(required) == 1 else None


def _spelled(value: dict[str, Any] | None, tool: Tool) -> dict[str, Any] | None:
    """Give keys the spelling of the tool's own, where one parameter alone can be meant: `filePath` for `file_path`."""
    properties = _properties(tool)
    if value is None or all(key in properties for key in value):
        return value
    made: dict[str, Any] = {}
    for key, given in value.items():
        fits = [name for name in properties if _plain(name) == _plain(key)]
        own = key if key in properties or len(fits) != 1 else fits[0]
        if own in made or (own != key and own in value):
            return value
        made[own] = given
    return made


def _belongs(value: Mapping[str, Any], tool: Tool) -> bool:
    """Whether all keys are parameters of the tool; a tool that lists none takes any."""
    properties = _properties(tool)
    if "properties" not in tool.parameters:
        return True
    if tool.parameters.get("additionalProperties") not in (None, False):
        return True
    return set(value) <= set(properties)


def _typed(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value in the type that the schema wants, where that loses and adds nothing."""
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if isinstance(value, str) and "string" not in kinds and kind is not None:
        return _unquoted(value, kinds)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if kinds == ["string"]:
        return json.dumps(value)
    if kinds == ["integer"] and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def _unquoted(text: str, kinds: Sequence[Any]) -> Any:
    try:
        value = loads(text.strip())
    except Unreadable:
        return text
    if isinstance(value, bool) and "boolean" not in kinds:
        return text
    wanted = tuple(_TYPES[kind] for kind in kinds if kind in _TYPES)
    return value if any(isinstance(value, kind) for kind in wanted) else text


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
    return not behind and all(_complete(item, tools) for item in found)


def _complete(item: Found, tools: Sequence[Tool]) -> bool:
    """Whether an unmarked object has all that its tool requires, so that it is no accident."""
    tool = match_tool(item.name, tools)
    value = read_arguments(item.arguments, tool) if tool else None
    if tool is None or value is None or not all(key in value for key in _required(tool)):
        return False
    return not any(isinstance(v, dict | list) and _schema(tool, k).get("type") == "string" for k, v in value.items())


def _made(item: Found, tools: Sequence[Tool], complete: bool) -> ToolCall | None:
    tool = match_tool(item.name, tools)
    if tool is None:
        return None
    if isinstance(item.arguments, str) and not item.arguments.strip():
        value: dict[str, Any] | None = None if _required(tool) else {}
    else:
        value = read_arguments(item.arguments, tool, complete=complete)
    if value is None or (not value and _required(tool)):
        return None
    return ToolCall(name=tool.name, arguments=json.dumps(value, ensure_ascii=False))


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


def _properties(tool: Tool) -> Mapping[str, Any]:
    given = tool.parameters.get("properties")
    return given if isinstance(given, Mapping) else {}


def _required(tool: Tool) -> tuple[str, ...]:
    given = tool.parameters.get("required")
    return tuple(str(name) for name in given) if isinstance(given, list | tuple) else ()


def _schema(tool: Tool, key: str) -> Mapping[str, Any]:
    given = _properties(tool).get(key)
    return given if isinstance(given, Mapping) else {}
