"""From what a run left to a verdict. A pass needs every sign to agree; nothing that was printed is looked at."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.worker.events import short

Verdict = Literal[
    "passed", "failed", "collection_error", "timeout", "killed", "crashed", "aborted",
    "incomplete", "flaky", "no_tests", "tampered", "infra_error",
]  # fmt: skip
MAX_TESTS = 100_000


@dataclass
class Report:
    """What a run said, in order of arrival, and the signs that it was not honest."""

    ids: list[str] | None = None
    outcomes: dict[str, str] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    collect_errors: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    finish: dict[str, Any] | None = None
    end: dict[str, Any] | None = None
    started: bool = False
    parts_skipped: int = 0
    signs: list[str] = field(default_factory=list)

    def of(self, outcome: str) -> list[str]:
        return [name for name, value in self.outcomes.items() if value == outcome]


@dataclass
class Judgement:
    verdict: Verdict
    reason: str
    report: Report


def read_events(data: bytes, mark: str) -> Report:
    """Read the private channel; what is not a well-formed, marked, numbered line in order is a sign of tampering."""
    report = Report()
    for number, line in enumerate(data.split(b"\n")[:-1] if data.endswith(b"\n") else data.split(b"\n")):
        if not line:
            continue
        try:
            event = json.loads(line)
            genuine = event["k"] == mark and event["n"] == number
            kind = event["e"]
        except (ValueError, KeyError, TypeError, RecursionError):
            report.signs.append("report_garbage")
            return report
        if not genuine:
            report.signs.append("report_forged")
            return report
        if report.end is not None:
            report.signs.append("event_after_end")
        try:
            _take(report, str(kind), event)
        except (KeyError, TypeError, ValueError, AttributeError):
            report.signs.append("report_garbage")
            return report
    return report


def _take(report: Report, kind: str, event: dict[str, Any]) -> None:
    facts = {name: value for name, value in event.items() if name not in {"k", "n", "e"}}
    if kind == "start":
        _once(report, not report.started, "double_start")
        report.started = True
    elif kind == "collected":
        _once(report, report.ids is None, "double_collect")
        report.ids = [str(name) for name in facts["ids"]][:MAX_TESTS]
    elif kind == "collect_error":
        report.collect_errors.append(facts)
    elif kind == "test":
        _once(report, facts["id"] not in report.outcomes, "duplicate_report")
        report.outcomes[facts["id"]] = facts["outcome"]
        report.facts[facts["id"]] = facts
    elif kind == "phase":
        _take_phase(report, facts)
    elif kind == "detail":
        report.facts.setdefault(facts["id"], {}).update(facts)
    elif kind == "finish":
        _once(report, report.finish is None, "double_finish")
        report.finish = facts
    elif kind == "end":
        report.end = facts
    elif kind == "sign":
        report.signs.append(str(facts["sign"]))
    else:
        report.extra[kind] = facts


def _once(report: Report, good: bool, sign: str) -> None:
    if not good:
        report.signs.append(sign)


def _take_phase(report: Report, facts: dict[str, Any]) -> None:
    """Fold setup, call and teardown of a pytest test into one outcome: failed beats skipped beats passed."""
    name, when, outcome = facts["id"], facts["when"], facts["outcome"]
    if facts.get("part") and outcome == "skipped":
        report.parts_skipped += 1  # pytest counts the test by the rest of it; a pass it is not
        return
    seen = report.facts.setdefault(name, {"phases": []})
    _once(report, when not in seen.setdefault("phases", []) or bool(facts.get("part")), "duplicate_report")
    if not facts.get("part"):
        seen["phases"].append(when)
    seen.update(
        {
            key: value
            for key, value in facts.items()
            if key not in {"id", "when"} and (outcome == "failed" or key not in seen)
        }
    )
    before = report.outcomes.get(name)
    if "failed" in (outcome, before):
        report.outcomes[name] = "failed"
    elif "skipped" in (outcome, before):
        report.outcomes[name] = "skipped"
    elif when == "call" or before == "passed":
        report.outcomes[name] = "passed"
    else:
        report.outcomes[name] = "begun"


def judge(raw: Raw, mark: str, expected: Iterable[str]) -> Judgement:
    """Decide. `expected` are the ids that parsing found; parametrized ones are compared without their brackets."""
    report = read_events(bytes(raw.events), mark)
    verdict, reason = _decide(raw, report, list(expected))
    return Judgement(verdict, reason, report)


def judge_output(raw: Raw, report: Report) -> Judgement:
    """Decide on a report that was read from what a program printed or wrote: its channel is not verified."""
    early = _stopped(raw)
    if early is not None:
        return Judgement(*early, report)
    verdict: Verdict = "passed"
    if report.collect_errors:
        verdict = "collection_error"
    elif report.of("failed"):
        verdict = "failed"
    elif not report.outcomes:
        verdict = "no_tests" if raw.status == 0 else "aborted"
    elif raw.status != 0:
        return Judgement("aborted", f"exit_status:{raw.exit_code}", report)
    elif report.of("skipped"):
        verdict = "incomplete"
    return Judgement(verdict, "skipped" if verdict == "incomplete" else "", report)


def _decide(raw: Raw, report: Report, expected: Sequence[str]) -> tuple[Verdict, str]:
    early = _ended_early(raw, report)
    if early is not None:
        return early
    ids = report.ids or []
    signs = [*report.signs, *_disagreements(raw, report, ids)]
    vanished = _vanished(ids, expected) if not report.collect_errors else 0
    if vanished:
        signs.append(f"tests_vanished:{vanished}")
    if signs:
        return "tampered", signs[0]
    if report.collect_errors:
        return "collection_error", str(report.collect_errors[0].get("id", ""))
    if report.of("failed"):
        return "failed", ""
    if not ids:
        return "no_tests", ""
    if any(report.outcomes.get(name) not in {"passed", "skipped"} for name in ids):
        return "aborted", "unreported_tests"
    if report.of("skipped") or report.parts_skipped:
        return "incomplete", "skipped" if report.of("skipped") else f"skipped_subtests:{report.parts_skipped}"
    if outside := report.extra.get("elsewhere", {}).get("names"):
        return "incomplete", f"not_this_code: {short(outside[0], 150)}"
    return ("passed", "") if report.end and report.end["code"] == 0 else ("aborted", "exit_status")


def _stopped(raw: Raw) -> tuple[Verdict, str] | None:
    """How a run ended that did not end by itself, as seen from outside."""
    if raw.broken is not None or (not raw.ready and raw.stopped is None):
        return "infra_error", f"sandbox: {raw.broken or 'the run ended before it began'}"
    if raw.stopped == "wall":
        return "timeout", "wall"
    if raw.stopped is not None:
        return "killed", raw.stopped
    if raw.status is None:
        return "aborted", "no_status"
    if raw.signal is not None:
        return ("timeout", "cpu") if raw.signal == "SIGXCPU" else ("crashed", raw.signal)
    return None


def _ended_early(raw: Raw, report: Report) -> tuple[Verdict, str] | None:
    stopped = _stopped(raw)
    if stopped is not None:
        return stopped
    assert raw.status is not None
    if report.signs and report.signs[0] != "event_after_end":
        return "tampered", report.signs[0]
    if not report.started or report.finish is None or report.end is None:
        return "aborted", f"exit_status:{raw.exit_code}"
    return None


def _disagreements(raw: Raw, report: Report, ids: Sequence[str]) -> list[str]:
    """Signs of a report that contradicts itself or the exit status seen from outside."""
    assert raw.status is not None
    assert report.finish is not None
    assert report.end is not None
    signs = []
    if report.end.get("code") != raw.exit_code:
        signs.append("exit_status_disagrees")
    failed = bool(report.of("failed") or report.collect_errors)
    if failed != bool(report.finish.get("failed") or report.finish.get("errors")):
        signs.append("counts_disagree")  # the numbers may differ: pytest counts a test that fails twice as two
    if set(report.outcomes) - set(ids):
        signs.append("unknown_test_reported")
    if len(set(ids)) != len(ids):
        signs.append("duplicate_ids")
    return signs


def _vanished(ids: Iterable[str], expected: Iterable[str]) -> int:
    present = {name.partition("[")[0] for name in ids}
    return sum(1 for name in expected if name not in present)


def signature(facts: Mapping[str, Any]) -> tuple[str, str, str]:
    """What makes two failures the same one: their kind, their place in the code, and the shape of their message."""
    message = "".join("0" if c.isdigit() else c for c in str(facts.get("message", "")))
    place = (
        str(facts.get("where", "")) if facts.get("kind") != "assert" else str(facts.get("call", "")).partition("(")[0]
    )
    return str(facts.get("kind", "")), place, message[:80] if facts.get("kind") != "assert" else ""
