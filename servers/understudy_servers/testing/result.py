"""The result of a run as data and as text, never larger than 4 KB each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from understudy_servers.testing.verdict.judge import Judgement, Verdict, signature
from understudy_servers.testing.worker.events import clip, short

MAX_BYTES = 4096
MAX_FAILURES = 3
MAX_SAME = 5
FIELDS = ("kind", "call", "expected", "actual", "where", "code", "message")
# Rounds of shrinking: the size of each field of a failure, the number of names in lists, the size of the output.
ROUNDS = ((400, 5, 400), (200, 3, 200), (120, 2, 100), (60, 1, 0), (30, 0, 0))

LONGEST, MAX_ITEMS = 700, 30  # of any text and any list before it is shrunk to fit
_FORGED = (
    "Tests pass with it that nothing right could pass, so it is no solution. Write the code that the tests ask for."
)
_ADVICE = {
    "timeout": "The code did not come to an end within the limit: look for an endless loop or a slow algorithm.",
    "killed memory": "The code took more memory than it may: look for a list or text that grows without end.",
    "killed output_flood": "The code printed too much: print nothing that the tests do not ask for.",
    "crashed": "The interpreter itself crashed: look for endless recursion or native code.",
    "aborted": "The process left before the tests were done: the code must not call sys.exit, exit or os._exit.",
    "incomplete": "A skipped test is no pass: make it run and pass.",
    "incomplete not_this_code": "The tests ran an installed copy, not this code. Install it: pip install -e .",
    "flaky": "The tests passed and then did not: the result must not depend on order, time or chance.",
    "flaky order": "The tests pass in one order only: the code must keep no state from one test to the next.",
    "tampered": _FORGED,
    "tampered protected_path": "This file belongs to the tests. Leave it as it is and change your own code.",
    "tampered protected_files_changed": "This file belongs to the tests. Put it back as it was.",
    "tampered takes_over": "A file of this name would steer the tests. Give your file another name.",
    "tampered leaves_project": "This path leads out of the project. Write inside of it.",
    "tampered changed": "The code changes what the tests check with. Leave builtins and libraries as they are.",
    "tampered cases_changed": "The tests ran with other cases than are written. The code must leave the tests alone.",
    "tampered tests_vanished": "Tests that must run did not. The code must leave the tests alone.",
    "failed hidden_tests": "The visible tests pass, but others that you cannot see fail: solve the task in general.",
    "infra_error": "This says nothing about the code: the verifier could not run it.",
}


@dataclass
class Result:
    """What `run_tests` answers; `docs/servers/testing.md` describes each field."""

    verdict: Verdict
    reason: str = ""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    total: int = 0
    expected: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    delta: dict[str, Any] = field(default_factory=lambda: {"fixed": [], "broke": [], "same_failure_count": 0})
    hidden: dict[str, int] | None = None
    proof: list[str] | None = None
    isolation: str = ""
    mode: str = "warm"
    framework: str = "plain"
    channel: str = "private"
    ms: float = 0.0
    seed: int = 0
    workspace: str = ""
    changed_tests: list[str] = field(default_factory=list)
    output: str = ""
    notes: list[str] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=lambda: {"failures": 0, "chars": 0})
    graded: bool = False
    outcomes: dict[str, str] = field(default_factory=dict)  # for the delta and for people; not sent

    @property
    def ok(self) -> bool:
        return self.verdict == "passed"

    def as_json(self) -> dict[str, Any]:
        """The structured content, shrunk until it fits."""
        kept = {name: value for name, value in vars(self).items() if name not in {"outcomes", "graded"}}
        facts: dict[str, Any] = _cleaned(kept)
        facts = {"verdict": facts.pop("verdict"), "reason": short(facts.pop("reason"), 200), "ok": self.ok, **facts}
        facts["isolation"] = clip(facts["isolation"], 500)
        facts["workspace"] = clip(facts["workspace"], 120)
        if self.graded:
            facts["graded"] = True
        for size, names, output in ROUNDS:
            shrunk = _shrink(facts, size, names, output)
            if len(json.dumps(shrunk, ensure_ascii=False).encode()) <= MAX_BYTES:
                return shrunk
        for name in ("failures", "notes", "changed_tests"):  # in this order they take the most and say the least
            shrunk[name] = shrunk[name][:1]
            if len(json.dumps(shrunk, ensure_ascii=False).encode()) <= MAX_BYTES:
                break
        return shrunk

    def as_text(self) -> str:
        """The same for a model that reads text only: verdict first, then what to repair."""
        facts = self.as_json()
        lines = [_headline(self, facts), *_failure_lines(facts["failures"])]
        delta = facts["delta"]
        if delta["fixed"]:
            lines.append(f"fixed: {', '.join(delta['fixed'])}")
        if delta["broke"]:
            lines.append(f"broke: {', '.join(delta['broke'])}")
        if delta["same_failure_count"] > 1:
            lines.append(f"The first failure has come back unchanged {delta['same_failure_count']} times.")
        if facts["cut"].get("failures"):
            lines.append(f"{facts['cut']['failures']} more kinds of failure are not shown.")
        if facts["output"].strip():
            lines.append(f"output (from the tests, not from the verifier): {facts['output'].strip()}")
        if advice := _advice(self.verdict, facts["reason"]):
            lines.append(advice)
        lines += facts["notes"]
        if self.isolation != "full":
            lines.append(f"isolation: {facts['isolation']}")
        return _within("\n".join(lines), MAX_BYTES)


def _within(text: str, size: int) -> str:
    """Clip a text to so many bytes."""
    limit = size // 2  # characters, of which most take one byte
    while len(clip(text, limit).encode()) > size:
        limit = limit * 2 // 3
    return clip(text, limit)


def _cleaned(value: Any) -> Any:
    """Every text in a structure clean and bounded, whoever wrote it."""
    if isinstance(value, str):
        return short(value, LONGEST)
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value[:MAX_ITEMS]]
    if isinstance(value, dict):
        return {short(key, 40): _cleaned(item) for key, item in list(value.items())[:MAX_ITEMS]}
    return value


def _advice(verdict: Verdict, reason: str) -> str:
    """What to do about a verdict that no failing test explains, in one sentence for a model."""
    word = reason.partition(":")[0]
    return _ADVICE.get(f"{verdict} {word}") or _ADVICE.get(verdict, "")


def _shrink(facts: Mapping[str, Any], size: int, names: int, output: int) -> dict[str, Any]:
    shrunk = dict(facts)
    shrunk["failures"] = [
        {
            **{key: clip(value, size) if isinstance(value, str) else value for key, value in failure.items()},
            "same": [clip(name, size // 2) for name in failure["same"][:names]],
        }
        for failure in facts["failures"]
    ]
    delta = facts["delta"]
    shrunk["delta"] = {
        "fixed": [clip(name, size // 2) for name in delta["fixed"][:names]],
        "broke": [clip(name, size // 2) for name in delta["broke"][:names]],
        "same_failure_count": delta["same_failure_count"],
    }
    shrunk["changed_tests"] = [clip(name, size // 2) for name in facts["changed_tests"][:names]]
    shrunk["notes"] = [clip(note, 2 * size) for note in facts["notes"][: max(names, 1)]]
    shrunk["output"] = clip(facts["output"], output) if output else ""
    return shrunk


def bounded(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Shorten lists and texts until the whole fits into a reply."""
    for names, size in ((20, 200), (10, 100), (5, 60), (2, 40), (1, 20)):
        shrunk = {short(key, 40): _bounded(value, names, size) for key, value in facts.items()}
        if len(json.dumps(shrunk, ensure_ascii=False).encode()) <= MAX_BYTES:
            break
    return shrunk


