"""`understudy trace` and `understudy usage`: look at what was done, and at what it took."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import click
from rich.console import Console
from rich.table import Table

from understudy.commands import WrongUse
from understudy.proxy.log import default_path
from understudy.trace import Trace
from understudy.tracefile import TraceError, lines, load_trace, summary
from understudy.tracehtml import trace_html
from understudy.usage import By, UsageError, Used, add_up

EXISTING = click.Path(dir_okay=False, path_type=Path)


@click.group()
def trace() -> None:
    """Look at saved traces."""


@trace.command()
@click.argument("file", type=EXISTING)
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write one self-contained HTML file.")
@click.option("--json", "as_json", is_flag=True, help="Print what the trace adds up to as JSON.")
def show(file: Path, html: Path | None, as_json: bool) -> None:
    """Show a trace that `solve --save-trace` wrote, as a tree or as HTML."""
    try:
        about, events = load_trace(file)
    except TraceError as error:
        raise WrongUse(str(error)) from None
    whole = Trace()
    whole.events = events
    totals = whole.totals(seconds=float(about.get("seconds") or 0.0))
    if html is not None:
        try:
            html.write_text(trace_html(about, events), encoding="utf-8", errors="replace")
        except OSError as error:
            raise WrongUse(f"{str(html)!r} cannot be written: {error.strerror}.") from None
        click.echo(html)
    elif as_json:
        click.echo(json.dumps(asdict(totals), indent=1))
    else:
        click.echo(about.get("scaffold", ""))
        for line in lines(events):
            click.echo(line)
        click.echo(summary(totals))


@click.command()
@click.argument("files", nargs=-1, type=EXISTING)
@click.option("--by", type=click.Choice(get_args(By)), default="model", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def usage(files: tuple[Path, ...], by: By, as_json: bool) -> None:
    """Add up calls, tokens, cache hits, cost and success, by model, scaffold, day or kind.

    FILES are logs of the proxy and of solve, and ledgers of gap runs; without any, the log of this user.
    """
    chosen = files or (default_path(),)
    if not files and not chosen[0].exists():
        raise WrongUse(
            f"Nothing was used yet: there is no {str(chosen[0])!r}. Name a file, such as a run's ledger.jsonl."
        )
    try:
        totals = add_up(chosen, by)
    except UsageError as error:
        raise WrongUse(str(error)) from None
    if as_json:
        click.echo(json.dumps({name: asdict(used) for name, used in totals.items()}, indent=1, ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold")
    table.add_column(by, overflow="fold", min_width=20)
    for title in ("runs", "solved", "calls", "errors", "tokens in", "cached", "tokens out", "cost"):
        table.add_column(title, justify="right")
    for name, used in totals.items():
        table.add_row(name, *_cells(used))
    # A pipe has no width, and a table cut to 80 columns tells less than a long line.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _cells(used: Used) -> list[str]:
    solved = f"{used.solved}/{used.judged}" if used.judged else "-"
    cached = f"{used.cached_tokens / used.input_tokens:.0%}" if used.input_tokens else "-"
    cost = f"${used.usd:.4f}" + (f" +{used.unpriced} unpriced" if used.unpriced else "")
    numbers = [used.runs, used.calls, used.errors, used.input_tokens, used.output_tokens]
    runs, calls, errors, tokens_in, tokens_out = (f"{number:,}" for number in numbers)
    return [runs, solved, calls, errors, tokens_in, cached, tokens_out, cost]
