"""`understudy gap import`, `export` and `benchmarks`: outcomes in, outcomes out, and what can be measured."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from understudy_harness.benchmarks import KNOWN, open_benchmark
from understudy_harness.benchmarks.fetching import FETCHABLE, fetch
from understudy_harness.errors import SettingsError
from understudy_harness.imported_arms import bare_arms, write_arms
from understudy_harness.imports import Names, Source, parse_source, read_source
from understudy_harness.marks import parse_words
from understudy_harness.saving import save

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(name="import")
@click.option("--out", type=FOLDER, required=True, help="Folder of the run, new or existing: `gap report` reads it.")
@click.option("--benchmark", required=True, help="Name that the report gives it; arms of one name are paired by item.")
@click.option(
    "--arm", "arms", multiple=True, required=True, metavar="KIND[:LABEL]=PATH[#COLUMN][?NAME=VALUE]",
    help="KIND is L, S, C, CS or control; PATH is .csv, .tsv, .json, .jsonl, .eval or a folder. COLUMN is the score's; "
    "A==B is right where two columns agree. Only lines that meet NAME=VALUE (and more: &NAME=VALUE). Repeatable.",
)  # fmt: skip
@click.option("--total", "totals", multiple=True, metavar="LABEL=TOTAL", help="Published total: 85.7%, 0.857, 437/500.")
@click.option("--oracle", "oracles", multiple=True, metavar="LABEL", help="Chosen with the hidden grade: a bound.")
@click.option("--id", "identifier", help="Column of the item; a.b reaches into an object. [default: a usual name]")
@click.option("--by-order", is_flag=True, help="Items have no id: the first line of each file is item 1.")
@click.option("--at", metavar="PART", help="Part of a JSON file that has an entry per item, such as results.0.items.")
@click.option("--items", type=click.Path(dir_okay=False, path_type=Path), help="File with the ids of all items.")
@click.option("--cluster", help="Column of what items share.")
@click.option("--epoch", help="Column of the repetition.")
@click.option("--repeats", is_flag=True, help="Lines of one item, or entries of a list, are repetitions in order.")
@click.option("--category", help="Column of the category.")
@click.option("--usd", help="Column of the cost in US dollars.")
@click.option("--seconds", help="Column of the time in seconds.")
@click.option("--input-tokens", help="Column of the tokens read.")
@click.option("--output-tokens", help="Column of the tokens written.")
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    help="Scores are divided by this, 100 for percent.",
)
@click.option(
    "--word",
    "words",
    multiple=True,
    metavar="TEXT=SCORE",
    help="What a word in the score's column means: timeout=0, error=missing. Repeatable.",
)
def import_outcomes(
    out: Path,
    benchmark: str,
    arms: Sequence[str],
    totals: Sequence[str],
    oracles: Sequence[str],
    identifier: str | None,
    items: Path | None,
    scale: float,
    by_order: bool,
    repeats: bool,
    at: str | None,
    words: Sequence[str],
    **columns: str | None,
) -> None:
    """Read published outcomes per item as arms; then `understudy gap report FOLDER` compares them.

    Missing items are missing. A published total must be what the items add up to.
    """
    names = Names(
        id=identifier,
        items=items,
        scale=scale,
        by_order=by_order,
        repeats=repeats,
        at=at,
        words=parse_words(words),
        **columns,
    )
    sources = _labelled([parse_source(text) for text in arms], totals, oracles)
    imported = [read_source(source, names) for source in sources]
    for arm in imported:
        missing = len(arm.outcomes) - len(arm.present)
        said = f"{arm.source.label}: {len(arm.present)} outcomes, mean {arm.mean:.2%}"
        said += f", {missing} missing" if missing else ""
        click.echo(f"{said}, equal to the published {arm.source.total}." if _agrees(arm.source) else f"{said}.")
        for note in ([f"read: {arm.read}"] if arm.read else []) + arm.notes:
            click.echo(f"  {note}")
    bare = bare_arms(out, benchmark, imported)
    if len(bare) > 1 and any(arm.source.kind in ("S", "control") for arm in imported):
        click.echo(
            f"There are {len(bare)} bare small arms ({', '.join(bare)}); scaffolds of unknown models are compared with "
            f"{bare[0]}. Import the others into a folder of their own to compare with those."
        )
    written = write_arms(out, benchmark, imported, command=shlex.join(["understudy", *sys.argv[1:]]))
    click.echo(f"{written} rows written. Now: understudy gap report {out}")


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--to", "form", type=click.Choice(["csv", "markdown", "eval"]), required=True)
@click.option("--out", type=click.Path(path_type=Path), help="File, or for eval a folder. [default: in FOLDER]")
def export(folder: Path, form: str, out: Path | None) -> None:
    """Write a run for other tools: rows as CSV, the table as Markdown, or one Inspect log per arm."""
    # Markdown needs the statistics and so numpy; help and import do not.
    from understudy_harness import export as exporting  # noqa: PLC0415

    for sentence in exporting.unused_lines(folder):
        click.echo(sentence, err=True)
    if form == "csv":
        path = out or folder / "rows.csv"
        click.echo(f"{exporting.write_csv(folder, path)} rows in {path}.")
    elif form == "eval":
        for path in exporting.write_logs(folder, out or folder / "inspect"):
            click.echo(path)
    else:
        from understudy_harness.analysis import analyze  # noqa: PLC0415 - as above
        from understudy_harness.columns import read_columns  # noqa: PLC0415 - as above

        text = exporting.as_markdown(analyze(read_columns(folder)))
        if out is None:
            click.echo(text)
        else:
            save(out, text)


@click.group(invoke_without_command=True)
@click.pass_context
def benchmarks(context: click.Context) -> None:
    """List what can be measured; `show` one, or `fetch` its data."""
    if context.invoked_subcommand is not None:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("name", "what", "data"):
        table.add_column(name)
    for name, entry in KNOWN.items():
        data = "bundled" if entry.data is None and not entry.needs_path else "PATH"
        table.add_row(name, entry.summary, "PATH or fetch" if name in FETCHABLE else data)
    Console().print(table)


@benchmarks.command()
@click.argument("spec")
def show(spec: str) -> None:
    """Say what a benchmark measures: check, grade, cluster, reply rule, samples."""
    benchmark = open_benchmark(spec)
    statement = benchmark.statement
    samples = benchmark.samples("all")
    clusters = len({sample.cluster for sample in samples})
    for name in ("check", "grade", "cluster", "reply", "source"):
        click.echo(f"{name:8} {getattr(statement, name)}")
    click.echo(f"samples  {len(samples)} in {clusters} clusters; {len(benchmark.samples('dev'))} of them for dev")
    if statement.check_is_grade:
        click.echo("note     check = grade: the loop sees the tests that grade it")


@benchmarks.command(name="fetch")
@click.argument("name", type=click.Choice(sorted(FETCHABLE)))
def fetch_data(name: str) -> None:
    """Download a benchmark's data from its public place and check its hash."""
    for path in fetch(name):
        click.echo(path)


def _labelled(sources: Sequence[Source], totals: Sequence[str], oracles: Sequence[str]) -> list[Source]:
    labels = [source.label for source in sources]
    if len(set(labels)) < len(labels):
        raise SettingsError("Two arms have the same label. Give each its own: --arm S:retry=... --arm S:vote=...")
    known = dict(_pair(text) for text in totals)
    for label in (*known, *oracles):
        if label not in labels:
            raise SettingsError(f"No arm is labelled {label!r}. Labels: {', '.join(labels)}.")
    return [replace(one, total=known.get(one.label), oracle=one.label in oracles) for one in sources]


def _pair(text: str) -> tuple[str, str]:
    label, equals, total = text.rpartition("=")
    if not equals:
        raise SettingsError(f"--total {text!r} is not LABEL=TOTAL, such as L=85.7%.")
    return label, total


def _agrees(source: Source) -> bool:
    return source.total is not None
