"""One chain of thoughts after another: counted as the reference server counts, watched while it grows.

`Notebook.add` takes a draft, fills in what it left out, and gives the reply. The five fields of the reference are
exact; what is kept for looking back (thoughts, bytes) is bounded, what is counted is not. A draft that cannot be taken
changes nothing.
"""

import sys
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from understudy_servers.thinking import guidance
from understudy_servers.thinking.detectors import WINDOW, Trace, cycle, repeated, says_nothing, traced
from understudy_servers.thinking.guidance import Hint
from understudy_servers.thinking.thought import Draft, Thought

KEPT = 1_000  # thoughts that can be looked back at
OVERHEAD = 600  # bytes of a kept thought beside its text, measured
PLAN = 3  # thoughts planned when nothing was said
ENOUGH = 12  # thoughts under which no chain is called a runaway
RECAP_EVERY = 5
IDLE = 15 * 60.0  # seconds after which a first thought begins anew even if the chain before it never ended
PAUSE = 60.0  # seconds after which an unnumbered thought begins anew when the server itself had declared the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a thought is answered with: the five fields of the reference, then the notebook's own words."""

    number: int
    total: int
    more: bool
    branches: tuple[str, ...]
    length: int
    next: str
    hint: Hint | None = None
    recap: str | None = None

    def reference(self) -> dict[str, object]:
        """Give the reference's five fields under its names, in its order."""
        return {
            "thoughtNumber": self.number,
            "totalThoughts": self.total,
            "nextThoughtNeeded": self.more,
            "branches": list(self.branches),
            "thoughtHistoryLength": self.length,
        }