def _bounded(value: Any, names: int, size: int) -> Any:
    if isinstance(value, str):
        return short(value, size)
    if isinstance(value, list):
        return [_bounded(item, names, size) for item in value[:names]]
    if isinstance(value, dict):
        return {short(key, size): _bounded(item, names, size) for key, item in list(value.items())[:names]}
    return value


def _headline(result: Result, facts: Mapping[str, Any]) -> str:
    words = f"{result.verdict} ({facts['reason']})" if facts["reason"] else result.verdict
    counts = [f"{result.passed} passed", f"{result.failed} failed"]
    if result.skipped:
        counts.append(f"{result.skipped} skipped")
    counted = ", ".join(counts) + f" of {max(result.expected, result.total)} tests"
    if result.verdict == "collection_error":
        counted = "the tests could not start"
        words = result.verdict
    proof = f"; proof: {', '.join(result.proof)}" if result.proof else ""
    hidden = f"; hidden tests: {result.hidden['passed']} of {result.hidden['total']} passed" if result.hidden else ""
    return f"{words}: {counted}{proof}{hidden}"


def _failure_lines(failures: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for failure in failures:
        lines.append(f"- {failure['id']}: {failure['message'] or failure['kind']}")
        if failure["expected"] or failure["actual"]:
            lines.append(f"    {failure['call']}: expected {failure['expected']}, got {failure['actual']}")
        elif failure["call"]:
            lines.append(f"    called by: {failure['call']}")
        if failure["where"]:
            lines.append(f"    in {failure['where']}: {failure['code']}")
        if failure["same"]:
            lines.append(f"    the same in: {', '.join(failure['same'])}")
    return lines


def from_judgement(judgement: Judgement, expected: int) -> Result:
    """Count, group failures by what they have in common, and take the few that say the most."""
    report = judgement.report
    failed = [report.facts.get(name, {}) for name in report.of("failed")]
    groups = _grouped(report.collect_errors, [facts for facts in failed if facts.get("kind")])
    failures = [_failure(group) for group in groups[:MAX_FAILURES]]
    running = _unreported(report.ids, report.outcomes)
    if (
        judgement.verdict in {"timeout", "killed", "crashed", "aborted"}
        and running is not None
        and len(failures) < MAX_FAILURES
    ):
        failures.insert(0, _interrupted(running, judgement))
    return Result(
        judgement.verdict,
        judgement.reason,
        passed=len(report.of("passed")),
        failed=len(report.of("failed")) + len(report.collect_errors),
        skipped=len(report.of("skipped")) + report.parts_skipped,  # as pytest counts
        total=len(report.ids or []),
        expected=expected,
        failures=failures,
        cut={"failures": max(0, len(groups) - MAX_FAILURES), "chars": 0},
        outcomes=dict(report.outcomes),
    )


def _grouped(errors: Sequence[dict[str, Any]], failed: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    groups: dict[Any, list[dict[str, Any]]] = {}
    for facts in [*errors, *failed]:
        groups.setdefault(signature(facts), []).append(facts)
    return list(groups.values())


def _failure(group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = group[0]
    texts = {name: short(first.get(name, ""), 600) for name in FIELDS}
    return {
        "id": short(first.get("id", ""), 200),
        **texts,
        "same": [short(facts.get("id", ""), 120) for facts in group[1 : 1 + MAX_SAME]],
    }


def _unreported(ids: Sequence[str] | None, outcomes: Mapping[str, str]) -> str | None:
    """The test that was running when the run ended: the first without an outcome, or none known."""
    return next((name for name in ids or () if outcomes.get(name) in (None, "begun")), None)


def _interrupted(name: str, judgement: Judgement) -> dict[str, Any]:
    empty = dict.fromkeys(FIELDS, "")
    message = f"{judgement.verdict} ({judgement.reason}) while this test ran"
    return {"id": short(name, 200), **empty, "kind": "exception", "message": message, "same": []}
