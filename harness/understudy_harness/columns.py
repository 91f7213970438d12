"""A ledger as columns: a million rows fit in memory and are read in seconds.

Every line is checked on the way. What is damaged, doubled or written by a later version is set aside and listed; the
first row of a key counts, since rows are never changed.
"""

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy_harness.journal import Damage
from understudy_harness.ledger import read_ledger

NOT_CHECKED, REFUSED, ACCEPTED = -1, 0, 1
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
_COUNTS = ("arm", "sample", "epoch", "accepted", "grade", "truncated", "unpriced")
_PLACES = ("transcript", "length")

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
        self._numbers = {name: array("d") for name in _NUMBERS}
        self._counts = {name: array("q") for name in (*_COUNTS, *_PLACES)}
        self._arm: dict[str, int] = {}
        self._sample: dict[tuple[str, str], int] = {}
        self._grade: dict[str, int] = {}
        self._seen: set[tuple[int, int, int]] = set()
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
        if (arm, sample, epoch) in self._seen:
            self.found.damage.append(Damage(number, "duplicate", f"arm {record['arm']}, sample {record['sample']!r}"))
            return
        self._seen.add((arm, sample, epoch))
        self._failed.pop((record["arm"], record["sample"], epoch), None)
        self._append(arm, sample, epoch, record)

    def _append(self, arm: int, sample: int, epoch: int, record: Mapping[str, Any]) -> None:
        counts, numbers = self._counts, self._numbers
        counts["arm"].append(arm)
        counts["sample"].append(sample)
        counts["epoch"].append(epoch)
        accepted = record.get("accepted")
        counts["accepted"].append(NOT_CHECKED if accepted is None else int(accepted))
        counts["grade"].append(self._numbered(self._grade, record.get("grade", ""), self.found.grades))
        counts["truncated"].append(int(record.get("truncated", False)))
        place = record.get("transcript") or (-1, 0)
        counts["transcript"].append(place[0])
        counts["length"].append(place[1])
        spend = record.get("spend", {})
        parts = spend.values()
        counts["unpriced"].append(sum(part.get("unpriced_calls", 0) for part in parts))
        numbers["score"].append(record.get("score", 0.0))
        numbers["seconds"].append(record.get("seconds", 0.0))
        numbers["usd"].append(sum(part.get("usd", 0.0) for part in parts))
        numbers["model_seconds"].append(sum(part.get("seconds", 0.0) for part in parts))
        free = (part for part in parts if not part.get("usd") and not part.get("unpriced_calls"))
        numbers["free_seconds"].append(sum(part.get("seconds", 0.0) for part in free))
        numbers["tokens_in"].append(sum(part.get("input_tokens", 0) for part in parts))
        numbers["tokens_out"].append(sum(part.get("output_tokens", 0) for part in parts))
        numbers["calls"].append(sum(part.get("calls", 0) for part in parts))
        numbers["cloud_calls"].append(spend["cloud"].get("calls", 0) if "cloud" in spend else 0)
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
        self.found.columns = {
            name: np.frombuffer(values, dtype=np.float64) if values else np.zeros(0)
            for name, values in self._numbers.items()
        }
        self.found.columns |= {
            name: np.frombuffer(values, dtype=np.int64) if values else np.zeros(0, dtype=np.int64)
            for name, values in self._counts.items()
        }
        return self.found


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
