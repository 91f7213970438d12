"""Run one row: one arm on one sample in one epoch, through the toolkit's one door, and grade what came out.

Nothing here knows the ledger, so that a worker on another machine runs rows in exactly the same way.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from understudy.answer import Answer
from understudy.budget import Budget, Meter, TokenPrice
from understudy.context import Cache, Context, Server
from understudy.errors import MissingCheck, MissingRole, ModelError, ServerError, Unpriced
from understudy.model import Model
from understudy.scaffold import Scaffold
from understudy.solving import within_budget
from understudy.trace import Event, Trace
from understudy_harness.arms import Arm
from understudy_harness.errors import HarnessError, SettingsError
from understudy_harness.ledger import Row, RowKey, Spend
from understudy_harness.sample import Benchmark, Grade, Grader, Sample

LONGEST_DETAIL = 400  # characters of a grade's detail that a row keeps; the transcript has the rest


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one row is to be about."""

    arm: Arm
    scaffold: Scaffold
    sample: Sample
    epoch: int
    benchmark: Benchmark

    @cached_property
    def key(self) -> RowKey:
        """The row's key in the ledger."""
        return RowKey(self.arm.id, self.sample.id, self.epoch)


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What rows reach: models by spec, servers by name, the grader, prices."""

    models: Mapping[str, Model]
    servers: Mapping[str, Server] = field(default_factory=dict)
    grader: Grader = field(default_factory=Grader)
    price: Callable[[str], TokenPrice | None] = lambda spec: None
    budget: Budget = Budget()
    """Of one row."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A finished row, or the error instead of one, with what was said."""

    key: RowKey
    row: Row | None
    error: Mapping[str, Any] | None
    events: list[dict[str, Any]]
    usd: float
    """Spent in either case."""


def row_seed(seed: int, sample: str, epoch: int) -> int:
    """One number for a sample and epoch; arms share it, so that equal calls draw equally. 63 bits."""
    digest = hashlib.sha256(f"{seed}/{epoch}/{sample}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


async def run_row(work: Work, doors: Doors, cache: Cache | None = None) -> Outcome:
    """Run and grade one row. A failing model, server or grader gives an error, never a score.

    Raises:
        SettingsError: The arm cannot work on this benchmark at all.
    """
    started, clock = time.time(), time.perf_counter()
    context = Context(
        models={role: doors.models[spec] for role, spec in work.arm.models.items()},
        servers=doors.servers,
        meter=Meter(doors.budget),
        trace=Trace(),
        cache=cache,
        price=doors.price,
        seed=row_seed(work.arm.seed, work.sample.id, work.epoch),
    )
    try:
        answer = await within_budget(work.scaffold, work.sample.problem, context)
        grade = await _graded(work, answer, doors.grader)
    except (MissingCheck, MissingRole, Unpriced) as error:
        raise SettingsError(f"{work.arm.label} on {work.arm.benchmark}: {error}") from None
    except HarnessError:
        raise
    except Exception as error:  # the loop over samples must survive a bug in a scaffold or a benchmark
        said = {**_said(error), "usd": context.meter.usd}
        return Outcome(key=work.key, row=None, error=said, events=_events(context), usd=context.meter.usd)
    row = Row(
        arm=work.arm.id,
        benchmark=work.arm.benchmark,
        sample=work.sample.id,
        epoch=work.epoch,
        cluster=work.sample.cluster,
        category=work.sample.category,
        score=grade.score,
        grade=grade.word,
        detail=grade.detail[:LONGEST_DETAIL],
        agreement=answer.agreement,
        stopped=answer.stopped,
        started=round(started, 3),
        seconds=round(time.perf_counter() - clock, 4),
        **_verdict(answer),
        **_used(context),
    )
    return Outcome(key=work.key, row=row, error=None, events=_events(context, answer, grade), usd=context.meter.usd)


async def _graded(work: Work, answer: Answer, grader: Grader) -> Grade:
    if answer.stopped == "budget" and not (answer.text or answer.files or answer.tool_calls):
        return Grade(score=0.0, word="budget", detail="The budget of the row ended before there was an answer.")
    return await work.benchmark.grade(work.sample, answer, grader)


def _verdict(answer: Answer) -> dict[str, Any]:
    if answer.verdict is None:
        return {}
    return {"accepted": answer.verdict.accepted, "verdict": answer.verdict.word}


def _used(context: Context) -> dict[str, Any]:
    roles: dict[str, dict[str, Any]] = {}
    used: dict[str, Any] = {"checks": 0, "tool_calls": 0, "truncated": False}
    for event in context.trace:
        if event.kind == "generate" and event.error is None:
            _add(roles.setdefault(event.role, {"model": event.name}), event)
            used["truncated"] = used["truncated"] or bool(event.detail.get("truncated"))
        elif event.kind == "check":
            used["checks"] += 1
        elif event.kind == "call":
            used["tool_calls"] += 1
    used["spend"] = {role: Spend(**part) for role, part in roles.items()}
    return used


def _add(part: dict[str, Any], event: Event) -> None:
    part["calls"] = part.get("calls", 0) + 1
    part["seconds"] = round(part.get("seconds", 0.0) + event.seconds, 4)
    if event.usd is None:
        part["unpriced_calls"] = part.get("unpriced_calls", 0) + 1
    else:
        part["usd"] = part.get("usd", 0.0) + event.usd
    usage = event.usage
    if usage is None:
        return
    part["input_tokens"] = part.get("input_tokens", 0) + (usage.input_tokens or 0)
    part["output_tokens"] = part.get("output_tokens", 0) + (usage.output_tokens or 0)
    for name in ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens"):
        if getattr(usage, name):
            part[name] = part.get(name, 0) + getattr(usage, name)


def _said(error: Exception) -> dict[str, Any]:
    kind = "model" if isinstance(error, ModelError) else "server" if isinstance(error, ServerError) else "bug"
    return {"error": type(error).__name__, "of": kind, "message": str(error)[:2000] or repr(error)}


def _events(context: Context, answer: Answer | None = None, grade: Grade | None = None) -> list[dict[str, Any]]:
    events = [_event(event) for event in context.trace]
    if answer is not None and grade is not None:
        last: dict[str, Any] = {"kind": "grade", "name": grade.word, "score": grade.score}
        if grade.detail:
            last["detail"] = {"feedback": grade.detail}
        if answer.value is not None:
            last["value"] = answer.value
        events.append(last)
    return events


def _event(event: Event) -> dict[str, Any]:
    shown: dict[str, Any] = {"kind": event.kind, "at_s": round(event.at_s, 4), "seconds": round(event.seconds, 4)}
    for name in ("path", "role", "name", "error", "usd"):
        value = getattr(event, name)
        if value:
            shown[name] = value
    if event.usage is not None:
        shown["usage"] = {name: value for name, value in vars(event.usage).items() if value}
    if event.detail:
        shown["detail"] = {name: value for name, value in event.detail.items() if value not in ("", None, [], False)}
    return shown
