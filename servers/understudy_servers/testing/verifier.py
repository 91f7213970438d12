"""The verifier: a request in, a proved verdict out. It knows no MCP."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeVar

import anyio
from anyio import to_thread

from understudy_servers.testing import suite_check
from understudy_servers.testing.engines.execute import Executor, Machine, NeedsPytest
from understudy_servers.testing.engines.isolation import SandboxRefused
from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.engines.turns import Busy, Turns
from understudy_servers.testing.engines.warm import ZygoteLost
from understudy_servers.testing.explain import Unanswerable, explanation
from understudy_servers.testing.frameworks.foreign import Foreign, MissingToolchain
from understudy_servers.testing.frameworks.junit import BadReport
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.plan import BadTests, Framework, Plan
from understudy_servers.testing.result import Result, bounded, from_judgement
from understudy_servers.testing.subjects import Subject
from understudy_servers.testing.verdict import proof as proving
from understudy_servers.testing.verdict.judge import Judgement, signature
from understudy_servers.testing.verdict.split import Split
from understudy_servers.testing.worker.events import clean, clip, short

Only = Literal["all", "failed", "changed"]
REMEMBERED = 1_000
T = TypeVar("T")
OUTPUT = 400


@dataclass(frozen=True, kw_only=True)
class Request:
    """One question: does this candidate pass the tests of this subject?"""

    subject: Subject
    candidate: Mapping[str, str] = field(default_factory=dict)
    select: Sequence[str] | None = None
    only: Only = "all"
    grade: bool = False
    limits: Mapping[str, Any] = field(default_factory=dict)
    client: str = ""
    prove: bool = True


@dataclass
class _Last:
    """What the previous run of a workspace by a client came to."""

    outcomes: dict[str, str]
    signature: object
    count: int


class Verifier:
    """Runs requests, a bounded number at a time, and remembers the last outcome of each workspace for the delta."""

    def __init__(self, machine: Machine, *, workers: int, turns: Turns | None = None) -> None:
        self.executor = Executor(machine)
        self.turns = turns or Turns(workers)
        self._last: OrderedDict[tuple[str, str], _Last] = OrderedDict()
        self._latest: OrderedDict[str, Request] = OrderedDict()

    async def verify(self, request: Request) -> Result:
        """Answer a request. Failures on our side are a result with the verdict `infra_error`, never an exception.

        Raises:
            ValueError: a wished limit is not one.
        """
        limits = self.executor.machine.limits.lowered(request.limits)
        stop = threading.Event()
        try:
            async with self.turns.turn(request.client):
                try:
                    return await to_thread.run_sync(self._verify, request, limits, stop, abandon_on_cancel=True)
                except anyio.get_cancelled_exc_class():
                    stop.set()
                    raise
        except (Busy, NeedsPytest, SandboxRefused, ZygoteLost) as error:
            return _infra_error(type(error).__name__, str(error), request)

    async def explain(self, request: Request, name: str) -> str:
        """Run one test again and tell how it failed: values, variables, the first and last steps.

        Raises:
            Unanswerable: there is no such test, or it cannot be run; the text says why.
        """
        return await self._examine(request, lambda plan, run: explanation(plan, run, name), name)

    async def check_suite(self, request: Request, *, flaky_runs: int, mutants: int) -> tuple[str, dict[str, Any]]:
        """Check the tests themselves, with a candidate that passes them.

        Raises:
            Unanswerable: the tests do not pass yet, or cannot be run.
        """

        def examine(plan: Plan, run: Callable[[Plan, int], Judgement]) -> tuple[str, dict[str, Any]]:
            first = run(plan, 0)
            if first.verdict != "passed":
                raise Unanswerable(f"The tests do not pass yet ({first.verdict}), so nothing can be said of the suite.")
            report = suite_check.check(plan, run, flaky_runs=flaky_runs, mutants=mutants)
            text = "\n".join(suite_check.words(report, len(first.report.outcomes)))
            return clip(clean(text), 4000), bounded(asdict(report))

        return await self._examine(request, examine)

    async def _examine(self, request: Request, examine: Callable[[Plan, Any], T], name: str | None = None) -> T:
        """Give an examiner a plan and the means to run it, in a turn of its own."""
        latest = self._latest.get(request.client)
        request = replace(request, candidate=request.candidate or (latest.candidate if latest else {}))
        limits = self.executor.machine.limits.lowered(request.limits)
        stop = threading.Event()

        def work() -> T:
            framework: Framework = "pytest" if self.executor.has_pytest else "plain"
            plan = request.subject.plan(request.candidate, framework, None if name is None else [name])
            return examine(plan, lambda again, seed: self.executor.run(again, limits, hash_seed=seed, stop=stop)[0])

        try:
            async with self.turns.turn(request.client):
                return await to_thread.run_sync(work, abandon_on_cancel=True)
        except (BadTests, Busy, NeedsPytest, SandboxRefused, ZygoteLost) as error:
            raise Unanswerable(str(error)) from error
        finally:
            stop.set()

    def _verify(self, request: Request, limits: Limits, stop: threading.Event) -> Result:
        subject, candidate = request.subject, request.candidate
        replaced = self.executor.pool.replaced
        if sign := subject.refusal(candidate):
            return self._stamped(Result("tampered", sign), request)
        select = self._select(request)
        if (foreign := subject.foreign()) is not None:
            return self._verify_foreign(request, foreign, select, limits, stop)
        framework: Framework = "pytest" if self.executor.has_pytest else "plain"
        if select == []:
            return self._stamped(Result("no_tests", "nothing_changed"), request)
        try:
            unseen = subject.hidden(candidate, framework)
            plan = unseen if request.grade and unseen is not None else subject.plan(candidate, framework, select)
        except BadTests as error:
            return _infra_error("bad_tests", f"The tests of the workspace cannot be read: {error}", request)
        judgement, result = self._run(plan, limits, stop)
        if judgement.verdict == "passed" and select is None and request.prove:
            unseen = None if plan is unseen else unseen
            result = self._prove(plan, unseen, limits, result, stop)
        elif judgement.verdict == "passed" and select is not None:
            result.notes.append("Only a part of the tests was run; run all of them to have the pass proved.")
        if self.executor.pool.replaced > replaced:
            result.notes.append("The warm interpreter was lost and has been replaced.")
        result.graded = request.grade
        self._latest[request.client] = request
        self._compare(request, result)
        return self._stamped(result, request)

    def _verify_foreign(
        self, request: Request, foreign: Foreign, select: Sequence[str] | None, limits: Limits, stop: threading.Event
    ) -> Result:
        """Run the tests of another language; a pass is confirmed by a second run, each in a process of its own."""
        plan = request.subject.plan(request.candidate, "plain", None)
        plan = replace(plan, select=None if select is None else tuple(select))
        try:
            judgement, raw = self.executor.run_foreign(foreign, plan, limits, stop=stop)
            result = from_judgement(judgement, 0)
            if judgement.verdict == "passed" and request.prove:
                again, _ = self.executor.run_foreign(foreign, plan, limits, stop=stop)
                if again.verdict == "passed":
                    result.proof = ["cold"]
                else:
                    result = replace(from_judgement(again, 0), verdict="flaky", reason=f"then {again.verdict}")
        except (MissingToolchain, BadReport) as error:
            return _infra_error("toolchain" if isinstance(error, MissingToolchain) else "report", str(error), request)
        result.framework, result.mode, result.ms = foreign.name, "cold", round(raw.seconds * 1000, 1)
        result.channel = "private" if foreign.verified else "unverified_channel"
        if not result.ok:
            result.output = short(bytes(raw.output[-4 * OUTPUT :]).decode("utf-8", "replace"), OUTPUT)
        self._compare(request, result)
        return self._stamped(result, request)

    def _run(self, plan: Plan, limits: Limits, stop: threading.Event) -> tuple[Judgement, Result]:
        judgement, raw = self.executor.run(plan, limits, stop=stop)
        result = from_judgement(judgement, len(plan.expected))
        result.ms, result.seed, result.framework = round(raw.seconds * 1000, 1), plan.seed, plan.framework
        result.mode = raw.mode
        if judgement.verdict == "infra_error":
            return judgement, replace(result, reason="sandbox", notes=[judgement.reason])
        if judgement.verdict != "passed":
            result.output = self._output(plan, judgement, raw)
            result.cut["chars"] = raw.output_cut
        return judgement, result

    def _output(self, plan: Plan, judgement: Judgement, raw: Raw) -> str:
        """What the failing code printed. pytest captures it for each test; else it is the end of all output."""
        if plan.framework == "pytest":
            outputs = (facts.get("output") for facts in judgement.report.facts.values())
            return next((short(output, OUTPUT) for output in outputs if output), "")
        return short(bytes(raw.output[-4 * OUTPUT :]).decode("utf-8", "replace"), OUTPUT)

    def _prove(self, plan: Plan, hidden: Plan | None, limits: Limits, result: Result, stop: threading.Event) -> Result:
        spent = [result.ms]

        def run(again: Plan, hash_seed: int) -> Judgement:
            judgement, raw = self.executor.run(again, limits, hash_seed=hash_seed, stop=stop)
            spent.append(raw.seconds * 1000)
            return judgement

        def run_split(halves: Split) -> tuple[Judgement, Raw]:
            judgement, raw = self.executor.run_split(halves, limits, stop=stop)
            spent.append(raw.seconds * 1000)
            return judgement, raw

        proof = proving.prove(
            plan, list(result.outcomes), hidden, proving.Runner(run, run_split if self.executor.can_split else None)
        )
        result = replace(result, ms=round(sum(spent), 1), notes=proof.notes, hidden=proof.hidden)
        if proof.verdict is None:
            return replace(result, proof=proof.steps)
        result = replace(result, verdict=proof.verdict, reason=proof.reason)
        if proof.judgement is not None and proof.verdict == "flaky":
            result.failures = from_judgement(proof.judgement, len(plan.expected)).failures
        return result

    def _select(self, request: Request) -> list[str] | None:
        """What is to be run: None for everything, an empty list for nothing."""
        chosen = list(request.select) if request.select else None
        if request.only == "failed":
            last = self._last.get((request.client, request.subject.id))
            return (
                [name for name, outcome in last.outcomes.items() if outcome == "failed"] or chosen if last else chosen
            )
        if request.only == "changed":
            affected = request.subject.affected()
            return chosen if affected is None else affected
        return chosen

    def _compare(self, request: Request, result: Result) -> None:
        """Fill the delta to the previous run of this subject by this client, and remember this one."""
        key = (request.client, request.subject.id)
        last = self._last.pop(key, None)
        first = next(iter(result.failures), None)
        mark = (*signature(first), first["id"], first["actual"]) if first else None
        count = (last.count + 1 if last and last.signature == mark else 1) if mark else 0
        before = last.outcomes if last else {}
        result.delta = {
            "fixed": [
                name for name, now in result.outcomes.items() if now == "passed" and before.get(name) == "failed"
            ],
            "broke": [
                name for name, now in result.outcomes.items() if now == "failed" and before.get(name) == "passed"
            ],
            "same_failure_count": count,
        }
        self._last[key] = _Last({**before, **result.outcomes}, mark, count)
        for kept in (self._last, self._latest):
            while len(kept) > REMEMBERED:
                kept.popitem(last=False)

    def _stamped(self, result: Result, request: Request) -> Result:
        result.isolation = self.executor.isolation.word
        result.workspace = request.subject.id
        result.changed_tests = request.subject.changed_tests(request.candidate)
        return result

    def status(self) -> dict[str, Any]:
        """The state of the machine for `test_status`."""
        try:
            isolation, error = self.executor.isolation, ""
        except (SandboxRefused, ZygoteLost) as refusal:
            isolation, error = None, str(refusal)
        return {
            "isolation": isolation.word if isolation else "refused",
            "layers": list(isolation.layers) if isolation else [],
            "cure": error,
            "policy": self.executor.machine.policy,
            "network": self.executor.machine.network,
            "warmth": self.executor.machine.warmth,
            "python": self.executor.machine.python,
            "workers": self.turns.workers,
            "running": self.turns.running,
            "waiting": self.turns.waiting,
            "memory": self.executor.engine.memory(),
            "warm": self.executor.pool.describe(),
            "replaced": self.executor.pool.replaced,
            "limits": vars(self.executor.machine.limits),
        }

    def close(self) -> None:
        self.executor.close()


def _infra_error(reason: str, text: str, request: Request) -> Result:
    return Result("infra_error", reason, notes=[short(text, 600)], workspace=request.subject.id, isolation="unknown")
