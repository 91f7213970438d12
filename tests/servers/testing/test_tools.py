# ruff: noqa: ASYNC240 - a few small files
"""The four tools as a client sees them: their size, their answers, and what a model cannot reach."""

import json
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from understudy_servers.testing.engines.execute import Machine
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.server import Settings, build_server
from understudy_servers.testing.workspace import address

TESTS = """\
from solution import fib


def test_six():
    assert fib(6) == 8


def test_one():
    assert fib(1) == 1


def test_callable():
    assert callable(fib)
"""
RIGHT = """\
def fib(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def unused(x):
    return x + 1
"""
WRONG = RIGHT.replace("a + b", "a + a")
PATIENT = Machine(limits=Limits(wall_s=60.0, cpu_s=60))


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def client() -> AsyncGenerator[Client]:
    async with Client(build_server(Settings(machine=PATIENT))) as client:
        yield client


def meta(tests: str = TESTS) -> Any:
    files = {"test_solution.py": tests}
    sent = {"id": address(files, files), "files": files, "protected": list(files), "hidden": []}
    return {"understudy/workspace": sent}


def text(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


async def run(client: Client, candidate: Mapping[str, str], **arguments: Any) -> CallToolResult:
    return await client.call_tool("run_tests", {"files": dict(candidate), **arguments}, meta=meta())


async def test_the_definitions_of_the_four_tools_fit_in_a_kilobyte_and_a_half(client: Client) -> None:
    tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == ["run_tests", "explain_failure", "check_suite", "test_status"]
    listed = [tool.model_dump(by_alias=True, exclude_none=True) for tool in tools]
    assert len(json.dumps(listed, separators=(",", ":"))) <= 1500
    for tool in listed:
        assert "$ref" not in json.dumps(tool)
        assert "anyOf" not in json.dumps(tool)


async def test_no_argument_reaches_limits_isolation_protection_or_hidden_tests(client: Client) -> None:
    words = {name for tool in (await client.list_tools()).tools for name in tool.input_schema.get("properties", {})}
    assert words == {"files", "select", "only", "detail", "id", "flaky_runs", "mutants"}


async def test_an_explanation_shows_the_variables_and_the_steps_of_the_candidate(client: Client) -> None:
    await run(client, {"solution.py": WRONG})
    explained = text(await client.call_tool("explain_failure", {"id": "test_solution.py::test_six"}, meta=meta()))
    assert "actual: 0" in explained
    assert "solution.py:4 a, b = b, a + a" in explained
    assert "fib returns 0" in explained
    assert len(explained) <= 4096


async def test_detail_adds_the_explanation_of_the_first_failure(client: Client) -> None:
    assert "fib returns 0" in text(await run(client, {"solution.py": WRONG}, detail=True))


async def test_an_unknown_test_is_refused_in_words(client: Client) -> None:
    result = await client.call_tool("explain_failure", {"id": "nothing"}, meta=meta())
    assert result.is_error
    assert "No test is called 'nothing'" in text(result)


async def test_a_suite_is_checked_by_a_stub_by_repeats_by_lines_and_by_mutants(client: Client) -> None:
    await run(client, {"solution.py": RIGHT})
    result = await client.call_tool("check_suite", {"flaky_runs": 1, "mutants": 4}, meta=meta())
    found: Any = result.structured_content
    assert found["stub_fails"]
    assert found["vacuous"] == ["test_solution.py::test_callable"]
    assert found["uncovered"] == {"solution.py": [9]}
    assert found["runs"] == 1
    assert found["flaky"] == []
    assert 0 < found["killed"] <= found["mutants"] <= 4


async def test_a_suite_is_not_judged_by_a_candidate_that_fails(client: Client) -> None:
    await run(client, {"solution.py": WRONG})
    result = await client.call_tool("check_suite", {}, meta=meta())
    assert result.is_error
    assert "do not pass yet" in text(result)


async def test_only_failed_runs_what_failed_before_and_does_not_claim_a_proof(client: Client) -> None:
    await run(client, {"solution.py": WRONG})
    result: Any = (await run(client, {"solution.py": RIGHT}, only="failed")).structured_content
    assert (result["verdict"], result["total"], result["proof"]) == ("passed", 1, None)
    assert "Only a part of the tests was run" in result["notes"][0]


async def test_a_selection_may_be_a_part_of_a_name(client: Client) -> None:
    result: Any = (await run(client, {"solution.py": RIGHT}, select="callable")).structured_content
    assert (result["verdict"], result["total"]) == ("passed", 1)


async def test_a_file_outside_the_folder_is_refused_in_words(client: Client) -> None:
    result = await run(client, {"../solution.py": RIGHT})
    assert result.is_error
    assert "leaves the working folder" in text(result)


async def test_a_limit_that_is_no_number_is_refused_in_words(client: Client) -> None:
    sent: Any = {**meta(), "understudy/limits": {"wall_s": "soon"}}
    result = await client.call_tool("run_tests", {"files": {"solution.py": RIGHT}}, meta=sent)
    assert result.is_error
    assert "must be a positive number, got 'soon'" in text(result)


async def test_the_status_names_layers_queue_limits_and_frameworks(client: Client) -> None:
    status: Any = (await client.call_tool("test_status", {})).structured_content
    assert status["frameworks"][:2] == ["plain", "unittest"]
    assert status["waiting"] == 0
    assert "landlock" in status["layers"] or "landlock" in status["isolation"]
    assert status["limits"]["wall_s"] == 60.0


async def test_a_reply_stays_below_four_kilobytes_whatever_fails(client: Client) -> None:
    tests = [f"def test_{'x' * 90}_{n}():\n    assert f({n}) == 'é' * 500\n" for n in range(50)]
    many = "from solution import f\n" + "".join(tests)
    sent = meta(many)
    body = "    print('y' * 10000)\n    raise [ValueError, KeyError, OSError][n % 3]('ü' * 5000)\n"
    candidate = {"solution.py": f"def f(n):\n{body}"}
    result = await client.call_tool("run_tests", {"files": candidate}, meta=sent)
    assert len(json.dumps(result.structured_content, ensure_ascii=False).encode()) <= 4096
    assert len(text(result).encode()) <= 4096
    assert result.structured_content is not None
    assert len(result.structured_content["failures"]) == 3


async def test_a_project_is_tested_where_it_lies_and_changed_tests_are_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "test_it.py").write_text("from mine import f\n\ndef test_f():\n    assert f() == 1\n")
    (tmp_path / "mine.py").write_text("def f():\n    return 1\n")
    async with Client(build_server(Settings(machine=PATIENT, root=tmp_path))) as client:
        first: Any = (await client.call_tool("run_tests", {})).structured_content
        assert (first["verdict"], first["proof"], first["changed_tests"]) == ("passed", ["canary", "split"], [])
        over = {"mine.py": "def f():\n    return 2\n"}
        laid: Any = (await client.call_tool("run_tests", {"files": over})).structured_content
        assert (laid["verdict"], laid["failures"][0]["actual"]) == ("failed", "2")
        assert (tmp_path / "mine.py").read_text() == "def f():\n    return 1\n"
        (tmp_path / "test_it.py").write_text("def test_f():\n    assert True\n")
        changed: Any = (await client.call_tool("run_tests", {})).structured_content
        assert changed["changed_tests"] == ["test_it.py"]


async def test_a_protected_file_of_a_project_that_changed_is_tampering(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    tmp_path.chmod(0o755)
    (tmp_path / "test_it.py").write_text("def test_f():\n    assert 1 == 2\n")
    settings = Settings(machine=PATIENT, root=tmp_path, protected=("test_*.py",))
    async with Client(build_server(settings)) as client:
        await client.call_tool("run_tests", {})
        (tmp_path / "test_it.py").write_text("def test_f():\n    assert 1 == 1\n")
        result: Any = (await client.call_tool("run_tests", {})).structured_content
        assert (result["verdict"], result["reason"]) == ("tampered", "protected_files_changed:test_it.py")
