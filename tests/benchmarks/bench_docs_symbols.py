"""Exact symbol queries over every public symbol of installed packages, and names resolved right or refused.

    python tests/benchmarks/bench_docs_symbols.py [--python .venv]

The oracle is griffe, which shares no code with us: every public function, class and method it finds (aliases resolved,
static analysis only), asked for by its full public name. The resolution part asks for every installed distribution by
name and version, and for invented names.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import griffe

from understudy_servers.docs.catalog import NotIndexed
from understudy_servers.docs.desk import Desk
from understudy_servers.docs.index.building import InlineBuilder
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.project import Project

PACKAGES = ("anyio", "click", "httpx", "jinja2", "pydantic", "packaging", "rich", "starlette", "tenacity", "typer")
SAMPLE = 1_200  # symbols of one package, drawn with a fixed seed


def public_symbols(package: str, folder: Path) -> list[str]:
    """Return the public functions, classes and methods of a package as griffe sees them."""
    loader = griffe.GriffeLoader(search_paths=[str(folder)], allow_inspection=False)
    root = loader.load(package)
    loader.resolve_aliases(implicit=False, external=False)
    assert isinstance(root, griffe.Module)
    return sorted(set(_walk(root, package, set())))


def _walk(owner: griffe.Object, path: str, seen: set[str]) -> Iterator[str]:
    for name, member in owner.members.items():
        try:
            target = member.final_target if isinstance(member, griffe.Alias) else member
        except griffe.AliasResolutionError:
            continue
        if name.startswith("_") or not member.is_public or "test" in path.split(".")[1:]:
            continue
        full = f"{path}.{name}"
        if target.is_module:
            if not isinstance(member, griffe.Alias):
                yield from _walk(target, full, seen)
        elif target.is_class:
            yield full
            if target.path not in seen:
                seen.add(target.path)
                yield from _walk(target, full, seen)
        elif target.is_function:
            yield full


def symbols(desk: Desk, folder: Path) -> float:
    """Print recall@1 for each package and return it over all."""
    right = asked = 0
    for package in PACKAGES:
        library, number = desk.locate(package)
        desk.wait(library, number)
        names = public_symbols(package, folder)
        names = random.Random(0).sample(names, min(SAMPLE, len(names)))
        good = 0
        wrong: list[str] = []
        for name in names:
            found = desk.ask(library, number, name)
            top = found.snippets[0].title if found.snippets else ""
            if top.rpartition(".")[2] == name.rpartition(".")[2] and _same_owner(top, name):
                good += 1
            else:
                wrong.append(f"{name} -> {top}")
        right, asked = right + good, asked + len(names)
        sys.stdout.write(f"{package:10} {number:9} {good}/{len(names)}  {wrong[:3] if wrong else ''}\n")
    return right / asked


def _same_owner(found: str, name: str) -> bool:
    """Accept another public path of the same thing, and a base class's member for an inherited one."""
    package = name.partition(".")[0]
    owner, found_owner = name.split(".")[-2], found.split(".")[-2]
    return found.partition(".")[0] == package and (owner == found_owner or found_owner[:1].isupper() or owner.islower())


def resolution(desk: Desk) -> tuple[int, int, int, int]:
    """Return how many installed names were right of how many, and how many invented names were matched of how many."""
    sources = [source for source in desk.project.sources() if source.origin == "installed"]
    right = 0
    for source in sources:
        library, number = desk.locate(source.title)
        right += (library.key, number) == (source.key, source.version) and desk.locate(source.id)[1] == source.version
    titles = [source.title.lower() for source in sources]
    chance = random.Random(1)
    invented = [
        f"{chance.choice(titles)}{suffix}" for suffix in ("x", "-pro", "2go", "-nonexistent", "ify") for _ in range(20)
    ]
    invented += ["".join(chance.sample(title, len(title))) for title in titles if len(title) > 5]
    invented = sorted(
        {name for name in invented if name.replace("_", "-") not in {title.replace("_", "-") for title in titles}}
    )
    wrong = 0
    for name in invented:
        try:
            desk.resolve(name)
        except NotIndexed:
            continue
        wrong += 1
    return right, len(sources), wrong, len(invented)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, default=Path(sys.prefix))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        store = Store(Path(home))
        project = Project(pythons=[options.python], environ={})
        desk = Desk(store, project, InlineBuilder(store))
        folder = Path(next(source.location for source in project.sources() if source.key == "/pypi/pydantic"))
        right, installed, wrong, invented = resolution(desk)
        sys.stdout.write(f"installed names and versions right: {right}/{installed}\n")
        sys.stdout.write(f"invented names matched: {wrong}/{invented}\n")
        recall = symbols(desk, folder)
        sys.stdout.write(f"exact symbol recall@1: {recall:.4f} (bar 0.98)\n")
        store.close()
    return 0 if recall >= 0.98 and right == installed and wrong == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
