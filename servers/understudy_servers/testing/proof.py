"""Make a claimed pass prove itself. Costs several runs, once per solved problem; failing runs never come here."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from understudy_servers.testing import canary, split
from understudy_servers.testing.judge import Judgement, Verdict
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.raw import Raw

COLD_HASH_SEED = 271_828
SAMPLE = 40  # canaries of a project


@dataclass
class Proof:
    """What was tried to break a pass. `verdict` is None while it stands."""

    steps: list[str] = field(default_factory=list)
    verdict: Verdict | None = None
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    hidden: dict[str, int] | None = None
    judgement: Judgement | None = None

    def refute(self, verdict: Verdict, reason: str, judgement: Judgement | None = None) -> None:
        self.verdict, self.reason, self.judgement = verdict, reason, judgement


@dataclass(frozen=True)
class Runner:
    """The ways to run a plan again: with a hash seed, or divided in two."""

    run: Callable[[Plan, int], Judgement]
    run_split: Callable[[split.Split], tuple[Judgement, Raw]] | None = None  # None: not on this system


def prove(plan: Plan, passed: Sequence[str], hidden: Plan | None, runner: Runner) -> Proof:
    """Try canaries, then split mode or else a cold run, then the hidden tests; stop at the first that refutes."""
    proof = Proof()
    steps: list[Callable[[], None]] = [
        lambda: _canaries(plan, passed, runner, proof),
        lambda: _split_or_cold(plan, runner, proof),
    ]
    if hidden is not None:
        steps.append(lambda: _hidden(hidden, runner, proof))
    for step in steps:
        step()
        if proof.verdict is not None:
            break
    return proof


def _canaries(plan: Plan, passed: Sequence[str], runner: Runner, proof: Proof) -> None:
    """Run the tests with every assertion turned: each test that must reach one must fail."""
    turned = {path: canary.turn(plan.source(path), path) for path in plan.tests}
    must_fail = {
        name for one in turned.values() for name in one.must_fail if plan.select is None or name in plan.expected
    }
    if plan.root is not None:
        must_fail = _sample(must_fail & {name.partition("[")[0] for name in passed})
    if not must_fail:
        proof.notes.append("No canary was possible: no test has an assertion that it must reach.")
        return
    files = {**plan.files, **{path: one.source for path, one in turned.items() if _concerns(path, must_fail)}}
    some = plan.select if plan.root is None else tuple(sorted(must_fail))
    judgement = runner.run(replace(plan, files=files, select=some, expected=()), 0)
    if judgement.verdict == "infra_error":
        proof.refute("infra_error", judgement.reason)
        return
    if judgement.verdict in {"timeout", "killed"}:
        proof.refute("flaky", f"canary_{judgement.verdict}")
        return
    if judgement.verdict not in {"failed", "collection_error", "incomplete", "passed"}:
        proof.refute("tampered", f"canary_{judgement.verdict}")
        return
    report = judgement.report
    broken = {str(facts.get("id")) for facts in report.collect_errors}
    good = {name.partition("[")[0] for name, outcome in report.outcomes.items() if outcome == "passed"}
    bad = {name.partition("[")[0] for name, outcome in report.outcomes.items() if outcome == "failed"}
    sang = [
        name
        for name in sorted(must_fail)
        if (name in good or name not in bad) and name.partition("::")[0] not in broken
    ]
    if sang:
        proof.refute("tampered", "canary_passed")
    else:
        proof.steps.append("canary")


def _sample(names: set[str]) -> set[str]:
    """A few tests of a project: a suite may be large, and who forges one forges what they do not know beforehand."""
    return set(secrets.SystemRandom().sample(sorted(names), min(len(names), SAMPLE)))


def _concerns(path: str, names: set[str]) -> bool:
    return any(name.partition("::")[0] == path for name in names)


def _split_or_cold(plan: Plan, runner: Runner, proof: Proof) -> None:
    halves = split.divide(plan)
    if halves is not None and runner.run_split is None:
        proof.notes.append("Tests and candidate cannot be run apart on this system.")
    elif halves is not None and runner.run_split is not None:
        judgement, raw = runner.run_split(halves)
        finding = split.weigh(judgement, raw, {path: plan.source(path) for path in plan.tests})
        if finding.confirms:
            proof.steps.append("split")
            return
        if finding.refutes:
            proof.refute("tampered", "split_disagrees", judgement)
            return
        proof.notes.append(finding.why + ".")
    _cold(plan, runner, proof)


def _cold(plan: Plan, runner: Runner, proof: Proof) -> None:
    """Run again in an interpreter with another hash seed, the tests in another order and other random numbers."""
    again = runner.run(replace(plan, seed=plan.seed + 1, shuffle=plan.seed + 1), COLD_HASH_SEED)
    if again.verdict == "passed":
        proof.steps.append("cold")
    elif again.verdict == "infra_error":
        proof.refute("infra_error", again.reason)
    else:
        proof.refute("flaky", f"then {again.verdict}", again)


def _hidden(plan: Plan, runner: Runner, proof: Proof) -> None:
    """Run the tests nobody has seen; only counts leave this function."""
    judgement = runner.run(plan, 0)
    if judgement.verdict == "infra_error":
        proof.refute("infra_error", judgement.reason)
        return
    passed, total = len(judgement.report.of("passed")), max(len(plan.expected), len(judgement.report.ids or []))
    proof.hidden = {"passed": passed, "failed": total - passed, "total": total}
    if judgement.verdict == "passed":
        proof.steps.append("hidden")
    else:
        proof.refute("failed", "hidden_tests")
