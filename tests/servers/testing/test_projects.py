# ruff: noqa: ASYNC240 - a few small files
"""A person's project: edits within one second, changed tests, helpers, and what a candidate may not lay over it."""

import os
import random
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest

from understudy_servers.testing.engines.execute import Machine
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.project import Project
from understudy_servers.testing.subjects import Loose, ProjectSubject
from understudy_servers.testing.verifier import Request, Verifier
from understudy_servers.testing.workspace import Workspace, address, checked_files

MOMENT = 1_700_000_000
# Files with one digit each: the tests pass when every digit is 1.
FILES = {
    "plain.py": "def value():\n    return 1\n",
    "package/__init__.py": "",
    "package/inner.py": "VALUE = 1\n",
    "src/below/__init__.py": "def value():\n    return 1\n",
    "conftest.py": "import pytest, sys, pathlib\n"
    "sys.path.insert(0, str(pathlib.Path(__file__).parent / 'src'))\n\n"
    "@pytest.fixture\ndef wanted():\n    return 1\n",
    "tests/checking.py": "def check(value):\n    assert value == 1\n",
    "tests/test_all.py": "import plain\nfrom below import value\n"
    "from checking import check\nfrom package import inner\n\n"
    "def test_plain(wanted):\n    assert plain.value() == wanted\n\n"
    "def test_inner():\n    check(inner.VALUE)\n\n"
    "def test_below():\n    assert value() == 1\n",
}
EDITED = [path for path, text in FILES.items() if "1" in text]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def verifier() -> AsyncGenerator[Verifier]:
    verifier = Verifier(Machine(limits=Limits(wall_s=60.0, cpu_s=60)), workers=2)
    yield verifier
    verifier.close()


def lay_out(root: Path, files: Mapping[str, str]) -> Path:
    """Write files, all with the same moment of modification."""
    root.chmod(0o755)
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        os.utime(root / path, (MOMENT, MOMENT))
    return root


async def edit_and_judge(verifier: Verifier, root: Path, runs: int, seed: int = 0) -> list[str]:
    """Turn one digit of one file in each run, sizes and moments staying equal; name the runs judged wrongly."""
    subject = ProjectSubject(Project.open(lay_out(root, FILES)))
    choice, wrong = random.Random(seed), []
    for number in range(runs):
        path = choice.choice(EDITED)
        right = number % 2 == 1
        lay_out(root, {**FILES, path: FILES[path] if right else FILES[path].replace("1", "2")})
        result = await verifier.verify(Request(subject=subject, prove=False))
        if result.verdict != ("passed" if right else "failed"):
            wrong.append(f"run {number} after an edit of {path}: {result.verdict} {result.reason}")
    assert not list(root.rglob("__pycache__"))
    return wrong


async def test_edits_of_equal_length_in_any_file_of_a_project_are_never_confused(
    verifier: Verifier, tmp_path: Path
) -> None:
    assert await edit_and_judge(verifier, tmp_path, 24) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(1, 5))
async def test_a_thousand_edits_of_equal_length_in_a_project_give_no_wrong_verdict(
    verifier: Verifier, tmp_path: Path, part: int
) -> None:
    assert await edit_and_judge(verifier, tmp_path, 250, part) == []


async def overlaid(verifier: Verifier, root: Path, files: Mapping[str, str], *protected: str) -> Any:
    subject = ProjectSubject(Project.open(lay_out(root, FILES), protected))
    return await verifier.verify(Request(subject=subject, candidate=files))


WRONG = {"plain.py": "def value():\n    return 2\n"}
PASSING = "def test_plain():\n    pass\n\ndef test_inner():\n    pass\n\ndef test_below():\n    pass\n"
SKIPPING = "def pytest_collection_modifyitems(items):\n    items[:] = []\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("tests/test_all.py", PASSING, id="the tests"),
        pytest.param("tests/Test_All.py", PASSING, id="the tests in another case"),
        pytest.param("tests/./test_all.py", PASSING, id="the tests by a detour"),
        pytest.param("tests/test_all.py/", PASSING, id="the tests with a slash"),
        pytest.param("tests/test_all/__init__.py", PASSING, id="a package before the tests"),
        pytest.param("tests/checking.py", "def check(value): pass\n", id="what the tests import"),
        pytest.param("tests/checking/__init__.py", "def check(value): pass\n", id="a package before what they import"),
        pytest.param("conftest.py", SKIPPING, id="conftest at the top"),
        pytest.param("tests/conftest.py", SKIPPING, id="conftest beside the tests"),
        pytest.param("pytest.ini", "[pytest]\naddopts = --collect-only\n", id="pytest.ini"),
        pytest.param("tox.ini", "[pytest]\naddopts = -k nothing\n", id="tox.ini"),
        pytest.param("setup.cfg", "[tool:pytest]\naddopts = -k nothing\n", id="setup.cfg"),
        pytest.param("pyproject.toml", "[tool.pytest.ini_options]\naddopts = '-k nothing'\n", id="pyproject.toml"),
        pytest.param("sitecustomize.py", "import os\nos._exit(0)\n", id="sitecustomize"),
        pytest.param("pytest.py", "def main(*a, **k): return 0\n", id="pytest"),
        pytest.param("_pytest/__init__.py", "", id="a package of pytest"),
        pytest.param("unittest.py", "", id="the standard library"),
        pytest.param("tests/test_all.pyc", "x", id="compiled tests"),
        pytest.param("tests/__pycache__/test_all.cpython-311.pyc", "x", id="compiled tests in the cache"),
        pytest.param("begin.pth", "import os; os._exit(0)\n", id="a path file"),
    ],
)
async def test_a_candidate_cannot_lay_anything_over_protected_tests(
    verifier: Verifier, tmp_path: Path, path: str, text: str
) -> None:
    files = checked_files({**WRONG, path: text})
    result = await overlaid(verifier, tmp_path, files, "tests/*")
    assert result.verdict == "tampered", result
    assert result.reason.startswith(("protected_path:", "takes_over:"))


