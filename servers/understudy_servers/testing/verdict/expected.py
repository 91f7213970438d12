"""Which tests an honest run must report, found by parsing the files and never by importing them."""

import ast
from collections.abc import Iterable

from understudy_servers.testing.worker.plain import is_script


def expected_ids(source: str, path: str) -> list[str]:
    """The ids of the tests in a file; the file itself is the test when it holds none.

    Raises:
        SyntaxError: the source is not Python.
    """
    tree = ast.parse(source, path)
    if is_script(tree):
        return [path]
    found: list[str] = []
    for node in tree.body:
        if _is_test(node):
            found.append(f"{path}::{node.name}")  # type: ignore[attr-defined]
        elif isinstance(node, ast.ClassDef) and _holds_tests(node):
            found += [f"{path}::{node.name}::{inner.name}" for inner in node.body if _is_test(inner)]  # type: ignore[attr-defined]
    return list(dict.fromkeys(found))


def needs_pytest(source: str) -> bool:
    """Say whether a test file uses what only pytest gives: an import of it, or a test with arguments (fixtures)."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return any(_imports_pytest(node) for node in ast.walk(tree)) or any(_takes_fixtures(tree.body))


def _imports_pytest(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] == "pytest" for alias in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "pytest"


def _takes_fixtures(body: Iterable[ast.stmt]) -> Iterable[bool]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield bool(node.args.posonlyargs or node.args.args or node.args.kwonlyargs)


def _is_test(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")


def _holds_tests(node: ast.ClassDef) -> bool:
    cases = any("TestCase" in ast.unparse(base) for base in node.bases)
    constructed = any(isinstance(inner, ast.FunctionDef) and inner.name == "__init__" for inner in node.body)
    return cases or (node.name.startswith("Test") and not constructed)
