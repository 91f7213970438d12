"""`understudy gap run` and `understudy gap demo`."""

import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import anyio
import click
from rich.console import Console

from understudy.budget import Budget
from understudy_harness import demo as demonstration
from understudy_harness import thinking as thinking_arms
from understudy_harness.analysis import analyze
from understudy_harness.arms import BARE, build_arms
from understudy_harness.columns import read_columns
from understudy_harness.doors import GRADER, OURS, used_by
from understudy_harness.errors import SettingsError
from understudy_harness.journal import secrets_of
from understudy_harness.looks import count_look
from understudy_harness.news import about_damage
from understudy_harness.report.page import write_page
from understudy_harness.report.terminal import show
from understudy_harness.run import Finished, execute
from understudy_harness.sample import Split
from understudy_harness.settings import DOCS_WAIT_S, Cell, Settings, Shard
from understudy_harness.sweep import read_sweep
from understudy_harness.wording import count

F = TypeVar("F", bound=Callable[..., Any])


class ShardType(click.ParamType[Shard]):
    """`i/n`."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        found = re.fullmatch(r"(\d+)/(\d+)", str(value))
        if not found:
            self.fail(f"{value!r} is no shard. Write 1/4 for the first of four.", param, ctx)
        return Shard(index=int(found[1]), count=int(found[2]))


def run_options(command: F) -> F:
    """Options of every command that runs rows."""
    for option in reversed(
        (
            click.option("--limit", type=click.IntRange(1), help="Samples per benchmark, drawn by the seed."),
            click.option("--epochs", type=click.IntRange(1), help="Repeats per sample. [default: 1]"),
            click.option("--seed", type=int, default=0, show_default=True, help="Everything drawn follows from it."),
            click.option("--out", type=click.Path(path_type=Path), help="Folder of the run. [default: results/<name>]"),
            click.option("--concurrency", type=click.IntRange(1), help="Rows in flight per model."),
            click.option("--row-usd", type=click.FloatRange(0), help="Most US dollars that one row may spend."),
            click.option("--row-tokens", type=click.IntRange(1), help="Most tokens that one row may use."),
            click.option("--row-seconds", type=click.FloatRange(0), help="Most seconds that one row may take."),
            click.option("--most-usd", type=click.FloatRange(0), help="Most US dollars of the whole run."),
            click.option(
                "--docs-wait",
                type=click.FloatRange(0),
                default=DOCS_WAIT_S,
                show_default=True,
                help="Most seconds that rows wait for the docs server's index.",
            ),
            click.option("--allow-truncated", is_flag=True, help="Report although prompts were cut."),
        )
    ):
        command = option(command)
    return command


def split_options(command: F) -> F:
    """Which samples: dev unless the test samples are asked for."""
    for option in (
        click.option("--final", is_flag=True, help="Run and show the test samples: a look at them, which is counted."),
        click.option(
            "--split",
            type=click.Choice(["dev", "test", "all"]),
            help="Samples to run. [default: dev; test with --final]",
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.option("--local", help="The small model, such as ollama:qwen3:4b.")
@click.option("--cloud", help="The large model; without it there is no gap, only lift.")
@click.option("--scaffold", "scaffolds", multiple=True, help="Such as 'Retry(Direct(), tries=5)'; repeatable.")
@click.option("--control", "controls", multiple=True, help="A scaffold that should not help; @BENCHMARK may follow.")
@click.option("--bare", default=BARE, show_default=True, help="The bare arm, the same for both models.")
@click.option("--benchmark", "benchmarks", multiple=True, help="NAME, NAME:PATH or a path; repeatable.")
@split_options
@click.option("--sweep", type=click.Path(path_type=Path), help="A TOML file of models, scaffolds and benchmarks.")
@click.option("--server", "servers", multiple=True, metavar="NAME=COMMAND|URL", help="Instead of our own server.")
@click.option("--shard", type=ShardType(), help="Run only the i-th of n parts; `gap merge` joins them.")
@click.option("--dask", metavar="tcp://HOST:PORT", help="Run the rows on a Dask cluster.")
@run_options
def run(
    local: str | None,
    cloud: str | None,
    scaffolds: Sequence[str],
    controls: Sequence[str],
    bare: str,
    benchmarks: Sequence[str],
    split: Split | None,
    final: bool,
    sweep: Path | None,
    servers: Sequence[str],
    shard: Shard | None,
    dask: str | None,
    out: Path | None,
    allow_truncated: bool,
    **options: Any,
) -> None:
    """Run the same samples through the arms L, S, C and CS, and report.

    The folder is the run: the same command on it again does what is missing, whatever ended the earlier process.
    """
    seed = options["seed"]
    if sweep is not None:
        if local or cloud or scaffolds or benchmarks:
            raise SettingsError("--sweep brings models, scaffolds and benchmarks; leave the other options out.")
        read = read_sweep(sweep, seed=seed)
        cells = read.cells
        options["epochs"] = options["epochs"] or read.epochs
    else:
        cells = _cells(local, cloud, scaffolds, controls, bare, benchmarks, seed)
    chosen = _split(split, final=final)
    settings = Settings(
        out=out or Path("results") / _name(cells, chosen),
        cells=cells,
        split=chosen,
        shard=shard,
        servers=dict(_named_server(text) for text in servers),
        command=rerun_command(),
        **_limits(options),
    )
    _refuse_unused_servers(settings)
    _execute_and_report(settings, allow_truncated=allow_truncated, dask=dask)


@click.command()
@click.option("--full", is_flag=True, help="All samples instead of 120 per family.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), help="Folder of results.")
def demo(full: bool, out: Path) -> None:
    """Measure a real gap with the two bundled models: word problems, documentation, code.

    They answer through llama.cpp on this machine, without any network. They were trained for these tasks: the demo
    shows the instrument and proves nothing about language models.
    """
    settings = demonstration.settings(out, full=full)
    click.echo(f"Measuring into {settings.out}. Interrupt it when you like: the same command goes on.", err=True)
    _execute_and_report(settings, allow_truncated=False, dask=None)


@click.command()
@click.option("--local", required=True, help="The model in question, such as ollama:qwen3:4b or gguf:model.gguf.")
@click.option("--benchmark", "benchmarks", multiple=True, required=True, help="NAME, NAME:PATH or a path; repeatable.")
@split_options
@click.option("--thoughts", type=click.IntRange(1), default=8, show_default=True, help="Most thoughts per problem.")
@click.option("--driven/--no-driven", default=True, help="Add the arm that needs no tool calls.")
@click.option(
    "--reference",
    metavar="COMMAND",
    help="The npm package itself, such as 'npx -y …'.",
)
@run_options
def thinking(
    local: str,
    benchmarks: Sequence[str],
    split: Split | None,
    final: bool,
    thoughts: int,
    driven: bool,
    reference: str | None,
    out: Path | None,
    allow_truncated: bool,
    **options: Any,
) -> None:
    """Does a thinking tool help this model? No tool, the reference's, ours, ours without advice, thought only.

    The same samples go through every arm; the report pairs each with the bare model. When no tool wins, use none.
    """
    cells = thinking_arms.cells(
        local=local, benchmarks=benchmarks, thoughts=thoughts, driven=driven, seed=options["seed"]
    )
    chosen = _split(split, final=final)
    settings = Settings(
        out=out or Path("results") / f"thinking-{_name(cells, chosen)}",
        cells=cells,
        split=chosen,
        servers={**thinking_arms.SERVERS, **({"reference": reference} if reference else {})},
        command=rerun_command(),
        **_limits(options),
    )
    _execute_and_report(settings, allow_truncated=allow_truncated, dask=None)


def rerun_command() -> str:
    """This command as it would be typed again, without what a URL may hide in its user part."""
    words = ["understudy", *sys.argv[1:]]
    return re.sub(r"(?<=://)[^/@\s]+@", "", shlex.join(words))


def _execute_and_report(settings: Settings, *, allow_truncated: bool, dask: str | None) -> None:
    secrets = secrets_of(os.environ)
    if dask is None:
        finished = anyio.run(lambda: execute(settings, secrets=secrets))
    else:
        # Dask is an extra; the door that loads it stands alone.
        from understudy_harness.dask import execute_on_dask  # noqa: PLC0415

        finished = anyio.run(lambda: execute_on_dask(settings, dask, secrets=secrets))
    _say(finished)
    if settings.shard is not None:
        shard = settings.shard
        click.echo(f"Part {shard.index} of {shard.count} is done: {settings.out}. Join the parts with `gap merge`.")
        return
    analysis = analyze(read_columns(settings.out))
    analysis.looks = count_look(analysis)
    show(analysis, Console(), allow_truncated=allow_truncated)
    if settings.split == "dev":
        click.echo("\nThese were the dev samples, for choosing. The same command with --final shows the test samples.")
    page = write_page(analysis, allow_truncated=allow_truncated)
    click.echo(f"\n{page}")


def _say(finished: Finished) -> None:
    kept = finished.rows - finished.fresh
    parts = [f"{count(finished.fresh, 'row')} run"]
    parts += [f"{kept} kept from before"] if kept else []
    parts += [f"{count(finished.errors, 'row')} failed"] if finished.errors else []
    click.echo(", ".join(parts) + ".", err=True)
    for file, damage in finished.damage.items():
        for sentence in about_damage(damage, file):
            click.echo(f"{sentence} What was missing by it was done again.", err=True)


def _cells(
    local: str | None,
    cloud: str | None,
    scaffolds: Sequence[str],
    controls: Sequence[str],
    bare: str,
    benchmarks: Sequence[str],
    seed: int,
) -> tuple[Cell, ...]:
    if local is None:
        raise SettingsError("--local is missing. Give the small model, such as --local ollama:qwen3:4b.")
    if not benchmarks:
        raise SettingsError("--benchmark is missing. `understudy gap benchmarks` lists them.")
    if not scaffolds and cloud is None:
        raise SettingsError("One bare arm alone compares nothing. Add --scaffold or --cloud.")
    return tuple(
        Cell(
            benchmark=benchmark,
            arms=build_arms(
                benchmark=benchmark,
                local=local,
                cloud=cloud,
                scaffolds=scaffolds,
                controls=controls,
                bare=bare,
                seed=seed,
            ),
        )
        for benchmark in dict.fromkeys(benchmarks)
    )


def _limits(options: dict[str, Any]) -> dict[str, Any]:
    budget = Budget(usd=options["row_usd"], tokens=options["row_tokens"], seconds=options["row_seconds"])
    kept = {name: options[name] for name in ("limit", "seed", "concurrency", "most_usd")}
    kept["epochs"] = options["epochs"] or 1
    return {**kept, "docs_wait_s": options["docs_wait"], "row_budget": budget}


def _refuse_unused_servers(settings: Settings) -> None:
    """Refuse a server that no scaffold calls by its name: a slip there would silently run ours instead."""
    known = {*OURS, GRADER}
    for cell in settings.cells:
        for arm in cell.arms:
            known |= used_by(arm.scaffold, settings.servers)
    for name in settings.servers:
        if name not in known:
            ours = ", ".join(sorted(OURS))
            raise SettingsError(
                f"--server {name}=…: no scaffold of this run calls a server of that name. Ours are {ours}."
            )


def _named_server(text: str) -> tuple[str, str]:
    name, equals, target = text.partition("=")
    if not equals or not name or not target:
        raise SettingsError(
            f"--server {text!r} is not NAME=COMMAND or NAME=URL, such as docs=http://127.0.0.1:8000/mcp."
        )
    return name, target


def _split(split: Split | None, *, final: bool) -> Split:
    if final and split not in (None, "test"):
        raise SettingsError(f"--final shows the test samples, and --split {split} names others. Leave one of them out.")
    return "test" if final else split or "dev"


def _name(cells: Sequence[Cell], split: Split) -> str:
    """A folder's name that says what was run, the same for the same command so that it resumes."""
    arms = [arm for cell in cells for arm in cell.arms]
    words = [
        *dict.fromkeys(cell.benchmark for cell in cells),
        *dict.fromkeys(m for a in arms for m in a.models.values()),
    ]
    stem = "-".join(re.sub(r"[^A-Za-z0-9.+]+", "-", word).strip("-") for word in words)
    seed = arms[0].seed if arms else 0
    return stem[:120] + (f"-seed{seed}" if seed else "") + ("" if split == "test" else f"-{split}")
