"""The tests' side of split mode: errors of the candidate as errors here, and errors of the tests as facts."""

import builtins
import sys
from collections.abc import Callable
from typing import Any

Take = Callable[[Any], Any]
RUNNERS = {"pytest", "_pytest", "unittest"}  # whose errors mean something to whoever runs the tests


class Errors:
    """Classes and instances that stand for those on the other side; nothing the sender defined runs here."""

    def __init__(self, ask: Callable[..., Any], own_modules: Callable[[], set[str]]) -> None:
        self.ask, self.own_modules = ask, own_modules
        self.kinds: dict[int, type[BaseException]] = {}
        self.theirs: list[BaseException] = []
        self.their_kinds: list[type[BaseException]] = []

    def kind(self, facts: dict[str, Any]) -> type[BaseException]:
        """The class that a description means: a builtin, one of a library, one of the tests, or one made for it."""
        if "theirs" in facts:
            return self.their_kinds[int(facts["theirs"])]
        if "builtin" in facts:
            return _error_class(getattr(builtins, str(facts["builtin"]), None)) or Exception
        if facts["handle"] not in self.kinds:
            self.kinds[facts["handle"]] = self._library(str(facts["place"])) or self._made(facts)
        return self.kinds[facts["handle"]]

    def _library(self, place: str) -> type[BaseException] | None:
        """A class of a library that is loaded here too; never one of the tests or the candidate."""
        module, _, name = place.partition(":")
        if module.partition(".")[0] in self.own_modules() | RUNNERS or name.rpartition(".")[2].startswith("_"):
            return None
        found: Any = sys.modules.get(module)
        file = str(getattr(found, "__file__", None) or "")
        if not (module.partition(".")[0] in sys.stdlib_module_names or "site-packages" in file):
            return None
        for part in name.split("."):
            found = getattr(found, part, None)
        return _error_class(found)

    def _made(self, facts: dict[str, Any]) -> type[BaseException]:
        bases = tuple(dict.fromkeys(self.kind(base) for base in facts["bases"])) or (Exception,)
        members: dict[str, Any] = {
            "_remote_handle": facts["handle"], "__module__": "candidate", "__getattr__": _attribute,
            "__str__": _text, "__init__": Exception.__init__,
        }  # fmt: skip
        try:
            return type(str(facts["class"]), bases, members)
        except TypeError:  # two builtin bases that do not go together, or an order that does not
            return type(str(facts["class"]), bases[:1], members)

    def error(self, facts: dict[str, Any], take: Take) -> BaseException:
        """An error that the other side raised or returned."""
        if "back" in facts:
            return self.theirs[int(facts["back"])]
        kind, args = self.kind(facts["kind"]), tuple(take(facts["args"]))
        error = _constructed(kind, args)
        error.args = args
        own = {name: value for name, value in take(facts["vars"]).items() if name not in {"args", "facts"}}
        error.__dict__.update({str(name): value for name, value in own.items()})
        error.__dict__.update(_remote_ask=self.ask, _remote_self=facts["self"], _remote_text=str(facts["text"]))
        if "cause" in facts:
            error.__cause__ = self.error(facts["cause"], take)
        return error

    def out(self, error: BaseException, put: Take) -> dict[str, Any]:
        """What stands for an error of the tests, or for one that came from the candidate."""
        own = error.__dict__.get("_remote_self")
        if isinstance(own, int):
            return {"handle": own}
        number = next((index for index, known in enumerate(self.theirs) if known is error), len(self.theirs))
        if number == len(self.theirs):
            self.theirs.append(error)
        try:
            args = put(list(error.args))
        except Exception:
            args = put([str(error)])
        return {"their_error": number, "kind": self.out_kind(type(error)), "args": args}

    def out_kind(self, kind: type[BaseException]) -> dict[str, Any]:
        """What stands for a class of errors of the tests."""
        handle = getattr(kind, "_remote_handle", None)
        if isinstance(handle, int):
            return {"handle": handle}
        if getattr(builtins, kind.__name__, None) is kind:
            return {"n": kind.__name__}
        if kind.__module__ in sys.stdlib_module_names:
            return {"library": f"{kind.__module__}:{kind.__qualname__}"}
        if kind not in self.their_kinds:
            self.their_kinds.append(kind)
        bases = [base.__name__ for base in kind.__mro__]
        return {"their_kind": self.their_kinds.index(kind), "name": kind.__name__, "bases": bases}


def _constructed(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """An instance with what its class keeps beside its arguments, such as the number of an `OSError`."""
    if kind.__module__ != "candidate":
        try:
            return kind(*args)
        except Exception:
            pass
    try:
        return kind.__new__(kind, *args)
    except TypeError:
        return kind.__new__(kind)


def _error_class(found: object) -> type[BaseException] | None:
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _attribute(self: BaseException, name: str) -> Any:
    """What else the error has over there: properties, methods."""
    ask = self.__dict__.get("_remote_ask")
    if ask is None or (name.startswith("__") and name.endswith("__")):
        raise AttributeError(name)
    return ask("get", self.__dict__["_remote_self"], name)


def _text(self: BaseException) -> str:
    text = self.__dict__.get("_remote_text")
    return text if isinstance(text, str) else Exception.__str__(self)
