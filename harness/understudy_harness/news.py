"""What a reader must know before believing a table, in whole sentences: bad news is a result.

Sentences about one benchmark come from `about_benchmark`, those about the run from `about_run`.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from understudy_harness.analysis import Analysis, ArmResult, BenchmarkResult, Contrast
from understudy_harness.indexes import wording_of
from understudy_harness.journal import Damage
from understudy_harness.wording import count, difference, p_value, percent, points

CEILING = 0.97
FEW_SEPARATING = 30
FIXTURE_BANNER = (
    "These models were trained for these tasks, so the gains are by design: this report exercises the instrument and "
    "is no evidence about language models."
)


def about_run(analysis: Analysis, *, allow_truncated: bool = False) -> tuple[str, ...]:
    """What holds for the whole run."""
    return tuple(_run(analysis, allow_truncated))


def about_benchmark(result: BenchmarkResult) -> tuple[str, ...]:
    """What holds for one benchmark, the worst first."""
    return (
        *(sentence for contrast in result.contrasts for sentence in _contrast(contrast)),
        *(sentence for arm in result.arms for sentence in _arm(arm)),
        *_benchmark(result),
    )


def about_damage(damage: Sequence[Damage], file: str = "the ledger") -> Iterator[str]:
    """Lines of a file that were not used, kind by kind."""
    kinds: dict[str, list[int]] = {}
    for one in damage:
        kinds.setdefault(one.problem, []).append(one.line)
    for problem, lines in sorted(kinds.items()):
        shown = ", ".join(map(str, lines[:8])) + (" …" if len(lines) > 8 else "")
        verb = "is" if len(lines) == 1 else "are"
        found = count(len(lines), "line")
        yield f"{found} of {file} {verb} {_DAMAGE.get(problem, problem)} and not used: {shown}."


def _run(analysis: Analysis, allow_truncated: bool) -> Iterator[str]:
    yield from analysis.notes
    if analysis.looks > 1:
        yield (
            f"This is look {analysis.looks} at these test samples from this folder of results: what was chosen after "
            "an earlier look is not measured fairly by them."
        )
    if analysis.truncated:
        rows = sum(arm.truncated for result in analysis.benchmarks for arm in result.arms)
        fate = (
            "It is shown because --allow-truncated was given."
            if allow_truncated
            else "That disqualifies the run: load the model with a longer window and run it again."
        )
        yield f"In {count(rows, 'row')} the prompt was cut to fit the model's window. {fate}"
    yield from about_damage(analysis.damage)
    yield from _gone(analysis)
    if analysis.columns.in_flight:
        calls = count(analysis.columns.in_flight, "call")
        yield f"{calls} may have been made twice: a process ended while they were under way."
    versions = {str(header.get("git")) for header in analysis.columns.headers.values()}
    if len(versions) > 1:
        yield f"Rows come from {len(versions)} versions of the code: {', '.join(sorted(v[:12] for v in versions))}."


def _gone(analysis: Analysis) -> Iterator[str]:
    """What rows refer to and the ledger does not hold, and data that only share a name."""
    columns = analysis.columns
    arms = [name for name in columns.arm_ids if name not in columns.arms]
    if arms:
        names = ", ".join(arms[:3]) + (" …" if len(arms) > 3 else "")
        yield (
            f"The header of {count(len(arms), 'arm')} is missing ({names}), so kind, scaffold and models are unknown. "
            "The command that made it writes it again."
        )
    facts = {name for names in columns.facts_of.values() for name in names} - columns.facts.keys()
    if facts:
        lost = count(len(facts), "line")
        yield f"What servers said about their models is missing ({lost} of it), so provenance has gaps."
    data: dict[str, set[str]] = {}
    for header in columns.headers.values():
        for benchmark in header.get("benchmarks", ()):
            data.setdefault(benchmark["name"], set()).add(str(benchmark.get("dataset")))
    for name, found_data in data.items():
        if len(found_data) > 1:
            yield (
                f"Rows of {name} come from {len(found_data)} different sets of data under one name, paired by id all "
                "the same: two runs were mixed. Measure each in a folder of its own."
            )


def _indexes(arm: ArmResult) -> Iterator[str]:
    """What an arm's documentation was searched in: more than one index, or one without vectors."""
    found = [fact["facts"] for fact in arm.facts if "server" in fact]
    if len(found) > 1:
        yield (
            f"{arm.label}: its rows were answered from {len(found)} states of the documentation's index: "
            f"{', '.join(map(wording_of, found))}. They count as one arm, and are one treatment only if what was "
            "asked about is the same in all."
        )
    for state in sorted({str(index.get("vectors")) for index in found} & set(_VECTORS)):
        yield f"{arm.label}: {_VECTORS[state]}"


_VECTORS = {
    "failed": "the vectors of the documentation failed, so it was searched by words alone.",
    "off": "the documentation was searched by words alone: vectors were off.",
    "unknown": "the docs server told no digest of its index, so nothing shows which documentation was read.",
}

