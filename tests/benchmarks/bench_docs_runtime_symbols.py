"""Symbols as the running interpreter knows them, asked of an index that never imported anything.

    python tests/benchmarks/bench_docs_runtime_symbols.py [--python .venv] [package ...]

The oracle imports the package in a process of its own and lists every public function, class and method with the
first line of its docstring; names in compiled modules are in it, which no static oracle knows. Two shares are printed
for each package: symbols found at their own name, and documented symbols whose text is in the answer.
"""

import argparse
import importlib
import inspect
import json
import random
import re
import subprocess
import sys
import tempfile
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

from understudy_servers.docs.catalog import NotIndexed
from understudy_servers.docs.desk import Desk
from understudy_servers.docs.index.building import InlineBuilder
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.packing import Snippet
from understudy_servers.docs.project import Project

PACKAGES = ("numpy", "scipy", "torch", "pydantic", "rich", "click", "httpx2")
OTHERS = ("requests", "attrs", "networkx", "sympy", "aiohttp", "fastapi", "trio", "websockets", "tornado", "starlette")
IMPORTS = {"attrs": "attr", "scikit-learn": "sklearn"}
SAMPLE = 900  # symbols of one package, drawn with a fixed seed
DEPTH = 3  # modules below modules


def listed(package: str) -> None:
    """Write the public names of an importable package as JSON lines; this runs in the oracle's own process."""
    warnings.simplefilter("ignore")
    module = importlib.import_module(package)
    for row in _walk(module, package, set(), 0):
        sys.stdout.write(json.dumps(row) + "\n")


def _walk(module: types.ModuleType, path: str, seen: set[int], depth: int) -> Iterator[tuple[str, str]]:
    top = path.partition(".")[0]
    for name in getattr(module, "__all__", None) or list(vars(module)):
        if not isinstance(name, str) or name.startswith("_") or (name.endswith("Tensor") and name != "Tensor"):
            continue  # torch's tensor types repeat one class forty times
        found = getattr(module, name, None)  # not statically: scipy loads its modules when they are asked for
        if isinstance(found, types.ModuleType):
            old = "_sub_module_deprecation" in vars(found) or name in ("tests", "test", "testing")
            if found.__name__ == f"{path}.{name}" and id(found) not in seen and depth < DEPTH and not old:
                seen.add(id(found))
                yield from _walk(found, f"{path}.{name}", seen, depth + 1)
        elif callable(found) and (getattr(found, "__module__", None) or top).partition(".")[0] == top:
            yield f"{path}.{name}", _first_line(found)
            if inspect.isclass(found) and id(found) not in seen:
                seen.add(id(found))
                members = [member for member in vars(found) if not member.startswith("_")]
                methods = [(member, getattr(found, member, None)) for member in members]
                yield from (
                    (f"{path}.{name}.{member}", _first_line(value))
                    for member, value in methods
                    if callable(value) and not inspect.isclass(value)
                )


def _first_line(found: object) -> str:
    """Return the first line of a docstring that is no C signature."""
    lines = [line.strip() for line in (inspect.getdoc(found) or "").splitlines() if line.strip()]
    if len(lines) > 1 and re.match(r"\w+\(", lines[0]) and not lines[0].endswith("."):
        return lines[1]
    return lines[0] if lines else ""


def asked(desk: Desk, package: str) -> tuple[int, int, int, int]:
    """Print and return: symbols found, symbols asked for, texts found, symbols with a text."""
    library, number = desk.locate(package)
    desk.wait(library, number)
    command = [sys.executable, __file__, "--list", IMPORTS.get(package, package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    rows: list[tuple[str, str]] = [json.loads(line) for line in done.stdout.splitlines()]
    rows = random.Random(0).sample(rows, min(SAMPLE, len(rows)))
    found = texts = documented = 0
    missed: list[str] = []
    for name, line in rows:
        try:
            snippet: Snippet | None = desk.symbol([(library, number)], name).snippets[0]
        except NotIndexed:
            snippet = None
        if snippet is None or name.rpartition(".")[2] not in (snippet.title.rpartition(".")[2], *_words(snippet.text)):
            missed.append(name)
        else:
            found += 1
        documented += bool(line)
        texts += bool(line and snippet and _plain(line) in _plain(snippet.text, cut=False))
    share = f"{found}/{len(rows)}  texts {texts}/{documented}"
    sys.stdout.write(f"{package:12} {number:9} found {share}  {', '.join(missed[:4])}\n")
    return found, len(rows), texts, documented


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _plain(text: str, *, cut: bool = True) -> str:
    bare = " ".join(_words(text))
    return bare[:40] if cut else bare


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", default=[*PACKAGES, *OTHERS])
    parser.add_argument("--python", type=Path, default=Path(sys.prefix))
    parser.add_argument("--list", default="")
    options = parser.parse_args()
    if options.list:
        listed(options.list)
        return 0
    with tempfile.TemporaryDirectory() as home:
        store = Store(Path(home))
        desk = Desk(store, Project(pythons=[options.python], environ={}), InlineBuilder(store))
        totals = [asked(desk, package) for package in options.packages]
        store.close()
    found, count, texts, documented = (sum(column) for column in zip(*totals, strict=True))
    sys.stdout.write(f"found {found / count:.4f} of {count}; texts {texts / max(documented, 1):.4f} of {documented}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
