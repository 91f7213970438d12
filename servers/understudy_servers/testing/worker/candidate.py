"""The candidate's side of split mode: it answers calls and cannot see the tests. Nothing here is trusted."""

import importlib
import operator
import os
from collections.abc import Callable
from typing import Any

from understudy_servers.testing.worker.wire import NotPlain, decode, encode, receive, send

OPERATIONS = frozenset(
    {"add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "neg", "pos", "abs", "lt", "le", "gt", "ge"}
    | {"getitem", "contains", "and_", "or_", "xor", "invert", "lshift", "rshift"}
)
CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "int": operator.index, "float": float, "str": str, "bytes": bytes, "list": list, "tuple": tuple, "set": set,
    "frozenset": frozenset, "dict": dict, "bool": bool, "complex": complex, "repr": repr, "len": len, "iter": iter,
    "bytearray": bytearray, "next": next, "hash": hash,
}  # fmt: skip


class Servant:
    """Holds the objects that handles stand for, and does what the tests' side asks."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.kept: dict[int, Any] = {}

    def serve(self) -> Any:
        """Answer requests until the other side leaves, or until the answer to our own callback comes."""
        while True:
            try:
                message = receive(self.descriptor)
            except EOFError:
                os._exit(0)
            if "answer" in message:
                return message["answer"]
            try:
                reply = self._do(message)
            except BaseException as error:
                reply = {"raised": self._exception(error)}
            send(self.descriptor, reply)

    def _do(self, message: dict[str, Any]) -> dict[str, Any]:
        what = message["op"]
        if what == "import":
            module = importlib.import_module(message["name"])
            public = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
            return {"value": self._out(module), "names": [str(name) for name in public]}
        target = self.kept[message["handle"]]
        arguments = [self._in(item) for item in message.get("args", ())]
        named = {str(name): self._in(item) for name, item in message.get("named", {}).items()}
        if what == "call":
            value = target(*arguments, **named)
            after = {name: self._out(item) for name, item in named.items()}
            return {"value": self._out(value), "after": [self._out(item) for item in arguments], "after_named": after}
        return {"value": self._out(self._simple(what, target, arguments))}

    def _simple(self, what: str, target: Any, arguments: list[Any]) -> Any:
        if what == "get":
            return getattr(target, *arguments)
        if what == "set":
            return setattr(target, *arguments)
        if what == "setitem":
            return operator.setitem(target, *arguments)
        if what == "delitem":
            return operator.delitem(target, *arguments)
        if what == "equal":
            return bool(target == arguments[0])
        if what == "isinstance":
            return isinstance(arguments[0], target)
        if what == "reflected":
            return getattr(operator, str(arguments[0]))(arguments[1], target)
        if what in CONVERSIONS:
            return CONVERSIONS[what](target)
        if what in OPERATIONS:
            return getattr(operator, what)(target, *arguments)
        raise ValueError(f"unknown operation {what!r}")

    def _out(self, value: Any) -> Any:
        return encode(value, self._opaque)

    def _opaque(self, value: Any) -> dict[str, Any]:
        if isinstance(value, _Callback):
            return {"back": value.number}
        self.kept[id(value)] = value
        handle: dict[str, Any] = {"handle": id(value), "type": type(value).__name__, "calls": callable(value)}
        if isinstance(value, type):
            handle["class"] = value.__name__
            if issubclass(value, BaseException):
                handle["bases"] = [base.__name__ for base in value.__mro__]
        return handle

    def _in(self, data: Any) -> Any:
        return decode(data, self._known)

    def _known(self, data: dict[str, Any]) -> Any:
        if "handle" in data:
            return self.kept[data["handle"]]
        if "callback" in data:
            return _Callback(self, data["callback"])
        module, _, name = str(data["library"]).partition(":")
        return operator.attrgetter(name)(importlib.import_module(module))

    def _exception(self, error: BaseException) -> dict[str, Any]:
        kind = type(error)
        self.kept[id(kind)] = kind
        facts: dict[str, Any] = {
            "handle": id(kind),
            "class": kind.__name__,
            "bases": [base.__name__ for base in kind.__mro__],
        }
        for name, value in (
            ("args", list(error.args)),
            ("vars", {k: v for k, v in vars(error).items() if k[:2] != "__"}),
        ):
            try:
                facts[name] = encode(value, self._opaque)
            except (NotPlain, ValueError, TypeError):
                facts[name] = encode([] if name == "args" else {}, self._opaque)
        return facts


class _Callback:
    """A function of the tests, as the candidate sees it."""

    def __init__(self, servant: Servant, number: int) -> None:
        self.servant, self.number = servant, number

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        servant = self.servant
        given = {name: servant._out(item) for name, item in named.items()}
        send(
            servant.descriptor,
            {"callback": self.number, "args": [servant._out(item) for item in arguments], "named": given},
        )
        answer = servant.serve()
        if "raised" in answer:
            raise _rebuilt(answer["raised"])
        return servant._in(answer["value"])


def _rebuilt(facts: dict[str, Any]) -> BaseException:
    kind = getattr(__import__("builtins"), str(facts["name"]), Exception)
    return (
        kind(facts["text"]) if isinstance(kind, type) and issubclass(kind, BaseException) else Exception(facts["text"])
    )


def serve(descriptor: int) -> int:
    """Serve until the tests' side is done."""
    Servant(descriptor).serve()
    return 0
