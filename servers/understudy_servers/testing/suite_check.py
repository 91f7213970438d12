"""Is a test suite worth trusting? A stub must fail, repeated runs must agree, mutants should die, lines should run."""

import ast
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import CodeType
from typing import Any

from understudy_servers.testing.plan import Plan
from understudy_servers.testing.verdict.judge import Judgement

MAX_MUTANTS = 50
MAX_RUNS = 20
RunPlan = Callable[[Plan, int], Judgement]
_SWAPS: dict[type[ast.AST], tuple[type[ast.AST], str]] = {
    ast.Lt: (ast.LtE, "< to <="), ast.LtE: (ast.Lt, "<= to <"), ast.Gt: (ast.GtE, "> to >="),
    ast.GtE: (ast.Gt, ">= to >"), ast.Eq: (ast.NotEq, "== to !="), ast.NotEq: (ast.Eq, "!= to =="),
    ast.Add: (ast.Sub, "+ to -"), ast.Sub: (ast.Add, "- to +"), ast.Mult: (ast.Add, "* to +"),
    ast.FloorDiv: (ast.Mult, "// to *"), ast.Div: (ast.Mult, "/ to *"), ast.Mod: (ast.Add, "% to +"),
    ast.And: (ast.Or, "and to or"), ast.Or: (ast.And, "or to and"),
    ast.In: (ast.NotIn, "in to not in"), ast.NotIn: (ast.In, "not in to in"),
}  # fmt: skip


@dataclass
class SuiteReport:
    """What was found. `vacuous` names the tests that pass although every function is a stub."""

    stub_fails: bool = False
    vacuous: list[str] = field(default_factory=list)
    runs: int = 0
    flaky: list[str] = field(default_factory=list)
    uncovered: dict[str, list[int]] = field(default_factory=dict)
    mutants: int = 0
    killed: int = 0
    survivors: list[str] = field(default_factory=list)


def check(plan: Plan, run: RunPlan, *, flaky_runs: int, mutants: int) -> SuiteReport:
    """Check the suite of a plan whose tests pass."""
    report = SuiteReport()
    sources = {path: plan.source(path) for path in plan.candidate if path.endswith(".py")}
    _stub(plan, sources, run, report)
    _repeat(plan, run, min(flaky_runs, MAX_RUNS), report)
    _cover(plan, sources, run, report)
    for description, path, text in _mutants(sources, min(mutants, MAX_MUTANTS)):
        judgement = run(replace(plan, files={**plan.files, path: text}), 0)
        report.mutants += 1
        if judgement.verdict == "passed":
            report.survivors.append(description)
        else:
            report.killed += 1
    return report


def _stub(plan: Plan, sources: Mapping[str, str], run: RunPlan, report: SuiteReport) -> None:
    stubs = {path: stub(text) for path, text in sources.items()}
    judgement = run(replace(plan, files={**plan.files, **stubs}), 0)
    report.stub_fails = judgement.verdict != "passed"
    report.vacuous = judgement.report.of("passed")


def _repeat(plan: Plan, run: RunPlan, runs: int, report: SuiteReport) -> None:
    """Run again with other hash seeds, orders and random numbers; a test that ever differs is flaky."""
    for number in range(runs):
        judgement = run(replace(plan, seed=plan.seed + number + 1, shuffle=number), 1000 + number)
        report.runs += 1
        differing = [name for name, outcome in judgement.report.outcomes.items() if outcome == "failed"]
        report.flaky += [name for name in differing if name not in report.flaky]
        if judgement.verdict not in {"passed", "failed"}:
            report.flaky.append(f"run {number + 1}: {judgement.verdict}")


def _cover(plan: Plan, sources: Mapping[str, str], run: RunPlan, report: SuiteReport) -> None:
    judgement = run(replace(plan, extra={**plan.extra, "watch": "coverage"}), 0)
    ran = judgement.report.extra.get("watched", {}).get("lines", {})
    for path, text in sources.items():
        missing = sorted(executable_lines(text, path) - set(ran.get(path, ())))
        if missing:
            report.uncovered[path] = missing


