"""One request of a client: a scaffold works on it, within the budget, and what it took is counted and logged."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from understudy.answer import Answer, Verdict
from understudy.budget import Meter, TokenPrice
from understudy.context import Context, Server
from understudy.direct import Direct
from understudy.errors import UnderstudyError
from understudy.model import Model
from understudy.on import On
from understudy.problem import Form, Problem
from understudy.project import TEST_TIMEOUT_S, read_project
from understudy.proxy.asked import NAME, Asked
from understudy.proxy.done import Counted, Done
from understudy.proxy.inner import Inner
from understudy.proxy.log import Log
from understudy.proxy.relay import Relayed, can_relay
from understudy.rescue import rescue
from understudy.scaffold import Scaffold, inner_scaffolds
from understudy.trace import Event, Trace

TESTS = tuple(f"**/{name}" for name in ("test_*.py", "*_test.py", "*.test.[jt]s", "*.spec.[jt]s", "*_test.go"))
"""Which files of a project are its tests."""

Tell = Callable[[str, str], None]
"""Called with ("text" or "reasoning" or "progress", what)."""


class WatchedTrace(Trace):
    """A trace that tells of each event as it ends."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def add(self, event: Event) -> None:
        """Append an event and tell of it."""
        super().add(event)
        self._tell("progress", shown(event))


def shown(event: Event) -> str:
    """An event in a line, without anything that was said."""
    parts = [event.path, event.kind, event.role, event.name]
    if event.usage is not None and event.usage.output_tokens is not None:
        parts.append(f"{event.usage.output_tokens} tokens")
    if event.kind != "note":
        parts.append(f"{event.seconds:.1f} s")
    if event.error is not None:
        parts.append("failed")
    return " ".join(part for part in parts if part).replace("\n", " ")


@dataclass(frozen=True, kw_only=True)
class ProjectContext(Context):
    """A context that has the project's tests judge an answer without a pending call, and the form of any other."""

    project: Path | None = None
    timeout_s: float = TEST_TIMEOUT_S

    async def check(self, problem: Problem, answer: Answer) -> Verdict:
        """Give the verdict.

        Raises:
            ServerError: The testing server failed, or the project has no tests.
        """
        if self.project is None or answer.tool_calls:
            return await super().check(replace(problem, check=Form()), answer)
        project = read_project(self.project, TESTS)
        # The client's tools have written into the project by now, so the project itself is what is judged.
        own = {path: text for path, text in project.files.items() if path not in project.tests}
        judged = replace(answer, files={**own, **answer.files})
        return await super().check(replace(problem, check=project.check(self.timeout_s)), judged)


@dataclass(kw_only=True)
class Service:
    """What answers requests."""

    scaffold: Scaffold
    models: Mapping[str, Model]
    meter: Meter
    servers: Mapping[str, Server] = field(default_factory=dict)
    price: Callable[[str], TokenPrice | None] = lambda name: None
    project: Path | None = None
    log: Log | None = None
    inner: Inner = field(default_factory=Inner)
    clock: Callable[[], float] = time.monotonic

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a client may ask for."""
        return (NAME, *self.models)

    async def work(self, asked: Asked, id: str, tell: Tell) -> Done:
        """Answer a request.

        Raises:
            UnderstudyError: There is no answer; what was spent is counted and logged all the same.
        """
        scaffold = self._scaffold(asked.model)
        problem = replace(asked.problem(), messages=self.inner.restored(asked.messages), check=Form())
        trace = WatchedTrace(tell)
        context = self._context(asked, scaffold, trace, tell)
        began, error, answer = self.clock(), "", Answer()
        try:
            answer = self._finished(problem, await scaffold(problem, context), id)
            self.inner.keep(answer, problem, trace)
        except UnderstudyError as failure:
            error = type(failure).__name__
            raise
        except BaseException:
            error = "cancelled"
            raise
        finally:
            if self.log is not None:
                seconds = self.clock() - began
                self.log.write(asked, scaffold, trace, answer, id=id, seconds=seconds, error=error)
        return Done(answer=answer, counted=counted(trace), id=id, seconds=self.clock() - began)

    def _scaffold(self, name: str) -> Scaffold:
        return On(name, Direct()) if name in self.models and name != NAME else self.scaffold

    def _context(self, asked: Asked, scaffold: Scaffold, trace: Trace, tell: Tell) -> Context:
        models = dict(self.models)
        if can_relay(scaffold, asked):
            names = tuple(tool.name for tool in asked.tools)
            models = {role: Relayed(model, tell, names) for role, model in models.items()}
        return ProjectContext(
            models=models,
            servers=self.servers,
            meter=self.meter,
            trace=trace,
            price=self.price,
            seed=secrets.randbits(31) if asked.seed is None else asked.seed,
            role="local" if "local" in models else next(iter(models)),
            temperature=asked.temperature or None,
            project=self.project,
        )

    def _finished(self, problem: Problem, answer: Answer, id: str) -> Answer:
        """The answer as a client gets it: rescued calls, each with an id of its own."""
        if problem.tools:
            found = rescue(answer.text, problem.tools, calls=answer.tool_calls, complete=answer.complete)
            if found is not None and found.mended:
                answer = replace(answer, text=found.text, tool_calls=found.calls)
        calls = tuple(replace(call, id=f"call_{id}_{index}") for index, call in enumerate(answer.tool_calls))
        return replace(answer, tool_calls=calls)


def counted(trace: Trace) -> Counted:
    """Add up every inner call."""
    made = [event for event in trace if event.kind == "generate" and event.error is None]
    usages = [event.usage for event in made if event.usage is not None]
    return Counted(
        input_tokens=sum(usage.input_tokens or 0 for usage in usages),
        output_tokens=sum(usage.output_tokens or 0 for usage in usages),
        cache_read_tokens=sum(usage.cache_read_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
        calls=len(made),
        usd=sum(event.usd or 0.0 for event in made),
        unpriced=sum(event.usd is None for event in made),
    )


def checked_roles(scaffold: Scaffold, models: Mapping[str, Any]) -> tuple[str, ...]:
    """Roles that the scaffold names by `On` and that no model is bound to."""
    named = {held.role for held in inner_scaffolds(scaffold) if isinstance(held, On)}
    return tuple(sorted(named - set(models)))
