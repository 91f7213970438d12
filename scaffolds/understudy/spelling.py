"""Between a scaffold and its spelling, and from a scaffold to its fingerprint.

A spelling such as `Escalate(Retry(Direct(), tries=3), On("cloud", Direct()))` is what `repr` prints, what the command
line takes and what files keep. It is read by `ast`, never by `eval`, and can name nothing but registered scaffolds: the
built-in ones and those that installed packages offer in the entry-point group `understudy.scaffolds`.
"""

import ast
import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from understudy.errors import SpellingError
from understudy.scaffold import Scaffold, is_scaffold, spelled

GROUP = "understudy.scaffolds"
LONGEST = 10_000  # characters; ast needs far more memory than text

BUILT_IN = {
    "BestOf": "understudy.bestof",
    "Direct": "understudy.direct",
    "Docs": "understudy.docs",
    "Escalate": "understudy.escalate",
    "MapReduce": "understudy.mapreduce",
    "On": "understudy.on",
    "Plan": "understudy.plan",
    "Program": "understudy.program",
    "Repair": "understudy.repair",
    "Retry": "understudy.retry",
    "Route": "understudy.route",
    "SelfRefine": "understudy.selfrefine",
    "Think": "understudy.think",
    "Tools": "understudy.tools",
    "Vote": "understudy.vote",
    "When": "understudy.route",
}
"""Name -> module of every scaffold that ships."""


def spell(scaffold: Scaffold) -> str:
    """Write a scaffold as the text that `parse` reads."""
    return spelled(scaffold)


def parse(text: str) -> Scaffold:
    """Read a scaffold from its spelling.

    Raises:
        SpellingError: It does not parse, names something unknown, or gives a setting a value that it cannot have.
    """
    value = _value(_tree(text), text)
    if not is_scaffold(value):
        raise SpellingError(f"{text!r} is a plain value. A scaffold looks like Retry(Direct(), tries=5).")
    return value  # type: ignore[no-any-return]


def known() -> tuple[str, ...]:
    """The names of all scaffolds that a spelling may use, sorted."""
    return tuple(sorted({*BUILT_IN, *_offered()}))


def fingerprint(scaffold: Scaffold) -> str:
    """Hash every field and every inner scaffold's version (SHA-256, hex): equal means the same behavior.

    Raises:
        ValueError: A field holds something that has no stable value, such as a function.
    """
    return hashlib.sha256(json.dumps(_identity(scaffold), ensure_ascii=False).encode()).hexdigest()


def _identity(value: Any) -> Any:
    if is_scaffold(value):
        kind = type(value)
        module = "" if kind.__name__ in BUILT_IN and kind.__module__.startswith("understudy.") else kind.__module__
        settings = {field.name: _identity(getattr(value, field.name)) for field in fields(value)}
        return {"scaffold": f"{module}:{kind.__qualname__}", "version": getattr(kind, "version", 1), "fields": settings}
    if isinstance(value, tuple):
        return [_identity(item) for item in value]
    if isinstance(value, Mapping):
        return {"mapping": [[_identity(key), _identity(value[key])] for key in sorted(value)]}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError(
        f"{value!r} has no stable value, so a scaffold that holds it has no fingerprint. Use a frozen dataclass made "
        "by `understudy.scaffold.scaffold`."
    )


def _tree(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise SpellingError(f"This spelling has {len(text)} characters; the limit is {LONGEST}.")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise SpellingError(
            f"{text!r} does not parse at character {error.offset}: {error.msg}. "
            "A scaffold looks like Retry(Direct(), tries=5)."
        ) from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise SpellingError(f"This spelling cannot be read: {error}.") from None


def _value(node: ast.expr, text: str) -> Any:
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return tuple(_value(element, text) for element in elements)
        case ast.Call(func=ast.Name(id=name)):
            return _call(name, node, text)
        case ast.Name(id=name):
            _class(name)
            raise SpellingError(f"{name!r} stands without parentheses. Write {name}().")
    shown = ast.get_source_segment(text.strip(), node) or text
    raise SpellingError(
        f"{shown!r} is no part of a spelling. Use scaffolds, numbers, texts, True, False, None, tuples."
    )


def _call(name: str, node: ast.Call, text: str) -> Any:
    kind = _class(name)
    settings = {field.name: field for field in fields(kind) if field.init}
    by_position = [field for field in settings.values() if not field.kw_only]
    if any(isinstance(argument, ast.Starred) for argument in node.args) or any(k.arg is None for k in node.keywords):
        raise SpellingError(f"{name} has a star in its arguments. Write every argument out.")
    if len(node.args) > len(by_position):
        raise SpellingError(
            f"{name} takes {len(by_position)} arguments by position, not {len(node.args)}. Its settings go by name: "
            f"{_listed(f.name for f in settings.values() if f.kw_only)}."
        )
    given = {field.name: _value(argument, text) for field, argument in zip(by_position, node.args, strict=False)}
    for keyword in node.keywords:
        assert keyword.arg is not None
        if keyword.arg not in settings:
            raise SpellingError(
                f"{name} has no setting {keyword.arg!r}.{_meant(keyword.arg, settings)} It has: {_listed(settings)}."
            )
        if keyword.arg in given:
            raise SpellingError(f"{name} got {keyword.arg!r} twice, by position and by name.")
        given[keyword.arg] = _value(keyword.value, text)
    needed = [n for n, f in settings.items() if n not in given and f.default is f.default_factory is MISSING]
    if needed:
        raise SpellingError(
            f"{name} needs {_listed(needed)}. For example {name}({', '.join(_example(n) for n in needed)})."
        )
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise SpellingError(str(error)) from None


def _class(name: str) -> Any:
    if name in BUILT_IN:
        return getattr(import_module(BUILT_IN[name]), name)
    offered = _offered()
    if name not in offered:
        names = {*BUILT_IN, *offered}
        raise SpellingError(f"There is no scaffold {name!r}.{_meant(name, names)} Known: {_listed(sorted(names))}.")
    kind = offered[name].load()
    if not hasattr(kind, "__dataclass_fields__"):
        raise SpellingError(f"{name!r}, offered by {offered[name].value!r}, is not made by `scaffold`.")
    return kind


def _offered() -> dict[str, Any]:
    # Reading the installed packages' metadata takes milliseconds that a built-in spelling never needs.
    from importlib.metadata import entry_points  # noqa: PLC0415

    return {point.name: point for point in entry_points(group=GROUP)}


def _meant(word: str, known: Any) -> str:
    close = get_close_matches(word.lower(), {str(name).lower(): name for name in known}, n=1, cutoff=0.6)
    names = {str(name).lower(): name for name in known}
    return f" Did you mean {names[close[0]]!r}?" if close else ""


def _listed(names: Any) -> str:
    return ", ".join(map(str, names)) or "none"


def _example(name: str) -> str:
    return '"cloud"' if name == "role" else "Direct()"
