"""Values of a candidate whose class is a kind of text, number or container: compared as plain ones, never as it says.

What such a value has beyond the plain one (the name of an enumeration's member, the methods of a named tuple) is asked
for over there.
"""

from collections.abc import Callable
from typing import Any

_known: dict[tuple[type, str], type] = {}


class Flat:
    """Mixed into the plain type; how it equals, hashes, orders and counts stays that type's own."""

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        if "_handle" not in own or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)
        return own["_ask"]("get", own["_handle"], name)

    def __str__(self) -> str:
        return str.__str__(self.__dict__["_ask"]("str", self.__dict__["_handle"]))

    def __repr__(self) -> str:
        return str.__str__(self.__dict__["_ask"]("repr", self.__dict__["_handle"]))

    def __format__(self, spec: str) -> str:
        return str.__str__(self.__dict__["_ask"]("format", self.__dict__["_handle"], spec))


def flat(value: Any, ask: Callable[..., Any], facts: dict[str, Any]) -> Any:
    """Give a plain value a handle on what it is over there."""
    kind, name = type(value), str(facts["type"])
    if (kind, name) not in _known:
        _known[kind, name] = type(name, (Flat, kind), {"__module__": "candidate"})
    made = _known[kind, name].__new__(_known[kind, name], *_arguments(value))
    if isinstance(value, list | dict | set | bytearray):
        kind.__init__(made, value)
    made.__dict__.update(_ask=ask, _handle=facts["handle"])
    return made


def _arguments(value: Any) -> tuple[Any, ...]:
    """What `__new__` wants: a named tuple its fields, the rest the value itself."""
    return tuple(value) if hasattr(type(value), "_fields") else (value,)
