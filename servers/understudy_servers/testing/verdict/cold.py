"""The last run of a pass that split mode could not judge: cold, in another order, in the shape of the canaries."""

from collections.abc import Mapping
from dataclasses import replace

from understudy_servers.testing.plan import Plan
from understudy_servers.testing.verdict import canary, control
from understudy_servers.testing.verdict.attempt import COLD_HASH_SEED, NO_CANARY, ORDER, Proof, Runner, sings
from understudy_servers.testing.verdict.control import Control
from understudy_servers.testing.verdict.judge import Judgement

MAX_TEXT = 4 << 20  # of test files that are shaped anew


def confirm(plan: Plan, runner: Runner, proof: Proof) -> None:
    """Run again in an interpreter with another hash seed, the tests in another order and other random numbers.

    The tests have the shape of canaries, so that who could tell those apart fails here.
    """
    other = replace(plan, seed=plan.seed + 1, shuffle=plan.seed + 1)
    sources = {path: plan.source(path) for path in plan.tests}
    draw = canary.Draw()
    controls = _controls(sources, draw)
    again = runner.run(_shaped(other, sources, controls, draw), COLD_HASH_SEED)
    if again.verdict == "passed":
        _weigh(plan, again, controls, proof)
        if proof.verdict is None:
            proof.steps.append("cold")
            if plan.guarded:
                _reached(other, sources, again, runner, proof)
    elif again.verdict == "infra_error":
        proof.refute("infra_error", again.reason)
    else:
        _as_written(other, plan, sources, runner, proof)


def _controls(sources: Mapping[str, str], draw: canary.Draw) -> dict[str, Control]:
    if sum(map(len, sources.values())) > MAX_TEXT:
        return {}
    return {path: control.control(text, path, draw) for path, text in sources.items()}


def _shaped(plan: Plan, sources: Mapping[str, str], controls: Mapping[str, Control], draw: canary.Draw) -> Plan:
    own = [path.partition("/")[0].removesuffix(".py") for path in (*plan.candidate, *plan.tests, *plan.helpers)]
    texts = [*sources.values(), *(plan.source(path) for path in plan.helpers)]
    extra = {
        **plan.extra,
        "guard": control.watched(sources.values(), own, all_imports=plan.guarded),
        "set_by_tests": control.set_by_tests(texts),
        "helper": draw.name,
    }
    files = {**plan.files, **{path: one.source for path, one in controls.items()}}
    return replace(plan, files=files, extra=extra)


def _weigh(plan: Plan, again: Judgement, controls: Mapping[str, Control], proof: Proof) -> None:
    """Look for signs in a run that passed."""
    changed = again.report.extra.get("guard", {}).get("changed", [])
    if changed:
        proof.refute("tampered", f"changed:{changed[0]}", again)
    ids = [name.partition("[")[0] for name in again.report.ids or []]
    for one in controls.values():
        wrong = next((name for name, count in one.cases.items() if ids.count(name) % count), None)
        if wrong is not None and plan.select is None:
            proof.refute("tampered", f"cases_changed:{wrong}", again)


def _as_written(other: Plan, plan: Plan, sources: Mapping[str, str], runner: Runner, proof: Proof) -> None:
    """The control did not pass: see whether the tests as they are written do."""
    again = runner.run(other, COLD_HASH_SEED)
    if again.verdict == "failed" and plan.root is not None:
        ordered = runner.run(replace(plan, seed=plan.seed + 1), COLD_HASH_SEED)
        if ordered.verdict == "passed":
            first = next(iter(again.report.of("failed")), "")
            again = ordered
            proof.notes.append(f"{ORDER} In another one {first} failed.")
    if again.verdict == "passed" and plan.guarded and _fails_shaped(other, plan, sources, runner):
        proof.refute("tampered", "canary_seen", again)
    elif again.verdict == "passed":
        proof.steps.append("cold")
    elif again.verdict == "infra_error":
        proof.refute("infra_error", again.reason)
    else:
        proof.refute("flaky", f"then {again.verdict}", again)


def _fails_shaped(other: Plan, plan: Plan, sources: Mapping[str, str], runner: Runner) -> bool:
    """Whether tests that do not look at their own text fail in the shape of canaries again."""
    texts = [*sources.values(), *(plan.source(path) for path in plan.helpers)]
    if control.looks_at_itself(texts):
        return False
    draw = canary.Draw()
    return runner.run(_shaped(other, sources, _controls(sources, draw), draw), COLD_HASH_SEED).verdict == "failed"


def _reached(plan: Plan, sources: Mapping[str, str], control: Judgement, runner: Runner, proof: Proof) -> None:
    """Turn the assertions that were reached although they need not be, in a run that is the same in all else."""
    reached = set(control.report.extra.get("guard", {}).get("reached", []))
    reached &= set(control.report.of("passed"))
    paths = {name.partition("::")[0] for name in reached}
    for number in range(2):  # twice, since a branch may depend on the clock
        turned = {path: canary.turn(text, path) for path, text in sources.items() if path in paths}
        if not turned or not sings(plan, turned, reached, runner, proof, COLD_HASH_SEED):
            break
        if number == 1:
            proof.refute("tampered", "canary_passed")
    if reached and proof.verdict is None and "canary" not in proof.steps:
        proof.steps.insert(0, "canary")
        proof.notes[:] = [note for note in proof.notes if note != NO_CANARY]
