"""A ledger as columns: a million rows fit in memory and are read in seconds.

Every line is checked on the way. What is damaged, doubled or written by a later version is set aside and listed; the
first row of a key counts, since rows are never changed.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from understudy_harness.journal import Damage
from understudy_harness.ledger import read_ledger

NOT_CHECKED, REFUSED, ACCEPTED = -1, 0, 1
_COUNTS = ("arm", "sample", "epoch", "accepted", "grade", "truncated", "unpriced", "transcript", "length")
_NUMBERS = (
    "score",
    "usd",
    "seconds",
    "model_seconds",
    "free_seconds",
    "tokens_in",
    "tokens_out",
    "cloud_calls",
    "calls",
)

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(kw_only=True)
class Columns:
    """What a run's ledger holds."""

    folder: Path
    headers: dict[str, dict[str, Any]] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    arms: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Arm id -> its description in the header; the first header that names it counts."""
    arm_ids: list[str] = field(default_factory=list)
    samples: list[tuple[str, str]] = field(default_factory=list)
    """(benchmark, id) by number."""
    clusters: list[str] = field(default_factory=list)
    """The cluster of each of `samples`."""
    categories: list[str] = field(default_factory=list)
    grades: list[str] = field(default_factory=list)
    """The grade words by number."""
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    errors: dict[str, Counter[str]] = field(default_factory=dict)
    """Arm id -> the messages of attempts that gave no answer and were never made good, with their number."""
    error_usd: dict[str, float] = field(default_factory=dict)
    """Arm id -> US dollars of attempts that gave no answer."""
    facts_of: dict[str, set[str]] = field(default_factory=dict)
    """Arm id -> names of the facts its rows refer to."""
    resumes: int = 0
    in_flight: int = 0
    """Calls that may have been made twice, because a process ended while they were under way."""
    damage: list[Damage] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Sound rows."""
        return len(self.columns["score"])

    def by_sample(self, arm: str) -> dict[tuple[str, str], list[float]]:
        """The scores of an arm by (benchmark, sample), its epochs in order."""
        found: dict[tuple[str, str], list[float]] = {}
        if arm not in self.arm_ids:
            return found
        mine = np.flatnonzero(self.columns["arm"] == self.arm_ids.index(arm))
        for row in mine[np.lexsort((self.columns["epoch"][mine], self.columns["sample"][mine]))]:
            key = self.samples[int(self.columns["sample"][row])]
            found.setdefault(key, []).append(float(self.columns["score"][row]))
        return found


