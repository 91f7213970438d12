"""A report as JSON data, for programs: every number that the page shows, unrounded."""

from typing import Any

from understudy_harness import stats
from understudy_harness.analysis import Analysis, ArmResult, BenchmarkResult, Contrast, Repeats
from understudy_harness.budgets import curve
from understudy_harness.news import about_benchmark, about_run


def as_data(analysis: Analysis, *, timing: bool = True) -> dict[str, Any]:
    """The whole report; without `timing`, equal for any two runs that gave the same rows."""
    return {
        "fixture": analysis.fixture,
        "truncated": analysis.truncated,
        "rows": analysis.columns.rows,
        "notes": list(about_run(analysis)) if timing else [],
        "looks": analysis.looks if timing else None,
        "benchmarks": [_benchmark(result, timing) for result in analysis.benchmarks],
    }


def _benchmark(result: BenchmarkResult, timing: bool) -> dict[str, Any]:
    return {
        "name": result.name,
        "dataset": result.about.get("dataset"),
        "statement": dict(result.statement),
        "samples": len(result.sample_ids),
        "clusters": len(set(result.clusters)),
        "arms": [_arm(arm, timing) for arm in result.arms],
        "contrasts": [_contrast(contrast) for contrast in result.contrasts],
        "frontier": [
            {"arm": point.name, "cost": point.cost, "score": point.score, "significant": point.significant}
            for point in result.frontier
        ],
        "budgets": [{"usd": point.budget, "arm": point.name, "score": point.score} for point in curve(result)],
        "bad_news": list(about_benchmark(result)),
    }


def _arm(arm: ArmResult, timing: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": arm.id,
        "kind": arm.kind,
        "label": arm.label,
        "scaffold": arm.scaffold,
        "models": dict(arm.models),
        "score": None if arm.score is None else _difference(arm.score),
        "rows": arm.rows,
        "failed": arm.errors.total(),
        "missing": arm.missing,
        "truncated": arm.truncated,
        "usd_per_sample": arm.usd_per_sample,
        "usd_per_solved": arm.usd_per_solved,
        "unpriced_calls": arm.unpriced,
        "tokens_in": arm.tokens_in,
        "tokens_out": arm.tokens_out,
        "calls": arm.calls,
        "cloud_share": arm.cloud_share,
        "accept_precision": arm.precision.share,
        "grades": dict(sorted(arm.grades.items())),
        "repeats": None if arm.repeats is None else _repeats(arm.repeats),
    }
    if timing:
        shown["seconds_median"] = arm.seconds_p50
        shown["model_seconds"] = None if arm.model_seconds is None else arm.model_seconds.value
    return shown


def _repeats(found: Repeats) -> dict[str, Any]:
    k = found.epochs
    flipped = found.flips.gained + found.flips.lost
    return {"epochs": k, f"pass@{k}": found.pass_at, f"pass^{k}": found.pass_all, "flipped_between_epochs": flipped}


def _contrast(contrast: Contrast) -> dict[str, Any]:
    return {
        "arm": contrast.arm.id,
        "local": contrast.local.id,
        "cloud": None if contrast.cloud is None else contrast.cloud.id,
        "samples": contrast.n,
        "clusters": contrast.clusters,
        "lift": _difference(contrast.lift),
        "lift_p_holm": contrast.lift_p,
        "remaining": None if contrast.remaining is None else _difference(contrast.remaining),
        "not_worse_than_cloud": None if contrast.parity is None else contrast.parity.shown,
        "gap_closed": None if contrast.gap is None else _gap(contrast.gap, contrast.refusals),
        "gap_closed_fair": None
        if contrast.fair_gap is None
        else _gap(contrast.fair_gap, stats.refusals(contrast.fair_gap)),
        "difference_in_differences": None if contrast.did is None else _difference(contrast.did),
        "over_chord": contrast.over_chord,
        "apgr": None if contrast.routing is None else contrast.routing.apgr,
        "cpt80": None if contrast.routing is None else contrast.routing.cpt,
        "flips": {"gained": contrast.flips.gained, "lost": contrast.flips.lost, "same": contrast.flips.same},
    }


def _difference(found: stats.Difference) -> dict[str, Any]:
    return {"value": found.value, "se": found.se, "interval": list(found.interval), "p": found.p}


def _gap(gap: stats.Gap, refused: tuple[str, ...]) -> dict[str, Any]:
    return {
        "value": gap.theta,
        "set": {"kind": type(gap.fieller).__name__.lower(), "ends": list(gap.fieller)},
        "gap": gap.gap,
        "z_gap": gap.z_gap,
        "refused": list(refused),
    }
