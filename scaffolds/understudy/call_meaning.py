"""Which calls a value means, however its keys are named: the names and parameters of the tools say it.

For values that no family's own form explains: `{"method": "add", "payload": {"x": 1}}`, YAML, tags in tags.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from understudy.call_arguments import match_tool, properties_of
from understudy.call_formats import GIVEN, NAMES, unlisted, without_parts
from understudy.call_tags import WRAPPERS
from understudy.loose_json import Unreadable, loads
from understudy.problem import Tool

DEEPEST = 8
NAMED = {re.sub(r"\W|_", "", key) for key in NAMES} | {
    *("fn", "method", "operation", "op", "command", "call", "api", "apiname", "endpoint", "toolcall", "functioncall"),
    *("tooltouse", "toolid", "toolused", "selectedtool", "use", "invoke", "skill", "plugin", "intent", "recipient"),
    *("nextaction", "actionname", "methodname", "callname", "toolrequest", "tool", "function"),
}
ASIDE = {
    *("id", "type", "callid", "toolcallid", "index", "role", "content", "status", "jsonrpc", "thought", "thoughts"),
    *("reason", "reasoning", "rationale", "explanation", "comment", "server", "servername", "version", "analysis"),
    *("currentstate", "state", "memory", "goal", "nextgoal", "evaluation", "finishreason", "model", "object"),
    *(
        "plan",
        "observation",
        "message",
        "text",
        "intent",
        "confidence",
        "thinking",
        "stop",
        "finishreason",
        "namespace",
    ),
}
"""Keys that say something beside a call, not what it is given."""
AROUND = {
    re.sub(r"\W|_", "", key) for key in (*WRAPPERS, "action", "actions", "response", "output", "step", "next")
} | {
    *(
        "params",
        "choices",
        "message",
        "delta",
        "function",
        "functions",
        "tool",
        "command",
        "commands",
        "requests",
        "request",
        "invocation",
        "steps",
        "data",
    ),
}
_PLACEHOLDER = re.compile(
    r"\W*(?:str|string|int|integer|number|float|bool|boolean|array|list|object|dict|any|required|optional|value)\W*|"
    r".*\((?:required|optional|string|integer|number|boolean)[^)]*\).*",
    re.IGNORECASE,
)


def calls_meant(value: Any, tools: Sequence[Tool], *, marked: bool, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Names and arguments of the calls in a value; none where anything beside them is unexplained."""
    if depth > DEEPEST:
        return
    if isinstance(value, str) and depth and value.lstrip().startswith("{"):
        try:
            value = loads(value)
        except Unreadable:
            return
    if isinstance(value, list):
        inner = [list(calls_meant(item, tools, marked=marked, depth=depth + 1)) for item in without_parts(value)]
        if inner and all(inner):
            yield from (call for calls in inner for call in calls)
    elif isinstance(value, Mapping):
        call = _named(value, tools, marked) or _keyed(value, tools)
        if call is not None:
            yield call
            return
        yield from _wrapped(value, tools, marked, depth)


def is_placeholder(value: Any) -> bool:
    """Whether a text describes an argument and is none: `string`, `the city (required)`."""
    return isinstance(value, str) and _PLACEHOLDER.fullmatch(value) is not None


def _plain(key: Any) -> str:
    return re.sub(r"\W|_", "", str(key)).lower()


def _named(value: Mapping[str, Any], tools: Sequence[Tool], marked: bool) -> tuple[str, Any] | None:
    """`{"method": "add", "payload": {…}}`, or with the arguments beside the name."""
    names = [
        key for key, item in value.items() if _plain(key) in NAMED and isinstance(item, str) and match_tool(item, tools)
    ]
    tool = match_tool(value[names[0]], tools) if len(names) == 1 else None
    if tool is None:
        return None
    rest = {key: item for key, item in value.items() if key not in names}
    own = {_plain(key) for key in properties_of(tool)}
    flat = {key: item for key, item in rest.items() if _plain(key) in own}
    beside = {key: item for key, item in rest.items() if key not in flat}
    holders = [key for key, item in beside.items() if _fits(item, own) or _plain(key) in _GIVEN]
    if any(_plain(key) not in ASIDE or isinstance(beside[key], Mapping) for key in beside if key not in holders):
        return None
    if len(holders) == 1 and not flat:
        given = unlisted(beside[holders[0]])
        return (tool.name, {} if given is None else given) if isinstance(given, str | Mapping | None) else None
    clear = marked or not {_plain(key) for key in names} & {"name", "action", "command", "intent", "type"}
    return (tool.name, flat) if not holders and flat and clear else None


_GIVEN = {re.sub(r"\W|_", "", key) for key in GIVEN} | {
    "payload",
    "argument",
    "toolparams",
    "inputs",
    "values",
    "options",
}


def _fits(item: Any, own: set[str]) -> bool:
    """Whether a value holds nothing but parameters of a tool."""
    if isinstance(item, str) and item.lstrip().startswith("{"):
        try:
            item = loads(item)
        except Unreadable:
            return False
    return isinstance(item, Mapping) and bool(item) and {_plain(key) for key in item} <= own


def _keyed(value: Mapping[str, Any], tools: Sequence[Tool]) -> tuple[str, Any] | None:
    """`{"add": {"x": 1}}`, perhaps with a thought beside it."""
    keys = [key for key, item in value.items() if isinstance(item, Mapping) and match_tool(str(key), tools)]
    rest = [key for key in value if key not in keys]
    if len(keys) != 1 or any(_plain(key) not in ASIDE for key in rest):
        return None
    return str(keys[0]), value[keys[0]]


def _wrapped(value: Mapping[str, Any], tools: Sequence[Tool], marked: bool, depth: int) -> Iterator[tuple[str, Any]]:
    """Calls under one key that says "calls", with nothing beside it that could be one."""
    holders = [key for key, item in value.items() if _plain(key) in AROUND and isinstance(item, list | Mapping)]
    if len(holders) != 1:
        return
    for key, item in value.items():
        if key not in holders and _plain(key) not in (ASIDE if isinstance(item, list | Mapping) else ASIDE | NAMED):
            return
    yield from calls_meant(value[holders[0]], tools, marked=marked, depth=depth + 1)
