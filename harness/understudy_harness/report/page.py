"""One self-contained HTML page about a run: works from a file, offline, on a phone, in print and in the dark."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from understudy_harness import news, stats
from understudy_harness.analysis import Analysis, ArmResult, BenchmarkResult, Contrast
from understudy_harness.budgets import curve
from understudy_harness.report import figures, provenance_view, transcripts
from understudy_harness.report.cost import per_solved
from understudy_harness.report.shell import embed, page
from understudy_harness.report.terminal import routed, share_of_gap
from understudy_harness.saving import save
from understudy_harness.wording import count, interval, money, p_value, percent, points, seconds

MOST_GRID_BYTES = 1_200_000
PAGE = "report.html"
FEW = 30  # samples; with fewer, intervals say more than is known
FILTERS = (("all", "All"), ("differ", "Arms differ"), ("gained", "Gained"), ("lost", "Lost"), ("never", "Never solved"))


def write_page(analysis: Analysis, *, allow_truncated: bool = False) -> Path:
    """Write the page, and the linked pages of transcripts that do not fit inside; return the page's path."""
    folder = analysis.columns.folder
    refused = analysis.truncated and not allow_truncated
    shown = () if refused else analysis.benchmarks
    slots = [transcripts.Slots(analysis.columns, result) for result in shown]
    data = ""
    if not refused:
        with transcripts.lines(folder) as source:
            inside = transcripts.chosen(analysis, slots, source)
            whole = sum(len(kept) for kept in inside.values()) == sum(int((s.offset >= 0).sum()) for s in slots)
            if not whole:
                transcripts.write_pages(analysis, slots, source, folder)
        data = embed("grid-data", _grid_data(shown, slots, linked=not whole)) + embed("transcripts", inside)
    body = "".join(_body(analysis, shown, allow_truncated=allow_truncated))
    return save(folder / PAGE, page(_title(analysis), body, fixture=analysis.fixture, data=data))


def _title(analysis: Analysis) -> str:
    return "Gap report: " + ", ".join(result.name for result in analysis.benchmarks)


def _body(analysis: Analysis, shown: Sequence[BenchmarkResult], *, allow_truncated: bool) -> Iterator[str]:
    yield '<header><p class="mark-line">understudy · gap report</p>'
    yield f"<h1>{_question(analysis)}</h1>"
    yield f'<p class="lead">{_asked(analysis)}</p><!--banner-->'
    for sentence in news.about_run(analysis, allow_truncated=allow_truncated):
        yield f'<p class="banner bad" role="alert">{escape(sentence)}</p>'
    if len(shown) > 1:
        links = "".join(f'<a href="#b{i}">{escape(result.name)}</a>' for i, result in enumerate(shown))
        yield f'<nav class="contents" aria-label="Benchmarks">{links}<a href="#provenance">Provenance</a></nav>'
    yield "</header><main>"
    yield from _overview([result for result in shown if not is_few(result)])
    for index, result in enumerate(shown):
        yield from _benchmark(index, result)
    yield from provenance_view.section(analysis)
    yield '</main><dialog id="transcript" aria-label="Transcript"><div id="sheet" class="sheet"></div></dialog>'
    yield "<footer>Points first, ratio last. Errors are missing, never wrong. Intervals are 95 %, paired and robust to "
    yield "clusters; p-values are adjusted for all lifts of a benchmark (Holm).</footer>"


def _question(analysis: Analysis) -> str:
    small = _models(analysis, ("L",)) or _models(analysis, ("S",))
    large = _models(analysis, ("C",)) or _models(analysis, ("CS",))
    if not small:
        return "What was measured"
    asked = f'How far does scaffolding carry <span class="small-model">{escape(small)}</span>'
    return f'{asked} toward <span class="large-model">{escape(large)}</span>?' if large else f"{asked}?"


