"""Names in test files that a candidate could take over by `from solution import *`."""

import ast
import builtins
from collections.abc import Iterable, Iterator

BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("_"))


def kept_from_star(sources: Iterable[str]) -> list[str]:
    """The names that mean what the tests mean by them, whatever a star import brings.

    Those that a file with such an import binds itself by `import`, and builtins that it applies to what the candidate
    gives: `abs(f(x) - 1)`, `len(f(x))`. A builtin that is only ever called with plain arguments may be what is tested.
    """
    found: dict[str, None] = {}
    for source in sources:
        tree = ast.parse(source)
        if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in tree.body):
            found |= dict.fromkeys([*_imported(tree), *_wrappers(tree), *_errors(tree)])
    return list(found)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names if alias.name != "*")


def _wrappers(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BUILTINS:
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            if any(isinstance(inner, ast.Call) for argument in given for inner in ast.walk(argument)):
                yield node.func.id


def _errors(tree: ast.Module) -> Iterator[str]:
    """Builtin classes of errors: whoever makes one mean all errors raises what is expected."""
    for node in ast.walk(tree):
        found = getattr(builtins, node.id, None) if isinstance(node, ast.Name) else None
        if isinstance(node, ast.Name) and isinstance(found, type) and issubclass(found, BaseException):
            yield node.id
