"""Make a claimed pass prove itself. Costs several runs, once per solved problem; failing runs never come here."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from understudy_servers.testing.judge import Judgement, Verdict
from understudy_servers.testing.plan import Plan

COLD_HASH_SEED = 271_828
RunPlan = Callable[[Plan, int], Judgement]  # a plan and a hash seed


@dataclass
class Proof:
    """What was tried to break a pass. `verdict` is None while it stands."""

    steps: list[str] = field(default_factory=list)
    verdict: Verdict | None = None
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    hidden: dict[str, int] | None = None
    judgement: Judgement | None = None


def cold(plan: Plan, run: RunPlan, proof: Proof) -> None:
    """Run again in an interpreter with another hash seed, the tests in another order and other random numbers."""
    again = run(replace(plan, seed=plan.seed + 1, shuffle=plan.seed + 1), COLD_HASH_SEED)
    if again.verdict == "passed":
        proof.steps.append("cold")
    else:
        proof.verdict, proof.reason, proof.judgement = ("flaky", f"then {again.verdict}", again)
