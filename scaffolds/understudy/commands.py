"""`understudy solve`: a project's failing tests, a question, or a file full of prompts."""

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import click

from understudy.budget import Budget
from understudy.bulk import BulkError, default_state, solve_lines
from understudy.errors import (
    BudgetExceeded,
    MissingCheck,
    MissingRole,
    SpecError,
    SpellingError,
    UnderstudyError,
    Unpriced,
)
from understudy.problem import Message, Options, Problem
from understudy.project import TEST_TIMEOUT_S, ProjectError
from understudy.project_run import ProjectRun, solve_project
from understudy.reach import Reach
from understudy.remember import forget
from understudy.scaffold import Scaffold, servers_of
from understudy.server_options import named_servers, pairs, server_options
from understudy.solving import solve as solve_problem
from understudy.spelling import parse
from understudy.trace import Event, Trace
from understudy.tracefile import lines, save_trace, summary
from understudy.usage import log_run

EMBEDDINGS_KEY = "UNDERSTUDY_EMBEDDINGS_KEY"
"""The one secret that a server of ours may need: for an endpoint that makes vectors of documentation."""
_WRONG = (SpellingError, SpecError, MissingRole, MissingCheck, ProjectError, BulkError, Unpriced)


class NotSolved(click.ClickException):
    """The answer is no."""

    exit_code = 1


class WrongUse(click.ClickException):
    """What was asked for cannot be meant."""

    exit_code = 2


class Missing(click.ClickException):
    """The environment lacks something: a model, a server, an extra."""

    exit_code = 3


class Over(click.ClickException):
    """A budget ended it."""

    exit_code = 4


@dataclass(frozen=True, kw_only=True)
class Common:
    """What the three ways of solving share."""

    scaffold: Scaffold
    models: Mapping[str, str]
    servers: Mapping[str, Any]
    budget: Budget
    seed: int
    trace: Trace


def expected(error: Exception) -> click.ClickException:
    """Turn a failure that is no bug into a sentence and the exit code that fits."""
    if isinstance(error, _WRONG):
        return WrongUse(str(error))
    if isinstance(error, BudgetExceeded):
        return Over(str(error))
    return Missing(str(error))


