"""Work on a project until its tests pass: `understudy solve --project`.

What was answered and judged is kept in a state folder named by the task, so that a stopped run goes on where it was,
and a second run with `--apply` costs nothing.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from understudy.answer import Answer, Verdict
from understudy.budget import Budget, Meter
from understudy.checks import SERVER, judge
from understudy.context import Context
from understudy.errors import BudgetExceeded
from understudy.problem import Tests
from understudy.project import Project, ProjectError, apply_changes, project_problem, read_project, testing_command
from understudy.remember import State, forget, state_home
from understudy.scaffold import Scaffold
from understudy.solving import connected, opened, packaged_price, within_budget
from understudy.spelling import fingerprint
from understudy.trace import Event, Trace
from understudy.tracefile import describe, save_trace


@dataclass(frozen=True, kw_only=True)
class ProjectRun:
    """What is to be done, on what, with what."""

    root: Path
    tests: tuple[str, ...]
    task: str
    scaffold: Scaffold
    models: Mapping[str, str]
    servers: Mapping[str, Any]
    budget: Budget
    seed: int
    trace: Trace
    python: str | None
    test_timeout_s: float
    shown_chars: int
    max_tokens: int
    state: Path | None
    fresh: bool
    say: Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ProjectResult:
    """How it ended."""

    project: Project
    answer: Answer
    solved: bool
    changed: Mapping[str, str] = field(default_factory=dict)

    @property
    def patch(self) -> str:
        """The changes as a unified diff; empty where nothing changes."""
        return self.project.patch(self.changed)

    def apply(self) -> list[str]:
        """Write the changes and return the paths.

        Raises:
            ProjectError: One of them may not be written; then none is.
        """
        return apply_changes(self.project, self.changed)


async def solve_project(run: ProjectRun) -> ProjectResult:
    """Work on a copy of the project until its tests pass, or the scaffold gives up.

    Raises:
        ProjectError: The project cannot be worked on.
        Busy: Another process works on the same task.
        UnderstudyError: A model or a server failed.
    """
    project = read_project(run.root, run.tests)
    check = project.check(run.test_timeout_s)
    folder = run.state or default_state(run)
    if run.fresh:
        forget(folder)
    targets = {SERVER: testing_command(project.root, run.python, run.test_timeout_s), **run.servers}
    with State(folder) as state:
        if state.replies:
            run.say(f"going on with {state.replies} kept replies from {folder}")
        async with opened(run.models) as models, connected(targets) as servers:
            context = Context(
                models=models,
                servers=state.servers(servers),
                meter=Meter(run.budget),
                trace=run.trace,
                cache=state.cache,
                price=packaged_price,
                seed=run.seed,
            )
            try:
                result = await _work(run, project, check, context)
            finally:
                save_trace(run.trace, folder / "trace.jsonl", scaffold=repr(run.scaffold), task=run.task)
    return result


def default_state(run: ProjectRun) -> Path:
    """A folder of the user's own, named by everything that makes this task this task."""
    told = [
        str(run.root.resolve()),
        run.tests,
        run.task,
        fingerprint(run.scaffold),
        sorted(run.models.items()),
        run.seed,
    ]
    return state_home() / hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


async def _work(run: ProjectRun, project: Project, check: Tests, context: Context) -> ProjectResult:
    for path in project.left_out:
        context.note("left out", path=path)
    before = await judge(check, {}, context.servers[SERVER], client=context.trace.id)
    run.say(f"before: {before.word} {before.passed}/{before.total}")
    if before.accepted:
        run.say("The tests pass already; there is nothing to do.")
        return ProjectResult(project=project, answer=Answer(verdict=before), solved=True)
    if before.word == "no_tests":
        python = any(path.endswith(".py") for path in project.tests)
        why = "hold no tests" if python else "are not Python, and only tests in Python are run on a copy"
        raise ProjectError(f"The files that match --tests {why}.")
    problem = project_problem(
        project,
        run.task,
        output=before.feedback,
        shown_chars=run.shown_chars,
        max_tokens=run.max_tokens,
        timeout_s=run.test_timeout_s,
    )
    progress = Progress(run.say, before)
    listen(run.trace, progress.event)
    answer = await within_budget(run.scaffold, problem, context)
    if answer.verdict is None and answer.files:  # a scaffold that never asks the check is judged all the same
        with suppress(BudgetExceeded):
            answer = replace(answer, verdict=await context.check(problem, answer))
    solved = answer.verdict is not None and answer.verdict.accepted
    files = project.in_its_style(answer.files)
    changed = {path: text for path, text in files.items() if project.files.get(path) != text}
    return ProjectResult(project=project, answer=answer, solved=solved, changed=changed)


class Progress:
    """A line for every check: which try, what the tests say, what it broke or fixed, what it cost so far."""

    def __init__(self, say: Callable[[str], None], before: Verdict) -> None:
        self._say, self._before = say, before
        self._tries = self._tokens = 0
        self._usd = 0.0

    def event(self, event: Event) -> None:
        """Take note of an event, and say it if a person would want to know."""
        if event.kind == "generate" and event.usage is not None:
            self._tokens += (event.usage.input_tokens or 0) + (event.usage.output_tokens or 0)
            self._usd += event.usd or 0.0
        if event.error is not None:
            self._say(f"  {describe(event)}")
        elif event.kind == "check":
            self._tries += 1
            money = f", ${self._usd:.4f}" if self._usd else ""
            self._say(f"try {self._tries}: {describe(event).removeprefix('check: ')} {self._tokens} tokens{money}")
        elif event.name in ("escalate", "refused before"):
            self._say(f"  {describe(event)}")


def listen(trace: Trace, listener: Callable[[Event], None]) -> None:
    """Have a watched trace call `listener`; a plain one stays silent."""
    if hasattr(trace, "listener"):
        trace.listener = listener
