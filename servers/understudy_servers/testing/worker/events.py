"""Events on a private descriptor: one JSON line each, numbered and marked with a secret of the run.

The mark stops forging by printing or by writing to every descriptor. It lives in the candidate's own process, so it is
evidence of tampering and not proof of honesty: the server's proof steps are.
"""

import json
import os
import re
import reprlib
from collections.abc import Callable
from typing import Any

Put = Callable[..., None]
MESSAGE, VALUE, PLACE = 600, 300, 200  # characters that a message, a value and a place may have
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\)|\x1b.", re.DOTALL)
MAX_PARTS = 20_000
_large = reprlib.Repr()
_large.maxlist = _large.maxtuple = _large.maxdict = _large.maxset = _large.maxfrozenset = 20
_large.maxstring = _large.maxother = 200


def clean(text: str) -> str:
    """Drop terminal escapes and what cannot be printed: controls, text direction marks, lone surrogates."""
    if text.isprintable():
        return text
    text = _ESCAPE.sub("", text).replace("\t", " ")
    return "".join(character for character in text if character.isprintable() or character == "\n")


def clip(text: str, size: int) -> str:
    """Keep the head (two thirds) and the tail of a text that is longer than `size` characters."""
    if len(text) <= size:
        return text
    head, tail = size * 2 // 3, size // 4
    return f"{text[:head]}…[{len(text) - head - tail} cut]…{text[-tail:]}"


def short(text: object, size: int) -> str:
    """A clean text of about `size` characters at most, cut before it is cleaned so that a huge one costs nothing."""
    return clip(clean(clip(str(text), size * 4)), size)


def show(value: object, size: int = VALUE) -> str:
    """The bounded `repr` of a value, whatever its `__repr__` does."""
    try:
        return short(_large.repr(value) if _is_large(value, [MAX_PARTS]) else repr(value), size)
    except BaseException as error:
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"


def _is_large(value: object, left: list[int]) -> bool:
    """Whether a plain container holds so much that its whole `repr` would cost seconds; `left` counts down."""
    kind = type(value)
    left[0] -= 1
    if kind in (str, bytes):
        left[0] -= len(value) // 100  # type: ignore[arg-type]  # one of the two
    elif kind in (list, tuple, set, frozenset, dict):
        for item in value.values() if isinstance(value, dict) else value:  # type: ignore[attr-defined]  # one of them
            if left[0] < 0 or _is_large(item, left):
                return True
    return left[0] < 0


def channel(descriptor: int, mark: str) -> Put:
    """Open the channel: `put(event, **facts)` writes one line. The mark and the functions live in a closure only."""
    write, dumps, count = os.write, json.dumps, [0]

    def put(event: str, **facts: Any) -> None:
        line = dumps({"k": mark, "n": count[0], "e": event, **facts}).encode() + b"\n"
        count[0] += 1
        while line:
            line = line[write(descriptor, line) :]

    return put