_DAMAGE = {
    "impossible": "nothing that a run writes (a score outside 0 to 1, a missing name)",
    "torn": "torn",
    "edited": "changed after it was written",
    "newer": "written by a later version",
    "duplicate": "a second row of a key",
    "unknown": "of an unknown kind",
}


def _contrast(contrast: Contrast) -> Iterator[str]:
    name, lift = contrast.arm.label, contrast.lift
    if contrast.arm.kind == "control":
        if lift.interval.low > 0:
            yield (
                f"The {name} lifts too, by {difference(lift)} points: part of the scaffold's gain may not come "
                "from what it is named after."
            )
        return
    if lift.interval.high < 0:
        yield f"{name} hurts: {difference(lift)} points, {p_value(contrast.lift_p)}."
    elif lift.interval.low <= 0:
        yield f"{name} shows no lift: {difference(lift)} points, {p_value(contrast.lift_p)}."
    elif contrast.lift_p > 0.05:
        yield f"{name}'s lift does not hold among all comparisons: {p_value(contrast.lift_p)} after Holm."
    if contrast.flips.lost:
        yield (
            f"{name} loses {count(contrast.flips.lost, 'sample')} that the bare model got better, and gains "
            f"{contrast.flips.gained}."
        )
    if contrast.did is not None and contrast.did.interval.high < 0:
        yield f"{name} helps the large model more than the small one: {difference(contrast.did)} points."
    if contrast.over_chord is not None and contrast.over_chord <= 0:
        yield f"{name} is no better than a coin flip that sends {percent(contrast.arm.cloud_share)} of the calls."


def _arm(arm: ArmResult) -> Iterator[str]:
    yield from _indexes(arm)
    if arm.errors:
        common, times = arm.errors.most_common(1)[0]
        failed = count(arm.errors.total(), "row")
        verb = "counts" if arm.errors.total() == 1 else "count"
        yield f"{arm.label}: {failed} failed and {verb} as missing. {times} said: {common[:300]}"
    if arm.missing:
        if arm.about.get("imported"):
            verb = "is" if arm.missing == 1 else "are"
            items = count(arm.missing, "item")
            yield f"{arm.label}: {items} {verb} missing in what was published, and not counted as wrong."
        else:
            verbs = "was planned and is" if arm.missing == 1 else "were planned and are"
            yield f"{arm.label}: {count(arm.missing, 'row')} {verbs} not there. The same command adds what is missing."
    if arm.unpriced:
        verb = "has" if arm.unpriced == 1 else "have"
        calls = count(arm.unpriced, "row" if arm.about.get("imported") else "call")
        yield f"{arm.label}: {calls} {verb} no known price, so its cost is unpriced, not 0."
    if arm.about.get("oracle_bound"):
        yield f"{arm.label} was selected with the hidden grade: it is an oracle bound, not a result."
    if arm.precision.share is not None and arm.precision.share < 0.9 and arm.kind in ("S", "CS"):
        yield (
            f"{arm.label}: of {arm.precision.accepted} accepted answers {percent(arm.precision.share)} are right, so "
            "no number of tries lifts it above that."
        )


def _benchmark(result: BenchmarkResult) -> Iterator[str]:
    cloud = next(iter(result.of_kind("C")), None)
    local = next(iter(result.of_kind("L")), None)
    if cloud is not None and cloud.mean > CEILING:
        yield f"The large model scores {percent(cloud.mean)}: the benchmark is near its ceiling."
    if cloud is not None and local is not None and cloud.rows and local.rows:
        both = (cloud.epochs > 0) & (local.epochs > 0)
        separating = int(np.sum(cloud.means[both] != local.means[both]))
        if separating < FEW_SEPARATING:
            verb = "tells" if separating == 1 else "tell"
            yield f"Only {count(separating, 'sample')} {verb} the large model from the small one."
        if cloud.mean < local.mean:
            behind = points(local.mean - cloud.mean, signed=False)
            yield f"The large model scores {behind} points below the small one."
    if result.statement.get("check_is_grade"):
        yield "check = grade: the loop saw the tests that grade it, so gains of loops are optimistic."
    names = {arm.id: arm.label for arm in result.arms}
    for cheaper, point in pairwise(result.frontier):
        if point.advantage is not None and not point.significant and point.cost > cheaper.cost:
            yield (
                f"{names[point.name]} costs more than {names[cheaper.name]} and is not shown to be better: "
                f"{difference(point.advantage)} points."
            )
    dead = _never_solved(result)
    if dead:
        yield f"{count(dead, 'sample')} {'is' if dead == 1 else 'are'} solved by no arm in any epoch."


def _never_solved(result: BenchmarkResult) -> int:
    arms = [arm for arm in result.arms if arm.rows]
    if not arms:
        return 0
    return int(np.sum(np.logical_and.reduce([(arm.epochs > 0) & (arm.means == 0) for arm in arms])))
