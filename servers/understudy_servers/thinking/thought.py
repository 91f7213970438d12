"""One thought: what a call drafts, and what the notebook keeps of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from understudy_servers.reading import read_boolean

LARGEST = 2**53 - 1  # the reference counts in JavaScript numbers; a larger one was not meant
OPTIONAL = frozenset(["isRevision", "revisesThought", "branchFromThought", "branchId", "needsMoreThoughts"])
LONGEST_NAME = 256  # characters of a branch or session id; they are repeated in every reply


class NoThought(ValueError):
    """The call holds no thought at all."""

    def __init__(self) -> None:
        super().__init__(
            'No thought in this call. Send for example {"thought": "Given: 3 boxes of 4 eggs. Plan: multiply."}'
        )


class Record(TypedDict, total=False):
    """A kept thought in the reference server's field names: how it is stored, exported and imported."""

    thought: str
    thoughtNumber: int
    totalThoughts: int
    nextThoughtNeeded: bool
    isRevision: bool
    revisesThought: int
    branchFromThought: int
    branchId: str
    needsMoreThoughts: bool
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a call said, with None for what it left out."""

    text: str
    number: int | None = None
    total: int | None = None
    more: bool | None = None
    revision: bool | None = None
    revises: int | None = None
    branched_from: int | None = None
    branch: str | None = None
    extended: bool | None = None

    @property
    def linear(self) -> bool:
        """Whether the thought neither revises nor branches."""
        return not (self.revision or self.revises or self.branched_from or self.branch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """A numbered thought in a notebook; `at` is seconds since the epoch."""

    text: str
    number: int
    total: int
    more: bool
    revision: bool = False
    revises: int | None = None
    branched_from: int | None = None
    branch: str | None = None
    extended: bool | None = None
    at: float = 0.0

    def record(self) -> Record:
        """Give the thought in the reference's field names; fields that were left out stay out."""
        record = Record(
            thought=self.text, thoughtNumber=self.number, totalThoughts=self.total, nextThoughtNeeded=self.more
        )
        if self.revision:
            record["isRevision"] = True
        if self.revises is not None:
            record["revisesThought"] = self.revises
        if self.branched_from is not None:
            record["branchFromThought"] = self.branched_from
        if self.branch is not None:
            record["branchId"] = self.branch
        if self.extended is not None:
            record["needsMoreThoughts"] = self.extended
        record["at"] = round(self.at, 3)
        return record


def drafted(arguments: Mapping[str, Any]) -> Draft:
    """Read repaired arguments; what no reader could read counts as left out, except the thought.

    Raises:
        NoThought: there is no thought.
    """
    text = arguments.get("thought")
    if not isinstance(text, str):
        raise NoThought
    return Draft(
        text=text,
        number=_whole(arguments, "thoughtNumber"),
        total=_whole(arguments, "totalThoughts"),
        more=read_boolean(arguments.get("nextThoughtNeeded")),
        revision=read_boolean(arguments.get("isRevision")),
        revises=_whole(arguments, "revisesThought"),
        branched_from=_whole(arguments, "branchFromThought"),
        branch=named(arguments.get("branchId")),
        extended=read_boolean(arguments.get("needsMoreThoughts")),
    )


def from_record(record: Mapping[str, Any]) -> Thought:
    """Read a kept thought back.

    Raises:
        ValueError: it holds no thought text, or no number.
    """
    text, number, total = record.get("thought"), _whole(record, "thoughtNumber"), _whole(record, "totalThoughts")
    if not isinstance(text, str):
        raise NoThought
    if number is None:
        raise ValueError(f"The thought {text[:40]!r} has no thoughtNumber.")
    at = record.get("at")
    at, total = float(at) if isinstance(at, int | float) else 0.0, max(total or 0, number)
    if record.keys().isdisjoint(OPTIONAL):  # nearly all are; ten thousand of them should load at once
        return Thought(text=text, number=number, total=total, more=record.get("nextThoughtNeeded") is True, at=at)
    draft = drafted(record)
    return Thought(
        text=text,
        number=number,
        total=total,
        more=bool(draft.more),
        revision=bool(draft.revision),
        revises=draft.revises,
        branched_from=draft.branched_from,
        branch=draft.branch,
        extended=draft.extended,
        at=at,
    )


def named(value: object) -> str | None:
    """Read an id: any text, cut to `LONGEST_NAME`; nothing when it is empty."""
    return value[:LONGEST_NAME] if isinstance(value, str) and value else None


def _whole(arguments: Mapping[str, Any], key: str) -> int | None:
    value = arguments.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST else None
