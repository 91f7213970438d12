"""The arguments of a call of a known tool: what the model wrote, as it stands there, or nothing."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from understudy.call_formats import GIVEN, NAMES, unlisted
from understudy.call_tags import tagged_arguments, tags_in_a_row
from understudy.loose_json import Unreadable, loads, read
from understudy.models.reasoning import part
from understudy.problem import Tool
from understudy.python_calls import python_source


def read_arguments(raw: str | Mapping[str, Any], tool: Tool, *, complete: bool = True) -> dict[str, Any] | None:
    """Read the arguments of a known tool; None when they have no one meaning."""
    if isinstance(raw, str):
        try:
            value = _object(raw, tool, complete)
        except Unreadable:
            return None
    else:
        value = dict(raw)
    try:
        value = _spelled(_placed(_opened(value, tool), tool), tool)
    except Unreadable:
        return None
    if value is None or not _belongs(value, tool):
        return None
    return {key: _typed(item, schema_of(tool, key)) for key, item in value.items()}


def match_tool(name: str, tools: Sequence[Tool]) -> Tool | None:
    """The tool that a name means: itself, in another spelling, or behind a prefix; None when none or several fit."""
    name = name.rpartition(" to=")[2]  # gpt-oss: assistant<|channel|>commentary to=functions.add
    name = re.sub(r"\A<(?:function=)?|>\Z", "", name.strip().strip("`\"'"))  # <function=add>
    spaced = (
        [tool for tool in tools if _plain(tool.name) == _plain(name)] if re.fullmatch(r"\w+(?: \w+)+", name) else []
    )
    name = re.split(r"<\||｜|\s|\(", name, maxsplit=1)[0]  # gpt-oss: add<|channel|>commentary
    exact = [tool for tool in tools if tool.name == name] or (spaced if len(spaced) == 1 else [])
    if exact:
        return exact[0]
    bare = re.sub(r":\d+$", "", name)  # Kimi: functions.add:0
    last = re.split(r"[.:/]|__", bare)[-1]
    for candidate in (bare, last):
        fits = [tool for tool in tools if _plain(tool.name) == _plain(candidate)]
        if len(fits) == 1:
            return fits[0]
    ends = [tool for tool in tools if re.split(r"[.:/]|__", tool.name)[-1] == bare]
    if len(ends) != 1 and re.match(r"(?:mcp|functions?|default_api|tools?)[_-]\D", bare):  # mcp_server_add
        ends = [tool for tool in tools if re.search(rf"[_-]{re.escape(tool.name)}\Z", bare)]
    return ends[0] if len(ends) == 1 else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _object(raw: str, tool: Tool, complete: bool) -> dict[str, Any] | None:
    text = part(raw).text.strip().lstrip("\ufeff")
    tagged = tagged_arguments(text) if complete else None
    if tagged is not None:
        return tagged
    fence = re.fullmatch(r"```(?:\w+)?\s*\n?(.*?)\n?\s*```", text, re.DOTALL)
    if fence is None and text.count("```") == 2 and "{" not in text.partition("```")[0]:
        fence = re.search(r"```(?:json)?\s*\n(.*?)\n?\s*```", text, re.DOTALL)  # with words before it
    text = (fence[1] if fence else text).strip()
    text = re.sub(r"\A[\w ]{1,80}[:=]\s*(?=\{)", "", text)  # arguments: {…}
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
        if len(read_calls) == 1:
            return json.dumps(read_calls[0][1], ensure_ascii=False)
    if re.match(r"[\"']\w+[\"']\s*:", given):
        return "{" + given + "}"
    lines = [_NAMED_LINE.fullmatch(line) for line in given.splitlines()]
    named = {line[1]: line[2] for line in lines if line is not None}
    if lines and len(named) == len(lines) and set(named) <= set(properties_of(tool)):
        return json.dumps(named, ensure_ascii=False)
    return text


_NAMED_LINE = re.compile(r"\s*(\w+)(?::[ \t]+|[ \t]*=[ \t]*(?=[^=,]*\Z))([^\"'{\[\s].*?)\s*")


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
    properties = properties_of(tool)
    for _ in range(3):
        if value is None or not properties:
            return value
        inner = next((key for key in (*GIVEN, "properties", tool.name) if key in value and key not in properties), None)
        if inner is None or any(key in properties for key in value) or set(value) - {inner, *NAMES, "id", "type"}:
            return value
        if inner == "properties" and value.get("type") == "object":
            return None  # a copy of the schema, not arguments
        given = value[inner]
        if isinstance(given, str):
            given = tags_in_a_row(given) if given.lstrip().startswith("<") else loads(given)
        value = given if isinstance(given, dict) else None
    return value


def _placed(value: dict[str, Any] | None, tool: Tool) -> dict[str, Any] | None:
    """Give a single argument by position its name, where only one parameter can be meant."""
    if value is None or not any(key.startswith("$") for key in value):
        return value
    required = required_of(tool) or tuple(properties_of(tool))
    (given,) = value.values() if len(value) == 1 else (None,)
    if isinstance(given, dict) and given and set(given) <= set(properties_of(tool)):
        return given  # add({"x": 1})
    return {required[0]: given} if len(value) == 1 and len(required) == 1 else None


def _spelled(value: dict[str, Any] | None, tool: Tool) -> dict[str, Any] | None:
    """Give keys the spelling of the tool's own, where one parameter alone can be meant: `filePath` for `file_path`."""
    properties = properties_of(tool)
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
    properties = properties_of(tool)
    if "properties" not in tool.parameters:
        return True
    if tool.parameters.get("additionalProperties") not in (None, False):
        return True
    return set(value) <= set(properties)