class _Reader:
    """Fills columns line by line."""

    def __init__(self, folder: Path) -> None:
        self.found = Columns(folder=folder)
        self._counts = array("q")  # row by row, in the order of _COUNTS: one call per row instead of one per value
        self._numbers = array("d")  # the same for _NUMBERS
        self._arm: dict[str, int] = {}
        self._sample: dict[tuple[str, str], int] = {}
        self._grade: dict[str, int] = {}
        self._seen: set[int] = set()  # keys packed into one integer, a third of a tuple's memory
        self._failed: dict[tuple[str, str, int], str] = {}

    def line(self, number: int, record: Mapping[str, Any]) -> None:
        """Take one sound line."""
        kind = record.get("kind")
        if kind == "row":
            self._row(number, record)
        elif kind == "error":
            self._failure(record)
        elif kind == "header":
            self.found.headers.setdefault(record["id"], dict(record))
            for arm in record.get("arms", ()):
                self.found.arms.setdefault(arm["id"], arm)
        elif kind == "facts":
            self.found.facts[record["id"]] = dict(record)
        elif kind == "resume":
            self.found.resumes += 1
            self.found.in_flight += record.get("in_flight", 0)
        else:
            self.found.damage.append(Damage(number, "unknown", f"kind {kind!r}"))

    def _row(self, number: int, record: Mapping[str, Any]) -> None:
        arm = self._numbered(self._arm, record["arm"], self.found.arm_ids)
        name = (record.get("benchmark", ""), record["sample"])
        sample = self._sample.get(name)
        if sample is None:
            sample = self._numbered(self._sample, name, self.found.samples)
            self.found.clusters.append(record.get("cluster", ""))
            self.found.categories.append(record.get("category", ""))
        epoch = record.get("epoch", 0)
        key = (epoch << 32 | arm) << 40 | sample
        if key in self._seen:
            self.found.damage.append(Damage(number, "duplicate", f"arm {record['arm']}, sample {record['sample']!r}"))
            return
        self._seen.add(key)
        if self._failed:
            self._failed.pop((record["arm"], record["sample"], epoch), None)
        self._append(arm, sample, epoch, record)

    def _append(self, arm: int, sample: int, epoch: int, record: Mapping[str, Any]) -> None:
        accepted = record.get("accepted")
        grade = self._numbered(self._grade, record.get("grade", ""), self.found.grades)
        spend = record.get("spend") or {}
        used = _used(next(iter(spend.values()))) if len(spend) == 1 else _used_by_all(spend.values())
        offset, length = record.get("transcript") or (-1, 0)
        truncated = 1 if record.get("truncated") else 0
        checked = NOT_CHECKED if accepted is None else int(accepted)
        self._counts.extend((arm, sample, epoch, checked, grade, truncated, used.unpriced, offset, length))
        cloud = spend["cloud"].get("calls", 0) if "cloud" in spend else 0
        score, seconds = record.get("score", 0.0), record.get("seconds", 0.0)
        self._numbers.extend(
            (score, used.usd, seconds, used.seconds, used.free, used.tokens_in, used.tokens_out, cloud, used.calls)
        )
        if "facts" in record:
            self.found.facts_of.setdefault(record["arm"], set()).update(record["facts"])

    def _failure(self, record: Mapping[str, Any]) -> None:
        arm = record["arm"]
        self._failed[arm, record["sample"], record.get("epoch", 0)] = str(record.get("message", ""))
        self.found.error_usd[arm] = self.found.error_usd.get(arm, 0.0) + record.get("usd", 0.0)

    def _numbered(self, known: dict[Any, int], key: Any, names: list[Any]) -> int:
        number = known.get(key)
        if number is None:
            number = known[key] = len(names)
            names.append(key)
        return number

    def done(self) -> Columns:
        """Close the columns."""
        for (arm, _, _), message in self._failed.items():
            self.found.errors.setdefault(arm, Counter())[message] += 1
        self.found.columns = _columns(_NUMBERS, self._numbers, np.float64) | _columns(_COUNTS, self._counts, np.int64)
        return self.found


class _Used(NamedTuple):
    """What a row used, of all its roles."""

    usd: float
    seconds: float
    free: float
    """Seconds of roles that cost nothing and are not unpriced."""
    tokens_in: int
    tokens_out: int
    calls: int
    unpriced: int


def _used(part: Mapping[str, Any]) -> _Used:
    get = part.get
    usd, unpriced, seconds = get("usd", 0.0), get("unpriced_calls", 0), get("seconds", 0.0)
    free = 0.0 if usd or unpriced else seconds
    return _Used(usd, seconds, free, get("input_tokens", 0), get("output_tokens", 0), get("calls", 0), unpriced)


def _used_by_all(parts: Iterable[Mapping[str, Any]]) -> _Used:
    every = [_used(part) for part in parts]
    return _Used(*map(sum, zip(*every, strict=True))) if every else _Used(0.0, 0.0, 0.0, 0, 0, 0, 0)


def _columns(names: Sequence[str], values: "array[Any]", kind: Any) -> dict[str, NDArray[Any]]:
    """Turn values that stand row by row into one array per column."""
    table = np.frombuffer(values, dtype=kind).reshape(-1, len(names)) if values else np.zeros((0, len(names)), kind)
    return {name: np.ascontiguousarray(table[:, place]) for place, name in enumerate(names)}


def read_columns(folder: Path) -> Columns:
    """Read a run's ledger.

    Raises:
        LedgerError: The folder holds none.
    """
    reader = _Reader(folder)
    for line in read_ledger(folder):
        if isinstance(line, Damage):
            reader.found.damage.append(line)
        else:
            reader.line(line.number, line.record)
    return reader.done()