def _models(analysis: Analysis, kinds: Sequence[str]) -> str:
    found = [
        spec
        for result in analysis.benchmarks
        for arm in result.arms
        if arm.kind in kinds and not arm.about.get("router")
        for spec in arm.models.values()
        if spec
    ]
    return ", ".join(dict.fromkeys(found))


def _asked(analysis: Analysis) -> str:
    scaffolds = dict.fromkeys(
        contrast.arm.scaffold
        for result in analysis.benchmarks
        for contrast in result.contrasts
        if contrast.arm.kind == "S" and contrast.arm.scaffold
    )
    parts = [f"{count(analysis.columns.rows, 'row')} over {count(len(analysis.benchmarks), 'benchmark')}"]
    epochs = int(analysis.header.get("epochs", 1))
    parts += [f"{epochs} epochs per sample"] if epochs > 1 else []
    parts += [f"split <b>{escape(str(analysis.header['split']))}</b>"] if "split" in analysis.header else []
    parts += [f"look {analysis.looks} at these test samples"] if analysis.looks else []
    text = ", ".join(parts) + "."
    if scaffolds:
        text += " Asked: " + ", ".join(f"<code>{escape(name)}</code>" for name in scaffolds) + "."
    arms = [arm for result in analysis.benchmarks for arm in result.arms]
    if all(arm.about.get("imported") for arm in arms):
        return text + " Published outcomes, paired by item; nothing was run here."
    if any(arm.about.get("imported") for arm in arms):
        return text + " The same samples went through every arm that was run here; others are published outcomes."
    return text + " The same samples went through every arm, interleaved."


def _overview(shown: Sequence[BenchmarkResult]) -> Iterator[str]:
    rows = [(result.name, contrast) for result in shown for contrast in result.contrasts]
    if rows:
        yield '<section id="lifts"><h2>What every scaffold changed</h2>'
        yield f'<figure><div class="scroll">{figures.lifts(rows)}</div>'
        yield "<figcaption>Points gained over the bare small model on the same samples. Controls, in gray, are "
        yield "expected to stay at zero.</figcaption></figure></section>"


def _benchmark(index: int, result: BenchmarkResult) -> Iterator[str]:
    yield f'<section id="b{index}"><h2>{escape(result.name)}</h2>{_facts(result)}'
    yield from _few(result) if is_few(result) else _measured(result)
    yield f'<h3>Every arm</h3><div class="scroll">{_table(result)}</div>'
    yield f'<p class="note">{_COLUMNS}</p>'
    yield from _churn(result)
    sentences = news.about_benchmark(result)
    if sentences:
        yield '<h3>Bad news</h3><ul class="news">'
        yield "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
        yield "</ul>"
    yield from _grid(index, result)
    yield "</section>"


def is_few(result: BenchmarkResult) -> bool:
    """Whether there are so few samples that they are shown one by one, and nothing is concluded from them."""
    return len(result.sample_ids) < FEW


def _few(result: BenchmarkResult) -> Iterator[str]:
    yield f'<h3>{count(len(result.sample_ids), "sample")}, one by one</h3><figure><div class="scroll">'
    yield f"{figures.dots(result)}</div><figcaption>A column is a sample, the easiest first; full is solved, a ring is "
    yield f"not. With fewer than {FEW} samples a frontier, a share of the gap or a picture of intervals would say more "
    yield "than is known.</figcaption></figure>"


def _measured(result: BenchmarkResult) -> Iterator[str]:
    for contrast in result.contrasts:
        if contrast.arm.kind != "control":
            yield _story(contrast)
    plot = figures.score_against_cost(result)
    if plot:
        yield f'<h3>Score against cost</h3><figure><div class="scroll">{plot}</div><figcaption>Rings are bare models, '
        yield "discs carry the scaffold, crosses are controls. Lines through them are 95 % intervals. The dotted chord "
        yield "is what sending samples to the large model at random gives; the gray steps are the frontier."
        yield "</figcaption></figure>"
    yield from _budgets(result)


