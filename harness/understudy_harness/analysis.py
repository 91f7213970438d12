"""From columns to what a report says: arms, contrasts, and what is bad news about them.

Arms of one benchmark are compared on the samples that both have. A missing or failed row is missing, never wrong.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from understudy_harness import stats
from understudy_harness.columns import ACCEPTED, NOT_CHECKED, Columns, Counts, Numbers
from understudy_harness.journal import Damage


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """Several epochs of the same samples, over those that have `epochs` rows."""

    epochs: int
    pass_at: float
    """Share of samples that at least one of the epochs solves (pass@k)."""
    pass_all: float
    """Share that all of them solve (pass^k)."""
    flips: stats.Flips
    """From the first epoch to the second: identical but for chance."""


@dataclass(kw_only=True, eq=False)
class ArmResult:
    """One arm on one benchmark."""

    id: str
    kind: str
    label: str
    scaffold: str
    models: Mapping[str, str]
    about: Mapping[str, Any]
    """All that the header says about the arm."""
    means: Numbers
    """Mean score per sample of the benchmark over its epochs; NaN where there is no row."""
    epochs: Counts
    """Rows per sample."""
    right: Counts
    """Rows per sample with a score of 1."""
    score: stats.Difference | None
    """Over the samples it has; None below two clusters."""
    mean: float
    rows: int
    errors: Counter[str]
    missing: int
    """Rows that were planned and are neither there nor failed."""
    truncated: int
    usd_per_sample: float | None
    """US dollars per row, failed attempts included; None where a call has no price."""
    usd: stats.Difference | None
    """US dollars per row with their interval, failed attempts left out; None where unpriced."""
    seconds_p50: float
    model_seconds: stats.Difference | None
    """Seconds per row spent waiting for models, with their interval."""
    tokens_in: float
    tokens_out: float
    calls: float
    cloud_share: float
    """Share of the calls that went to the role "cloud"."""
    precision: stats.AcceptPrecision
    grades: Counter[str]
    unpriced: int
    repeats: "Repeats | None"
    """What several epochs show; None for one."""
    facts: tuple[Mapping[str, Any], ...]

    @property
    def usd_per_solved(self) -> float | None:
        """US dollars per solved sample; None where unpriced or nothing was solved."""
        return None if self.usd_per_sample is None else stats.cost_of_pass(self.usd_per_sample, self.mean)

    @property
    def titled(self) -> str:
        """The label, and that the arm is a bound where it was chosen with the hidden grade."""
        return f"{self.label} (oracle bound)" if self.about.get("oracle_bound") else self.label

    @property
    def model(self) -> str:
        """The model, or the models joined by +."""
        return " + ".join(dict.fromkeys(self.models.values()))


@dataclass(kw_only=True, eq=False)
class Contrast:
    """A scaffold or a control against the bare arms."""

    arm: ArmResult
    local: ArmResult
    cloud: ArmResult | None
    cloud_scaffold: ArmResult | None
    n: int
    """Samples that all of them have."""
    clusters: int
    lift: stats.Difference
    lift_p: float
    """Adjusted for all lifts of the benchmark (Holm)."""
    remaining: stats.Difference | None
    """C - S."""
    parity: stats.NonInferiority | None
    gap: stats.Gap | None
    """Against C."""
    fair_gap: stats.Gap | None
    """Against CS."""
    did: stats.Difference | None
    flips: stats.Flips
    over_chord: float | None
    """For a router: its score above the coin flip with the same share of cloud calls."""
    routing: stats.Routing | None
    """For a router: APGR and CPT(80 %) of the curve through the small model, its one setting and the large model."""

    @property
    def is_router(self) -> bool:
        """Whether S itself calls the large model."""
        return bool(self.arm.about.get("router"))

    @cached_property
    def refusals(self) -> tuple[str, ...]:
        """Why the share of the gap is not printed; empty when it may be."""
        if self.gap is None:
            return ("there is no arm with the large model",)
        if self.is_router:
            return ("the scaffold calls the large model itself: see its gain over the chord",)
        return stats.refusals(self.gap)


@dataclass(kw_only=True, eq=False)
class BenchmarkResult:
    """Everything about one benchmark."""

    name: str
    about: Mapping[str, Any]
    """Its entry in the header: statement, dataset hash, number of samples."""
    sample_ids: tuple[str, ...]
    clusters: tuple[str, ...]
    categories: tuple[str, ...]
    numbers: Counts
    """Index of each sample in the columns."""
    arms: tuple[ArmResult, ...]
    contrasts: tuple[Contrast, ...]
    frontier: tuple[stats.FrontierPoint, ...]

    @property
    def statement(self) -> Mapping[str, Any]:
        """What is measured, in words."""
        found = self.about.get("statement", {})
        assert isinstance(found, Mapping)
        return found

    def of_kind(self, kind: str) -> tuple[ArmResult, ...]:
        """The arms of a kind."""
        return tuple(arm for arm in self.arms if arm.kind == kind)


@dataclass(kw_only=True, eq=False)
class Analysis:
    """A run, analyzed."""

    columns: Columns
    benchmarks: tuple[BenchmarkResult, ...]
    header: Mapping[str, Any]
    """The last header: how the run was made."""
    damage: tuple[Damage, ...]
    fixture: bool
    """Bundled models or their families take part: every page says that gains are by design."""
    truncated: bool
    """A prompt was cut to fit a window, which disqualifies the run unless that is overridden."""
    notes: list[str] = field(default_factory=list)
    looks: int = 0
    """How often these test samples were looked at, this time included; 0 for dev samples."""


def analyze(columns: Columns, *, level: float = 0.95) -> Analysis:
    """Analyze a ledger's columns."""
    header = list(columns.headers.values())[-1] if columns.headers else {}
    names = list(dict.fromkeys(benchmark for benchmark, _ in columns.samples))
    results = tuple(_benchmark(columns, name, _about(columns, name), level) for name in names)
    return Analysis(
        columns=columns,
        benchmarks=results,
        header=header,
        damage=tuple(columns.damage),
        fixture=any(_is_fixture(result) for result in results),
        truncated=bool(columns.columns["truncated"].any()),
    )


