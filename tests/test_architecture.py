"""Promises about the code, kept as tests: direction and weight of imports, sizes, names, homes of heavy libraries."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "understudy_servers": ROOT / "servers/understudy_servers",
    "understudy": ROOT / "scaffolds/understudy",
    "understudy_harness": ROOT / "harness/understudy_harness",
}
HEAVY = {"chromadb", "torch", "onnxruntime", "xllamacpp", "numpy", "scipy", "sentence_transformers", "distributed"}
MANY_HOMES = {"numpy", "scipy"}  # arrays are the language of statistics; elsewhere one file per heavy library
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base", "core", "manager", "types", "misc"}


def sources() -> Iterator[Path]:
    for folder in PACKAGES.values():
        yield from sorted(folder.rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yield every imported top-level module, and whether the import runs when the file is loaded."""
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
    }
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, id(node) not in lazy


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return {name.partition(".")[0] for name in json.loads(result.stdout.splitlines()[-1])}


def test_no_file_is_longer_than_five_hundred_lines() -> None:
    limits = [(path, 500) for path in sources()]
    limits += [(path, 800) for folder in ("tests", "examples") for path in (ROOT / folder).rglob("*.py")]
    limits += [(path, 500) for path in (ROOT / "harness/training").rglob("*.py")]

    too_long = [
        f"{path.relative_to(ROOT)}" for path, limit in limits if len(path.read_text("utf-8").splitlines()) > limit
    ]

    assert too_long == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path for path in sources() if path.stem in FORBIDDEN_NAMES] == []


def test_every_module_says_what_it_is() -> None:
    silent = [path for path in sources() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]

    assert silent == []


def test_a_heavy_library_is_imported_in_one_file_behind_a_lazy_door() -> None:
    homes: dict[str, set[str]] = {}
    for path in sources():
        for module, _ in imported(ast.parse(path.read_text("utf-8"))):
            top = module.partition(".")[0]
            if top in HEAVY - MANY_HOMES:
                homes.setdefault(top, set()).add(str(path.relative_to(ROOT)))

    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_only_the_server_file_of_a_server_knows_mcp() -> None:
    strangers = []
    for server in ("thinking", "docs", "testing"):
        for path in (PACKAGES["understudy_servers"] / server).rglob("*.py"):
            modules = {module.partition(".")[0] for module, _ in imported(ast.parse(path.read_text("utf-8")))}
            if modules & {"mcp", "mcp_types"} and path.name != "server.py":
                strangers.append(str(path.relative_to(ROOT)))

    assert strangers == []


@pytest.mark.parametrize(
    ("statement", "banned"),
    [
        pytest.param("import understudy", {"mcp", "genai_prices", "pydantic", "httpx2"} | HEAVY, id="toolkit"),
        pytest.param(
            "import understudy; [getattr(understudy, name) for name in understudy.__all__]",
            {"mcp", "genai_prices"} | HEAVY,
            id="every public name of the toolkit",
        ),
        pytest.param(
            "import understudy_harness.cli", {"mcp", "pydantic", "understudy_servers"} | HEAVY, id="command line"
        ),
        pytest.param(
            "import understudy_servers.thinking.server", {"understudy", "understudy_harness"} | HEAVY, id="thinking"
        ),
        pytest.param("import understudy_servers.docs.server", {"understudy", "understudy_harness"} | HEAVY, id="docs"),
        pytest.param(
            "import understudy_servers.testing.server", {"understudy", "understudy_harness"} | HEAVY, id="testing"
        ),
    ],
)
def test_importing_a_light_part_loads_nothing_heavy(statement: str, banned: set[str]) -> None:
    assert loaded_after(statement) & banned == set()


def test_public_names_of_the_toolkit_are_sorted_and_real() -> None:
    import understudy  # noqa: PLC0415 - the test is about this import

    assert list(understudy.__all__) == sorted(understudy.__all__)
    assert all(hasattr(understudy, name) for name in understudy.__all__)


def test_the_three_packages_are_what_the_wheel_holds() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")

    assert re.search(r"^packages = \[(.*)\]$", text, re.M) is not None
    for folder in PACKAGES.values():
        assert f'"{folder.relative_to(ROOT).as_posix()}"' in text
        assert (folder / "py.typed").exists()