def _facts(result: BenchmarkResult) -> str:
    facts = [("samples", str(len(result.sample_ids))), ("clusters", str(len(set(result.clusters))))]
    facts += [
        (name.replace("_", " "), str(result.statement[name]))
        for name in ("check", "grade", "cluster", "reply")
        if result.statement.get(name)
    ]
    return '<ul class="facts">' + "".join(f"<li>{escape(k)} <b>{escape(v)}</b></li>" for k, v in facts) + "</ul>"


def _story(contrast: Contrast) -> str:
    lift = contrast.lift
    tone = "up" if lift.interval.low > 0 else "down" if lift.interval.high < 0 else "flat"
    tiles = [
        _tile(
            "Lift, S − L",
            f'<span class="{tone}">{points(lift.value)}</span> <span class="unit">points</span>',
            f"{interval(lift.interval)}, {p_value(contrast.lift_p)}",
        )
    ]
    if contrast.remaining is not None:
        tiles.append(
            _tile(
                "Remaining, C − S",
                f'{points(contrast.remaining.value)} <span class="unit">points</span>',
                interval(contrast.remaining.interval),
            )
        )
    tiles.append(_tile("Per solved sample", escape(per_solved(contrast.arm)), _cost_of_others(contrast)))
    if contrast.over_chord is not None:
        sent = f"{percent(contrast.arm.cloud_share)} of its calls go to the large model.{routed(contrast)}"
        tiles.append(_tile("Over the chord", f'{points(contrast.over_chord)} <span class="unit">points</span>', sent))
    tiles.append(_ratio(contrast))
    bound = contrast.arm.titled != contrast.arm.label
    name = escape(contrast.arm.titled if bound else contrast.arm.scaffold or contrast.arm.label)
    against = f" against {escape(contrast.cloud.model)}" if contrast.cloud is not None else ""
    means = f"{percent(contrast.local.mean)} → {percent(contrast.arm.mean)}"
    large = f"; large model {percent(contrast.cloud.mean)}" if contrast.cloud is not None else ""
    return (
        f'<div class="story"><h3><code>{name}</code>{against}</h3><div class="headline">{"".join(tiles)}</div>'
        f'<p class="note">{means}{large}, on {count(contrast.n, "shared sample")} in '
        f"{count(contrast.clusters, 'cluster')}.{_did(contrast)}</p></div>"
    )


def _tile(term: str, big: str, below: str) -> str:
    below = f'<div class="ci">{escape(below)}</div>' if below else ""
    return f'<div><div class="term">{escape(term)}</div><div class="big">{big}</div>{below}</div>'


def _ratio(contrast: Contrast) -> str:
    """The ratio stands last; where it means nothing, its place is taken by the reason."""
    gap = contrast.gap
    if contrast.refusals or gap is None or gap.theta is None:
        words = escape(share_of_gap(contrast).removeprefix("Share of the gap: "))
        words = words[:1].upper() + words[1:]
        return f'<div><div class="term">Share of the gap</div><div class="words">{words}</div></div>'
    fair = contrast.fair_gap
    also = ""
    if fair is not None:
        reasons = stats.refusals(fair)
        also = (
            f"; not printed for the large model in the scaffold: {'; '.join(reasons)}"
            if reasons or fair.theta is None
            else f"; {100 * fair.theta:.0f} % {stats.in_words(fair.fieller)} if the large model has it too"
        )
    return _tile(
        "Share of the gap",
        f'{100 * gap.theta:.0f} <span class="unit">%</span>',
        stats.in_words(gap.fieller) + also,
    )


def _did(contrast: Contrast) -> str:
    if contrast.did is None:
        return ""
    return (
        f" The scaffold gives the small model {points(contrast.did.value)} {interval(contrast.did.interval)} points "
        "more than the large one."
    )


def _cost_of_others(contrast: Contrast) -> str:
    timed = contrast.arm.usd_per_sample == 0
    others = [("bare", contrast.local), ("large", contrast.cloud)]
    found = [f"{name} {per_solved(arm)}" for name, arm in others if arm is not None]
    return ", ".join(found) + ("; model time, hardware has no price here" if timed else "")