def _about(columns: Columns, name: str) -> Mapping[str, Any]:
    for header in reversed(columns.headers.values()):
        for benchmark in header.get("benchmarks", ()):
            if benchmark["name"] == name:
                assert isinstance(benchmark, dict)
                return benchmark
    return {"name": name}


def _is_fixture(result: BenchmarkResult) -> bool:
    bundled = any(spec.startswith("fixture:") for arm in result.arms for spec in arm.models.values())
    return bundled or bool(result.statement.get("fixture"))


def _benchmark(columns: Columns, name: str, about: Mapping[str, Any], level: float) -> BenchmarkResult:
    order = sorted((key[1], index) for index, key in enumerate(columns.samples) if key[0] == name)
    numbers = np.array([index for _, index in order], dtype=np.int64)
    place = np.full(len(columns.samples), -1, dtype=np.int64)
    place[numbers] = np.arange(len(numbers))
    position = place[columns.columns["sample"]]
    planned = int(about.get("samples", len(numbers))) * _epochs(columns)
    clusters = tuple(columns.clusters[index] for index in numbers)
    codes = stats.differences.encode(clusters)
    arms = []
    for number, arm in enumerate(columns.arm_ids):
        mask = (columns.columns["arm"] == number) & (position >= 0)
        if mask.any():
            arms.append(_arm(columns, arm, mask, position, codes, planned, level))
    arms.extend(_silent(columns, name, {arm.id for arm in arms}, len(numbers), planned))
    arms.sort(key=lambda arm: _arm_order(columns, arm.id))
    contrasts = _contrasts(arms, codes, level)
    return BenchmarkResult(
        name=name,
        about=about,
        sample_ids=tuple(identifier for identifier, _ in order),
        clusters=clusters,
        categories=tuple(columns.categories[index] for index in numbers),
        numbers=numbers,
        arms=tuple(arms),
        contrasts=tuple(contrasts),
        frontier=_frontier(arms, codes, level),
    )


def _epochs(columns: Columns) -> int:
    return max((int(header.get("epochs", 1)) for header in columns.headers.values()), default=1)


def _arm_order(columns: Columns, identifier: str) -> int:
    known = list(columns.arms)
    return known.index(identifier) if identifier in columns.arms else len(known)


def _described(columns: Columns, identifier: str) -> dict[str, Any]:
    about = columns.arms.get(identifier, {})
    return {
        "id": identifier,
        "kind": about.get("kind", "other"),
        "label": about.get("label", identifier),
        "scaffold": about.get("scaffold", ""),
        "models": about.get("models", {}),
        "about": about,
        "errors": columns.errors.get(identifier, Counter()),
        "facts": tuple(
            columns.facts[name] for name in sorted(columns.facts_of.get(identifier, ())) if name in columns.facts
        ),
    }


