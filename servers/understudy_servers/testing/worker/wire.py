"""Values between two sandboxes, as JSON: plain data by value, everything else as a handle.

A value of a subclass of a plain type is compared as its base, so that no value that arrives has behavior of the
sender's; whoever sends it may add a handle by which the rest of it can be asked for.
"""

import builtins
import collections
import datetime
import decimal
import fractions
import json
import os
import struct
import sys
import zoneinfo
from collections.abc import Callable
from typing import Any

MAX_MESSAGE = 16 << 20
MAX_DEPTH = 400
FRAMES = 12  # of Python for each level of nesting, at most
Encoded = Any
OpaqueIn = Callable[[dict[str, Any]], Any]
OpaqueOut = Callable[[Any], Encoded]
EXACT = frozenset(
    {str, int, float, complex, bytes, bytearray, list, tuple, set, frozenset, dict}
    | {collections.Counter, collections.OrderedDict, collections.defaultdict}
)
PLAIN = (str, int, float, complex, bytes, bytearray, list, tuple, set, frozenset, dict)
_TEXTUAL: dict[str, Callable[[str], Any]] = {
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
    "date": datetime.date.fromisoformat,
    "datetime": datetime.datetime.fromisoformat,
    "time": datetime.time.fromisoformat,
}
_TEXTUAL_TYPES = (decimal.Decimal, fractions.Fraction, datetime.date, datetime.datetime, datetime.time)
_MAPPINGS: dict[str, Callable[[Any], Any]] = {
    kind.__name__: kind for kind in (collections.Counter, collections.OrderedDict, collections.defaultdict)
}
_SEQUENCES: dict[str, Callable[[Any], Any]] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}


class NotPlain(Exception):
    """A value can cross in neither way, so the tests are not value-style."""


def encode(value: Any, opaque: OpaqueOut, odd: OpaqueOut | None = None, depth: int = 0) -> Encoded:
    """Turn a value into JSON; `opaque` says what stands for what is not plain.

    `odd` says what goes along with a value of a subclass of a plain type; None for nothing.

    Raises:
        NotPlain: it is nested too deeply.
    """
    if value is None or value is True or value is False:
        return value
    if depth > MAX_DEPTH:
        raise NotPlain("nested too deeply")
    if odd is not None and type(value) not in EXACT and isinstance(value, PLAIN):
        beside = odd(value)
        if beside is not None:
            return {"x": encode(value, opaque, None, depth), "of": beside}
    scalar = _encode_scalar(value)
    return scalar if scalar is not None else _encode_container(value, opaque, odd, depth + 1)


