"""What in tests may see more of a candidate than values, so that failing in split mode is no sign of forging."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping

# Names in tests after which values alone do not decide what the tests see.
BEYOND_VALUES = frozenset(
    {"monkeypatch", "mock", "mocker", "patch", "Mock", "MagicMock", "capsys", "capfd", "caplog", "recwarn", "inspect"}
    | {"sys", "globals", "vars", "open", "subprocess", "threading", "multiprocessing", "asyncio", "anyio", "warnings"}
    | {"warns", "gc", "weakref", "pickle", "copy", "redirect_stdout", "redirect_stderr", "StringIO", "importlib"}
    | {"type", "id", "isinstance", "issubclass", "hasattr", "time", "signal", "tracemalloc", "os", "tmp_path", "tmpdir"}
    | {"doctest", "dataclasses", "logging", "random", "localcontext", "getcontext", "setlocale", "freeze_time"}
    | {"pathlib", "typing", "dir", "help", "concurrent", "AsyncMock", "PropertyMock", "create_autospec", "capsysbinary"}
    | {"setattr", "delattr", "exec", "__import__"}
)
_HARMLESS_DUNDERS = frozenset({"__name__", "__init__", "__main__"})


def anywhere(sources: Iterable[str], *, imported: bool = False) -> list[str]:
    """The words of this kind in some files; with `imported` also those that are only imported."""
    found: dict[str, None] = {}
    for source in sources:
        tree = ast.parse(source)
        names = _stand_ins(tree)
        found |= dict.fromkeys([*(names.values() if imported else ()), *_found(tree, names)])
    return list(found)


def shared(sources: Mapping[str, str]) -> list[str]:
    """The words in what is not a test, which concern every test."""
    return by_test(sources)("")


def by_test(sources: Mapping[str, str]) -> Callable[[str], list[str]]:
    """A function from the id of a test to the words in it and in what is not a test: helpers, fixtures, settings."""
    common: list[str] = []
    own: dict[str, list[str]] = {}
    for path, source in sources.items():
        tree = ast.parse(source)
        names = _stand_ins(tree)
        for node in _apart(tree):
            words = list(_found(node, names))
            if isinstance(node, _TESTS) and node.name.startswith("test"):
                own.setdefault(f"{path}::{node.name}", []).extend(words)
            else:
                common += words

    def words_of(name: str) -> list[str]:
        path, _, inside = name.partition("[")[0].partition("::")
        return [*common, *own.get(f"{path}::{inside.rpartition('::')[2]}", ())]

    return words_of


_TESTS = ast.FunctionDef | ast.AsyncFunctionDef


def _apart(tree: ast.Module) -> Iterator[ast.AST]:
    """The statements of a file, and of its classes one by one."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from [*node.decorator_list, *node.bases, *node.body]
        else:
            yield node


def _stand_ins(tree: ast.Module) -> dict[str, str]:
    """Names that an import of such a word gives; importing alone uses nothing."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            for alias in node.names:
                word = next(
                    (part for part in (alias.name.split(".")[0], module.split(".")[0]) if part in BEYOND_VALUES), ""
                )
                if word:
                    found[alias.asname or alias.name.split(".")[0]] = word
    return found


def _found(tree: ast.AST, names: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and (node.id in BEYOND_VALUES or node.id in names):
            yield names.get(node.id, node.id)
        elif isinstance(node, ast.Attribute) and _tells_more(node):
            yield node.attr
        elif isinstance(node, ast.arg) and node.arg in BEYOND_VALUES:
            yield node.arg
        elif isinstance(node, ast.Compare) and _identity(node):
            yield "is"


def _tells_more(node: ast.Attribute) -> bool:
    """Such a word, a special attribute, or one that is set on something else than the test itself."""
    own = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
    special = node.attr.startswith("__") and node.attr.endswith("__") and node.attr not in _HARMLESS_DUNDERS
    return node.attr in BEYOND_VALUES or special or (isinstance(node.ctx, ast.Store) and not own)


def _identity(node: ast.Compare) -> bool:
    """A comparison by `is` with something else than None, True or False."""
    return any(
        isinstance(operator, ast.Is | ast.IsNot) and not isinstance(right, ast.Constant)
        for operator, right in zip(node.ops, node.comparators, strict=True)
    )
