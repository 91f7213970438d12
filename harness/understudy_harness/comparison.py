"""Compare runs: the same arm on the same samples, before and after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from understudy_harness import stats
from understudy_harness.analysis import Analysis, ArmResult, BenchmarkResult
from understudy_harness.errors import SettingsError
from understudy_harness.wording import count, difference, p_value, percent


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One arm in two runs."""

    benchmark: str
    label: str
    before: str
    after: str
    """Names of the two runs."""
    was: float
    now: float
    change: stats.Difference
    p: float
    """Adjusted for all pairs (Holm)."""
    flips: stats.Flips
    same_data: bool
    same_arm: bool
    """The arm's id is the same: models, scaffold and seed did not change, so every flip is chance or drift."""
    gained: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Runs beside each other."""

    runs: tuple[str, ...]
    pairs: tuple[Pair, ...]
    fixture: bool

    def lines(self) -> Iterator[str]:
        """The comparison in sentences."""
        for pair in self.pairs:
            yield (
                f"{pair.benchmark}, {pair.label}: {percent(pair.was)} ({pair.before}) → {percent(pair.now)} "
                f"({pair.after}), {difference(pair.change)} points, {p_value(pair.p)}; "
                f"{count(pair.flips.gained, 'sample')} gained, {pair.flips.lost} lost."
            )
            if not pair.same_data:
                yield "  The benchmark's data changed between the runs; only the shared samples are compared."
            if pair.same_arm and pair.flips.gained + pair.flips.lost:
                share = percent(pair.flips.share)
                yield f"  Nothing about the arm changed: {share} of the samples flipped by chance or drift."


def compare_runs(analyses: Sequence[Analysis]) -> Compared:
    """Pair every arm of a run with the arm of the same label in the run before it.

    Raises:
        SettingsError: A run disqualified by truncated prompts takes part.
    """
    names = _names(analyses)
    for name, analysis in zip(names, analyses, strict=True):
        if analysis.truncated:
            raise SettingsError(f"{name} has prompts that were cut to fit a window; it cannot be compared.")
    found = [
        pair
        for (before, old), (after, new) in zip(
            list(zip(names, analyses, strict=True))[:-1], list(zip(names, analyses, strict=True))[1:], strict=True
        )
        for pair in _between(before, old, after, new)
    ]
    adjusted = stats.holm([pair.change.p for pair in found])
    pairs = tuple(Pair(**{**vars(pair), "p": p}) for pair, p in zip(found, adjusted, strict=True))
    return Compared(runs=tuple(names), pairs=pairs, fixture=any(analysis.fixture for analysis in analyses))


def _names(analyses: Sequence[Analysis]) -> list[str]:
    names = [analysis.columns.folder.resolve().name for analysis in analyses]
    return [
        str(analysis.columns.folder) if names.count(name) > 1 else name
        for name, analysis in zip(names, analyses, strict=True)
    ]


def _between(before: str, old: Analysis, after: str, new: Analysis) -> Iterator[Pair]:
    for result in new.benchmarks:
        earlier = next((other for other in old.benchmarks if other.name == result.name), None)
        if earlier is None:
            continue
        for arm in result.arms:
            was = next((other for other in earlier.arms if other.label == arm.label), None)
            if was is not None and was.rows and arm.rows:
                pair = _pair(before, after, earlier, was, result, arm)
                if pair is not None:
                    yield pair


def _pair(
    before: str, after: str, earlier: BenchmarkResult, was: ArmResult, result: BenchmarkResult, arm: ArmResult
) -> Pair | None:
    place = {name: index for index, name in enumerate(earlier.sample_ids)}
    shared = [
        (index, place[name])
        for index, name in enumerate(result.sample_ids)
        if name in place and arm.epochs[index] and was.epochs[place[name]]
    ]
    clusters = [result.clusters[index] for index, _ in shared]
    if len(set(clusters)) < 2:
        return None
    now = np.array([arm.means[index] for index, _ in shared])
    then = np.array([was.means[index] for _, index in shared])
    change = stats.difference(now, then, clusters)
    ids = [result.sample_ids[index] for index, _ in shared]
    return Pair(
        benchmark=result.name,
        label=arm.label,
        before=before,
        after=after,
        was=float(then.mean()),
        now=float(now.mean()),
        change=change,
        p=change.p,
        flips=stats.flips(then, now),
        same_data=earlier.about.get("dataset") == result.about.get("dataset"),
        same_arm=arm.id == was.id,
        gained=tuple(name for name, a, b in zip(ids, then, now, strict=True) if b > a),
        lost=tuple(name for name, a, b in zip(ids, then, now, strict=True) if b < a),
    )
