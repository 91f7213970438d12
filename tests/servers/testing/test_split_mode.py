"""Split mode confirms honest solutions of many shapes; where values are not enough it says so and never accuses."""

import runpy
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from understudy_servers.testing.engines.execute import Machine
from understudy_servers.testing.subjects import Loose
from understudy_servers.testing.verifier import Request, Verifier
from understudy_servers.testing.workspace import Workspace, address

CORPUS = Path(__file__).parent / "corpus"
HONEST: dict[str, tuple[str, str, str]] = runpy.run_path(str(CORPUS / "honest.py"))["HONEST"]
ODD: dict[str, tuple[dict[str, str], dict[str, str]]] = runpy.run_path(str(CORPUS / "odd.py"))["ODD"]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def verifier() -> AsyncGenerator[Verifier]:
    verifier = Verifier(Machine(), workers=2)
    yield verifier
    verifier.close()


@pytest.mark.parametrize("name", HONEST)
async def test_an_honest_solution_is_confirmed(verifier: Verifier, name: str) -> None:
    tests, solution, step = HONEST[name]
    files = {"test_s.py": tests}
    workspace = Workspace(address(files, files), files, frozenset(files))
    result = await verifier.verify(Request(subject=Loose(workspace), candidate={"s.py": solution}))
    assert result.verdict == "passed", result
    assert result.proof is not None
    assert result.proof[-1] == step, result


@pytest.mark.parametrize(
    "name", [name if index % 3 == 0 else pytest.param(name, marks=pytest.mark.slow) for index, name in enumerate(ODD)]
)
async def test_right_code_of_an_odd_shape_is_never_accused(verifier: Verifier, name: str) -> None:
    files, solution = ODD[name]
    workspace = Workspace(address(files, files), files, frozenset(files))
    result = await verifier.verify(Request(subject=Loose(workspace), candidate=solution))
    assert result.verdict == "passed", result
