"""The tests' side of split mode: modules, functions and objects of a candidate that lives in another sandbox.

Plain values arrive as plain values. An object of the candidate's is a `Remote`; it is never asked whether it equals a
plain value, since it would answer for itself: it is converted over there and compared over here.
"""

import importlib.abc
import importlib.machinery
import inspect
import sys
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from understudy_servers.testing.worker.doubts import Doubts
from understudy_servers.testing.worker.events import MESSAGE, short
from understudy_servers.testing.worker.flat import Flat, flat
from understudy_servers.testing.worker.remote_errors import Errors
from understudy_servers.testing.worker.wire import NotPlain, decode, deep, encode, receive, send

PLAIN = (bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict)


class CandidateGone(Exception):
    """The candidate's process ended during a call."""


class NotValueStyle(Exception):
    """The tests need more than values from the candidate, so split mode cannot judge them."""


class Line:
    """The line to the candidate's process; counts what makes its verdict less than sound."""

    def __init__(self, descriptor: int, names: Sequence[str] = ()) -> None:
        self.descriptor = descriptor
        self.asked = self.calls = 0
        self.soft: dict[str, None] = {}
        self.doubts = Doubts()
        self.objects = 0
        self.classes: set[str] = set()  # of the candidate, that the tests name
        self.errors = Errors(self.ask, lambda: {name.partition(".")[0] for name in names})
        self._remotes: dict[int, Any] = {}
        self._callbacks: list[Callable[..., Any]] = []

    def ask(self, op: str, handle: int = 0, *arguments: Any, named: dict[str, Any] | None = None, **more: Any) -> Any:
        """Ask for one thing and return it, serving callbacks meanwhile."""
        self.asked += 1
        args = [self.out(item) for item in arguments]
        extra = {name: self.out(item) for name, item in (named or {}).items()}
        reply = self._exchange({"op": op, "handle": handle, "args": args, "named": extra, **more})
        if "raised" in reply:
            error = self.errors.error(reply["raised"], self.take)
            self.doubts.says(short(f"{type(error).__name__}: {error}", MESSAGE))
            raise error
        if op == "call":
            self.calls += 1
            _restore_all(list(arguments), [self.take(item) for item in reply["after"]])
            _restore_all(list((named or {}).values()), [self.take(item) for item in reply["after_named"].values()])
        if op == "import":
            return self.take(reply["value"]), [str(name) for name in reply["names"]]
        return self.doubts.received(self.take(reply["value"]))

    def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        try:
            send(self.descriptor, message)
            reply = receive(self.descriptor)
            while "callback" in reply:
                send(self.descriptor, {"answer": self._answer(reply)})
                reply = receive(self.descriptor)
        except (EOFError, OSError) as error:
            raise CandidateGone("the candidate's process ended during this call") from error
        assert isinstance(reply, dict)
        return reply

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            function = self._callbacks[request["callback"]]
            arguments = [self.take(item) for item in request["args"]]
            named = {name: self.take(item) for name, item in request["named"].items()}
            return {"value": self.out(function(*arguments, **named))}
        except BaseException as error:
            return {"raised": self.errors.out(error, self.out)}

    def take(self, data: Any) -> Any:
        return deep(decode, data, self.known)

    def out(self, value: Any) -> Any:
        try:
            return deep(encode, value, self._opaque, self._own)
        except NotPlain:
            self.doubts.add("the tests give what is nested deeply")
            raise

    def _own(self, value: Any) -> Any:
        """A value of the candidate's own kind goes back as what it is over there."""
        return {"handle": value.__dict__["_handle"]} if isinstance(value, Flat) else None

    def _opaque(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Remote):
            return {"handle": value._handle}
        if isinstance(value, BaseException):
            return self.errors.out(value, self.out)
        if isinstance(value, type) and issubclass(value, BaseException):
            return self.errors.out_kind(value)
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
        if module in sys.stdlib_module_names and module != "__main__" and name and not isinstance(value, FunctionType):
            return {"library": f"{module}:{name}"}
        if callable(value):
            return self._callback(value)
        self.soft["an object of the tests is given to the candidate"] = None
        raise NotValueStyle(f"a {type(value).__name__} of the tests cannot be given to a candidate in another process")

    def _callback(self, value: Any) -> dict[str, Any]:
        if isinstance(value, type):
            self.doubts.add("a class of the tests is given to the candidate")
        bound = isinstance(value, FunctionType | MethodType | BuiltinFunctionType)  # two of one method are equal
        known = (
            i
            for i, one in enumerate(self._callbacks)
            if one is value or (bound and type(one) is type(value) and one == value)
        )
        number = next(known, len(self._callbacks))
        if number == len(self._callbacks):
            self._callbacks.append(value)
        facts = {
            "callback": number,
            "name": str(getattr(value, "__name__", "callback")),
            "parameters": _parameters(value),
        }
        text = getattr(value, "__doc__", None)
        return {**facts, "doc": text if isinstance(text, str) else None}

    def known(self, data: dict[str, Any]) -> Any:
        if "back" in data:
            return self._callbacks[data["back"]]
        if "error" in data:
            return self.errors.error(data["error"], self.take)
        if "kind" in data:
            return self.errors.kind(data["kind"])
        if "x" in data:
            return flat(self.take(data["x"]), self.ask, data["of"])
        handle = data["handle"]
        if handle not in self._remotes:
            self.objects += not (data.get("calls") or data.get("type") == "module")
            self._remotes[handle] = Remote(self, handle, str(data.get("type", "")), str(data.get("class", "")))
        return self._remotes[handle]


