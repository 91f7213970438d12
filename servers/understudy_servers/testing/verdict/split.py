"""Split mode, the server's side: which files each sandbox gets, which modules are remote, what the outcome means."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.verdict import beyond
from understudy_servers.testing.verdict.judge import Judgement
from understudy_servers.testing.verdict.names import kept_from_star
from understudy_servers.testing.workspace import RUNNERS, SOURCES, is_test_name

HEAVY = 2_000  # calls after which a split run that is too slow says nothing about the candidate
MAX_TEXT = 4 << 20  # of a project's own files, which the candidate's half gets as a copy


@dataclass(frozen=True)
class Split:
    """The two halves of a plan, and the modules that lie on the other side."""

    tests: Plan
    candidate: Plan
    remote: tuple[str, ...]
    whole: bool = True  # the candidate's half has all files of its own


def divide(plan: Plan) -> Split | None:
    """Divide a plan; None where there is no module of the candidate's to call, or too much of it."""
    own = [path for path in plan.candidate if path.endswith(".py")]
    remote = tuple(dict.fromkeys(name for path in own if (name := module_name(path, plan.root)) is not None))
    if not remote:
        return None
    if plan.root is not None:
        return _divide_project(plan, plan.root, remote)
    trusted = {path: text for path, text in plan.files.items() if path not in plan.candidate}
    secret = {path for path in trusted if path in plan.tests or is_test_name(path) or path.endswith("conftest.py")}
    seen = {path: text for path, text in plan.files.items() if path not in secret}
    kept = kept_from_star(trusted[path] for path in plan.tests)
    return Split(
        replace(plan, files=trusted, extra={**plan.extra, "remote": list(remote), "kept": kept}),
        replace(plan, files=seen, tests=(), expected=(), framework="plain", extra={"role": "candidate"}),
        remote,
    )


def _divide_project(plan: Plan, root: str, remote: tuple[str, ...]) -> Split | None:
    """Give the candidate's half a copy of the project without its tests; the tests' half never loads its modules."""
    secret = {*plan.tests, *plan.helpers}
    seen, size, whole = {}, 0, True
    for path in dict.fromkeys([*plan.data, *plan.candidate]):
        if path in secret or is_test_name(path):
            continue
        try:
            seen[path] = plan.files[path] if path in plan.files else (Path(root) / path).read_text(encoding="utf-8")
        except (OSError, ValueError):
            whole = False
            continue  # what is not text is missing over there; a test that wants it cannot be judged
        size += len(seen[path])
        if size > MAX_TEXT:
            return None
    half = {"role": "candidate", "sources": plan.extra.get("sources", [])}
    kept = kept_from_star(plan.source(path) for path in plan.tests)
    tests = replace(plan, extra={**plan.extra, "remote": list(remote), "kept": kept})
    return Split(tests, Plan(files=seen, tests=(), candidate=plan.candidate, seed=plan.seed, extra=half), remote, whole)


def module_name(path: str, root: str | None = None) -> str | None:
    """`pkg/mod.py` is `pkg.mod`, `pkg/__init__.py` is `pkg`; in a project `src/pkg/mod.py` is `pkg.mod` too.

    None where a project's file cannot be imported by a name of its own.
    """
    parts = PurePosixPath(path).with_suffix("").parts
    if root is not None and parts[0] in SOURCES and len(parts) > 1:
        parts = parts[1:]
    name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
    usable = all(part.isidentifier() for part in parts) and parts[0] not in sys.stdlib_module_names | RUNNERS
    return name if root is None or usable else None


@dataclass(frozen=True)
class Finding:
    """What split mode says: it confirms, it refutes, or (both False) it cannot tell, and why."""

    confirms: bool
    refutes: bool
    why: str = ""


def weigh(judgement: Judgement, raw: Raw, sources: Mapping[str, str], *, strict: bool = False) -> Finding:
    """Read a split run of tests that passed in one process. `strict`: only wrong values refute, as in a project."""
    told = judgement.report.extra.get("split", {})
    soft = [str(word) for word in told.get("soft", ())]
    if judgement.verdict == "passed" and not int(told.get("asked", 0)):
        return Finding(False, False, "split mode: these tests ask the candidate nothing")
    if judgement.verdict == "passed":
        return Finding(not soft, False, f"split mode: {soft[0]}" if soft else "")
    if judgement.verdict == "infra_error":
        return Finding(False, False, f"split mode: {judgement.reason}")
    reasons = soft + [str(word) for word in told.get("doubts", ())]
    if not reasons and judgement.verdict == "failed":
        reasons = _unsure_of_all(judgement, told, sources)
    elif not reasons:
        reasons = [f"the tests use {word}" for word in beyond.anywhere(sources.values())[:1]]
    if not reasons and judgement.verdict in {"timeout", "killed"} and int(told.get("calls", 0)) > HEAVY:
        reasons = ["too many calls"]
    if not reasons and strict and not _only_values_differ(judgement, told):
        reasons = ["they need more of the project than values"]
    if reasons:
        return Finding(False, False, f"split mode cannot judge these tests: {reasons[0]}")
    return Finding(False, True, judgement.verdict)


def _unsure_of_all(judgement: Judgement, told: Mapping[str, Any], sources: Mapping[str, str]) -> list[str]:
    """Why each of the failed tests might fail for honest code too; nothing where one of them could not."""
    reasons = []
    words = beyond.by_test(sources)
    for name in judgement.report.of("failed"):
        found = words(name)
        if found:
            reasons.append(f"the tests use {found[0]}")
        elif int(told.get("objects", 0)) and _local_type_error(judgement.report.facts.get(name, {}), told):
            reasons.append("objects of the candidate are used as values of another kind")
        else:
            return []
    return reasons


def _only_values_differ(judgement: Judgement, told: Mapping[str, Any]) -> bool:
    """Only plain values crossed, and what failed was a comparison of them."""
    report = judgement.report
    failed = [report.facts.get(name, {}) for name in report.of("failed")]
    plain = not int(told.get("objects", 0)) and judgement.verdict == "failed"
    return plain and all(facts.get("kind", "assert") == "assert" for facts in failed)


def _local_type_error(facts: Mapping[str, object], told: Mapping[str, Any]) -> bool:
    """A test failed in its own code because a library wanted a real object, not a stand-in.

    An error that the candidate raised is none: it could raise one only to be let off.
    """
    message = str(facts.get("message", ""))
    local = message.startswith(("TypeError", "AttributeError", "NotValueStyle"))
    return local and message not in {str(words) for words in told.get("said", ())}