@dataclass(slots=True)
class Chain:
    """The running problem: from a first thought to an answer."""

    planned: int | None = None  # the first estimate
    size: int = 0
    first: Thought | None = None
    recent: deque[Trace] = field(default_factory=lambda: deque(maxlen=WINDOW))
    hints: Counter[str] = field(default_factory=Counter)
    said_end: bool = False  # the model itself ended it, not a default


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A thought that has been weighed and not yet written down."""

    thought: Thought
    trace: Trace
    chain: Chain
    hint: Hint | None
    said_end: bool


class Notebook:
    """The thoughts of one session."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self.kept = kept
        self.thoughts: deque[Thought] = deque()
        self.size = 0  # bytes held by the kept thoughts, estimated
        self.length = 0  # thoughts ever accepted
        self.branches: dict[str, int] = {}
        self.last: Thought | None = None
        self._listed: tuple[str, ...] = ()
        self._index: dict[int, Thought] = {}
        self._highest = 0
        self._chain = Chain()

    @classmethod
    def restored(cls, thoughts: Iterable[Thought], *, kept: int = KEPT) -> "Notebook":
        """Rebuild a notebook from stored thoughts, without judging them again."""
        notebook = cls(kept=kept)
        for thought in thoughts:
            notebook._keep(thought)
        for thought in list(notebook.thoughts)[-WINDOW:]:
            notebook._chain.recent.append(traced(thought.text, thought.number))
        if notebook.last is not None:
            notebook._chain.size = len(notebook.thoughts)
            notebook._chain.first = notebook.thoughts[0]
            notebook._chain.planned = notebook.last.total
            notebook._chain.said_end = not notebook.last.more
        return notebook

    def begins_anew(self, draft: Draft, now: float) -> bool:
        """Say whether `draft` opens a new problem rather than going on with the last one.

        A first thought does once the chain before it has ended or lain idle; an unnumbered thought does when the model
        had said that it was done, or after a pause when only the plan was used up. A repetition never does: a model
        that loops over its last thought is still in the same chain.
        """
        last = self.last
        if last is None or not draft.linear or draft.number not in (None, 1):
            return False
        idle = now - last.at
        if draft.number is None:
            over = idle > IDLE or (not last.more and (self._chain.said_end or idle > PAUSE))
        else:
            over = idle > IDLE or not last.more
        return over and repeated(self._chain.recent, traced(draft.text, draft.number or 1)) is None

    def add(self, draft: Draft, now: float) -> Reply:
        """Accept a thought at time `now`, in seconds, and say what follows from it."""
        return self.accept(self.weigh(draft, now))

    def weigh(self, draft: Draft, now: float) -> Entry:
        """Complete and judge a thought at time `now`, in seconds, without changing anything."""
        chain = Chain() if self.begins_anew(draft, now) else self._chain
        thought = self._completed(draft, chain, now)
        trace = traced(thought.text, thought.number)
        return Entry(
            thought=thought,
            trace=trace,
            chain=chain,
            hint=self._hint(draft, thought, chain, trace),
            said_end=draft.more is False,
        )

    def accept(self, entry: Entry) -> Reply:
        """Write a weighed thought down, and say what follows from it."""
        chain, thought, hint = entry.chain, entry.thought, entry.hint
        self._chain = chain
        chain.planned = chain.planned or thought.total
        chain.size += 1
        chain.first = chain.first or thought
        chain.said_end = entry.said_end
        chain.recent.append(entry.trace)
        if hint is not None:
            chain.hints[hint.kind] += 1
            if chain.hints[hint.kind] >= guidance.STUCK and hint.kind in guidance.ESCALATING:
                hint = guidance.stuck(hint)
        self._keep(thought)
        step = guidance.next_step(thought, size=chain.size)
        return Reply(
            number=thought.number,
            total=thought.total,
            more=thought.more,
            branches=self._listed,
            length=self.length,
            next=hint.instead if hint is not None and hint.instead is not None else step,
            hint=hint,
            recap=self._recap(thought, chain),
        )

    def forget_oldest(self) -> int:
        """Drop the oldest kept thought and give the bytes that frees; counters stay."""
        thought = self.thoughts.popleft()
        freed = weight(thought)
        self.size -= freed
        if self._index.get(thought.number) is thought:
            del self._index[thought.number]
        return freed

    def _completed(self, draft: Draft, chain: Chain, now: float) -> Thought:
        before = self.last if chain.size else None
        number = draft.number or (before.number + 1 if before is not None else 1)
        total = max(draft.total or (before.total if before is not None else PLAN), number)
        more = draft.more
        if more is None:
            more = number < total or bool(draft.extended)
        return Thought(
            text=draft.text,
            number=number,
            total=total,
            more=more,
            revision=bool(draft.revision) or draft.revises is not None,
            revises=draft.revises,
            branched_from=draft.branched_from,
            branch=draft.branch,
            extended=draft.extended,
            at=now,
        )

    def _keep(self, thought: Thought) -> None:
        self.thoughts.append(thought)
        self.size += weight(thought)
        self.length += 1
        self.last = thought
        self._index[thought.number] = thought
        self._highest = max(self._highest, thought.number)
        if thought.branch is not None and thought.branched_from is not None:
            if thought.branch not in self.branches:
                self.branches[thought.branch] = 0
                self._listed = listed(self.branches)
            self.branches[thought.branch] += 1
        if len(self.thoughts) > self.kept:
            self.forget_oldest()

    def _hint(self, draft: Draft, thought: Thought, chain: Chain, trace: Trace) -> Hint | None:
        return (
            self._reference_hint(draft)
            or _loop_hint(chain, thought, trace)
            or _pace_hint(draft, thought, chain)
            or (guidance.is_filler() if says_nothing(thought.text) else None)
            or (guidance.is_long() if len(thought.text) > guidance.LONG else None)
        )

    def _reference_hint(self, draft: Draft) -> Hint | None:
        if draft.revises is not None and not self._knows(draft.revises):
            return guidance.missing(draft.revises, self._highest, "revise")
        if draft.branch is not None and draft.branched_from is None:
            return guidance.half_branch("branchId", "branchFromThought")
        if draft.branched_from is not None and draft.branch is None:
            return guidance.half_branch("branchFromThought", "branchId")
        if draft.branched_from is not None and not self._knows(draft.branched_from):
            return guidance.missing(draft.branched_from, self._highest, "branch from")
        return None

    def _knows(self, number: int) -> bool:
        forgotten = self.length > len(self.thoughts)
        return number in self._index or (forgotten and number <= self._highest)

    def _recap(self, thought: Thought, chain: Chain) -> str | None:
        earlier = [chain.first] if chain.first is not None and chain.first is not thought else []
        if thought.revises is not None or thought.branched_from is not None:
            target = self._index.get(thought.revises or thought.branched_from or 0)
            shown = [*earlier, target] if target is not None and target not in earlier else earlier
            return guidance.recap([one for one in shown if one is not thought]) or None
        if chain.size > 2 and (not thought.more or chain.size % RECAP_EVERY == 0):
            latest = [one for one in list(self.thoughts)[-min(4, chain.size) :] if one not in earlier]
            return guidance.recap([*earlier, *latest]) or None
        return None


def _loop_hint(chain: Chain, thought: Thought, trace: Trace) -> Hint | None:
    if alternating := cycle(chain.recent, trace):
        return guidance.alternates([one.number for one in alternating])
    again = repeated(chain.recent, trace)
    return guidance.repeats(again.number) if again is not None else None


def _pace_hint(draft: Draft, thought: Thought, chain: Chain) -> Hint | None:
    planned = chain.planned or thought.total
    position = max(thought.number, chain.size + 1)
    if position > max(ENOUGH, 2 * planned):
        return guidance.runs_away(position, planned)
    if draft.more is False and thought.number < thought.total and thought.branch is None and not chain.hints["early"]:
        return guidance.stops_early(thought.number, thought.total)
    return None


def weight(thought: Thought) -> int:
    """Estimate the bytes a kept thought holds."""
    return sys.getsizeof(thought.text) + OVERHEAD


def listed(branches: Iterable[str]) -> tuple[str, ...]:
    """Order branch ids as the reference lists them: JavaScript puts keys that are array indexes first, ascending."""
    names = list(branches)
    indexes = [name for name in names if _is_index(name)]
    return (*sorted(indexes, key=int), *(name for name in names if not _is_index(name)))


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdecimal() and str(int(name)) == name and int(name) < 2**32 - 1