def _parameters(function: Any) -> list[list[Any]] | None:
    """Name, kind and whether it may be left out, of each parameter; None where a function does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [[one.name, int(one.kind), one.default is not inspect.Parameter.empty] for one in parameters]


class Remote:
    """An object of the candidate's. What it says about itself is fetched as values."""

    def __init__(self, line: Line, handle: int, kind: str, name: str = "") -> None:
        self.__dict__.update(_line=line, _handle=handle, _kind=kind, _class=name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in {"__name__", "__doc__", "__wrapped__", "__dict__"}:
            raise AttributeError(name)
        found = self._line.ask("get", self._handle, name)
        if self._kind == "module" and name[:1].isupper() and isinstance(found, Remote) and found._class:
            self._line.classes.add(found._class)
        return found

    def __mro_entries__(self, bases: Any) -> Any:
        self._line.soft["the tests derive from a class of the candidate"] = None
        raise NotValueStyle("a class of the tests cannot have a base in another process")

    def __setattr__(self, name: str, value: Any) -> None:
        self._line.ask("set", self._handle, name, value)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        doubts = self._line.doubts
        doubts.look()
        answer = self._line.ask("call", self._handle, *arguments, named=named)
        doubts.given([*arguments, *named.values()], keeps=self._kind != "function")
        if isinstance(answer, Flat) and self._class in self._line.classes:
            doubts.add("a class of the candidate is a kind of plain value")
        return answer

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PLAIN):
            same = bool(self._as(type(other)) == other)
            if not same and self._kind in self._line.classes:
                self._line.doubts.add("objects of a class that the tests name are compared with values")
            return same
        self._line.soft["objects of the candidate are compared"] = None
        return bool(self._line.ask("equal", self._handle, other))

    def __hash__(self) -> int:
        return int(self._line.ask("hash", self._handle))

    def _as(self, kind: type) -> Any:
        """This object as a plain value of a type, or a value that equals nothing."""
        name = next(plain.__name__ for plain in PLAIN if issubclass(kind, plain))
        try:
            value = self._line.ask("float" if name == "bool" else name, self._handle)
        except Exception:
            return _Unequal()
        return value if isinstance(value, PLAIN) else _Unequal()

    def __instancecheck__(self, instance: object) -> bool:
        self._line.soft["isinstance with a class of the candidate"] = None
        return bool(self._line.ask("isinstance", self._handle, instance))

    def __iter__(self) -> Any:
        return self._line.ask("iter", self._handle)

    def __next__(self) -> Any:
        return self._line.ask("next", self._handle)

    def __enter__(self) -> Any:
        return self._line.ask("get", self._handle, "__enter__")()

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        if error is None:
            return self._line.ask("get", self._handle, "__exit__")(None, None, None)
        return self._line.ask("leave", self._handle, error)

    def __repr__(self) -> str:
        return str(self._line.ask("repr", self._handle))

    def __str__(self) -> str:
        return str(self._line.ask("str", self._handle))

    def __setitem__(self, key: Any, value: Any) -> None:
        self._line.ask("setitem", self._handle, key, value)

    def __delitem__(self, key: Any) -> None:
        self._line.ask("delitem", self._handle, key)

    def __await__(self) -> Any:
        self._line.soft["the candidate is asynchronous"] = None
        raise NotValueStyle("a coroutine cannot be awaited from another process")


