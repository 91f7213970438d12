"""Loose problems over MCP: a host sends the workspace, the model's files are the candidate."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult

from understudy_servers.testing.server import Settings, build_server
from understudy_servers.testing.workspace import address

TESTS = """\
from solution import add


def test_small():
    assert add(2, 3) == 5


def test_negative():
    one = -1
    assert add(one, 1) == 0
"""
RIGHT = "def add(a, b):\n    return a + b\n"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def client() -> AsyncGenerator[Client]:
    async with Client(build_server()) as client:
        yield client


def workspace(tests: str = TESTS, **more: str) -> dict[str, Any]:
    files = {"test_solution.py": tests, **more}
    return {"id": address(files, ["test_solution.py"]), "files": files, "protected": ["test_solution.py"], "hidden": []}


async def run(
    client: Client, files: Mapping[str, str], sent: Mapping[str, Any] | None = None, **meta: Any
) -> CallToolResult:
    whole: Any = {"understudy/workspace": workspace() if sent is None else sent, **meta}
    return await client.call_tool("run_tests", {"files": dict(files)}, meta=whole)


def data(result: CallToolResult) -> dict[str, Any]:
    content: dict[str, Any] | None = result.structured_content
    assert content is not None
    return content


async def test_a_right_solution_passes_and_the_pass_was_proved(client: Client) -> None:
    result = data(await run(client, {"solution.py": RIGHT}))
    assert (result["verdict"], result["ok"], result["passed"], result["total"]) == ("passed", True, 2, 2)
    assert result["proof"]


async def test_a_wrong_solution_fails_with_the_call_and_both_values(client: Client) -> None:
    result = data(await run(client, {"solution.py": "def add(a, b):\n    return a - b\n"}))
    assert (result["verdict"], result["failed"]) == ("failed", 2)
    (failure,) = result["failures"]
    assert (failure["call"], failure["expected"], failure["actual"]) == ("add(2, 3)", "5", "-1")
    assert failure["same"] == ["test_solution.py::test_negative"]


async def test_an_exception_names_the_line_of_the_candidate(client: Client) -> None:
    result = data(await run(client, {"solution.py": "def add(a, b):\n    return a + undefined\n"}))
    (failure,) = result["failures"]
    assert failure["where"] == "solution.py:2 in add"
    assert failure["code"] == "return a + undefined"
    assert failure["message"].startswith("NameError: name 'undefined' is not defined")


async def test_a_syntax_error_is_a_collection_error_at_its_line(client: Client) -> None:
    result = data(await run(client, {"solution.py": "def add(a, b):\n    return a +\n"}))
    assert result["verdict"] == "collection_error"
    assert result["failures"][0]["where"] == "solution.py:2"


async def test_an_endless_loop_is_a_timeout_under_the_limit_of_the_host(client: Client) -> None:
    sent = {"understudy/limits": {"wall_s": 0.3}}
    result = data(await run(client, {"solution.py": "def add(a, b):\n    while True: pass\n"}, **sent))
    assert (result["verdict"], result["reason"]) == ("timeout", "wall")


async def test_a_candidate_that_names_a_protected_file_is_tampered_and_nothing_runs(client: Client) -> None:
    result = data(await run(client, {"solution.py": RIGHT, "test_solution.py": "def test_small(): pass\n"}))
    assert (result["verdict"], result["reason"]) == ("tampered", "protected_path:test_solution.py")
    assert result["total"] == 0


async def test_the_files_are_sent_once_and_the_id_is_enough_afterwards(client: Client) -> None:
    sent = workspace()
    await run(client, {"solution.py": RIGHT}, sent)
    result = data(await run(client, {"solution.py": RIGHT}, {"id": sent["id"]}))
    assert result["verdict"] == "passed"


async def test_an_unknown_id_is_an_infra_error_that_asks_for_the_files(client: Client) -> None:
    answer = await run(client, {"solution.py": RIGHT}, {"id": "sha256:0"})
    assert answer.is_error
    assert (data(answer)["verdict"], data(answer)["reason"]) == ("infra_error", "unknown_workspace")


async def test_an_id_that_is_not_the_address_of_the_content_is_refused(client: Client) -> None:
    answer = await run(client, {"solution.py": RIGHT}, {**workspace(), "id": "sha256:0"})
    assert (data(answer)["verdict"], data(answer)["reason"]) == ("infra_error", "workspace_id")


async def test_hidden_files_decide_only_on_a_server_started_for_grading() -> None:
    hidden = "from solution import add\n\ndef test_large():\n    assert add(10, 20) == 30\n"
    files = {"test_solution.py": TESTS, "test_hidden.py": hidden}
    protected = ["test_hidden.py", "test_solution.py"]
    sent = {
        "id": address(files, protected, ["test_hidden.py"]),
        "files": files,
        "protected": protected,
        "hidden": ["test_hidden.py"],
    }
    hard_coded = {"solution.py": "def add(a, b):\n    return {(2, 3): 5}.get((a, b), 0)\n"}
    async with Client(build_server(Settings(grade=True))) as grader:
        graded = data(await run(grader, hard_coded, sent, **{"understudy/grade": True}))
        assert (graded["verdict"], graded["graded"], graded["failed"], graded["total"]) == ("failed", True, 1, 1)
    async with Client(build_server()) as shared:
        refused = await run(shared, hard_coded, sent, **{"understudy/grade": True})
        assert (data(refused)["verdict"], data(refused)["reason"]) == ("infra_error", "grade_not_allowed")


@pytest.mark.parametrize(
    ("tests", "verdict"),
    [
        pytest.param(
            "from solution import add\nassert add(1, 1) == 2\nassert add(1, 2) == 3\n", "passed", id="script of asserts"
        ),
        pytest.param(
            "from solution import add\ndef check(candidate):\n    assert candidate(1, 1) == 3\ncheck(add)\n",
            "failed",
            id="check function",
        ),
        pytest.param(
            "import unittest\nfrom solution import add\n"
            "class T(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(add(1, 1), 2)\n",
            "passed",
            id="unittest",
        ),
        pytest.param(
            "from solution import add\nclass TestAdd:\n"
            "    def setup_method(self): self.n = 1\n    def test_it(self): assert add(self.n, 1) == 2\n",
            "passed",
            id="class",
        ),
        pytest.param(
            "import unittest\n@unittest.skip('no')\nclass T(unittest.TestCase):\n    def test_it(self): pass\n",
            "incomplete",
            id="skip",
        ),
    ],
)
async def test_tests_may_be_written_in_any_plain_way(client: Client, tests: str, verdict: str) -> None:
    assert data(await run(client, {"solution.py": RIGHT}, workspace(tests)))["verdict"] == verdict


async def test_tests_with_fixtures_are_given_to_pytest(client: Client) -> None:
    body = "    (tmp_path / 'a').write_text('x')\n    assert add(1, 1) == 2\n"
    tests = f"from solution import add\n\ndef test_it(tmp_path):\n{body}"
    result = data(await run(client, {"solution.py": RIGHT}, workspace(tests)))
    assert (result["verdict"], result["framework"]) == ("passed", "pytest")


async def test_the_delta_names_what_was_fixed_and_counts_the_same_failure(client: Client) -> None:
    sent = workspace(TESTS + "\n# another workspace\n")
    wrong = {"solution.py": "def add(a, b):\n    return 5\n"}
    assert data(await run(client, wrong, sent))["delta"]["same_failure_count"] == 1
    assert data(await run(client, wrong, sent))["delta"]["same_failure_count"] == 2
    fixed = data(await run(client, {"solution.py": RIGHT}, sent))["delta"]
    assert fixed == {"fixed": ["test_solution.py::test_negative"], "broke": [], "same_failure_count": 0}