def _arm(
    columns: Columns,
    identifier: str,
    mask: NDArray[np.bool_],
    position: Counts,
    codes: Counts,
    planned: int,
    level: float,
) -> ArmResult:
    column = {name: values[mask] for name, values in columns.columns.items()}
    at, count = position[mask], len(codes)
    epochs = np.bincount(at, minlength=count).astype(np.int64)
    means = _per_sample(column, "score", at, epochs)
    here = epochs > 0
    rows, errors = len(at), columns.errors.get(identifier, Counter())
    calls = float(column["calls"].sum())
    spent = _total(column, "usd", at) + columns.error_usd.get(identifier, 0.0)
    unpriced = int(column["unpriced"].sum())
    known = column["accepted"] != NOT_CHECKED
    return ArmResult(
        **_described(columns, identifier),
        means=means,
        epochs=epochs,
        right=np.bincount(at[column["score"] >= 1.0], minlength=count),
        score=_mean(means[here], codes[here], level),
        mean=float(np.mean(means[here])),
        rows=rows,
        missing=max(planned - rows - errors.total(), 0),
        truncated=int(column["truncated"].sum()),
        usd_per_sample=None if unpriced else spent / rows,
        usd=None if unpriced else _mean_of(column, "usd", at, epochs, codes, level),
        seconds_p50=float(np.median(column["seconds"])),
        model_seconds=_mean_of(column, "model_seconds", at, epochs, codes, level),
        tokens_in=float(column["tokens_in"].mean()),
        tokens_out=float(column["tokens_out"].mean()),
        calls=calls / rows,
        cloud_share=float(column["cloud_calls"].sum()) / calls if calls else 0.0,
        precision=stats.accept_precision(column["accepted"][known] == ACCEPTED, column["score"][known]),
        grades=Counter({columns.grades[code]: int(n) for code, n in enumerate(np.bincount(column["grade"])) if n}),
        unpriced=unpriced,
        repeats=_repeats(column, at, epochs),
    )


def _per_sample(column: Mapping[str, NDArray[Any]], name: str, at: Counts, epochs: Counts) -> Numbers:
    """Mean per sample; NaN where there is no row."""
    # In the order of (sample, epoch), so that sums do not depend on the order in which rows were finished.
    order = np.lexsort((column["epoch"], at))
    sums = np.bincount(at[order], weights=column[name][order], minlength=len(epochs))
    return np.where(epochs > 0, sums / np.maximum(epochs, 1), np.nan)


def _mean_of(
    column: Mapping[str, NDArray[Any]], name: str, at: Counts, epochs: Counts, codes: Counts, level: float
) -> stats.Difference | None:
    here = epochs > 0
    return _mean(_per_sample(column, name, at, epochs)[here], codes[here], level)


def _repeats(column: Mapping[str, NDArray[Any]], at: Counts, epochs: Counts) -> Repeats | None:
    most = int(epochs.max(initial=0))
    if most < 2:
        return None
    whole = epochs == most
    right = np.bincount(at[column["score"] >= 1.0], minlength=len(epochs))[whole]
    pairs = [np.full(len(epochs), np.nan) for _ in range(2)]
    for epoch, scores in enumerate(pairs):
        here = column["epoch"] == epoch
        scores[at[here]] = column["score"][here]
    both = ~np.isnan(pairs[0]) & ~np.isnan(pairs[1])
    return Repeats(
        epochs=most,
        pass_at=float(np.mean([stats.pass_at_k(n=most, correct=int(c), k=most) for c in right])),
        pass_all=float(np.mean([stats.pass_hat_k(n=most, correct=int(c), k=most) for c in right])),
        flips=stats.flips(pairs[0][both], pairs[1][both]),
    )


def _total(column: Mapping[str, NDArray[Any]], name: str, at: Counts) -> float:
    order = np.lexsort((column["epoch"], at))
    return float(np.sum(column[name][order]))


def _silent(columns: Columns, name: str, seen: set[str], count: int, planned: int) -> Iterator[ArmResult]:
    """Arms that were planned and have no row: they are shown, with their errors."""
    for identifier, about in columns.arms.items():
        if about.get("benchmark") == name and identifier not in seen:
            nothing = np.zeros(count, dtype=np.int64)
            described = _described(columns, identifier)
            yield ArmResult(
                **described,
                means=np.full(count, np.nan),
                epochs=nothing,
                right=nothing,
                score=None,
                mean=float("nan"),
                rows=0,
                missing=max(planned - described["errors"].total(), 0),
                truncated=0,
                usd_per_sample=None,
                usd=None,
                seconds_p50=0.0,
                model_seconds=None,
                tokens_in=0.0,
                tokens_out=0.0,
                calls=0.0,
                cloud_share=0.0,
                precision=stats.accept_precision([], []),
                grades=Counter(),
                unpriced=0,
                repeats=None,
            )


