"""The control: the trusted tests in the shape of canaries, with nothing turned, for the last run of a pass.

Code that tells canaries from tests by their looks behaves here as it does there, and fails. What the tests check with
is made to come from themselves: tables are written into the tests that loop over them, and the cases of `parametrize`
are compared with what is written. The tests also say which assertions they reached, beyond those that are certain.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from understudy_servers.testing.verdict import canary, certain
from understudy_servers.testing.verdict.certain import Function, Names
from understudy_servers.testing.verdict.names import BUILTINS, kept_from_star

# Names in tests that look at their own text: they may fail in another shape, honestly.
_OWN_TEXT = frozenset(
    {"inspect", "linecache", "traceback", "getsource", "getsourcelines", "currentframe", "stacklevel", "lineno"}
    | {"f_lineno", "tb_lineno", "snapshot", "__file__", "_getframe", "co_firstlineno", "filename", "format_exc"}
)
# What pytest gives to tests; what of it changes in an honest run is not among these.
_PYTEST = ("pytest", *(f"_pytest.{name}" for name in ("capture", "fixtures", "logging", "monkeypatch", "outcomes")))
_PYTEST += tuple(f"_pytest.{name}" for name in ("python", "python_api", "raises", "recwarn", "reports", "runner"))
_PYTEST += ("_pytest.tmpdir", "_pytest.unittest", "_pytest.mark.structures")


@dataclass(frozen=True)
class Control:
    """A file in the shape of a canary, and how many cases each of its parametrized tests has."""

    source: str
    cases: Mapping[str, int]


def control(source: str, path: str, draw: canary.Draw) -> Control:
    """Shape a test file like a canary without turning anything."""
    tree = ast.parse(source, path)
    names = certain.names_of(tree, {})
    tables = {name: value for name, value in _tables(tree) if name in names.tables}
    cases: dict[str, int] = {}
    for name, node, seen in certain.tests_of(tree, path, names):
        if not isinstance(node, Function):
            continue
        known = _parametrized(node, tables)
        if known is not None:
            argument_names, rows = known
            cases[name] = len(rows)
            node.body.insert(0, _is_one_of(argument_names, rows))
        if not certain.sites(node, seen) and not _drawn(node):
            _mark(node.body, seen, draw.name, name)
    _Inliner(tables).visit(tree)
    _take_back(tree, kept_from_star([source]))
    return Control(canary.written(tree, draw), cases)


def _take_back(tree: ast.Module, kept: Iterable[str]) -> None:
    """After a star import, bind again what the tests imported or mean as a builtin."""
    found = [(index, node) for index, node in enumerate(tree.body) if isinstance(node, ast.Import | ast.ImportFrom)]
    stars = [index for index, node in found if _is_star(node)]
    imports = [node for _, node in found if not _is_star(node)]
    builtin = [name for name in kept if name in BUILTINS]
    again = [node for node in imports if getattr(node, "module", "") != "__future__"]
    for index in reversed(stars):
        own = ast.parse("".join(f"{name} = __import__('builtins').{name}\n" for name in builtin)).body
        tree.body[index + 1 : index + 1] = [*again, *own]


def _is_star(node: ast.Import | ast.ImportFrom) -> bool:
    return node.names[0].name == "*"


def looks_at_itself(sources: Iterable[str]) -> bool:
    """Whether tests look at their own text, lines or files."""
    nodes = (node for source in sources for node in ast.walk(_parsed(source)))
    return any(
        getattr(node, "attr", getattr(node, "id", getattr(node, "arg", getattr(node, "name", None)))) in _OWN_TEXT
        for node in nodes
    )


def watched(sources: Iterable[str], own: Iterable[str], *, all_imports: bool) -> list[str]:
    """The modules that tests check with; `own` are those of the candidate and the tests."""
    always = ["builtins", "unittest.case", "unittest.mock", *_PYTEST]
    if not all_imports:
        return always
    found: dict[str, None] = dict.fromkeys([*always, "pathlib"])  # of which pytest gives objects
    for source in sources:
        for node in _parsed(source).body:
            if isinstance(node, ast.Import):
                found |= dict.fromkeys(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found[node.module] = None
    mine = set(own)
    return [name for name in found if name.partition(".")[0] not in mine and name not in {"sys", "__future__"}]


def set_by_tests(sources: Iterable[str]) -> list[str]:
    """Attributes that the tests themselves change, in whatever way."""
    found: dict[str, None] = {}
    for source in sources:
        for node in ast.walk(_parsed(source)):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found[node.attr] = None
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 100:
                found[node.value.rpartition(".")[2]] = None  # setattr, patch, monkeypatch
    return list(found)


def _parsed(source: str) -> ast.Module:
    """A file as a tree, an empty one where it is not Python: helpers of a project may be anything."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], [])


