"""`understudy gap report`, `compare`, `merge` and `plan`."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from understudy_harness import stats
from understudy_harness.analysis import Analysis, analyze
from understudy_harness.columns import read_columns
from understudy_harness.comparison import compare_runs
from understudy_harness.economics.energy import add_energy
from understudy_harness.economics.hardware import USD_PER_KWH
from understudy_harness.errors import SettingsError
from understudy_harness.journal import Damage, secrets_of
from understudy_harness.looks import count_look
from understudy_harness.merge import merge as merge_parts
from understudy_harness.news import about_damage
from understudy_harness.report.comparison_page import write_comparison
from understudy_harness.report.data import as_data
from understudy_harness.report.page import write_page
from understudy_harness.report.terminal import show
from understudy_harness.wording import count

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--format", "form", type=click.Choice(["terminal", "html", "json"]), multiple=True, help="Repeatable.")
@click.option("--no-timing", is_flag=True, help="Leave out what differs between two runs of the same rows.")
@click.option("--allow-truncated", is_flag=True, help="Report although prompts were cut.")
@click.option("--watts", type=click.FloatRange(min=0), help="What your box draws while it answers: prices local calls.")
@click.option("--kwh", type=click.FloatRange(min=0), default=USD_PER_KWH, show_default=True, help="US dollars per kWh.")
def report(
    folder: Path, form: Sequence[str], no_timing: bool, allow_truncated: bool, watts: float | None, kwh: float
) -> None:
    """Report on a run's folder: a table here, and a page whose path is printed last."""
    columns = read_columns(folder)
    note = None if watts is None else add_energy(columns, watts=watts, usd_per_kwh=kwh)
    analysis = analyze(columns)
    if note is not None:
        analysis.notes.append(note)
    if not analysis.columns.rows:
        raise SettingsError(
            " ".join([f"{folder} holds no rows that can be used.", *about_damage(analysis.damage)])
            + f" Run it first: {analysis.header.get('command', 'understudy gap run --help says how')}"
        )
    analysis.looks = count_look(analysis)
    forms = form or ("terminal", "html")
    if "json" in forms:
        click.echo(json.dumps(as_data(analysis, timing=not no_timing), indent=1))
    if "terminal" in forms:
        show(analysis, Console(), timing=not no_timing, allow_truncated=allow_truncated)
    if "html" in forms:
        click.echo(f"\n{write_page(analysis, allow_truncated=allow_truncated)}")


@click.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="[default: compare.html beside the last]")
def compare(folders: Sequence[Path], out: Path | None) -> None:
    """Compare runs: the same arm on the same samples, before and after, with flips and paired intervals."""
    if len(folders) < 2:
        raise SettingsError("Give at least two folders: the run before and the run after.")
    analyses = [analyze(read_columns(folder)) for folder in folders]
    for folder, analysis in zip(folders, analyses, strict=True):
        _say_damage(folder, analysis.damage)
    compared = compare_runs(analyses)
    if not compared.pairs:
        held = "; ".join(f"{folder} has {_held(one)}" for folder, one in zip(folders, analyses, strict=True))
        raise SettingsError(
            f"The runs share no arm on the same samples, so nothing can be paired: {held}. Arms are the same by label "
            "and benchmark, and need two clusters in common. Run the same benchmark and arms in both."
        )
    console = Console()
    for line in compared.lines():
        console.print(line, markup=False)
    click.echo(f"\n{write_comparison(compared, out or folders[-1] / 'compare.html')}")


@click.command()
@click.argument("parts", nargs=-1, required=True, type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="Folder of the joined run.")
def merge(parts: Sequence[Path], out: Path) -> None:
    """Join the folders that `gap run --shard` wrote into one run."""
    merged = merge_parts(parts, out, secrets=secrets_of(os.environ))
    click.echo(f"{count(merged.rows, 'row')} in {out}.")
    if merged.doubled:
        click.echo(f"{count(merged.doubled, 'row')} stood in more than one part; the first counts.", err=True)
    if merged.differing:
        click.echo(f"{merged.differing} of them had another score there. Were the parts run twice?", err=True)
    for part, damage in merged.damage[:20]:
        click.echo(f"{part}: line {damage.line} was not taken over: {damage.problem}.", err=True)


