"""A session as a document: Markdown to read, JSON to keep, Mermaid to draw; and back from JSON."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from understudy_servers.repair import Shape, repair
from understudy_servers.thinking.guidance import clipped
from understudy_servers.thinking.thought import Record, Thought, from_record
from understudy_servers.thinking.tool import INPUT_SCHEMA, NAME, SPELLING

Format = Literal["md", "json", "mermaid"]


class CannotImport(ValueError):
    """The text is no session; the words say what was looked for."""


def markdown(session: str, thoughts: Sequence[Thought]) -> str:
    """Write a session for reading: one heading a thought, what it revises or branches from, and its text as it was."""
    parts = [f"# Thoughts of session {session}"]
    parts += [f"## {one.number}/{one.total}{_relation(one)}\n\n{one.text.strip()}" for one in thoughts]
    if not thoughts:
        parts.append("No thoughts yet.")
    return "\n\n".join(parts) + "\n"


def as_json(session: str, thoughts: Sequence[Thought]) -> str:
    """Write a session as JSON in the reference server's field names."""
    records: list[Record] = [thought.record() for thought in thoughts]
    return json.dumps({"session": session, "thoughts": records}, ensure_ascii=False, indent=2) + "\n"


def mermaid(session: str, thoughts: Sequence[Thought]) -> str:
    """Draw a session as a Mermaid flow chart: a branch hangs on its point, a revision points back, dotted."""
    lines = ["flowchart TD", f"    %% session {clipped(session, 60)}"]
    at: dict[int, int] = {}
    ends: dict[str | None, int] = {}
    for position, thought in enumerate(thoughts):
        lines.append(f'    t{position}["{thought.number}: {_label(thought.text)}"]')
        start = at.get(thought.branched_from or 0) if thought.branch not in ends else None
        before = ends.get(thought.branch) if thought.branch in ends else start
        if before is not None:
            name = f"|{_label(thought.branch)}| " if thought.branch and start is not None else ""
            lines.append(f"    t{before} --> {name}t{position}")
        if thought.revises is not None and thought.revises in at:
            lines.append(f"    t{position} -. revises .-> t{at[thought.revises]}")
        ends[thought.branch] = at[thought.number] = position
    return "\n".join(lines) + "\n"


WRITERS: Mapping[Format, Callable[[str, Sequence[Thought]], str]] = {
    "md": markdown,
    "json": as_json,
    "mermaid": mermaid,
}


def imported(text: str) -> list[Thought]:
    """Read thoughts out of JSON: our own export, our stored lines, or another server's list under `thoughts`.

    Keys may be spelled as models and other servers spell them; a thought without a number is numbered by its place.

    Raises:
        CannotImport: there is no list of thoughts in it.
    """
    thoughts = [_imported(record, place) for place, record in enumerate(_records(text), start=1)]
    if not thoughts:
        raise CannotImport('No thoughts found. Expected a JSON list, {"thoughts": [...]}, or one JSON object a line.')
    return thoughts


def _records(text: str) -> Iterable[Any]:
    try:
        data = json.loads(text)
    except ValueError:
        return [record for line in text.splitlines() if "thought" in (record := _line(line))]
    if isinstance(data, dict):
        for key in ("thoughts", "thoughtHistory", "thought_history", "history"):
            if isinstance(data.get(key), list):
                return list(data[key])
        return [data] if "thought" in data else []
    return data if isinstance(data, list) else []


def _line(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line) if line.strip() else {}
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _imported(record: object, place: int) -> Thought:
    call = repair(_SHAPE, record)
    call.setdefault("thoughtNumber", place)
    try:
        return from_record(call)
    except ValueError as error:
        raise CannotImport(f"Item {place} is no thought: {clipped(repr(record), 80)}.") from error


_SHAPE = Shape(NAME, INPUT_SCHEMA, SPELLING)


def _relation(thought: Thought) -> str:
    revises = f", revises {thought.revises}" if thought.revises is not None else ", a revision" * thought.revision
    branch = f", branch {thought.branch}" if thought.branch is not None else ""
    point = f" from {thought.branched_from}" if thought.branched_from is not None else ""
    return revises + branch + point


def _label(text: str) -> str:
    """Shorten and escape text for a Mermaid label, whose escapes are HTML entities written with a hash sign."""
    escapes = {
        '"': "#quot;",
        "#": "#35;",
        "<": "#lt;",
        ">": "#gt;",
        "|": "#124;",
        "`": "#96;",
        "[": "#91;",
        "]": "#93;",
    }
    return "".join(escapes.get(character, character) for character in clipped(text, 60))
