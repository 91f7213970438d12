"""Malformed tool calls in the shapes in which real models and servers write them, and texts that only look like calls.

Each row of `shapes/*.jsonl` is one: its name (family or thread it was seen in, and what is wrong), the completion, and
the calls that are meant; none (`[]`) where it only talks about one, null where one is meant and cannot be known for
sure. `"read": false` marks calls that a person would read and the reader leaves alone. Wording and values are our own;
the shapes are those of the models' chat templates, parsers and bug reports. What the first run over each `round` found
is in docs/results.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.scaffolds.rescue_tools import CODING, HOME, OFFICE, TOOLS

from understudy.problem import Tool, ToolCall

FOLDER = Path(__file__).parent / "shapes"
OFFERED = {"plain": TOOLS, "office": OFFICE, "home": HOME, "coding": CODING}
R = '{"name": "weather", "arguments": {"city": "Rome"}}'


class Shape(NamedTuple):
    """A completion, and what it means; None means that a call is meant but cannot be known for sure."""

    name: str
    text: str
    expected: tuple[tuple[str, dict[str, Any]], ...] | None
    calls: tuple[ToolCall, ...] = ()
    complete: bool = True
    tools: tuple[Tool, ...] = TOOLS


def _rows() -> Iterator[tuple[Shape, bool]]:
    for path in sorted(FOLDER.glob("*.jsonl")):
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            yield _shape(row), row.get("read", True)


def _shape(row: dict[str, Any]) -> Shape:
    expected = None if row["expected"] is None else tuple((name, dict(values)) for name, values in row["expected"])
    delivered = (ToolCall(name=row["call"], arguments=row["arguments"], id="c1"),) if "call" in row else ()
    return Shape(
        name=row["name"],
        text=row.get("text", ""),
        expected=expected,
        calls=delivered,
        complete=row.get("complete", True),
        tools=OFFERED[row.get("tools", "plain")],
    )


_ROWS = list(_rows())
MEANT = [shape for shape, is_read in _ROWS if is_read and shape.expected]
"""Calls that are meant and can be read."""
LOST = [shape for shape, is_read in _ROWS if is_read and shape.expected is None]
"""A call is meant, and what it says cannot be known for sure."""
TALK = [shape for shape, is_read in _ROWS if is_read and shape.expected == ()]
"""No call is made here."""
UNREAD = [shape for shape, is_read in _ROWS if not is_read]
"""Calls that a person would read and the reader leaves alone."""