def stub(source: str) -> str:
    """The same module with every function doing nothing."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [ast.Return(ast.Constant(None))]
    return ast.unparse(ast.fix_missing_locations(tree))


def executable_lines(source: str, path: str) -> set[int]:
    """The lines inside functions that can run; what stands at the top of a module runs when it is imported."""
    todo: list[Any] = [compile(source, path, "exec")]
    lines: set[int] = set()
    while todo:
        code = todo.pop()
        if code.co_name not in {"<module>"} and not _is_class(code):
            lines |= {line for _, _, line in code.co_lines() if line and line != code.co_firstlineno}
        todo += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return lines


def _is_class(code: CodeType) -> bool:
    return "__qualname__" in code.co_names and "__module__" in code.co_names


def _mutants(sources: Mapping[str, str], count: int) -> Iterator[tuple[str, str, str]]:
    """Spread `count` small changes evenly over all the places where one is possible."""
    places = [(path, index, text) for path, source in sources.items() for index, text in enumerate(_changes(source))]
    step = max(1, len(places) // count) if count else 1
    for path, index, description in places[::step][:count]:
        tree = ast.parse(sources[path])
        _apply(tree, index)
        yield f"{path}:{description}", path, ast.unparse(ast.fix_missing_locations(tree))


def _changes(source: str) -> list[str]:
    return [f"{line}: {what}" for line, what, _ in _sites(ast.parse(source))]


def _sites(tree: ast.AST) -> Iterator[tuple[int, str, Callable[[], None]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPS:
            yield node.lineno, _SWAPS[type(node.ops[0])][1], _swap(node.ops, 0)
        elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in _SWAPS:
            yield node.lineno, _SWAPS[type(node.op)][1], _set(node, "op", _SWAPS[type(node.op)][0]())
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            yield node.lineno, f"{node.value} to {node.value + 1}", _set(node, "value", node.value + 1)
        elif isinstance(node, ast.If | ast.While):
            yield (
                node.lineno,
                "the condition negated",
                _set(node, "test", ast.UnaryOp(ast.Not(), copy.deepcopy(node.test))),
            )
        elif isinstance(node, ast.Return) and node.value is not None:
            yield node.lineno, "returns None", _set(node, "value", ast.Constant(None))


def _swap(operators: list[Any], index: int) -> Callable[[], None]:
    def change() -> None:
        operators[index] = _SWAPS[type(operators[index])][0]()

    return change


def _set(node: ast.AST, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def _apply(tree: ast.AST, index: int) -> None:
    list(_sites(tree))[index][2]()


def words(report: SuiteReport, total: int) -> list[str]:
    """The findings as lines for a model, the gravest first."""
    lines = [
        "stub: the tests fail on it, as they should"
        if report.stub_fails
        else "stub: ALL TESTS PASS ON AN EMPTY IMPLEMENTATION",
        *([f"vacuous: {_some(report.vacuous)} pass on a stub"] if report.vacuous else []),
        f"flaky: {_some(report.flaky)}" if report.flaky else f"flaky: none in {report.runs} runs",
        *(f"never run in {path}: lines {_ranges(lines)}" for path, lines in list(report.uncovered.items())[:10]),
    ]
    if report.mutants:
        lines.append(f"mutants: {report.killed} of {report.mutants} noticed")
        lines += [f"  not noticed: {survivor}" for survivor in report.survivors[:10]]
    return lines


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _ranges(lines: Sequence[int]) -> str:
    """`1-3, 7` for 1, 2, 3, 7."""
    groups: list[list[int]] = []
    for line in lines:
        if groups and line == groups[-1][1] + 1:
            groups[-1][1] = line
        else:
            groups.append([line, line])
    return ", ".join(f"{first}-{last}" if first != last else f"{first}" for first, last in groups[:12])
