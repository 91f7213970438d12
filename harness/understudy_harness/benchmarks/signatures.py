"""Read the signatures of an installed package without importing it, and say what changed between two versions."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from understudy_harness.errors import BenchmarkError

_MOST_BYTES = 2 << 20  # of one module; longer ones are generated tables
Kind = Literal["default", "added", "removed", "parameters"]


class Parameter(NamedTuple):
    """One parameter of a function."""

    name: str
    default: str | None
    """As Python source; None where there is none."""


@dataclass(frozen=True)
class Package:
    """One installed version of a package."""

    name: str
    version: str
    functions: Mapping[str, tuple[Parameter, ...]]
    """Dotted path of every public function and method -> its parameters, `self` and `cls` left out."""


class Change(NamedTuple):
    """A difference between two versions of one function, and what is true of the newer one."""

    kind: Kind
    function: str
    parameter: str
    """For `default`: which one."""
    value: str
    """The right answer about the newer version, as a Python literal."""


def read_package(name: str, folder: Path) -> Package:
    """Read a package from an environment or a site-packages folder.

    Raises:
        BenchmarkError: The folder holds no installed version of it.
    """
    for site in (folder, *sorted(folder.glob("lib/python*/site-packages")), folder / "Lib/site-packages"):
        version = _version(name, site)
        if version is None:
            continue
        roots = [site / one for one in _top_level(name, site, version)]
        functions = {path: parameters for root in roots for path, parameters in _functions(root, site)}
        if functions:
            return Package(name, version, functions)
    raise BenchmarkError(
        f"{folder} holds no installed {name!r} with Python source. Give an environment or a site-packages folder, such "
        "as one made by `pip install --target`."
    )


def changes(old: Package, new: Package) -> Iterator[Change]:
    """Yield what changed in functions that both versions have, in the order of their names."""
    for path in sorted(set(old.functions) & set(new.functions)):
        before, after = old.functions[path], new.functions[path]
        if before == after:
            continue
        names, earlier = [one.name for one in after], [one.name for one in before]
        added, removed = [n for n in names if n not in earlier], [n for n in earlier if n not in names]
        if added:
            yield Change("added", path, "", repr(added))
        if removed:
            yield Change("removed", path, "", repr(removed))
        if added or removed:
            yield Change("parameters", path, "", repr(names))
        yield from _defaults(path, before, after)


def _defaults(path: str, before: tuple[Parameter, ...], after: tuple[Parameter, ...]) -> Iterator[Change]:
    earlier = {one.name: one.default for one in before}
    for one in after:
        known = earlier.get(one.name)
        if one.default is None or known is None or one.default == known:
            continue
        if _literal(one.default) and _literal(known) and ast.literal_eval(one.default) != ast.literal_eval(known):
            yield Change("default", path, one.name, one.default)


def _version(name: str, site: Path) -> str | None:
    plain = re.sub(r"[-_.]+", "_", name).lower()
    for info in sorted(site.glob("*.dist-info")):
        distribution, _, version = info.name.removesuffix(".dist-info").partition("-")
        if re.sub(r"[-_.]+", "_", distribution).lower() == plain:
            return version
    return None


def _top_level(name: str, site: Path, version: str) -> list[str]:
    """The import names of a distribution: from `top_level.txt`, else from its file list, else its own name."""
    plain = re.sub(r"[-_.]+", "_", name).lower()
    for info in site.glob(f"*-{version}.dist-info"):
        if re.sub(r"[-_.]+", "_", info.name.partition("-")[0]).lower() != plain:
            continue
        listed = info / "top_level.txt"
        if listed.is_file():
            return [line for line in listed.read_text("utf-8").split() if line.isidentifier()]
        record = info / "RECORD"
        if record.is_file():
            firsts = {line.partition("/")[0] for line in record.read_text("utf-8").splitlines() if ".py," in line}
            return sorted(one for one in firsts if one.isidentifier())
    return [plain]


def _functions(root: Path, site: Path) -> Iterator[tuple[str, tuple[Parameter, ...]]]:
    files = sorted(root.rglob("*.py")) if root.is_dir() else [root.with_suffix(".py")]
    for file in files:
        parts = file.relative_to(site).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if any(part.startswith("_") or part in ("tests", "test") for part in parts):
            continue
        try:
            if file.stat().st_size > _MOST_BYTES:
                continue
            tree = ast.parse(file.read_text("utf-8"))
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue  # a template or a file for another Python: the rest of the package is still readable
        yield from _within(tree, ".".join(parts))


def _within(tree: ast.Module | ast.ClassDef, path: str) -> Iterator[tuple[str, tuple[Parameter, ...]]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith("_") or node.name == "__init__":
                yield f"{path}.{node.name}", _parameters(node.args)
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _within(node, f"{path}.{node.name}")


def _parameters(arguments: ast.arguments) -> tuple[Parameter, ...]:
    plain = [*arguments.posonlyargs, *arguments.args]
    gap = len(plain) - len(arguments.defaults)
    found = [
        Parameter(one.arg, ast.unparse(arguments.defaults[index - gap]) if index >= gap else None)
        for index, one in enumerate(plain)
    ]
    found += [
        Parameter(one.arg, None if default is None else ast.unparse(default))
        for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    return tuple(one for one in found if one.name not in ("self", "cls"))


def _literal(source: str) -> bool:
    try:
        ast.literal_eval(source)
    except (SyntaxError, ValueError):
        return False
    return True
