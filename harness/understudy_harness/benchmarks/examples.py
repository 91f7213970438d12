"""Find the example calls in a docstring: `>>> f(1)` with its result, `f(1) == 2`, `f(1) -> 2`, `f(1) should return 2`.

Only calls and results made of literals are taken, so that reading an example never runs anything.
"""

import ast
import re
from typing import NamedTuple

_RESULT = re.compile(r"\s*(?:==>|==|=>|->|➞|=|#\s*(?:=>|returns)|(?:should |must )?returns?|returned|is)\s*:?\s*(?=\S)")
_MOST_LINES = 8  # of one doctest result
_MOST_CHARACTERS = 400  # of a call or a result


class Example(NamedTuple):
    """A call and its result, both as Python source."""

    call: str
    expected: str


def examples(text: str, function: str) -> tuple[Example, ...]:
    """Return the examples of one function in the order in which they stand, each call once."""
    found: dict[str, Example] = {}
    for match in re.finditer(rf"(?<![\w.]){re.escape(function)}\(", text):
        call = _call(text, match.start())
        if call is None:
            continue
        rest = text[match.start() + len(call) :]
        doctest = re.search(r">>>\s*$", text[: match.start()].rpartition("\n")[2]) is not None
        expected = _doctest_result(rest) if doctest else _inline_result(rest)
        if expected is not None:
            found.setdefault(call, Example(" ".join(call.split("\n")), expected))
    return tuple(found.values())


def examples_source(function: str, found: tuple[Example, ...]) -> str:
    """The examples as a test file that imports the function from `solution`."""
    bodies = [
        f"def test_example_{number}():\n    assert {example.call} == {example.expected}\n"
        for number, example in enumerate(found, start=1)
    ]
    return "\n\n".join([f"from solution import {function}\n", *bodies])


def _call(text: str, start: int) -> str | None:
    """Cut the shortest valid call of literals that begins at `start`."""
    for match in re.finditer(r"\)", text[start : start + _MOST_CHARACTERS]):
        source = text[start : start + match.end()]
        try:
            tree = ast.parse(source, mode="eval").body
        except (SyntaxError, ValueError):
            continue
        if not isinstance(tree, ast.Call):
            return None
        values = [*tree.args, *(keyword.value for keyword in tree.keywords)]
        return source if all(_literal(ast.unparse(value)) for value in values) else None
    return None


def _doctest_result(rest: str) -> str | None:
    lines = rest.split("\n")
    if lines[0].strip() and not lines[0].strip().startswith("#"):
        return _inline_result(rest)  # `>>> f(1) == 2`
    kept: list[str] = []
    for line in lines[1 : 1 + _MOST_LINES]:
        if not line.strip() or line.strip().startswith((">>>", '"""', "'''")):
            break
        kept.append(line.strip())
        if _literal(" ".join(kept)):
            return " ".join(kept)
    return None


def _inline_result(rest: str) -> str | None:
    """Read the longest literal after `==`, `->` and their like, on the same line."""
    line = rest.partition("\n")[0]
    match = _RESULT.match(line)
    if match is None:
        return None
    text = line[match.end() : match.end() + _MOST_CHARACTERS].rstrip()
    for end in range(len(text), 0, -1):
        piece = text[:end].rstrip()
        after = text[end:].lstrip()
        if after and (text[end].isalnum() or text[end] in "\"'" or after[0] in "+-*/%<>=&|^("):
            continue  # the literal is the beginning of something longer
        piece = {"true": "True", "false": "False"}.get(piece, piece)
        bare = piece.partition("#")[0].rstrip()
        if _literal(piece):
            return bare if _literal(bare) else piece
    return None


def _literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True