def _options(command: Callable[..., None]) -> Callable[..., None]:
    options: list[Callable[[Any], Any]] = [
        click.option("--scaffold", "spelling", metavar="SPELLING", help="[default: Retry(tries=8), or Direct()]"),
        click.option("--local", metavar="SPEC", help="Model of the role local, such as ollama:qwen3:4b."),
        click.option("--cloud", metavar="SPEC", help="Model of the role cloud, such as anthropic:claude-haiku-4-5."),
        click.option("--model", "bound", multiple=True, metavar="ROLE=SPEC", help="Model of any role. Repeatable."),
        server_options,
        click.option("--budget-usd", type=click.FloatRange(min=0), help="Most US dollars to spend."),
        click.option("--budget-tokens", type=click.IntRange(min=0), help="Most tokens to use."),
        click.option("--budget-calls", type=click.IntRange(min=0), help="Most calls of models."),
        click.option("--budget-seconds", type=click.FloatRange(min=0), help="Most seconds to work."),
        click.option("--max-tokens", type=click.IntRange(min=1), default=4096, show_default=True, help="Of one reply."),
        click.option("--seed", type=int, default=0, show_default=True, help="Everything drawn follows from it."),
        click.option("--trace", "show_trace", is_flag=True, help="Print every call in a tree."),
        click.option("--save-trace", type=click.Path(dir_okay=False, path_type=Path), help="Write the trace here."),
        click.option("--otel", is_flag=True, help="Also send the trace as OpenTelemetry spans (OTEL_* variables)."),
        click.option("--no-log", is_flag=True, help="Leave no line for `understudy usage`."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("task", nargs=-1)
@click.option("--project", type=click.Path(file_okay=False, path_type=Path), help="Folder whose tests shall pass.")
@click.option("--tests", multiple=True, metavar="GLOB", help="Which tests, relative to the project. Repeatable.")
@click.option("--apply", "write", is_flag=True, help="Write the changes into the project when the tests pass.")
@click.option(
    "--patch", type=click.Path(dir_okay=False, path_type=Path), help="Write the patch here. [default: output]"
)
@click.option("--python", type=click.Path(exists=True, dir_okay=False), help="Interpreter that runs the tests.")
@click.option(
    "--test-timeout",
    type=click.FloatRange(min=0.1),
    default=TEST_TIMEOUT_S,
    show_default=True,
    help="Seconds of a run.",
)
@click.option(
    "--show-chars", type=click.IntRange(min=0), default=24_000, show_default=True, help="Of files, in a prompt."
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that lets a run go on later; a project and --jsonl have one of their own.",
)
@click.option("--fresh", is_flag=True, help="Forget an earlier run of the same task.")
@click.option(
    "--jsonl", nargs=2, type=click.Path(dir_okay=False, path_type=Path), metavar="IN OUT", help="Prompts in bulk."
)
@click.option("--jobs", type=click.IntRange(min=1), help="Prompts in work at once. [default: 16; all with --batch]")
@click.option("--batch", is_flag=True, help="Use batch APIs where a provider has one: slower, at half price.")
@_options
def solve(task: tuple[str, ...], **given: Any) -> None:
    """Solve a TASK with a scaffold.

    \b
    A project:   understudy solve --project . --tests 'tests/test_*.py' --local SPEC "make them pass"
    A question:  understudy solve --local SPEC "What is a monad?"
    In bulk:     understudy solve --jsonl in.jsonl out.jsonl --local SPEC

    On a project it tries on a copy with the testing server as judge, prints the patch, and writes only with --apply. A
    run that was stopped goes on where it was when the same command is given again; a question needs --state for that.
    """
    common = _common(given)
    if given["jsonl"]:
        _in_bulk(common, task, given)
    elif given["project"] or given["tests"]:
        _on_project(common, " ".join(task) or "Make the tests pass.", {**given, "task": task})
    else:
        _question(common, " ".join(task), given)


def _common(given: Mapping[str, Any]) -> Common:
    models = {role: given[role] for role in ("local", "cloud") if given[role]} | pairs(
        given["bound"], "--model", "local=ollama:qwen3:4b"
    )
    if not models:
        raise click.UsageError("No model is given. Add --local SPEC, such as --local ollama:qwen3:4b.")
    on_project = bool(given["project"] or given["tests"])
    try:
        scaffold = parse(given["spelling"] or ("Retry(tries=8)" if on_project else "Direct()"))
    except SpellingError as error:
        raise click.UsageError(f"--scaffold: {error}") from None
    budget = Budget(**{kind: given[f"budget_{kind}"] for kind in ("usd", "tokens", "calls", "seconds")})
    # A project's run makes its own testing server, unless one is named.
    servers = _our_servers(scaffold, given["project"], without={"testing"} if on_project else set())
    servers |= named_servers(given)
    return Common(scaffold=scaffold, models=models, servers=servers, budget=budget, seed=given["seed"], trace=Watched())


def _our_servers(scaffold: Scaffold, project: Path | None, *, without: set[str]) -> dict[str, Reach]:
    """Commands of those of our servers that the scaffold calls, so that nobody has to name them."""
    ours = {"thinking": ["thinking"], "docs": ["docs", "--root", str(project or Path.cwd())], "testing": ["testing"]}
    needed = (servers_of(scaffold) & set(ours)) - without
    commands = {name: shlex.join([sys.executable, "-m", "understudy_harness", "serve", *ours[name]]) for name in needed}
    keys = {"docs": tuple({EMBEDDINGS_KEY} & set(os.environ))}
    return {name: Reach(command, inherit=keys.get(name, ())) for name, command in commands.items()}


class Watched(Trace):
    """A trace that tells a listener of every event as it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.listener: Callable[[Event], None] | None = None

    def add(self, event: Event) -> None:
        """Append an event and pass it on."""
        super().add(event)
        if self.listener is not None:
            self.listener(event)


def _question(common: Common, text: str, given: Mapping[str, Any]) -> None:
    if text == "-" or not text:
        text = sys.stdin.read() if text == "-" else ""
    if not text.strip():
        raise click.UsageError("No TASK is given. Write it behind the options, or `-` to read it from standard input.")

    async def run() -> Any:
        return await solve_problem(
            common.scaffold,
            _asked(text, given["max_tokens"]),
            models=common.models,
            servers=common.servers,
            budget=common.budget,
            seed=common.seed,
            trace=common.trace,
            state=given["state"],
        )

    if given["fresh"] and given["state"]:
        forget(given["state"])
    answer = _run(run)
    if answer.text:
        click.echo(answer.text)
    _finish(common, answer, given)


def _on_project(common: Common, task: str, given: Mapping[str, Any]) -> None:
    if not given["tests"]:
        raise click.UsageError("Which tests shall pass? Add --tests GLOB, such as --tests 'tests/test_*.py'.")
    expanded = next((word for word in given["task"] if len(given["task"]) > 1 and Path(word).is_file()), None)
    if expanded:
        raise click.UsageError(f"{expanded!r} is a file and no task. Quote the pattern, so that the shell leaves it.")
    run = ProjectRun(
        root=given["project"] or Path(),
        tests=given["tests"],
        task=task,
        scaffold=common.scaffold,
        models=common.models,
        servers=common.servers,
        budget=common.budget,
        seed=common.seed,
        trace=common.trace,
        python=given["python"],
        test_timeout_s=given["test_timeout"],
        shown_chars=given["show_chars"],
        max_tokens=given["max_tokens"],
        state=given["state"],
        fresh=given["fresh"],
        say=lambda line: click.echo(line, err=True),
    )

    async def work() -> Any:
        return await solve_project(run)

    result = _run(work)
    if result.patch:
        if given["patch"]:
            given["patch"].write_text(result.patch, encoding="utf-8")
            click.echo(f"The patch is in {given['patch']}.", err=True)
        else:
            click.echo(result.patch, nl=False)
    if given["write"] and result.solved:
        try:
            for path in result.apply():
                click.echo(f"wrote {path}", err=True)
        except ProjectError as error:
            raise expected(error) from None
    elif result.solved and result.patch:
        click.echo(
            "Nothing was written. Give the same command with --apply to write it: no call is made again.", err=True
        )
    _finish(common, result.answer, given, solved=result.solved)


def _in_bulk(common: Common, task: tuple[str, ...], given: Mapping[str, Any]) -> None:
    if task:
        raise click.UsageError("--jsonl takes its prompts from the file, so no TASK goes with it.")
    source, target = given["jsonl"]
    if given["fresh"]:
        if target.exists():
            raise click.UsageError(f"{str(target)!r} holds answers, which --fresh does not delete. Remove it yourself.")
        forget(given["state"] or default_state(target))

    async def work() -> Any:
        return await solve_lines(
            common.scaffold,
            source,
            target,
            models=common.models,
            servers=common.servers,
            budget=common.budget,
            seed=common.seed,
            jobs=given["jobs"] or (10_000 if given["batch"] else 16),
            batch=given["batch"],
            max_tokens=given["max_tokens"],
            trace=common.trace,
            say=lambda line: click.echo(line, err=True),
            keep_texts=given["save_trace"] is not None,
            state=given["state"],
        )

    done = _run(work)
    click.echo(
        f"{done.answered} answered, {done.kept} from before, {done.failed} failed. {summary(common.trace.totals())}"
    )
    if given["save_trace"]:
        save_trace(common.trace, given["save_trace"], scaffold=repr(common.scaffold))
    if done.stopped:
        raise Over("The budget ended it. Give the same command with a larger one to go on.")
    if done.failed:
        raise NotSolved(f"{done.failed} prompts have no answer; the same command tries them again.")


def _run(work: Callable[[], Any]) -> Any:
    try:
        return anyio.run(work)
    except (UnderstudyError, OSError) as error:
        raise expected(error) from None


def _finish(common: Common, answer: Any, given: Mapping[str, Any], *, solved: bool | None = None) -> None:
    """Say what it cost, keep what was asked to be kept, and end with the exit code."""
    if given["show_trace"]:
        for line in lines(common.trace):
            click.echo(line, err=True)
    if given["save_trace"]:
        save_trace(common.trace, given["save_trace"], scaffold=repr(common.scaffold))
    if given["otel"]:
        _export(common.trace)
    if not given["no_log"]:
        log_run(common.trace, answer, scaffold=repr(common.scaffold))
    click.echo(summary(common.trace.totals()), err=True)
    if answer.stopped == "budget":
        raise Over("The budget ended it. Give the same command with a larger one to go on.")
    if solved is False or (solved is None and answer.verdict is not None and not answer.verdict.accepted):
        why = f" ({answer.stopped})" if answer.stopped else ""
        raise NotSolved(f"Not solved{why}.")


def _export(trace: Trace) -> None:
    try:
        # OpenTelemetry is an extra, and only this option needs it.
        from understudy.otel import export_spans  # noqa: PLC0415
    except ModuleNotFoundError:
        raise Missing("--otel needs OpenTelemetry. Run: pip install 'understudy[otel]'") from None
    try:
        export_spans(trace)
    except UnderstudyError as error:  # the answer is there all the same
        click.echo(str(error), err=True)


def _asked(text: str, max_tokens: int) -> Problem:
    return Problem(messages=(Message(role="user", content=text),), options=Options(max_tokens=max_tokens))
