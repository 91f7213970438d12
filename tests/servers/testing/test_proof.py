"""What each step of a proof makes of the runs that it asks for."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.verdict.judge import Judgement, Report, Verdict
from understudy_servers.testing.verdict.proof import ORDER, Proof, Runner, prove

TESTS = "from s import f\n\ndef test_f():\n    assert f() == 1\n"
LOOSE = Plan(files={"test_s.py": TESTS, "s.py": ""}, tests=("test_s.py",), candidate=("s.py",))
NAME = "test_s.py::test_f"


def ended(verdict: Verdict, reason: str = "") -> Judgement:
    """A run that ended in one word, its one test with it."""
    report = Report(ids=[NAME], outcomes={NAME: verdict} if verdict in {"passed", "failed"} else {})
    if verdict == "incomplete":
        report.outcomes[NAME] = "skipped"
    return Judgement(verdict, reason, report)


def proved(plan: Plan, *runs: Judgement, halves: list[Judgement] | None = None, hidden: Plan | None = None) -> Proof:
    """Prove a plan with runs that end as told, one after the other."""
    left: Iterator[Judgement] = iter(runs)
    apart = iter(halves or [])
    split = None if halves is None else (lambda _: (next(apart), Raw()))
    return prove(plan, [NAME], hidden, Runner(lambda plan, seed: next(left), split))


@pytest.mark.parametrize(
    ("canary", "verdict", "reason"),
    [
        ("passed", "tampered", "canary_passed"),
        ("infra_error", "infra_error", "why"),
        ("timeout", "flaky", "canary_timeout"),
        ("killed", "flaky", "canary_killed"),
        ("crashed", "tampered", "canary_crashed"),
        ("aborted", "tampered", "canary_aborted"),
    ],
)
def test_a_canary_that_does_not_simply_fail_refutes(canary: Verdict, verdict: str, reason: str) -> None:
    proof = proved(LOOSE, ended(canary, "why"), ended(canary, "why"))
    assert (proof.verdict, proof.reason, proof.steps) == (verdict, reason, [])


def test_a_canary_that_passes_once_by_chance_accuses_nobody() -> None:
    proof = proved(LOOSE, ended("passed"), ended("failed"), ended("passed"))
    assert (proof.verdict, proof.steps) == (None, ["canary", "cold"])


def test_a_skip_in_a_canary_run_says_nothing() -> None:
    proof = proved(LOOSE, ended("incomplete"), ended("passed"))
    assert (proof.verdict, proof.steps) == (None, ["canary", "cold"])


def test_a_test_that_was_not_run_by_the_canaries_is_a_sign() -> None:
    lost = Judgement("passed", "", Report(ids=[]))
    assert proved(LOOSE, lost, lost).reason == "canary_passed"


@pytest.mark.parametrize(
    ("cold", "verdict", "reason"),
    [("passed", None, ""), ("failed", "flaky", "then failed"), ("infra_error", "infra_error", "why")],
)
def test_a_cold_run_confirms_or_not(cold: Verdict, verdict: str | None, reason: str) -> None:
    proof = proved(LOOSE, ended("failed"), ended(cold, "why"), ended(cold, "why"))
    assert (proof.verdict, proof.reason) == (verdict, reason)
    assert "cannot be run apart" in proof.notes[0]


def test_tests_that_pass_only_in_the_shape_they_are_written_in_refute() -> None:
    proof = proved(LOOSE, ended("failed"), ended("failed"), ended("passed"), ended("failed"))
    assert (proof.verdict, proof.reason) == ("tampered", "canary_seen")
    by_chance = proved(LOOSE, ended("failed"), ended("failed"), ended("passed"), ended("passed"))
    assert (by_chance.verdict, by_chance.steps) == (None, ["canary", "cold"])


def test_tests_that_look_at_their_own_text_may_fail_in_another_shape() -> None:
    text = "import inspect\n" + TESTS
    plan = replace(LOOSE, files={"test_s.py": text, "s.py": ""})
    proof = proved(plan, ended("failed"), ended("failed"), ended("passed"))
    assert (proof.verdict, proof.steps) == (None, ["canary", "cold"])


def test_what_the_candidate_changed_in_a_library_refutes() -> None:
    told = ended("passed")
    told.report.extra["guard"] = {"changed": ["re.match"], "reached": []}
    proof = proved(LOOSE, ended("failed"), told)
    assert (proof.verdict, proof.reason) == ("tampered", "changed:re.match")


def test_a_parametrized_test_must_have_the_cases_that_are_written() -> None:
    text = "import pytest\n@pytest.mark.parametrize('x', [1, 2])\n" + "def test_f(x):\n    assert f(x) == 1\n"
    plan = replace(LOOSE, files={"test_s.py": text, "s.py": ""})
    for count, reason in ((2, ""), (1, f"cases_changed:{NAME}")):
        names = [f"{NAME}[{number}]" for number in range(count)]
        told = Judgement("passed", "", Report(ids=names, outcomes=dict.fromkeys(names, "passed")))
        assert proved(plan, ended("failed"), told).reason == reason


@pytest.mark.parametrize(("runs", "verdict"), [(["failed"], None), (["passed", "passed"], "tampered")])
def test_an_assertion_that_was_reached_is_turned_too(runs: list[Verdict], verdict: str | None) -> None:
    text = "from s import f\n\ndef test_f():\n    if f():\n        assert f() == 1\n"
    plan = replace(LOOSE, files={"test_s.py": text, "s.py": ""})
    told = ended("passed")
    told.report.extra["guard"] = {"changed": [], "reached": [NAME]}
    proof = proved(plan, told, *(ended(outcome) for outcome in runs))
    assert proof.verdict == verdict
    assert verdict is not None or proof.steps == ["canary", "cold"]


def test_halves_that_agree_confirm_and_halves_that_differ_refute() -> None:
    told = ended("passed")
    told.report.extra["split"] = {"asked": 3, "calls": 1, "soft": [], "objects": 0}
    assert proved(LOOSE, ended("failed"), halves=[told]).steps == ["canary", "split"]
    refuted = proved(LOOSE, ended("failed"), halves=[ended("failed"), ended("failed")])
    assert (refuted.verdict, refuted.reason) == ("tampered", "split_disagrees")
    order = proved(LOOSE, ended("failed"), halves=[ended("failed"), ended("passed")])
    assert (order.verdict, order.reason) == ("flaky", "order")


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("passed", "ask the candidate nothing"),
        ("infra_error", "split mode: why"),
    ],
)
def test_halves_that_say_nothing_lead_to_a_cold_run(outcome: Verdict, words: str) -> None:
    proof = proved(LOOSE, ended("failed"), ended("passed"), halves=[ended(outcome, "why")])
    assert (proof.verdict, proof.steps) == (None, ["canary", "cold"])
    assert words in proof.notes[0]


def test_a_suite_of_a_project_that_depends_on_its_order_passes_with_a_note() -> None:
    plan = Plan(files={"test_s.py": TESTS}, tests=("test_s.py",), root="/nowhere")
    proof = proved(plan, ended("failed"), ended("failed"), ended("failed"), ended("passed"))
    assert (proof.verdict, proof.steps) == (None, ["canary", "cold"])
    assert proof.notes == [f"{ORDER} In another one {NAME} failed."]


@pytest.mark.parametrize(
    ("outcome", "verdict"), [("passed", None), ("failed", "failed"), ("infra_error", "infra_error")]
)
def test_hidden_tests_come_last_and_leave_only_counts(outcome: Verdict, verdict: str | None) -> None:
    proof = proved(LOOSE, ended("failed"), ended("passed"), ended(outcome, "why"), hidden=LOOSE)
    assert proof.verdict == verdict
    assert proof.judgement is None
