"""What the notebook says back: what to do next, what is going wrong, and where the chain stands.

Procedural and deterministic: the words follow from the numbers and from what a detector saw, never from judging the
thought. Nothing here asks "are you sure?" or points at a suspected mistake: without new information that makes small
models change right answers (arXiv 2310.01798, 2601.00828). A `next` has at most 20 words, a hint 30, a recap 400
characters.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from understudy_servers.thinking.thought import Thought

Kind = Literal[
    "missing", "half-branch", "cycle", "repeat", "runaway", "early", "filler", "long", "session"
]  # in order of precedence

ESCALATING: frozenset[Kind] = frozenset({"cycle", "repeat", "runaway", "filler"})  # signs of a chain that gets nowhere

RECAP = 400
LONG = 1_200  # characters of a thought from which it is called long
STUCK = 3  # times the same hint comes before the advice is to answer

FINISH = "Done. Write the final answer to the user now, as plain text."
GIVE_UP = "Stop thinking. Write the best answer so far to the user now, as plain text."


class Hint(NamedTuple):
    """One remark: its kind for programs, its words for the model, and what it puts in the place of `next`."""

    kind: Kind
    text: str
    instead: str | None = None


def next_step(thought: Thought, *, size: int) -> str:
    """Say what to do after `thought`, the `size`-th of its chain."""
    if not thought.more:
        return FINISH
    if thought.branch is not None and thought.branched_from is not None:
        return f"Follow branch {clipped(thought.branch, 30)} to a result, then compare it with the other way."
    if thought.revision:
        return "Go on from the corrected thought with the next part of the plan."
    if thought.number >= thought.total:
        return "Planned thoughts used. If the answer is ready, answer now; else raise totalThoughts."
    if thought.number == thought.total - 1:
        return "Last planned thought: check the result against the question."
    return "Do the first part of the plan." if size == 1 else "Do the next part of the plan."


def recap(thoughts: Sequence[Thought]) -> str:
    """Restate the given thoughts in one line each, the earliest first, within `RECAP` characters."""
    if not thoughts:
        return ""
    each = max(40, (RECAP - 3 * len(thoughts)) // len(thoughts) - 8)
    return "\n".join(f"{thought.number}: {clipped(thought.text, each)}" for thought in thoughts)[:RECAP]


def clipped(text: str, length: int) -> str:
    """Put `text` on one line of at most `length` characters."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def missing(target: int, last: int, verb: str) -> Hint:
    known = "There is no earlier thought." if last < 1 else f"Thoughts so far: {'1' if last == 1 else f'1 to {last}'}."
    return Hint("missing", f"There is no thought {target} to {verb}. {known}")


def half_branch(given: str, lacking: str) -> Hint:
    return Hint("half-branch", f"{given} without {lacking}: no branch was opened. To branch, send both.")


def repeats(number: int) -> Hint:
    return Hint(
        "repeat",
        f"Same as thought {number}. Do not restate it: do the next part, or finish.",
        "Do the next part of the plan, or answer now if nothing is left.",
    )


def alternates(numbers: Sequence[int]) -> Hint:
    *rest, last = (str(number) for number in numbers)
    return Hint(
        "cycle",
        f"Thoughts {', '.join(rest)} and {last} alternate. Choose one and answer, or branch with another method.",
        "Choose one of them and answer, or branch with another method.",
    )


def runs_away(number: int, planned: int) -> Hint:
    return Hint("runaway", f"Thought {number} of a plan of {planned}. Stop. Give the best answer so far.", GIVE_UP)


def stops_early(number: int, total: int) -> Hint:
    return Hint(
        "early",
        f"Stopped at {number} of {total}. If every part of the question is answered, answer now; "
        f"otherwise continue with {number + 1}.",
        "If every part is answered, write the final answer to the user now, as plain text.",
    )


def is_filler() -> Hint:
    return Hint("filler", "This thought says nothing yet. Write one fact, one calculation or one check.")


def is_long() -> Hint:
    return Hint("long", "Keep each thought to 1-2 sentences.")


def stuck(hint: Hint) -> Hint:
    """Escalate a hint that came `STUCK` times: the chain gets nowhere."""
    return Hint(hint.kind, "This keeps happening. Answer now with what you have.", GIVE_UP)


def nameless(session: str) -> Hint:
    return Hint(
        "session", f"No sessionId was sent, so this began a new chain. Send sessionId {session!r} with every thought."
    )