@click.command()
@click.option(
    "--gap",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.4,
    show_default=True,
    help="C − L, as a share: 0.4 is 40 points.",
)
@click.option(
    "--half-width",
    type=click.FloatRange(0, min_open=True),
    default=0.1,
    show_default=True,
    help="Of the recovered share of the gap: 0.1 is plus or minus 10 %.",
)
@click.option("--lift", type=click.FloatRange(0, 1, min_open=True), help="Also: samples that show a lift of this size.")
@click.option("--cluster-size", type=click.FloatRange(1), default=1.0, show_default=True, help="Samples per cluster.")
@click.option(
    "--correlation", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Of scores inside a cluster."
)
@click.option("--pilot", type=FOLDER, help="A run whose variances replace the typical ones.")
def plan(
    gap: float, half_width: float, lift: float | None, cluster_size: float, correlation: float, pilot: Path | None
) -> None:
    """Say how many samples and epochs a question needs, before they are paid for."""
    effect = 1 + (cluster_size - 1) * correlation
    between, within = stats.planning.BETWEEN_VARIANCE, stats.planning.WITHIN_VARIANCE
    if pilot is not None:
        found = stats.planning.variances(*_pilot_scores(pilot))
        between, within = found.between, found.within
        click.echo(f"From {pilot}: variance {between:.3f} between samples, {within:.3f} within one epoch.")
    planned = stats.plan(gap=gap, half_width=half_width, between=between, within=within, design_effect=effect)
    click.echo(f"For a gap of {100 * gap:g} points and ±{100 * half_width:g} % of it, per arm:")
    for need in planned.needs:
        click.echo(
            f"  {count(need.epochs, 'epoch'):>9}: {count(need.samples, 'sample'):>15}, {count(need.rows, 'row'):>13}"
        )
    if effect > 1:
        click.echo(f"Clusters make every sample worth {1 / effect:.2g} independent ones.")
    if lift is not None:
        needed = stats.samples_for_lift(paired_sd=0.5, lift=lift)
        size = "1 point" if lift == 0.01 else f"{100 * lift:g} points"
        click.echo(f"A lift of {size} shows with 80 % power from {needed:,} samples (paired SD 0.5).")
    click.echo("Epochs never replace clusters: no ratio is printed below 20 clusters or 100 samples.")


def _held(analysis: Analysis) -> str:
    found = [f"{arm.label} on {result.name}" for result in analysis.benchmarks for arm in result.arms]
    return ", ".join(found[:6]) + (" …" if len(found) > 6 else "") if found else "no rows"


def _say_damage(folder: Path, damage: Sequence[Damage]) -> None:
    for sentence in about_damage(damage):
        click.echo(f"{folder}: {sentence}", err=True)


def _pilot_scores(folder: Path) -> tuple[list[list[float]], list[list[float]], list[list[float]]]:
    """Scores by sample and epoch of the first S, L and C arms of a run."""
    columns = read_columns(folder)
    analysis = analyze(columns)
    _say_damage(folder, analysis.damage)
    contrast = next((c for b in analysis.benchmarks for c in b.contrasts if c.cloud is not None), None)
    if contrast is None or contrast.cloud is None:
        raise SettingsError(f"{folder} has no S, L and C on the same samples, so it is no pilot.")
    scores = [columns.by_sample(arm.id) for arm in (contrast.arm, contrast.local, contrast.cloud)]
    shared = sorted(set.intersection(*(set(found) for found in scores)))
    if min((len(found[key]) for found in scores for key in shared), default=0) < 2:
        raise SettingsError(f"{folder} has one epoch only; a pilot needs two to tell samples from chance.")
    first, second, third = ([found[key] for key in shared] for found in scores)
    return first, second, third
