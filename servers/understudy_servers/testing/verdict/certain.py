"""Which assertions a test is certain to run, so that turning one of them must make the test fail."""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from understudy_servers.testing.worker.plain import is_script

Function = ast.FunctionDef | ast.AsyncFunctionDef
RAISES = frozenset({"assertRaises", "assertRaisesRegex", "assertWarns", "assertWarnsRegex"})
ASSERT_METHODS = RAISES | {
    "assertTrue", "assertFalse", "assertIsNone", "assertIsNotNone", "assertNotEqual", "assertNotIn", "assertIsNot",
    "assertIsInstance", "assertNotIsInstance", "assertLess", "assertGreaterEqual", "assertGreater", "assertLessEqual",
    "assertRegex", "assertNotRegex", "assertIn", "assertEqual", "assertEquals", "assertIs", "assertListEqual",
    "assertDictEqual", "assertSetEqual", "assertTupleEqual", "assertSequenceEqual", "assertMultiLineEqual",
    "assertCountEqual", "assertAlmostEqual",
}  # fmt: skip
# Functions of numpy.testing and pandas.testing whose second argument is what is expected.
ARRAY_ASSERTS = frozenset(
    {"assert_allclose", "assert_array_equal", "assert_almost_equal", "assert_equal", "assert_array_almost_equal"}
    | {"assert_frame_equal", "assert_series_equal", "assert_index_equal"}
)
# Assertions of a mock about how it was called.
MOCK_ASSERTS = frozenset(
    f"assert_{word}{more}"
    for word in ("called", "awaited")
    for more in ("", "_once", "_with", "_once_with")
) | {"assert_any_call", "assert_any_await", "assert_not_called", "assert_not_awaited"}  # fmt: skip
# Context managers that never swallow what is raised inside of them.
_STEADY = frozenset(
    {"open", "TemporaryDirectory", "NamedTemporaryFile", "TemporaryFile", "SpooledTemporaryFile", "catch_warnings"}
    | {
        "redirect_stdout",
        "redirect_stderr",
        "patch",
        "object",
        "dict",
        "multiple",
        "context",
        "localcontext",
        "closing",
    }
    | {"nullcontext", "ThreadPoolExecutor", "ProcessPoolExecutor", "Pool", "freeze_time", "travel", "at_level", "chdir"}
    | {"connect", "ZipFile", "TarFile", "subTest", "assertLogs", "assertNoLogs", "warns", "disabled", "errstate"}
    | {"isolated_filesystem", "deprecated_call", "assertWarns", "assertWarnsRegex", "set_context", "setattr", "setenv"}
)
_BARRIERS = (ast.Return, ast.Raise, ast.Continue, ast.Break, ast.Yield, ast.YieldFrom)
# Decorators under which a failing body still means a failing test.
_HARMLESS = frozenset(
    {"mark", "given", "settings", "example", "seed", "skipIf", "skipUnless", "patch", "parameterized", "staticmethod"}
    | {"freeze_time", "travel", "data", "unpack", "ddt", "override", "parameterized_class", "expand", "timeout"}
)


@dataclass
class Names:
    """What names in a test file stand for."""

    checkers: set[str] = field(default_factory=set)  # functions that reach an assertion themselves
    modules: dict[str, set[str]] = field(default_factory=dict)  # helper modules by their name here -> their checkers
    raises: set[str] = field(default_factory=set)  # pytest's raises and warns, imported by name
    arrays: set[str] = field(default_factory=set)  # functions of numpy.testing and pandas.testing
    tables: set[str] = field(default_factory=set)  # module-level constants that are sequences with something in them
    coroutines: set[str] = field(default_factory=set)  # functions that reach an assertion when they are awaited


def names_of(tree: ast.Module, helpers: Mapping[str, set[str]]) -> Names:
    """Read the imports, constants and functions of a file. `helpers` maps helper paths to the checkers in them."""
    names = Names(tables=set(_tables(tree)))
    by_module: dict[str, list[set[str]]] = {}
    for path, checkers in helpers.items():
        by_module.setdefault(PurePosixPath(path).stem, []).append(checkers)
    known = {stem: found[0] for stem, found in by_module.items() if len(found) == 1}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            _from(node, names, known)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                stem = alias.name.rpartition(".")[2]
                if stem in known and ("." not in alias.name or alias.asname):
                    names.modules[alias.asname or alias.name] = known[stem]
    names.checkers |= checkers_of(tree, names)
    names.coroutines |= _coroutines(tree.body, names)
    return names


def _coroutines(body: Iterable[ast.stmt], names: Names) -> set[str]:
    return {node.name for node in body if isinstance(node, ast.AsyncFunctionDef) and sites(node, names)}


