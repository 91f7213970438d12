"""Read what small models really send: arguments of a known tool, malformed, made well-formed before validation.

Pure: data in, data out. A tool's schema says which fields there are and of what type; a `Spelling` adds what a schema
cannot say: other names of the tool and of its fields, and the field that bare text means. A well-formed call passes
unchanged, repairing twice changes nothing more, and an alias never overrides an exact key. What cannot be read is left
as it is, for validation to refuse in words. `repairing` is the MCP middleware, which sees a call before the SDK does.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING, Any, Literal, Protocol

from understudy_servers.numerals import read_integer
from understudy_servers.pasted import call_in_text
from understudy_servers.reading import (
    folded,
    is_absent,
    loaded,
    read_array,
    read_boolean,
    read_number,
    read_object,
    read_string,
)

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext

Kind = Literal["string", "integer", "number", "boolean", "array", "object", "any"]

WRAPPERS = frozenset(
    {"input", "inputs", "arguments", "argument", "args", "params", "parameters", "kwargs", "properties"}
    | {"toolinput", "toolargs", "toolarguments", "toolcall", "functioncall", "function"}
    | {"request", "payload", "data", "body"}
)
# Keys that only say which tool is meant, beside a wrapper.
NAMING = frozenset(["name", "tool", "toolname", "functionname", "recipientname", "type", "id", "action", "method"])
PASSES = 1_000  # each opens one envelope of however many; deeper JSON is not parsed in the first place
LEAST, MOST = 8, 40  # characters of a key that may be a slip of a field's name
SLIPS = 2  # letters more or less
LIKE = 0.88  # of 1: two letters exchanged, or one or two missing
SHORT_ANSWER = 3  # words; a longer one says what comes next, not whether
PYTHON_TYPES: dict[Kind, type] = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """What a tool's schema cannot say about how models write its calls.

    Attributes:
        main: the field that bare text, or a pasted call, stands for.
        names: other names of the tool; case and separators never matter and need not be listed.
        aliases: another key -> the fields it may mean, in order; the first whose type can read the value takes it.
        opposites: another key -> the boolean field it is the negation of.
        counted: integer fields that count from 1: smaller numbers become 1, or mean absent when also in `dropped`.
        dropped: integer fields where a number below 1 means absent.
        totals: field -> the field that takes the second number of "2 of 3".
        words: boolean field -> first words of a short answer that mean yes or no in this field alone.
    """

    main: str | None = None
    names: Sequence[str] = ()
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    opposites: Mapping[str, str] = field(default_factory=dict)
    counted: Sequence[str] = ()
    dropped: Sequence[str] = ()
    totals: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)


@dataclass(frozen=True)
class Shape:
    """A tool's fields with their types, and every spelling its name and fields are known by."""

    name: str
    schema: Mapping[str, Any]
    spelling: Spelling = Spelling()

    def __post_init__(self) -> None:
        properties: Mapping[str, Any] = self.schema.get("properties", {})
        keys: dict[str, tuple[str, ...]] = {folded(alias): tuple(to) for alias, to in self.spelling.aliases.items()}
        keys |= {folded(alias): (to,) for alias, to in self.spelling.opposites.items()}
        keys |= {folded(name): (name,) for name in properties}
        derived = {
            "kinds": {name: kind_of(schema) for name, schema in properties.items()},
            "choices": {name: choices_of(schema) for name, schema in properties.items()},
            "keys": keys,
            "opposed": frozenset(folded(alias) for alias in self.spelling.opposites),
            "required": frozenset(self.schema.get("required", ())),
            "names": frozenset(folded(name) for name in (self.name, *self.spelling.names)),
        }
        self.__dict__.update(derived)

    kinds: Mapping[str, Kind] = field(init=False, compare=False)
    choices: Mapping[str, Sequence[str]] = field(init=False, compare=False)
    keys: Mapping[str, tuple[str, ...]] = field(init=False, compare=False)
    opposed: frozenset[str] = field(init=False, compare=False)
    required: frozenset[str] = field(init=False, compare=False)
    names: frozenset[str] = field(init=False, compare=False)

    def fits(self, arguments: object) -> bool:
        """Say whether `arguments` are well-formed, so that nothing need be read or copied."""
        return isinstance(arguments, dict) and all(self._fits(key, value) for key, value in arguments.items())

    def _fits(self, key: str, value: object) -> bool:
        kind = self.kinds.get(key)
        if kind is None or kind == "any":
            return kind == "any"
        if kind == "string":
            if not isinstance(value, str) or (key not in self.required and is_absent(value, kind)):
                return False
            return not (key == self.spelling.main and value.lstrip()[:1] == "{") and not self.choices[key]
        if kind == "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        if not isinstance(value, PYTHON_TYPES[kind]) or (kind == "integer" and isinstance(value, bool)):
            return False
        return not (kind == "integer" and self._counts(key) and isinstance(value, int) and value < 1)

    def _counts(self, key: str) -> bool:
        return key in self.spelling.counted or key in self.spelling.dropped


