"""Make a claimed pass prove itself. Costs several runs, once per solved problem; failing runs never come here."""

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.verdict import beyond, canary, cold, split
from understudy_servers.testing.verdict.attempt import NO_CANARY, ORDER, Proof, Runner, sings
from understudy_servers.testing.verdict.canary import Canary
from understudy_servers.testing.verdict.judge import Judgement

__all__ = ["ORDER", "Proof", "Runner", "prove"]

SAMPLE = 40  # canaries of a project
ROUNDS, PROJECT_ROUNDS = 8, 2  # rounds with one assertion of each test turned


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
    """Run the tests with assertions turned, all at once and then one of each: who must reach one must fail."""
    names = {name.partition("[")[0] for name in passed}
    some = None if plan.root is None else _sample(names)
    sang, tried = False, False
    for turn in _rounds(plan, some):
        for _ in range(2):  # again with other values before anyone is accused: some may be equal by chance
            turned = turn()
            must_fail = _must_fail(plan, turned, names if some is None else some)
            tried = tried or bool(must_fail)
            sang = bool(must_fail) and sings(plan, turned, must_fail, runner, proof)
            if not sang:
                break
        if sang or proof.verdict is not None:
            break
    if sang:
        proof.refute("tampered", "canary_passed")
    elif not tried:
        proof.notes.append(NO_CANARY)
    elif proof.verdict is None:
        proof.steps.append("canary")


def _must_fail(plan: Plan, turned: Mapping[str, Canary], names: Collection[str]) -> set[str]:
    chosen = {name for one in turned.values() for name in one.must_fail if name in names}
    return chosen & set(plan.expected) if plan.select is not None and plan.expected else chosen


def _rounds(plan: Plan, some: Collection[str] | None) -> Iterator[Callable[[], dict[str, Canary]]]:
    """Yield what turns the files for each round, with new values at each call. The first turns helpers too."""
    wanted = [path for path in plan.tests if some is None or any(name.partition("::")[0] == path for name in some)]
    sources = {path: plan.source(path) for path in wanted}
    helpers = {path: plan.source(path) for path in plan.helpers if path not in plan.tests}
    checkers = {path: found for path, text in helpers.items() if (found := canary.checkers(text, path)) is not None}
    other_ways: list[bool] = []

    def all_at_once() -> dict[str, Canary]:
        turned = {path: canary.turn(text, path, checkers) for path, text in sources.items()}
        other_ways.append(any(one.other_ways for one in turned.values()))
        return turned | {path: Canary(canary.turn_helper(helpers[path], path), ()) for path in checkers}

    def alike() -> dict[str, Canary]:
        return {path: canary.turn(text, path, checkers, alike=True) for path, text in sources.items()}

    def one_each(number: int, order: int) -> dict[str, Canary]:
        draw = canary.Draw()
        draw.order = order
        return {path: canary.turn_one(text, path, number, draw) for path, text in sources.items()}

    yield all_at_once
    if any(other_ways):
        yield alike
    most = max((canary.most_assertions(text, path) for path, text in sources.items()), default=0)
    order = canary.Draw().order
    rounds = ROUNDS if plan.guarded else PROJECT_ROUNDS
    for number in range(min(most, rounds) if most > 1 else 0):
        yield partial(one_each, number, order)


def _sample(names: set[str]) -> set[str]:
    """A few tests of a project: a suite may be large, and who forges one forges what they do not know beforehand."""
    return set(secrets.SystemRandom().sample(sorted(names), min(len(names), SAMPLE)))


def _split_or_cold(plan: Plan, runner: Runner, proof: Proof) -> None:
    sources = {path: plan.source(path) for path in (*plan.tests, *plan.helpers)}
    run_split, halves = runner.run_split, split.divide(plan)
    words = _needed_by_a_project(plan, sources) if halves is not None else []
    if halves is not None and run_split is None:
        proof.notes.append("Tests and candidate cannot be run apart on this system.")
    elif words:  # a project's suite is too large to be run only to hear that
        proof.notes.append(f"split mode cannot judge these tests: the tests use {words[0]}.")
    elif halves is not None and run_split is not None:
        order = plan.seed + 1
        judgement, raw = run_split(replace(halves, tests=replace(halves.tests, shuffle=order)))
        finding = split.weigh(judgement, raw, sources, strict=plan.root is not None)
        if finding.confirms:
            proof.steps.append("split")
            return
        if finding.refutes and not halves.whole:
            proof.notes.append("split mode cannot judge these tests: the project has files that are not text.")
            cold.confirm(plan, runner, proof)
            return
        if finding.refutes and not _depends_on_order(plan, run_split(halves), proof):
            proof.refute("tampered", "split_disagrees", judgement)
        if finding.refutes:
            return
        proof.notes.append(finding.why + ".")
    cold.confirm(plan, runner, proof)


def _needed_by_a_project(plan: Plan, sources: Mapping[str, str]) -> list[str]:
    """What keeps a project's tests from being run apart; where they are protected it is worth more to try."""
    if plan.root is None:
        return []
    return beyond.shared(sources) if plan.guarded else beyond.anywhere(sources.values(), imported=True)


def _depends_on_order(plan: Plan, again: tuple[Judgement, Raw], proof: Proof) -> bool:
    """Look at a second run in the order of the files: what passes only so is no forgery, but no steady pass either."""
    judgement, raw = again
    if judgement.verdict != "passed" or raw.broken is not None:
        return False
    if plan.root is None:
        proof.refute("flaky", "order")
    else:
        proof.steps.append("split")
        proof.notes.append(ORDER)
    return True


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
