"""The candidate's side of split mode: its errors as facts, and those of the tests as errors. Nothing is trusted."""

import builtins
import inspect
from collections.abc import Callable
from typing import Any

MAX_CAUSES = 5


class Errors:
    """What stands for errors that cross, in both directions."""

    def __init__(self, keep: Callable[[Any], int]) -> None:
        self.keep = keep
        self.theirs: dict[int, BaseException] = {}
        self.their_kinds: dict[int, type[BaseException]] = {}

    def facts(self, error: BaseException, out: Callable[[Any], Any], depth: int = 0) -> dict[str, Any]:
        """All that the tests may want to know of an error."""
        number = next((number for number, known in self.theirs.items() if known is error), None)
        if number is not None:
            return {"back": number}
        facts: dict[str, Any] = {"self": self.keep(error), "kind": self.kind(type(error)), "text": _text(error)}
        plain = {name: value for name, value in vars(error).items() if name[:2] != "__"}
        for name, value in (("args", list(error.args)), ("vars", plain)):
            try:
                facts[name] = out(value)
            except Exception:
                facts[name] = out([] if name == "args" else {})
        if error.__cause__ is not None and depth < MAX_CAUSES:
            facts["cause"] = self.facts(error.__cause__, out, depth + 1)
        return facts

    def kind(self, kind: type[BaseException]) -> dict[str, Any]:
        """The class of an error: a builtin by its name, one of a library by its place, ours with its bases."""
        number = next((number for number, known in self.their_kinds.items() if known is kind), None)
        if number is not None:
            return {"theirs": number}
        if getattr(builtins, kind.__name__, None) is kind:
            return {"builtin": kind.__name__}
        bases = [self.kind(base) for base in kind.__bases__ if issubclass(base, BaseException)]
        place = f"{kind.__module__}:{kind.__qualname__}"
        return {"handle": self.keep(kind), "class": kind.__name__, "place": place, "bases": bases}

    def their_kind(self, data: dict[str, Any]) -> type[BaseException]:
        number = data["their_kind"]
        if number not in self.their_kinds:
            self.their_kinds[number] = type(str(data["name"]), (_builtin(data["bases"]),), {"__module__": "tests"})
        return self.their_kinds[number]

    def rebuilt(self, data: dict[str, Any], take: Callable[[Any], Any]) -> BaseException:
        """An error of the tests, the same object each time it comes."""
        number = data["their_error"]
        if number not in self.theirs:
            kind = take(data["kind"])
            error = kind.__new__(kind)
            error.args = tuple(take(data["args"]))
            self.theirs[number] = error
        return self.theirs[number]


def _builtin(names: list[str]) -> type[BaseException]:
    found = (getattr(builtins, str(name), None) for name in names)
    return next((kind for kind in found if isinstance(kind, type) and issubclass(kind, BaseException)), Exception)


def _text(error: BaseException) -> str:
    try:
        return str.__str__(str(error))
    except Exception:
        return ""


def signature(parameters: list[list[Any]]) -> inspect.Signature:
    """The parameters of a function of the tests: name, kind, and whether there is a default."""
    kinds = list(inspect._ParameterKind)
    empty = inspect.Parameter.empty
    made = [
        inspect.Parameter(str(name), kinds[kind], default=None if optional else empty)
        for name, kind, optional in parameters
    ]
    return inspect.Signature(made)
