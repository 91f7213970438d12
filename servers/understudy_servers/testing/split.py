"""Split mode, the server's side: which files each sandbox gets, which modules are remote, what the outcome means."""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from understudy_servers.testing.judge import Judgement
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.raw import Raw
from understudy_servers.testing.workspace import is_test_name

HEAVY = 2_000  # calls after which a split run that is too slow says nothing about the candidate
# Names in tests after which values alone do not decide what the tests see.
BEYOND_VALUES = frozenset(
    {
        "monkeypatch",
        "mock",
        "patch",
        "Mock",
        "MagicMock",
        "capsys",
        "capfd",
        "caplog",
        "recwarn",
        "inspect",
        "sys",
        "globals",
    }
    | {
        "vars",
        "open",
        "subprocess",
        "threading",
        "multiprocessing",
        "asyncio",
        "warnings",
        "gc",
        "weakref",
        "pickle",
        "copy",
    }
    | {
        "redirect_stdout",
        "redirect_stderr",
        "StringIO",
        "importlib",
        "type",
        "id",
        "isinstance",
        "issubclass",
        "hasattr",
    }
    | {"time", "signal", "tracemalloc", "os", "tmp_path", "tmpdir", "dataclasses", "logging"}
)


@dataclass(frozen=True)
class Split:
    """The two halves of a plan, and the modules that lie on the other side."""

    tests: Plan
    candidate: Plan
    remote: tuple[str, ...]


def divide(plan: Plan) -> Split | None:
    """Divide a plan of files; None where there is no module of the candidate's to call."""
    own = [path for path in plan.candidate if path.endswith(".py")]
    remote = tuple(dict.fromkeys(module_name(path) for path in own))
    if not remote or plan.root is not None:
        return None
    trusted = {path: text for path, text in plan.files.items() if path not in plan.candidate}
    secret = {path for path in trusted if path in plan.tests or is_test_name(path) or path.endswith("conftest.py")}
    seen = {path: text for path, text in plan.files.items() if path not in secret}
    return Split(
        replace(plan, files=trusted, extra={**plan.extra, "remote": list(remote)}),
        replace(plan, files=seen, tests=(), expected=(), framework="plain", extra={"role": "candidate"}),
        remote,
    )


def module_name(path: str) -> str:
    """`pkg/mod.py` is `pkg.mod`, `pkg/__init__.py` is `pkg`."""
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def beyond_values(sources: Iterable[str]) -> list[str]:
    """What in the tests may see more of a candidate than values; failing in split mode is then no sign of forging."""
    found: dict[str, None] = {}
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Name) and node.id in BEYOND_VALUES:
                found[node.id] = None
            elif isinstance(node, ast.Attribute) and (node.attr in BEYOND_VALUES or isinstance(node.ctx, ast.Store)):
                found[node.attr] = None
            elif isinstance(node, ast.alias) and node.name.partition(".")[0] in BEYOND_VALUES:
                found[node.name] = None
            elif isinstance(node, ast.arg) and node.arg in BEYOND_VALUES:
                found[node.arg] = None
            elif isinstance(node, ast.Compare) and _identity(node):
                found["is"] = None
    return list(found)


def _identity(node: ast.Compare) -> bool:
    """A comparison by `is` with something else than None, True or False."""
    return any(
        isinstance(operator, ast.Is | ast.IsNot) and not isinstance(right, ast.Constant)
        for operator, right in zip(node.ops, node.comparators, strict=True)
    )


@dataclass(frozen=True)
class Finding:
    """What split mode says: it confirms, it refutes, or (both False) it cannot tell, and why."""

    confirms: bool
    refutes: bool
    why: str = ""


def weigh(judgement: Judgement, raw: Raw, sources: Mapping[str, str]) -> Finding:
    """Read a split run of tests that passed in one process."""
    told = judgement.report.extra.get("split", {})
    soft = [str(word) for word in told.get("soft", ())]
    if judgement.verdict == "passed":
        return Finding(not soft, False, f"split mode: {soft[0]}" if soft else "")
    if judgement.verdict == "infra_error":
        return Finding(False, False, f"split mode: {judgement.reason}")
    reasons = soft + [f"the tests use {word}" for word in beyond_values(sources.values())[:1]]
    if not reasons and judgement.verdict in {"timeout", "killed"} and int(told.get("calls", 0)) > HEAVY:
        reasons = ["too many calls"]
    unsure = [facts for facts in judgement.report.facts.values() if _local_type_error(facts)]
    if not reasons and unsure and int(told.get("objects", 0)):
        reasons = ["objects of the candidate are used as values of another kind"]
    if reasons:
        return Finding(False, False, f"split mode cannot judge these tests: {reasons[0]}")
    return Finding(False, True, judgement.verdict)


def _local_type_error(facts: Mapping[str, object]) -> bool:
    """A test failed in its own code because a library wanted a real object, not a stand-in."""
    return str(facts.get("message", "")).startswith(("TypeError", "AttributeError", "NotValueStyle"))