async def test_files_that_steer_nothing_are_welcome_beside_protected_tests(verifier: Verifier, tmp_path: Path) -> None:
    files = {"new.py": "", "package/other.py": "", "README.md": "", "pyproject.toml": "[project]\nname = 'x'\n"}
    result = await overlaid(verifier, tmp_path, files, "tests/*")
    assert result.verdict == "passed", result


async def test_without_protection_a_replaced_test_is_named(verifier: Verifier, tmp_path: Path) -> None:
    files = {**WRONG, "tests/test_all.py": "def test_plain():\n    pass\n", "tests/checking.py": "def check(v): pass\n"}
    result = await overlaid(verifier, tmp_path, files)
    assert result.changed_tests == ["tests/checking.py", "tests/test_all.py"]


@pytest.mark.parametrize("helper", ["tests/checking.py", "testing.py", "helpers.py"])
async def test_what_loose_tests_import_comes_from_the_trusted_copy(verifier: Verifier, helper: str) -> None:
    stem = helper.rpartition("/")[2].removesuffix(".py")
    place = "from tests." if "/" in helper else "from "
    files = {
        helper: "def check(left, right):\n    assert left == right\n",
        "test_it.py": f"{place}{stem} import check\nfrom solution import add\n\n"
        "def test_add():\n    check(add(1, 2), 3)\n",
    }
    subject = Loose(Workspace(address(files, ["test_it.py"]), files, frozenset({"test_it.py"})))
    calm = {helper: "def check(left, right):\n    pass\n"}
    forged = {"solution.py": "def add(a, b):\n    return 0\n", **calm}
    assert (await verifier.verify(Request(subject=subject, candidate=forged))).verdict == "failed"
    right = {"solution.py": "def add(a, b):\n    return a + b\n", **calm}
    result = await verifier.verify(Request(subject=subject, candidate=right))
    assert (result.verdict, result.proof) == ("passed", ["canary", "split"])
    package = {**forged, helper.replace(".py", "/__init__.py"): "def check(*a): pass\n"}
    assert (await verifier.verify(Request(subject=subject, candidate=package))).verdict == "tampered"


INSTALLED = {
    "src/wcwidth_of_mine/__init__.py": "def value():\n    return 1\n",
    "tests/test_all.py": "from wcwidth_of_mine import value\n\ndef test_value():\n    assert value() == 1\n",
}


async def test_a_project_with_a_source_folder_need_not_be_installed(verifier: Verifier, tmp_path: Path) -> None:
    subject = ProjectSubject(Project.open(lay_out(tmp_path, INSTALLED)))
    result = await verifier.verify(Request(subject=subject))
    assert (result.verdict, result.proof) == ("passed", ["canary", "split"]), result
    wrong = {"src/wcwidth_of_mine/__init__.py": "def value():\n    return 2\n"}
    assert (await verifier.verify(Request(subject=subject, candidate=wrong))).verdict == "failed"


async def test_a_pass_of_a_copy_installed_elsewhere_is_no_pass(verifier: Verifier, tmp_path: Path) -> None:
    files = {
        "src/pluggy/__init__.py": "raise RuntimeError('this is the code under test')\n",
        "tests/test_all.py": "import pluggy\n\ndef test_it():\n    assert pluggy.PluginManager('x') is not None\n",
    }
    result = await verifier.verify(Request(subject=ProjectSubject(Project.open(lay_out(tmp_path, files)))))
    assert result.verdict == "incomplete", result
    assert result.reason.startswith("not_this_code: pluggy from ")
    assert "pip install -e" in result.as_text()
