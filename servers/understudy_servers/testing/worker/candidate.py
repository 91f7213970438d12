"""The candidate's side of split mode: it answers calls and cannot see the tests. Nothing here is trusted."""

import importlib
import operator
import os
from collections.abc import Callable
from typing import Any

from understudy_servers.testing.worker import candidate_errors
from understudy_servers.testing.worker.wire import decode, deep, encode, receive, send

OPERATIONS = frozenset(
    {"add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "neg", "pos", "abs", "lt", "le", "gt", "ge"}
    | {"getitem", "contains", "and_", "or_", "xor", "invert", "lshift", "rshift"}
    | {"iadd", "isub", "imul", "iand", "ior", "ixor"}
)
CONVERSIONS: dict[str, Callable[..., Any]] = {
    "int": operator.index, "float": float, "str": str, "bytes": bytes, "list": list, "tuple": tuple, "set": set,
    "frozenset": frozenset, "dict": dict, "bool": bool, "complex": complex, "repr": repr, "len": len, "iter": iter,
    "bytearray": bytearray, "next": next, "hash": hash, "round": round, "format": format, "reversed": reversed,
}  # fmt: skip


SIMPLE: dict[str, Callable[..., Any]] = {
    "get": getattr,
    "set": setattr,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
    "equal": lambda target, other: bool(target == other),
    "isinstance": lambda target, value: isinstance(value, target),
    "reflected": lambda target, name, other: getattr(operator, str(name))(other, target),
    "leave": lambda target, error: bool(type(target).__exit__(target, type(error), error, error.__traceback__)),
}


class Servant:
    """Holds the objects that handles stand for, and does what the tests' side asks."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.kept: dict[int, Any] = {}
        self.callbacks: dict[int, Callback] = {}
        self.errors = candidate_errors.Errors(self.keep)

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
                reply = {"raised": self.errors.facts(error, self.out)}
            send(self.descriptor, reply)

    def _do(self, message: dict[str, Any]) -> dict[str, Any]:
        what = message["op"]
        if what == "import":
            module = importlib.import_module(message["name"])
            public = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
            return {"value": self.out(module), "names": [str(name) for name in public]}
        target = self.kept[message["handle"]]
        arguments = [self._in(item) for item in message.get("args", ())]
        named = {str(name): self._in(item) for name, item in message.get("named", {}).items()}
        if what == "call":
            value = target(*arguments, **named)
            after = {name: self.out(item) for name, item in named.items()}
            return {"value": self.out(value), "after": [self.out(item) for item in arguments], "after_named": after}
        return {"value": self.out(self._simple(what, target, arguments))}

    def _simple(self, what: str, target: Any, arguments: list[Any]) -> Any:
        if what in SIMPLE:
            return SIMPLE[what](target, *arguments)
        if what in CONVERSIONS:
            return CONVERSIONS[what](target, *arguments)
        if what in OPERATIONS:
            return getattr(operator, what)(target, *arguments)
        raise ValueError(f"unknown operation {what!r}")

    def keep(self, value: Any) -> int:
        self.kept[id(value)] = value
        return id(value)

    def out(self, value: Any) -> Any:
        return deep(encode, value, self._opaque, self._odd)

    def _odd(self, value: Any) -> Any:
        return {"handle": self.keep(value), "type": type(value).__name__}

    def _opaque(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Callback):
            return {"back": value._number}
        if isinstance(value, BaseException):
            return {"error": self.errors.facts(value, self.out)}
        handle: dict[str, Any] = {
            "handle": self.keep(value),
            "type": type(value).__name__,
            "calls": callable(value),
        }
        if isinstance(value, type):
            handle["class"] = value.__name__
            if issubclass(value, BaseException):
                return {"kind": self.errors.kind(value)}
        return handle

    def _in(self, data: Any) -> Any:
        return deep(decode, data, self._known)

    def _known(self, data: dict[str, Any]) -> Any:
        if "handle" in data:
            return self.kept[data["handle"]]
        if "callback" in data:
            number = data["callback"]
            return self.callbacks.setdefault(number, Callback(self, data))
        if "their_error" in data:
            return self.errors.rebuilt(data, self._in)
        if "their_kind" in data:
            return self.errors.their_kind(data)
        module, _, name = str(data["library"]).partition(":")
        return operator.attrgetter(name)(importlib.import_module(module))


class Callback:
    """A function of the tests, as the candidate sees it."""

    def __init__(self, servant: Servant, facts: dict[str, Any]) -> None:
        self._servant, self._number = servant, facts["callback"]
        self.__name__ = self.__qualname__ = str(facts.get("name", "callback"))
        self.__doc__ = facts.get("doc")
        if facts.get("parameters") is not None:
            self.__signature__ = candidate_errors.signature(facts["parameters"])

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        servant = self._servant
        given = {name: servant.out(item) for name, item in named.items()}
        send(
            servant.descriptor,
            {"callback": self._number, "args": [servant.out(item) for item in arguments], "named": given},
        )
        answer = servant.serve()
        if "raised" in answer:
            raise servant._in(answer["raised"])
        return servant._in(answer["value"])


def serve(descriptor: int) -> int:
    """Serve until the tests' side is done."""
    Servant(descriptor).serve()
    return 0