class _Unequal:
    """What an object that cannot be converted counts as."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


def _ordered(name: str) -> Callable[[Remote, Any], Any]:
    def compare(self: Remote, other: Any) -> Any:
        if isinstance(other, PLAIN):
            value = self._as(float if isinstance(other, int | float) else type(other))
            return getattr(value, f"__{name}__")(other) if not isinstance(value, _Unequal) else False
        self._line.soft["objects of the candidate are compared"] = None
        return self._line.ask(name, self._handle, other)

    return compare


def _operation(name: str) -> Callable[..., Any]:
    return lambda self, *others: self._line.ask(name, self._handle, *others)


def _reflected(name: str) -> Callable[[Remote, Any], Any]:
    return lambda self, other: self._line.ask("reflected", self._handle, name, other)


# Else the text above would be what the candidate says of its function.
Remote.__doc__ = property(lambda self: self._line.ask("get", self._handle, "__doc__"))  # type: ignore[assignment]

for _name in ("lt", "le", "gt", "ge"):
    setattr(Remote, f"__{_name}__", _ordered(_name))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    setattr(Remote, f"__{_name}__", _operation(_name))
    setattr(Remote, f"__r{_name}__", _reflected(_name))
for _dunder, _name in (
    ("and", "and_"),
    ("or", "or_"),
    ("xor", "xor"),
    ("getitem", "getitem"),
    ("contains", "contains"),
):
    setattr(Remote, f"__{_dunder}__", _operation(_name))
for _name in ("iadd", "isub", "imul", "iand", "ior", "ixor"):
    setattr(Remote, f"__{_name}__", _operation(_name))
for _name in ("round", "format", "reversed"):
    setattr(Remote, f"__{_name}__", _operation(_name))
for _name in ("neg", "pos", "abs", "invert", "len", "int", "float", "bool", "index"):
    setattr(Remote, f"__{_name}__", _operation({"index": "int"}.get(_name, _name)))


def _restore_all(before: list[Any], after: list[Any]) -> None:
    for old, new in zip(before, after, strict=True):
        _restore(old, new)


def _restore(old: Any, new: Any) -> Any:
    """Make a mutable argument look as the candidate left it; return what stands for it now."""
    if type(old) is not type(new):
        return new
    if type(old) is list:
        old[:] = [_restore(*pair) for pair in zip(old, new, strict=True)] if len(old) == len(new) else new
    elif type(old) is dict:
        merged = {key: _restore(old[key], value) if key in old else value for key, value in new.items()}
        old.clear()
        old.update(merged)
    elif type(old) is set:
        old.clear()
        old.update(new)
    elif type(old) is bytearray:
        old[:] = new
    elif type(old) is not tuple:
        return new
    return old


class RemoteModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import the candidate's modules as remote ones; a package that only leads to them is an empty one here."""

    def __init__(self, line: Line, names: Sequence[str], kept: Sequence[str] = ()) -> None:
        self.line, self.names, self.kept = line, set(names), set(kept)
        self.parents = {name.rpartition(".")[0] for name in names if "." in name} - self.names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name in self.names or name in self.parents:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return ModuleType(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        module.__path__ = [f"{entry}/{name.replace('.', '/')}" for entry in sys.path]
        if name not in self.names:
            return
        remote, public = self.line.ask("import", name=name)
        module.__dict__["__all__"] = [word for word in public if not word.startswith("__") and word not in self.kept]

        def fetch(attribute: str) -> Any:
            if attribute.startswith("__") and attribute.endswith("__"):
                raise AttributeError(attribute)
            return getattr(remote, attribute)

        module.__dict__["__getattr__"] = fetch
