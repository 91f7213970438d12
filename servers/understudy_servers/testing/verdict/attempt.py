"""What an attempt to break a pass consists of: the runs it may ask for, and what it has come to."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.verdict import split
from understudy_servers.testing.verdict.canary import Canary
from understudy_servers.testing.verdict.judge import Judgement, Verdict

COLD_HASH_SEED = 271_828
ORDER = "These tests pass only in the order of their files."
NO_CANARY = "No canary was possible: no test has an assertion that it must reach."


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


def sings(
    plan: Plan,
    turned: Mapping[str, Canary],
    must_fail: Collection[str],
    runner: Runner,
    proof: Proof,
    hash_seed: int = 0,
) -> bool:
    """Run one round; say whether a test passed that could not. A test that is skipped in it says nothing."""
    files = {**plan.files, **{path: one.source for path, one in turned.items()}}
    some = plan.select if plan.root is None else tuple(sorted(must_fail))
    judgement = runner.run(replace(plan, files=files, select=some, expected=()), hash_seed)
    if judgement.verdict == "infra_error":
        proof.refute("infra_error", judgement.reason)
    elif judgement.verdict in {"timeout", "killed"}:
        proof.refute("flaky", f"canary_{judgement.verdict}")
    elif judgement.verdict not in {"failed", "collection_error", "incomplete", "passed"}:
        proof.refute("tampered", f"canary_{judgement.verdict}")
    if proof.verdict is not None:
        return False
    report = judgement.report
    broken = {str(facts.get("id")) for facts in report.collect_errors}
    outcomes: dict[str, set[str]] = {}
    for name, outcome in report.outcomes.items():
        outcomes.setdefault(name.partition("[")[0], set()).add(outcome)
        outcomes[name] = outcomes.get(name, set()) | {outcome}
    return any(
        "passed" in outcomes.get(name, ()) or not outcomes.get(name)
        for name in must_fail
        if name.partition("::")[0] not in broken
    )
