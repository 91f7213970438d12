"""What a scaffold returns: an answer, and the verdict of the visible check where there was one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from understudy.problem import ToolCall

Word = Literal[
    "passed",
    "failed",
    "collection_error",
    "timeout",
    "killed",
    "crashed",
    "aborted",
    "incomplete",
    "flaky",
    "no_tests",
    "tampered",
    "malformed",
    "unverified",
]
"""The words of the testing server, and "malformed" (the form is wrong, nothing ran), "unverified" (nobody looked)."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One failing call, as structured fields that a prompt builder can use."""

    call: str = ""
    expected: str = ""
    actual: str = ""
    error: str = ""
    test: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The word of the visible check. `accepted` is true only for a proved pass."""

    accepted: bool
    word: Word
    feedback: str = ""
    """One or two sentences that a model can act on."""
    failures: tuple[Failure, ...] = ()
    proof: tuple[str, ...] = ()
    """What was done to prove a pass, such as "canary" or "split"."""
    passed: int = 0
    """Tests that passed, of `total`."""
    total: int = 0
    fixed: tuple[str, ...] = ()
    """Tests that pass and did not in the run before, where the server keeps count."""
    broke: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a scaffold returns."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict, hash=False)
    value: str | None = None
    verdict: Verdict | None = None
    agreement: float | None = None
    """Share of the votes that agree with this answer, from 0 to 1, where there was a vote."""
    stopped: str | None = None
    """Why the scaffold ended early: "budget", "stale", "tries", "steps", "loop" …; None when it did not."""
    complete: bool = True
    """False when the text ended because `max_tokens` ran out."""