def repair(shape: Shape, arguments: object) -> dict[str, Any]:
    """Give the arguments that were meant; what fits is returned as it is, what cannot be read stays for validation."""
    for _ in range(PASSES):
        if shape.fits(arguments):
            break
        before, arguments = arguments, _keyed(shape, _opened(shape, arguments))
        if arguments == before:  # every envelope is open
            arguments = _valued(shape, arguments)
            if arguments == before:
                break
    assert isinstance(arguments, dict)
    return arguments


def kind_of(schema: Mapping[str, Any]) -> Kind:
    """Give the one plain type of a field's schema; a union of several types reads as "any", which is left alone."""
    kinds = {kind for part in _parts(schema) if (kind := part.get("type", "any")) != "null"}
    if len(kinds) != 1:
        return "any"
    kind = kinds.pop()
    return kind if kind in ("string", "integer", "number", "boolean", "array", "object") else "any"


def choices_of(schema: Mapping[str, Any]) -> Sequence[str]:
    """Give the values a string field may take, or nothing when it may take any."""
    return [value for part in _parts(schema) for value in part.get("enum", ()) if isinstance(value, str)]


def _parts(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    unions = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    for part in unions or [schema]:
        types = part.get("type")
        if isinstance(types, list):
            yield from ({**part, "type": one} for one in types)
        else:
            yield part


def _opened(shape: Shape, arguments: object) -> dict[str, Any]:
    """Open one layer: JSON text, a list, bare text, or an object around the arguments."""
    if isinstance(arguments, dict):
        return _unwrapped(shape, {str(key): value for key, value in arguments.items()})
    return _layer(shape, arguments)


def _layer(shape: Shape, value: object) -> dict[str, Any]:
    """Read what should have been an object as one; never deeper than this layer, however deep the value is."""
    main = shape.spelling.main
    inner = loaded(value) if isinstance(value, str) else value
    if isinstance(inner, list) and len(inner) == 1 and isinstance(inner[0], dict | str):
        inner = inner[0]
    if isinstance(inner, dict):
        return {str(key): item for key, item in inner.items()}
    if isinstance(inner, list) and inner and all(isinstance(item, dict) for item in inner):
        pairs = [
            (item.get("name", item.get("key")), item["value"]) for item in inner if "value" in item and len(item) == 2
        ]
        if len(pairs) == len(inner):
            return {str(key): item for key, item in pairs}
        merged: dict[str, Any] = {}
        for item in inner:  # a call spread over several objects; where they disagree, the first is the call
            merged = item | merged
        return merged
    apart = call_in_text(inner if isinstance(inner, str) else value, shape.names, shape.kinds, main)
    if apart is not None:
        return apart
    said = value if inner is None else inner
    nothing = said is None or said == [] or (isinstance(said, str) and not said.strip())
    return {} if main is None or nothing else {main: said}


def _unwrapped(shape: Shape, arguments: dict[str, Any]) -> dict[str, Any]:
    """Take the arguments out of a wrapper key, or out of a whole call pasted into the main field."""
    arguments = {key: value for key, value in arguments.items() if not _is_name(shape, key, value, len(arguments))}
    for key in arguments:
        inner = _inside(shape, key, arguments)
        if inner is None:
            continue
        outer = {name: value for name, value in arguments.items() if name != key and not _names(shape, name)}
        present = {to for name, value in outer.items() if value is not None for to in _meanings(shape, name)[:1]}
        kept = {name: value for name, value in inner.items() if not {*_meanings(shape, name)[:1]} & present}
        return kept | outer
    return arguments


def _is_name(shape: Shape, key: str, value: object, count: int) -> bool:
    """Say whether an entry beside others only names the tool: `"function": "sequentialthinking"`."""
    if key in shape.kinds or not isinstance(value, str) or folded(value) not in shape.names:
        return False
    return count > 1 or folded(key) in NAMING | {"function"}


def _inside(shape: Shape, key: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Give what `arguments[key]` holds, if it is a wrapper around more arguments."""
    value, main = arguments[key], shape.spelling.main
    if key == main:
        inner = loaded(value) if isinstance(value, str) else value
        pasted = isinstance(inner, dict) and any(main in _meanings(shape, name) for name in inner)
        return _layer(shape, inner) if pasted else None
    if key in shape.kinds:
        return None
    if folded(key) not in WRAPPERS | shape.names and not (len(arguments) == 1 and _holds_main(shape, value)):
        return None
    if isinstance(value, dict | list):
        return _layer(shape, value)
    if isinstance(value, str) and (isinstance(loaded(value), dict | list) or not _has_main(shape, arguments)):
        return _layer(shape, value)
    return None


def _holds_main(shape: Shape, value: object) -> bool:
    return isinstance(value, dict) and shape.spelling.main is not None and _has_main(shape, value)


def _has_main(shape: Shape, arguments: dict[str, Any]) -> bool:
    return any(shape.spelling.main in _meanings(shape, name) for name in arguments)


def _names(shape: Shape, key: str) -> bool:
    return key not in shape.kinds and folded(key) in NAMING


def _meanings(shape: Shape, key: str) -> tuple[str, ...]:
    if key in shape.kinds:
        return (key,)
    last = re.split(r"[./:]", key)[-1]  # args.thought, 1. thought
    return shape.keys.get(folded(key)) or shape.keys.get(folded(last)) or _misspelled(shape, folded(key))


def _misspelled(shape: Shape, key: str) -> tuple[str, ...]:
    """Give the one field whose name is nearly this one: `thougthNumber`."""
    if not LEAST <= len(key) <= MOST:
        return ()
    names = [name for name in map(folded, shape.kinds) if name[0] == key[0] and abs(len(name) - len(key)) <= SLIPS]
    near = get_close_matches(key, names, n=2, cutoff=LIKE)
    return shape.keys[near[0]] if len(near) == 1 or (near and _alike(key, near[0]) > _alike(key, near[1])) else ()


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _keyed(shape: Shape, arguments: dict[str, Any]) -> dict[str, Any]:
    """Give every field its exact key. Exact keys win, then earlier aliases; unknown keys stay, at the end."""
    keyed = {key: value for key, value in arguments.items() if key in shape.kinds and not _empty(shape, key, value)}
    unknown: dict[str, Any] = {}
    for key, value in arguments.items():
        if key in shape.kinds:
            continue
        target = next((to for to in _meanings(shape, key) if to not in keyed and _readable(shape, to, value)), None)
        if target is None:
            unknown[key] = value
        elif folded(key) in shape.opposed:
            keyed[target] = not read_boolean(value)
        else:
            keyed[target] = value
    main = shape.spelling.main
    if main in shape.required and main not in keyed and len(unknown) == 1:  # its one sentence can only be that
        ((key, value),) = unknown.items()
        if isinstance(value, str) and len(value.split()) > 1 and not _names(shape, key):
            return keyed | {main: value}
    return keyed | unknown


def _empty(shape: Shape, key: str, value: object) -> bool:
    """Say whether `value` is a way of saying nothing; an empty main field is something: it is what was said."""
    if value is None or (shape.kinds[key] == "string" and (value == [] or value == {} or _is_schema(value))):
        return True
    return key not in shape.required and key != shape.spelling.main and is_absent(value, shape.kinds[key])


def _is_schema(value: object) -> bool:
    """Say whether a value is the copy of a field's schema, and says nothing."""
    if not isinstance(value, dict) or value.get("type") not in PYTHON_TYPES:
        return False
    return value.keys() <= {"type", "description", "title", "default", "minLength"}


def _readable(shape: Shape, key: str, value: object) -> bool:
    kind = shape.kinds[key]
    if is_absent(value, kind):
        return False
    if kind == "integer":
        return not isinstance(value, bool) and read_integer(value) is not None
    if kind == "boolean":
        return _answer(shape, key, value) is not None
    return not (kind == "string" and isinstance(value, bool))


def _valued(shape: Shape, arguments: dict[str, Any]) -> dict[str, Any]:
    """Read every field's value as its type; drop the ways of saying nothing."""
    valued: dict[str, Any] = {}
    for key, value in arguments.items():
        if key not in shape.kinds:
            valued[key] = value
            continue
        if _empty(shape, key, value):
            continue
        if shape.kinds[key] == "integer":
            valued |= _count(shape, key, value, arguments)
        else:
            valued[key] = _read(shape, key, value)
    return valued


def _count(shape: Shape, key: str, value: object, arguments: dict[str, Any]) -> dict[str, Any]:
    """Read an integer, and the total beside it in "2 of 3" when no total was given."""
    read = read_integer(value)
    if read is None:
        return {key: value}
    number, total = read
    if total is not None and key in shape.spelling.totals.values():  # "2 of 3" where the total belongs
        number = total
    found: dict[str, Any] = {}
    beside = shape.spelling.totals.get(key)
    if total is not None and beside is not None and arguments.get(beside) is None:
        found[beside] = total
    if number < 1 and key in shape.spelling.dropped:
        return found
    return {key: max(number, 1) if key in shape.spelling.counted else number} | found


def _read(shape: Shape, key: str, value: object) -> object:
    kind = shape.kinds[key]
    if kind == "any":
        return value
    if kind == "string":
        text = read_string(value)
        return next((choice for choice in shape.choices[key] if folded(choice) == folded(text)), text)
    readers: dict[Kind, Callable[[object], object]] = {
        "boolean": lambda said: _answer(shape, key, said),
        "number": read_number,
        "array": read_array,
        "object": read_object,
    }
    read = readers[kind](value)
    return value if read is None else read


def _answer(shape: Shape, key: str, value: object) -> bool | None:
    read = read_boolean(value)
    if read is not None or not isinstance(value, str):
        return read
    words = re.findall(r"\w+", value.casefold())
    if not 1 <= len(words) <= SHORT_ANSWER:
        return None
    known = shape.spelling.words.get(key, {})
    if words[0] == "not" and len(words) == 2 and words[1] in known:  # not finished
        return not known[words[1]]
    return known.get(words[0])


class Listed(Protocol):
    """What is needed of a listed tool; `mcp.types.Tool` has it."""

    @property
    def name(self) -> str: ...
    @property
    def input_schema(self) -> dict[str, Any]: ...


def meant(name: object, shapes: Mapping[str, Shape]) -> Shape | None:
    """Find the tool meant by `name`: exactly, then by any spelling, then by what follows a prefix such as mcp__x__."""
    if isinstance(name, str) and name in shapes:
        return shapes[name]
    parts = re.split(r"__|[./:]", str(name or ""))
    for candidate in (folded(name or ""), folded(parts[-1])):
        found = [shape for shape in shapes.values() if candidate in shape.names]
        if len(found) == 1:
            return found[0]
    return None


def repairing(
    list_tools: Callable[[], Awaitable[Iterable[Listed]]], spellings: Mapping[str, Spelling] | None = None
) -> "ServerMiddleware[Any]":
    """Make the middleware that repairs every tool call of a server.

    Args:
        list_tools: gives the tools with their schemas, for example the bound `MCPServer.list_tools`; asked once, at the
            first call.
        spellings: what the schemas cannot say, by tool name.
    """
    shapes: dict[str, Shape] = {}

    async def repair_call(ctx: "ServerRequestContext[Any, Any]", call_next: "CallNext") -> "HandlerResult":
        if ctx.method != "tools/call":
            return await call_next(ctx)
        if not shapes:
            known = spellings or {}
            for tool in await list_tools():
                shapes[tool.name] = Shape(tool.name, tool.input_schema, known.get(tool.name, Spelling()))
        params = dict(ctx.params or {})
        shape = meant(params.get("name"), shapes)
        if shape is None:
            return await call_next(ctx)
        repaired = {"name": shape.name, "arguments": repair(shape, params.get("arguments"))}
        return await call_next(replace(ctx, params=params | repaired))

    return repair_call


__all__ = ["Shape", "Spelling", "folded", "meant", "repair", "repairing"]
