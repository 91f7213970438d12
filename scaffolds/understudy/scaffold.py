"""The one shape that every scaffold has, and the decorator that makes a class one.

    @scaffold
    class Twice:
        inner: Scaffold = Direct()
        _: KW_ONLY
        temperature: float = 0.7

        async def __call__(self, problem: Problem, context: Context) -> Answer: ...

Inner scaffolds are positional, settings keyword-only. Fields are checked where a value enters: at construction.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, Protocol, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

from understudy.answer import Answer
from understudy.context import Context
from understudy.problem import Problem

C = TypeVar("C")


class Scaffold(Protocol):
    """A frozen value you call. Its fields are its settings and its inner scaffolds."""

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        """Work on `problem` through the doors of `context`."""


@dataclass_transform(frozen_default=True)
def scaffold(cls: type[C]) -> type[C]:
    """Make a class a scaffold: a frozen dataclass whose fields are checked and whose `repr` is its spelling.

    A class attribute `version` (1 where absent) is part of the fingerprint: raise it when the same settings begin to
    mean something else.
    """
    after = cls.__dict__.get("__post_init__")

    def checked(self: Any) -> None:
        _check_fields(self)
        if after is not None:
            after(self)

    cls.__post_init__ = checked  # type: ignore[attr-defined]
    cls.__repr__ = spelled  # type: ignore[method-assign]
    return dataclass(frozen=True, repr=False)(cls)


def spelled(value: Any) -> str:
    """Write a scaffold as the code that makes it: inner scaffolds by position, settings by name, defaults left out."""
    positional: list[tuple[str, bool]] = []
    settings: list[str] = []
    for field in fields(value):
        given = getattr(value, field.name)
        if not field.kw_only:
            positional.append((repr(given), given == field.default))
        elif given != field.default:
            settings.append(f"{field.name}={given!r}")
    while positional and positional[-1][1]:
        positional.pop()
    return f"{type(value).__name__}({', '.join([*(text for text, _ in positional), *settings])})"


def inner_scaffolds(value: Any) -> Iterator[Any]:
    """Yield a scaffold and all that it holds, outermost first."""
    yield value
    for held in held_by(value):
        yield from inner_scaffolds(held)


def held_by(value: Any) -> Iterator[Any]:
    """Yield the scaffolds that a scaffold holds itself, in the order of its fields."""
    for field in fields(value):
        given = getattr(value, field.name)
        for item in given if isinstance(given, tuple) else (given,):
            if is_scaffold(item):
                yield item


def servers_of(value: Any) -> set[str]:
    """The names of the tool servers that a tree calls: those a class names as `server`, or a setting as `servers`."""
    names: set[str] = set()
    for held in inner_scaffolds(value):
        names |= {held.server} if hasattr(held, "server") else set()
        names |= set(getattr(held, "servers", ()))
    return names


def contains(value: Any, kind: type) -> bool:
    """Whether a scaffold of this class is in the tree."""
    return any(isinstance(held, kind) for held in inner_scaffolds(value))


def is_scaffold(value: Any) -> bool:
    """Whether a value can be used as one: a dataclass instance that is called with a problem and a context."""
    return hasattr(type(value), "__dataclass_fields__") and callable(value)


_hints: dict[type, dict[str, Any]] = {}


def _check_fields(value: Any) -> None:
    hints = _hints.get(type(value))
    if hints is None:
        hints = _hints[type(value)] = get_type_hints(type(value))
    for field in fields(value):
        given = getattr(value, field.name)
        if not _fits(given, hints[field.name]):
            raise ValueError(
                f"{type(value).__name__} needs {_words(hints[field.name])} for {field.name!r}, not {given!r}."
            )


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, choice) for choice in arguments)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in arguments)
    if origin is tuple:
        return isinstance(value, tuple) and _tuple_fits(value, arguments)
    if hint is Scaffold:
        return is_scaffold(value)
    if hint in (int, float) and isinstance(value, bool):
        return False
    if hint is float:
        return isinstance(value, int | float) and isfinite(value)  # nan and inf have no spelling
    return hint is Any or isinstance(value, origin or hint)


def _tuple_fits(value: tuple[Any, ...], arguments: tuple[Any, ...]) -> bool:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return all(_fits(item, arguments[0]) for item in value)
    return len(value) == len(arguments) and all(map(_fits, value, arguments))


def _words(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_words(choice) for choice in arguments)
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin is tuple:
        return f"a tuple of {_words(arguments[0])}"
    names = {int: "a whole number", float: "a number", str: "a text", bool: "True or False", NoneType: "None"}
    return "a scaffold" if hint is Scaffold else names.get(hint, getattr(hint, "__name__", str(hint)))