def _table(result: BenchmarkResult) -> str:
    lifts = {contrast.arm.id: contrast for contrast in result.contrasts}
    head = (
        "arm",
        "score",
        "",
        "lift",
        "per solved",
        "median",
        "tokens",
        "calls",
        "precision",
        "rows",
    )
    rows = "".join(_row(arm, lifts.get(arm.id)) for arm in result.arms)
    return f"<table><thead><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr></thead><tbody>{rows}</tbody></table>"


_COLUMNS = (
    "Score and lift with 95 % intervals, the lift in points. Per solved: what one solved sample costs, in model time "
    "where nothing has a price. Median: time of a row. Tokens: read → written per row, and calls per row. Precision: "
    "of the answers that the visible check accepted, the share that is right."
)


def _row(arm: ArmResult, contrast: Contrast | None) -> str:
    kind = figures.model_class(arm)
    label = arm.titled.removeprefix(f"{arm.kind} ")
    name = "" if label == arm.kind else f" <code>{escape(label)}</code>"
    spread = "" if arm.score is None else f'<span class="sub">{_shares(arm.score.interval)}</span>'
    lift = ""
    if contrast is not None:
        tone = "up" if contrast.lift.interval.low > 0 else "down" if contrast.lift.interval.high < 0 else ""
        lift = f'<span class="{tone}">{points(contrast.lift.value)}</span>'
        lift += f'<span class="sub">{interval(contrast.lift.interval)}</span>'
    precision = "" if arm.precision.share is None else percent(arm.precision.share)
    failed = f'<span class="sub down">{arm.errors.total()} failed</span>' if arm.errors else ""
    cells = (
        f'<span class="kind {kind}">{escape(arm.kind)}</span>{name}<span class="sub">{escape(arm.model)}</span>',
        percent(arm.mean) + spread,
        "" if not arm.rows else figures.bar(arm.score.interval if arm.score else None, arm.mean, kind),
        lift,
        per_solved(arm),
        seconds(arm.seconds_p50) if arm.rows and arm.seconds_p50 > 0 else "",
        f"{arm.tokens_in:,.0f}→{arm.tokens_out:,.0f}" if arm.tokens_in or arm.tokens_out else "",
        f"{arm.calls:.1f}",
        precision,
        f"{arm.rows:,}{failed}",
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _shares(found: stats.Interval) -> str:
    return f"[{points(found.low, signed=False)}, {points(found.high, signed=False)}]"


def _budgets(result: BenchmarkResult) -> Iterator[str]:
    points = curve(result)
    if not points:
        return
    names = {arm.id: arm.label for arm in result.arms}
    yield '<h3>What a budget buys</h3><div class="scroll"><table><thead><tr><th>best arm</th><th>for up to</th>'
    yield "<th>score</th></tr></thead><tbody>"
    last = {money(point.budget): point for point in points}  # budgets that look alike are one
    for point in last.values():
        yield f"<tr><td><code>{escape(names[point.name])}</code></td><td>{money(point.budget)}</td>"
        yield f"<td>{percent(point.score)}</td></tr>"
    yield '</tbody></table></div><p class="note">Per sample. Arms are chosen on 30 % of the clusters and scored on the '
    yield "others, so that luck in choosing does not count.</p>"


def _churn(result: BenchmarkResult) -> Iterator[str]:
    rows = [(f"{escape(c.local.label)} → {escape(c.arm.label)}", c.flips) for c in result.contrasts]
    rows += [
        (f"{escape(arm.label)}: epoch 1 → 2, nothing changed", arm.repeats.flips) for arm in result.arms if arm.repeats
    ]
    if not rows:
        return
    yield '<h3>Flips</h3><div class="scroll"><table><thead><tr><th>from → to</th><th></th><th>gained</th><th>lost</th>'
    yield "<th>same</th><th>McNemar</th></tr></thead><tbody>"
    for name, found in rows:
        yield (
            f"<tr><td>{name}</td><td>{figures.flip_bar(found)}</td><td>{found.gained}</td><td>{found.lost}</td>"
            f"<td>{found.same}</td><td>{p_value(found.p)}</td></tr>"
        )
    yield '</tbody></table></div><p class="note">Totals hide churn: these samples changed sides. McNemar ignores '
    yield "clusters.</p>"
    repeated = [(arm, arm.repeats) for arm in result.arms if arm.repeats]
    if repeated:
        k = repeated[0][1].epochs
        yield f'<h3>Repeats</h3><div class="scroll"><table><thead><tr><th>arm</th><th>one epoch</th><th>pass@{k}: any'
        yield f"</th><th>pass^{k}: all</th></tr></thead><tbody>"
        for arm, repeats in repeated:
            yield f"<tr><td>{escape(arm.label)}</td><td>{percent(arm.mean)}</td><td>{percent(repeats.pass_at)}</td>"
            yield f"<td>{percent(repeats.pass_all)}</td></tr>"
        yield "</tbody></table></div>"


def _grid(index: int, result: BenchmarkResult) -> Iterator[str]:
    buttons = "".join(
        f'<button data-bench="{index}" data-filter="{name}" aria-pressed="{"true" if name == "all" else "false"}">'
        f"{label}</button>"
        for name, label in FILTERS
    )
    heads = "".join(
        f'<th><span class="kind {figures.model_class(arm)}">{escape(arm.kind)}</span> '
        f"{escape(arm.label.removeprefix(arm.kind).strip())}</th>"
        for arm in result.arms
    )
    yield f'<h3>Every sample</h3><div class="tools"><div class="tools">{buttons}</div>'
    yield f'<input id="search-{index}" type="search" placeholder="Find a sample or cluster" aria-label="Find samples">'
    yield f'<span class="note" id="count-{index}"></span></div><div class="scroll"><table class="grid-table">'
    yield f'<thead><tr><th>sample</th><th class="cluster">cluster</th>{heads}</tr></thead>'
    yield f'<tbody id="grid-{index}"></tbody></table></div>'
    yield f'<button class="more" id="more-{index}" hidden>Show more</button>'
    said = "" if all(arm.about.get("imported") for arm in result.arms) else "; click it for what was said"
    yield f'<p class="note">A cell is one arm on one sample{said}.</p>'


def _grid_data(
    shown: Sequence[BenchmarkResult], slots: Sequence[transcripts.Slots], *, linked: bool
) -> list[dict[str, Any]]:
    budget = MOST_GRID_BYTES // max(len(shown), 1)
    return [_cells(index, result, slots[index], budget, linked=linked) for index, result in enumerate(shown)]


def _cells(
    index: int, result: BenchmarkResult, places: transcripts.Slots, budget: int, *, linked: bool
) -> dict[str, Any]:
    names = list(dict.fromkeys(result.clusters))
    number = {name: place for place, name in enumerate(names)}
    fits = _fitting(result, budget)
    return {
        "ids": list(result.sample_ids[:fits]),
        "clusterNames": names,
        "clusters": [number[name] for name in result.clusters[:fits]],
        "arms": [{"label": arm.label, "kind": arm.kind, "cells": _letters(arm)[:fits]} for arm in result.arms],
        "epochs": places.epochs,
        "perPage": transcripts.PER_PAGE,
        "pages": places.pages if linked else 0,
        "folder": transcripts.folder_of(index),
    }


def _fitting(result: BenchmarkResult, budget: int) -> int:
    used = 0
    for index, name in enumerate(result.sample_ids):
        used += len(name.encode()) + len(result.clusters[index]) + len(result.arms) + 12
        if used > budget:
            return index
    return len(result.sample_ids)


def _letters(arm: ArmResult) -> str:
    levels = np.where(np.isnan(arm.means), -1, np.rint(np.nan_to_num(arm.means) * 10)).astype(int)
    return "".join("0123456789a-"[level] for level in levels)