def _alone(value: Any, schema: Mapping[str, Any]) -> Any:
    """A single value without the schema that some models copy around it: `{"type": "string", "value": "Rome"}`."""
    kinds = schema.get("type")
    if not isinstance(value, dict) or "object" in (kinds if isinstance(kinds, list) else [kinds or "object"]):
        return value
    return value["value"] if "value" in value and set(value) <= {"type", "value", "description", "title"} else value


def _typed(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value in the type that the schema wants, where that loses and adds nothing."""
    value = _alone(value, schema)
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if isinstance(value, str) and "string" not in kinds and kind is not None:
        value = _unquoted(value, kinds)
    if isinstance(value, dict | list | str):
        return _typed_inside(value, schema, kinds)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if kinds == ["string"]:
        return json.dumps(value)
    if kinds == ["integer"] and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _typed_inside(value: Any, schema: Mapping[str, Any], kinds: Sequence[Any]) -> Any:
    """Objects and lists item by item; one text alone where a list of texts is wanted."""
    items = _mapping(schema.get("items"))
    if isinstance(value, dict):
        inner = _mapping(schema.get("properties"))
        return {key: _typed(item, _mapping(inner.get(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item, items) for item in value]
    alone = kinds == ["array"] and items.get("type", "string") == "string" and not re.search(r"[,;\n\[\]{}]", value)
    return [value] if alone and value.strip() else value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def _unquoted(text: str, kinds: Sequence[Any]) -> Any:
    if kinds == ["boolean"] and text.strip().lower() in ("yes", "no"):
        return text.strip().lower() == "yes"
    try:
        value = loads(text.strip())
    except Unreadable:
        return text
    if isinstance(value, bool) and "boolean" not in kinds:
        return text
    wanted = tuple(_TYPES[kind] for kind in kinds if kind in _TYPES)
    return value if any(isinstance(value, kind) for kind in wanted) else text


def properties_of(tool: Tool) -> Mapping[str, Any]:
    given = tool.parameters.get("properties")
    return given if isinstance(given, Mapping) else {}


def required_of(tool: Tool) -> tuple[str, ...]:
    given = tool.parameters.get("required")
    return tuple(str(name) for name in given) if isinstance(given, list | tuple) else ()


def schema_of(tool: Tool, key: str) -> Mapping[str, Any]:
    given = properties_of(tool).get(key)
    return given if isinstance(given, Mapping) else {}
