# ruff: noqa: ASYNC240 - a few small files
"""No wrong solution may be accepted, whatever it does to the runner, the report or the comparison."""

import inspect
import runpy
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from understudy_servers.testing.engines.execute import Machine
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.project import Project
from understudy_servers.testing.subjects import Loose, ProjectSubject
from understudy_servers.testing.verifier import Request, Verifier
from understudy_servers.testing.workspace import BadWorkspace, Workspace, address, checked_files

Forge = Callable[[], Mapping[str, str]]
FORGERIES: dict[str, Forge] = {
    name: value
    for name, value in runpy.run_path(str(Path(__file__).parent / "corpus" / "forgeries.py")).items()
    if inspect.isfunction(value)
}
PLAIN = """\
from solution import add, mul


def test_add():
    assert add(2, 3) == 5
    assert add(-1, 1) == 0


def test_mul():
    assert mul(3, 4) == 12
"""
WITH_PYTEST = "import pytest\n" + PLAIN
UNITTEST = """\
import unittest

from solution import add, mul


class TestAll(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)

    def test_mul(self):
        self.assertEqual(mul(3, 4), 12)
"""
MORE: dict[str, Any] = runpy.run_path(str(Path(__file__).parent / "corpus" / "more_forgeries.py"))
FORGED: dict[str, tuple[str, Mapping[str, str]]] = dict(MORE["FORGERIES"])
LATER: dict[str, tuple[str, Mapping[str, str]]] = {}  # the thorough run tries these
for corpus in sorted((Path(__file__).parent / "corpus").glob("forgeries_*.py")):
    LATER |= runpy.run_path(str(corpus))["FORGERIES"]
SAMPLE = list(LATER)[::4]
# Wrong solutions that do in process what no step but hidden tests can tell from a right one: they hard-code the cases.
KNOWN_CASES = frozenset({"counts_its_calls"})
RIGHT = {"solution.py": "def add(a, b):\n    return a + b\n\ndef mul(a, b):\n    return a * b\n"}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def verifier() -> AsyncGenerator[Verifier]:
    verifier = Verifier(Machine(limits=Limits(wall_s=20.0, cpu_s=20)), workers=2)
    yield verifier
    verifier.close()


def workspace(tests: str, hidden: str = "") -> Workspace:
    files = {"test_solution.py": tests, **({"test_unseen.py": hidden} if hidden else {})}
    unseen = ["test_unseen.py"] if hidden else []
    return Workspace(address(files, files, unseen), files, frozenset(files), frozenset(unseen))


async def verdict_of(verifier: Verifier, tests: str, candidate: Mapping[str, str], hidden: str = "") -> Any:
    try:
        files = checked_files(candidate)
    except BadWorkspace:
        return None
    return await verifier.verify(Request(subject=Loose(workspace(tests, hidden)), candidate=files))


async def verdict_in_a_project(verifier: Verifier, root: Path, tests: str, candidate: Mapping[str, str]) -> Any:
    """Lay a candidate over a project whose tests are protected."""
    root.chmod(0o755)
    (root / "test_solution.py").write_text(tests)
    try:
        files = checked_files(candidate)
    except BadWorkspace:
        return None
    subject = ProjectSubject(Project.open(root, ("test_*.py",)))
    return await verifier.verify(Request(subject=subject, candidate=files))


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_pass_is_never_accepted(verifier: Verifier, name: str) -> None:
    result = await verdict_of(verifier, PLAIN, FORGERIES[name]())
    assert result is None or result.verdict not in {"passed", "infra_error"}, result


@pytest.mark.slow
@pytest.mark.parametrize("tests", [pytest.param(WITH_PYTEST, id="pytest"), pytest.param(UNITTEST, id="unittest")])
@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_pass_is_never_accepted_by_other_runners(verifier: Verifier, name: str, tests: str) -> None:
    result = await verdict_of(verifier, tests, FORGERIES[name]())
    assert result is None or result.verdict not in {"passed", "infra_error"}, result