def _from(node: ast.ImportFrom, names: Names, known: Mapping[str, set[str]]) -> None:
    module = node.module or ""
    for alias in node.names:
        here = alias.asname or alias.name
        if module == "pytest" and alias.name in {"raises", "warns"}:
            names.raises.add(here)
        elif module in {"numpy.testing", "pandas.testing"} and alias.name in ARRAY_ASSERTS:
            names.arrays.add(here)
        elif alias.name in known.get(module.rpartition(".")[2], ()):
            names.checkers.add(here)
        elif alias.name in known:
            names.modules[here] = known[alias.name]


def checkers_of(tree: ast.Module, names: Names) -> set[str]:
    """Functions of a file that reach an assertion themselves, also through one another."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.decorator_list}
    return _closure(functions, names)


def _closure(functions: Mapping[str, Function], names: Names, prefix: str = "") -> set[str]:
    found: set[str] = set()
    while True:
        known = replace(names, checkers=names.checkers | found)
        more = {prefix + name for name, node in functions.items() if prefix + name not in found and sites(node, known)}
        if not more:
            return found
        found |= more


def tests_of(tree: ast.Module, path: str, names: Names) -> Iterator[tuple[str, Function | ast.Module, Names]]:
    """The tests of a file: id, body, and the names as this test sees them."""
    if is_script(tree):
        yield path, tree, names
        return
    for node in tree.body:
        if isinstance(node, Function) and node.name.startswith("test") and _plainly_decorated(node):
            yield f"{path}::{node.name}", node, names
        elif isinstance(node, ast.ClassDef) and _plainly_decorated(node):
            methods = {inner.name: inner for inner in node.body if isinstance(inner, ast.FunctionDef)}
            own = _closure({name: one for name, one in methods.items() if not one.decorator_list}, names, "self.")
            seen = replace(names, checkers=names.checkers | own)
            for inner in node.body:
                if isinstance(inner, Function) and inner.name.startswith("test") and _plainly_decorated(inner):
                    yield f"{path}::{node.name}::{inner.name}", inner, seen


def _plainly_decorated(node: Function | ast.ClassDef) -> bool:
    return all(
        any(_last(part) in _HARMLESS for part in ast.walk(decorator) if isinstance(part, ast.Name | ast.Attribute))
        for decorator in node.decorator_list
    )


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def sites(body: Function | ast.Module, names: Names) -> list[ast.stmt]:
    """The statements that assert something and that every way to the end must run, in order."""
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _own(body.body)):
        return []  # calling it runs nothing
    found: list[ast.stmt] = []
    _collect(body.body, _with_inner(body.body, names), found)
    return found


def _with_inner(body: Iterable[ast.stmt], names: Names) -> Names:
    """The names with the functions that a test defines for itself."""
    inner = {node.name: node for node in body if isinstance(node, Function) and not node.decorator_list}
    if not inner:
        return names
    plain = {name: node for name, node in inner.items() if isinstance(node, ast.FunctionDef)}
    known = replace(names, checkers=(names.checkers - inner.keys()) | _closure(plain, names))
    return replace(known, coroutines=(names.coroutines - inner.keys()) | _coroutines(inner.values(), known))


def _collect(body: Iterable[ast.stmt], names: Names, found: list[ast.stmt]) -> bool:
    """Gather assertions; False where what follows may not be reached."""
    for statement in body:
        if isinstance(statement, ast.Assert) or asserts(statement, names):
            found.append(statement)
            continue
        if _decided(statement, names):
            found.append(statement)
            continue
        inner: list[ast.stmt] | None = None
        if (
            (isinstance(statement, ast.For) and _not_empty(statement.iter, names))
            or (
                isinstance(statement, ast.With | ast.AsyncWith)
                and all(is_steady(item.context_expr) for item in statement.items)
            )
            or (isinstance(statement, ast.Try) and not statement.handlers and not statement.orelse)
        ):
            inner = statement.body
        if inner is not None and not _collect(inner, names, found):
            return False
        if any(isinstance(node, _BARRIERS) for node in _own([statement])):
            return False
    return True


def _decided(statement: ast.stmt, names: Names) -> bool:
    """A branch or a `try` with an assertion on every way through it."""
    if isinstance(statement, ast.If):
        return bool(statement.orelse) and all(_reaches(body, names) for body in (statement.body, statement.orelse))
    if not isinstance(statement, ast.Try) or not statement.handlers:
        return False
    caught = all(_reaches(handler.body, names) or _fails(handler.body) for handler in statement.handlers)
    return caught and (_fails(statement.body) or _reaches(statement.orelse, names))


def _reaches(body: list[ast.stmt], names: Names) -> bool:
    found: list[ast.stmt] = []
    _collect(body, names, found)
    return bool(found)


def _fails(body: list[ast.stmt]) -> bool:
    """The last statement raises: `raise`, `assert False`, `self.fail()`, `pytest.fail()`."""
    last = body[-1] if body else None
    if isinstance(last, ast.Assert):
        return isinstance(last.test, ast.Constant) and not last.test.value
    call = last.value if isinstance(last, ast.Expr) else None
    return isinstance(last, ast.Raise) or (isinstance(call, ast.Call) and _last(call.func) == "fail")


def _own(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """The nodes of some statements without the functions and classes inside of them, which run at another time."""
    todo: list[ast.AST] = list(body)
    while todo:
        current = todo.pop()
        if not isinstance(current, Function | ast.Lambda | ast.ClassDef):
            yield current
            todo += ast.iter_child_nodes(current)


def asserts(statement: ast.stmt, names: Names) -> bool:
    """A call of an assert method, of a function that asserts, or a `with` that expects an exception."""
    if isinstance(statement, ast.With):
        return any(is_raises(item.context_expr, names) for item in statement.items)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Await):
        return _is_coroutine(statement.value.value, names) or _is_mock_call(statement.value.value)
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return False
    call = statement.value
    asserts = is_raises(call, names) or is_assert_method(call) or is_array_assert(call, names) or _is_mock_call(call)
    return asserts or _is_checker(call, names) or _is_run(call, names)


def _is_mock_call(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and is_mock_assert(node)


def is_mock_assert(node: ast.Call) -> bool:
    """`m.assert_called_once_with(…)` and the like, which say that a mock was called, or was not."""
    return isinstance(node.func, ast.Attribute) and node.func.attr in MOCK_ASSERTS


def _is_run(node: ast.Call, names: Names) -> bool:
    """`asyncio.run(main())`, `anyio.run(main)`, `loop.run_until_complete(main())` with a function that asserts."""
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in {"run", "run_until_complete"}
        and bool(node.args)
        and (_is_coroutine(node.args[0], names) or _is_name(node.args[0], names.coroutines))
    )


def _is_coroutine(node: ast.expr, names: Names) -> bool:
    return isinstance(node, ast.Call) and _is_name(node.func, names.coroutines)


def _is_name(node: ast.expr, known: Collection[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in known


def is_raises(node: ast.expr, names: Names) -> bool:
    """`pytest.raises(…)`, `raises(…)`, `self.assertRaises(…)` and the like for warnings."""
    if not isinstance(node, ast.Call) or not node.args:
        return False
    function = node.func
    if isinstance(function, ast.Name):
        return function.id in names.raises
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return False
    owner = function.value.id
    return (owner == "pytest" and function.attr in {"raises", "warns"}) or (owner == "self" and function.attr in RAISES)


def is_assert_method(node: ast.Call) -> bool:
    function = node.func
    own = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "self"
    return own and _last(function) in ASSERT_METHODS


def is_array_assert(node: ast.Call, names: Names) -> bool:
    function = node.func
    if len(node.args) < 2:
        return False
    if isinstance(function, ast.Name):
        return function.id in names.arrays
    if not isinstance(function, ast.Attribute) or function.attr not in ARRAY_ASSERTS:
        return False
    return _last(function.value) in {"testing", "npt", "tm"}


def _is_checker(node: ast.Call, names: Names) -> bool:
    function = node.func
    if isinstance(function, ast.Name):
        return function.id in names.checkers
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        owner = function.value.id
        return f"{owner}.{function.attr}" in names.checkers or function.attr in names.modules.get(owner, ())
    return False


def is_steady(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and _last(node.func) in _STEADY


def _tables(tree: ast.Module) -> Iterator[str]:
    """Module-level names that are bound once, to a literal sequence with something in it."""
    stored = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if stored.count(name) == 1 and _not_empty(node.value, Names()):
                yield name


def _not_empty(node: ast.expr, names: Names) -> bool:
    if isinstance(node, ast.Name):
        return node.id in names.tables
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return bool(node.elts) and not any(isinstance(item, ast.Starred) for item in node.elts)
    if isinstance(node, ast.Dict):
        return bool(node.keys) and None not in node.keys
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute) and node.func.attr in {"items", "keys", "values"} and not node.args:
        return _not_empty(node.func.value, names)
    ranged = isinstance(node.func, ast.Name) and node.func.id == "range" and len(node.args) == 1
    limit = node.args[0] if ranged else None
    return isinstance(limit, ast.Constant) and isinstance(limit.value, int) and limit.value > 0