def _mean(scores: Numbers, codes: Counts, level: float) -> stats.Difference | None:
    return stats.mean_score(scores, codes, level=level) if len(np.unique(codes)) > 1 else None


def _contrasts(arms: Sequence[ArmResult], codes: Counts, level: float) -> list[Contrast]:
    found = [
        contrast
        for arm in arms
        if arm.kind in ("S", "control") and arm.rows
        for contrast in _against_bare(arm, arms, codes, level)
    ]
    adjusted = stats.holm([contrast.lift.p for contrast in found])
    for contrast, p in zip(found, adjusted, strict=True):
        contrast.lift_p = p
    return found


def _against_bare(arm: ArmResult, arms: Sequence[ArmResult], codes: Counts, level: float) -> Iterator[Contrast]:
    small = arm.models.get("local") or next(iter(arm.models.values()), "")
    local = next((other for other in arms if other.kind == "L" and small in other.models.values()), None)
    local = local or next((other for other in arms if other.kind == "L"), None)
    if local is None or not local.rows:
        return
    clouds: list[ArmResult | None] = [other for other in arms if other.kind == "C" and other.rows]
    for cloud in clouds or [None]:
        contrast = _contrast(arm, local, cloud, _same_scaffold(arm, cloud, arms), codes, level)
        if contrast is not None:
            yield contrast


def _same_scaffold(arm: ArmResult, cloud: ArmResult | None, arms: Sequence[ArmResult]) -> ArmResult | None:
    if cloud is None or arm.kind == "control":
        return None
    model = next(iter(cloud.models.values()), "")
    return next(
        (
            other
            for other in arms
            if other.kind == "CS" and other.rows and other.scaffold == arm.scaffold and model in other.models.values()
        ),
        None,
    )


def _contrast(
    arm: ArmResult,
    local: ArmResult,
    cloud: ArmResult | None,
    cloud_scaffold: ArmResult | None,
    codes: Counts,
    level: float,
) -> Contrast | None:
    present = [other for other in (arm, local, cloud, cloud_scaffold) if other is not None]
    shared = np.logical_and.reduce([other.epochs > 0 for other in present])
    if len(np.unique(codes[shared])) < 2:
        return None
    labels = codes[shared]
    s, low = arm.means[shared], local.means[shared]
    high = None if cloud is None else cloud.means[shared]
    both = None if cloud_scaffold is None else cloud_scaffold.means[shared]
    lift = stats.difference(s, low, labels, level=level)
    return Contrast(
        arm=arm,
        local=local,
        cloud=cloud,
        cloud_scaffold=cloud_scaffold,
        n=int(shared.sum()),
        clusters=len(np.unique(labels)),
        lift=lift,
        lift_p=lift.p,
        remaining=None if high is None else stats.difference(high, s, labels, level=level),
        parity=None if high is None else stats.non_inferiority(s, high, labels, level=level),
        gap=None if high is None else stats.gap_closed(s, low, high, labels, level=level),
        fair_gap=None if both is None else stats.gap_closed(s, low, both, labels, level=level),
        did=None
        if high is None or both is None
        else stats.difference_in_differences(s, low, both, high, labels, level=level),
        flips=stats.flips(low, s),
        over_chord=None
        if high is None or not arm.about.get("router")
        else stats.gain_over_chord(float(s.mean()), arm.cloud_share, weak=float(low.mean()), strong=float(high.mean())),
        routing=None if high is None else _routing(arm, s, low, high),
    )


def _routing(arm: ArmResult, s: Numbers, low: Numbers, high: Numbers) -> stats.Routing | None:
    weak, strong = float(low.mean()), float(high.mean())
    if not arm.about.get("router") or not 0 < arm.cloud_share < 1 or strong <= weak:
        return None
    return stats.routing([0.0, arm.cloud_share, 1.0], [weak, float(s.mean()), strong], weak=weak, strong=strong)


def _frontier(arms: Sequence[ArmResult], codes: Counts, level: float) -> tuple[stats.FrontierPoint, ...]:
    priced = [arm for arm in arms if arm.usd_per_sample is not None and arm.rows and arm.kind != "control"]
    if len(priced) < 2:
        return ()
    shared = np.logical_and.reduce([arm.epochs > 0 for arm in priced])
    if len(np.unique(codes[shared])) < 2:
        return ()
    return stats.significant_frontier(
        {arm.id: arm.usd_per_sample or 0.0 for arm in priced},
        {arm.id: arm.means[shared] for arm in priced},
        codes[shared],
        level=level,
    )
