"""The table in a terminal: points first, the ratio last, refused in words where it means nothing."""

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from understudy_harness import news, stats
from understudy_harness.analysis import Analysis, ArmResult, BenchmarkResult, Contrast
from understudy_harness.report.cost import per_solved
from understudy_harness.wording import count, difference, interval, p_value, percent, points, seconds

_KIND = {
    "L": "small, bare",
    "C": "large, bare",
}


def show(analysis: Analysis, console: Console, *, timing: bool = True, allow_truncated: bool = False) -> None:
    """Print the report of a run."""
    for part in _parts(analysis, timing=timing, allow_truncated=allow_truncated):
        console.print(part)


def _parts(analysis: Analysis, *, timing: bool, allow_truncated: bool) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if analysis.fixture:
        parts.append(Text(news.FIXTURE_BANNER, style="yellow"))
    parts.extend(Text(sentence, style="red") for sentence in news.about_run(analysis, allow_truncated=allow_truncated))
    if analysis.truncated and not allow_truncated:
        return parts
    for result in analysis.benchmarks:
        parts += ["", _heading(result), _table(result, timing=timing), *_sentences(result)]
    return parts


def _heading(result: BenchmarkResult) -> Text:
    text = Text(result.name, style="bold")
    clusters = len(set(result.clusters))
    text.append(f"  {count(len(result.sample_ids), 'sample')} in {count(clusters, 'cluster')}", style="dim")
    if result.statement:
        text.append(f"; check: {result.statement['check']}; grade: {result.statement['grade']}", style="dim")
    return text


def _table(result: BenchmarkResult, *, timing: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("arm", overflow="fold", min_width=16)
    for name in ("score, 95 %", "lift, 95 %", "per solved", *(["median"] if timing else []), "rows"):
        table.add_column(name, justify="right", no_wrap=name != "rows")
    lifts = {contrast.arm.id: contrast.lift for contrast in result.contrasts}
    for arm in result.arms:
        table.add_row(*_row(arm, lifts.get(arm.id), timing=timing))
    return table


def _row(arm: ArmResult, lift: stats.Difference | None, *, timing: bool) -> list[str]:
    priced = bool(arm.usd_per_sample) or arm.usd_per_sample is None or not arm.mean > 0
    failed = f" [red]{arm.errors.total()} failed[/red]" if arm.errors else ""
    return [
        escape(arm.titled) if arm.titled != arm.kind else f"{arm.kind} [dim]{_KIND.get(arm.kind, '')}[/dim]",
        f"{percent(arm.mean)} [dim]{_spread(arm)}[/dim]",
        "" if lift is None else _lift(lift),
        per_solved(arm) if priced or timing else "$0",
        *([seconds(arm.seconds_p50) if arm.rows and arm.seconds_p50 > 0 else ""] if timing else []),
        f"{arm.rows}{failed}",
    ]


def _spread(arm: ArmResult) -> str:
    return "" if arm.score is None else f"±{100 * arm.score.interval.half_width:4.1f}"


def _lift(lift: stats.Difference) -> str:
    color = "green" if lift.interval.low > 0 else "red" if lift.interval.high < 0 else "default"
    return f"[{color}]{points(lift.value)}[/{color}] [dim]{escape(interval(lift.interval))}[/dim]"


def _sentences(result: BenchmarkResult) -> list[RenderableType]:
    main = [sentence for contrast in result.contrasts for sentence in headline(contrast)]
    bad = [Text(f"· {sentence}", style="dim") for sentence in news.about_benchmark(result)]
    return [Padding(Group(*(Text(sentence) for sentence in main), *bad), (1, 0, 0, 2))]


def headline(contrast: Contrast) -> list[str]:
    """One contrast in sentences: lift and what remains in points, then the share of the gap or why there is none."""
    if contrast.arm.kind == "control":
        return []
    name = contrast.arm.titled
    lines = [
        f"{name}: {percent(contrast.local.mean)} → {percent(contrast.arm.mean)}"
        + (f" (large model {percent(contrast.cloud.mean)})" if contrast.cloud else "")
        + f". Lift {difference(contrast.lift)} points, {p_value(contrast.lift_p)}."
    ]
    if contrast.remaining is not None:
        lines[0] += f" Remaining {difference(contrast.remaining)} points."
    if contrast.parity is not None and contrast.parity.shown:
        lines[0] += (
            f" No worse than the large model by more than {points(contrast.parity.margin, signed=False)} points."
        )
    if contrast.over_chord is not None:
        lines.append(
            f"It sends {percent(contrast.arm.cloud_share)} of its calls to the large model and lies "
            f"{points(contrast.over_chord)} points over the chord.{routed(contrast)}"
        )
    lines.append(share_of_gap(contrast))
    return lines


def routed(contrast: Contrast) -> str:
    """APGR and CPT of a router, in a sentence; empty for any other scaffold, and where there is no gap."""
    found = contrast.routing
    if found is None:
        return ""
    reached = f", 80 % of the gap from {percent(found.cpt)} of the calls" if found.cpt is not None else ""
    return f" APGR {found.apgr:.2f} (a coin flip: 0.50){reached}."


def share_of_gap(contrast: Contrast) -> str:
    """The ratio, last and never alone; or the reasons why it is not printed."""
    if contrast.refusals or contrast.gap is None or contrast.gap.theta is None:
        return f"Share of the gap: not printed, because {'; '.join(contrast.refusals)}."
    text = f"Closes {100 * contrast.gap.theta:.0f} % {stats.in_words(contrast.gap.fieller)} of the gap"
    fair = contrast.fair_gap
    if fair is not None:
        reasons = stats.refusals(fair)
        if reasons or fair.theta is None:
            text += f"; with the scaffold on the large model too, not printed, because {'; '.join(reasons)}"
        else:
            text += (
                f"; {100 * fair.theta:.0f} % {stats.in_words(fair.fieller)} when the large model has the scaffold too"
            )
    return text + "."