def deep(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do something to a nested value, with more of the stack where that is needed."""
    try:
        return work(*arguments)
    except RecursionError:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(before, _depth() + FRAMES * MAX_DEPTH))
        try:
            return work(*arguments)
        finally:
            sys.setrecursionlimit(before)


def _depth() -> int:
    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1  # type: ignore[assignment]  # the last one has none
    return depth


def _encode_scalar(value: Any) -> Encoded | None:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return {"i": format(int.__index__(value), "x")}
    if isinstance(value, float):
        return {"f": float.hex(float.__float__(value))}
    if isinstance(value, complex):
        return {"c": [float.hex(value.real), float.hex(value.imag)]}
    if isinstance(value, bytes | bytearray):
        return {"b": bytes(value).hex(), "m": isinstance(value, bytearray)}
    if type(value) in _TEXTUAL_TYPES:
        return _encode_textual(value)
    if type(value) is datetime.timedelta:
        return {"d": [value.days, value.seconds, value.microseconds]}
    if type(value) is range:
        return {"r": [value.start, value.stop, value.step]}
    name = getattr(value, "__name__", None)
    if isinstance(name, str) and getattr(builtins, name, None) is value:
        return {"n": name}
    return None


def _encode_textual(value: Any) -> Encoded | None:
    """A date or a number as text; None where its time zone is one of the sender's making."""
    zone = getattr(value, "tzinfo", None)
    if type(zone) is zoneinfo.ZoneInfo and zone.key:
        plain = value.replace(tzinfo=None).isoformat()
        return {"z": zone.key, "v": plain, "f": value.fold, "t": type(value).__name__}
    if zone is not None and type(zone) is not datetime.timezone:
        return None
    return {"t": type(value).__name__, "v": value.isoformat() if hasattr(value, "isoformat") else str(value)}


def _encode_container(value: Any, opaque: OpaqueOut, odd: OpaqueOut | None, depth: int) -> Encoded:
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            plain: Any = kind  # the base's own iterator, whatever the subclass made of it
            items = [encode(item, opaque, odd, depth) for item in plain.__iter__(value)]
            fields = getattr(type(value), "_fields", None)
            named = {"names": list(fields), "name": type(value).__name__} if kind is tuple and fields else {}
            return {"s": kind.__name__, "v": items, **named}
    if isinstance(value, dict):
        pairs = [[encode(key, opaque, odd, depth), encode(item, opaque, odd, depth)] for key, item in dict.items(value)]
        name = type(value).__name__ if _MAPPINGS.get(type(value).__name__) is type(value) else ""
        factory = getattr(value, "default_factory", None) if name == "defaultdict" else None
        return {"m": pairs, "k": name, "f": encode(factory, opaque, odd, depth)}
    return opaque(value)


def decode(data: Encoded, opaque: OpaqueIn) -> Any:
    """Turn JSON back into a value; `opaque` makes something of a handle.

    Raises:
        ValueError, KeyError, TypeError: it is not what `encode` makes.
    """
    if not isinstance(data, dict):
        if data is None or isinstance(data, bool | str):
            return data
        raise ValueError("not an encoded value")
    decoder = _DECODERS.get(next(iter(data)))
    return decoder(data, opaque) if decoder is not None else opaque(data)


def _sequence(data: dict[str, Any], opaque: OpaqueIn) -> Any:
    items = [decode(item, opaque) for item in data["v"]]
    if "names" in data:
        return collections.namedtuple(str(data["name"]), [str(name) for name in data["names"]])(*items)
    return _SEQUENCES[data["s"]](items)


def _mapping(data: dict[str, Any], opaque: OpaqueIn) -> Any:
    pairs = {decode(key, opaque): decode(item, opaque) for key, item in data["m"]}
    if data["k"] == "defaultdict":
        return collections.defaultdict(decode(data["f"], opaque), pairs)
    return _MAPPINGS[data["k"]](pairs) if data["k"] else pairs


def _builtin(data: dict[str, Any], opaque: OpaqueIn) -> Any:
    return getattr(builtins, str(data["n"]))


_DECODERS: dict[str, Callable[[dict[str, Any], OpaqueIn], Any]] = {
    "i": lambda data, _: int(data["i"], 16),
    "f": lambda data, _: float.fromhex(data["f"]),
    "c": lambda data, _: complex(*map(float.fromhex, data["c"])),
    "b": lambda data, _: bytearray.fromhex(data["b"]) if data["m"] else bytes.fromhex(data["b"]),
    "t": lambda data, _: _TEXTUAL[data["t"]](data["v"]),
    "d": lambda data, _: datetime.timedelta(*data["d"]),
    "r": lambda data, _: range(*data["r"]),
    "z": lambda data, _: _TEXTUAL[data["t"]](data["v"]).replace(tzinfo=zoneinfo.ZoneInfo(data["z"]), fold=data["f"]),
    "n": _builtin,
    "s": _sequence,
    "m": _mapping,
}


def send(descriptor: int, message: Any) -> None:
    data = deep(json.dumps, message).encode()
    data = struct.pack("I", len(data)) + data
    while data:
        data = data[os.write(descriptor, data) :]


def receive(descriptor: int) -> Any:
    """Read one message.

    Raises:
        EOFError: the other side is gone.
        ValueError: it sent something too large or not JSON.
    """
    (size,) = struct.unpack("I", _exactly(descriptor, 4))
    if size > MAX_MESSAGE:
        raise ValueError("the message is too large")
    return deep(json.loads, _exactly(descriptor, size))


def _exactly(descriptor: int, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(descriptor, size - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