@pytest.mark.parametrize(
    "name", [*FORGED, *(name if name in SAMPLE else pytest.param(name, marks=pytest.mark.slow) for name in LATER)]
)
async def test_a_pass_forged_in_another_way_is_never_accepted(verifier: Verifier, name: str) -> None:
    tests, candidate = (FORGED | LATER)[name]
    result = await verdict_of(verifier, tests, candidate)
    assert result is None or result.verdict not in {"passed", "infra_error"}, result


@pytest.mark.slow
@pytest.mark.parametrize("name", FORGED | LATER)
async def test_a_pass_forged_in_another_way_is_never_accepted_by_pytest(verifier: Verifier, name: str) -> None:
    tests, candidate = (FORGED | LATER)[name]
    result = await verdict_of(verifier, f"import pytest\n{tests}", candidate)
    assert result is None or result.verdict not in {"passed", "infra_error"}, result


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted((FORGED | LATER).keys() - KNOWN_CASES | FORGERIES.keys()))
async def test_a_pass_is_not_forged_in_a_project(verifier: Verifier, tmp_path: Path, name: str) -> None:
    tests, candidate = (FORGED | LATER)[name] if name not in FORGERIES else (PLAIN, FORGERIES[name]())
    result = await verdict_in_a_project(verifier, tmp_path, tests, candidate)
    assert result is None or result.verdict not in {"passed", "infra_error"}, result


@pytest.mark.parametrize("number", range(len(MORE["RIGHT"])))
async def test_the_tests_of_the_forgeries_accept_the_right_solution(
    verifier: Verifier, tmp_path: Path, number: int
) -> None:
    tests, solution = list(MORE["RIGHT"].items())[number]
    result = await verdict_of(verifier, tests, {"solution.py": solution})
    assert (result.verdict, result.proof) == ("passed", ["canary", "split"]), result
    project = await verdict_in_a_project(verifier, tmp_path, tests, {"solution.py": solution})
    assert project.verdict == "passed", project
    assert project.proof in (["canary", "split"], ["canary", "cold"])


@pytest.mark.parametrize("tests", [pytest.param(PLAIN, id="plain"), pytest.param(UNITTEST, id="unittest")])
async def test_the_right_solution_is_accepted(verifier: Verifier, tests: str) -> None:
    result = await verdict_of(verifier, tests, RIGHT)
    assert (result.verdict, result.proof) == ("passed", ["canary", "split"])


async def test_a_solution_that_knows_the_visible_cases_is_caught_by_hidden_tests_only(verifier: Verifier) -> None:
    known = {
        "solution.py": "T = {(2, 3): 5, (-1, 1): 0, (3, 4): 12}\ndef add(a, b):\n    return T.get((a, b))\nmul = add\n"
    }
    assert (await verdict_of(verifier, PLAIN, known)).verdict == "passed"
    unseen = "from solution import add\n\ndef test_more():\n    assert add(20, 22) == 42\n"
    caught = await verdict_of(verifier, PLAIN, known, unseen)
    assert (caught.verdict, caught.reason, caught.hidden) == (
        "failed",
        "hidden_tests",
        {"passed": 0, "failed": 1, "total": 1},
    )
    assert caught.failures == []
    right = await verdict_of(verifier, PLAIN, RIGHT, unseen)
    assert (right.verdict, right.proof) == ("passed", ["canary", "split", "hidden"])


async def test_a_skip_inside_of_a_subtest_is_not_a_pass(verifier: Verifier) -> None:
    tests = "import pytest\n" + UNITTEST.replace("        self", "        with self.subTest():\n            self")
    skips = {"solution.py": "import unittest\ndef add(a, b):\n    raise unittest.SkipTest('no')\nmul = add\n"}
    result = await verdict_of(verifier, tests, skips)
    assert (result.verdict, result.ok) == ("incomplete", False)
    assert (await verdict_of(verifier, tests, RIGHT)).verdict == "passed"