def _tables(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _literal(node.value) is not None:
            yield node.targets[0].id, node.value


def _literal(node: ast.expr) -> list[Any] | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return list(value) if isinstance(value, list | tuple) else None


class _Inliner(ast.NodeTransformer):
    """Write a table into the loops over it, where nobody can take rows away."""

    def __init__(self, tables: Mapping[str, ast.expr]) -> None:
        self.tables = tables

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.iter, ast.Name) and node.iter.id in self.tables:
            node.iter = self.tables[node.iter.id]
        return node


def _parametrized(node: Function, tables: Mapping[str, ast.expr]) -> tuple[list[str], list[ast.expr]] | None:
    """The names and the rows of the only `parametrize` of a test, where all of it is written out."""
    found = [
        decorator
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        and ast.unparse(decorator.func) in {"pytest.mark.parametrize", "mark.parametrize"}
    ]
    if len(found) != 1 or len(found[0].args) != 2 or any(word.arg == "indirect" for word in found[0].keywords):
        return None
    names, rows = found[0].args
    rows = tables.get(rows.id, rows) if isinstance(rows, ast.Name) else rows
    try:
        given = ast.literal_eval(names)
    except ValueError:
        return None
    words = [word.strip() for word in given.split(",")] if isinstance(given, str) else [str(word) for word in given]
    if not isinstance(rows, ast.List | ast.Tuple):
        return None
    plain = [_row(row, len(words)) for row in rows.elts]
    return (words, [row for row in plain if row is not None]) if plain and None not in plain else None


def _row(node: ast.expr, width: int) -> ast.expr | None:
    """One case as a tuple of literals."""
    if isinstance(node, ast.Call):
        if ast.unparse(node.func) not in {"pytest.param", "param"}:
            return None
        node = ast.Tuple(node.args, ast.Load())
    elif width == 1:
        node = ast.Tuple([node], ast.Load())
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    same = isinstance(value, list | tuple) and len(value) == width
    return ast.Tuple(node.elts, ast.Load()) if same and isinstance(node, ast.Tuple | ast.List) else None


def _is_one_of(names: list[str], rows: list[ast.expr]) -> ast.stmt:
    given = ast.Tuple([ast.Name(name, ast.Load()) for name in names], ast.Load())
    return ast.Assert(ast.Compare(given, [ast.In()], [ast.List(rows, ast.Load())]), None)


def _drawn(node: Function) -> bool:
    """Whether the values of a test are drawn, so that another run may take other ways."""
    return any(
        getattr(part, "id", getattr(part, "attr", "")) == "given"
        for one in node.decorator_list
        for part in ast.walk(one)
    )


def _mark(body: list[ast.stmt], names: Names, helper: str, test: str) -> None:
    """Before each assertion that a test may reach, and whose failing nobody catches, say that it was reached."""
    index = 0
    while index < len(body):
        statement = body[index]
        if isinstance(statement, ast.Assert) or certain.asserts(statement, names):
            which = f"__import__('os').environ.get('PYTEST_CURRENT_TEST', {test!r})"  # with the case of parametrize
            body.insert(index, ast.parse(f"{helper}.__dict__.setdefault('reached', set()).add({which})").body[0])
            index += 1
        elif isinstance(statement, ast.If | ast.For | ast.While):
            _mark(statement.body, names, helper, test)
            _mark(statement.orelse, names, helper, test)
        elif isinstance(statement, ast.With) and all(certain.is_steady(item.context_expr) for item in statement.items):
            _mark(statement.body, names, helper, test)
        elif isinstance(statement, ast.Try):
            for part in (statement.orelse, *(handler.body for handler in statement.handlers)):
                _mark(part, names, helper, test)
            if not statement.handlers:
                _mark(statement.body, names, helper, test)
        index += 1
