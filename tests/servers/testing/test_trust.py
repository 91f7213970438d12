"""What a client may decide and what a model may not: roots, and keys that only a host may send."""

import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ListRootsResult, Root, TextContent
from pydantic import FileUrl

from understudy_servers.testing.commands import settings
from understudy_servers.testing.engines.execute import Machine
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.server import Settings, build_server
from understudy_servers.testing.workspace import address

TESTS = {"test_it.py": "from mine import f\n\ndef test_f():\n    assert f() == 1\n"}
HIDDEN = {"test_more.py": "from mine import f\n\ndef test_secret_name():\n    assert f(2) == 'secret value'\n"}
MACHINE = Machine(limits=Limits(wall_s=20.0, cpu_s=20))
RIGHT, WRONG = {"mine.py": "def f(n=1):\n    return n\n"}, {"mine.py": "def f(n=1):\n    return n + 1\n"}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def client() -> AsyncGenerator[Client]:
    async with Client(build_server(Settings(machine=MACHINE))) as client:
        yield client


def project(root: Path, value: int) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    (root / "test_it.py").write_text(TESTS["test_it.py"])
    (root / "mine.py").write_text(f"def f():\n    return {value}\n")
    return root


def workspace(hidden: bool = False) -> dict[str, Any]:
    files = {**TESTS, **(HIDDEN if hidden else {})}
    unseen = list(HIDDEN) if hidden else []
    return {"id": address(files, files, unseen), "files": files, "protected": list(files), "hidden": unseen}


async def test_the_first_root_that_the_client_names_is_the_project(tmp_path: Path) -> None:
    here, there = project(tmp_path / "here", 1), project(tmp_path / "there", 2)
    roots = [tmp_path / "missing", there, here]

    async def name_roots(context: ClientRequestContext) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=FileUrl(path.as_uri())) for path in roots])

    server = build_server(Settings(machine=MACHINE))
    async with Client(server, list_roots_callback=name_roots, mode="legacy") as client:
        result: Any = (await client.call_tool("run_tests", {})).structured_content
        assert (result["workspace"], result["verdict"]) == (str(there), "failed")


async def test_a_root_of_the_person_goes_before_those_of_the_client(tmp_path: Path) -> None:
    mine, theirs = project(tmp_path / "mine", 1), project(tmp_path / "theirs", 2)

    async def name_roots(context: ClientRequestContext) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=FileUrl(theirs.as_uri()))])

    server = build_server(Settings(machine=MACHINE, root=mine))
    async with Client(server, list_roots_callback=name_roots, mode="legacy") as client:
        result: Any = (await client.call_tool("run_tests", {})).structured_content
        assert (result["workspace"], result["verdict"]) == (str(mine), "passed")


async def test_a_project_that_a_client_names_has_the_limits_of_a_project(tmp_path: Path) -> None:
    here = project(tmp_path / "here", 1)

    async def name_roots(context: ClientRequestContext) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=FileUrl(here.as_uri()))])

    chosen = settings(None, python=sys.executable)
    assert chosen.machine.limits.wall_s == 10
    async with Client(build_server(chosen), list_roots_callback=name_roots, mode="legacy") as client:
        result: Any = (await client.call_tool("run_tests", {})).structured_content
        status: Any = (await client.call_tool("test_status", {})).structured_content
    assert (result["verdict"], status["limits"]["wall_s"], status["limits"]["processes"]) == ("passed", 120, 256)


async def test_a_client_over_http_names_no_folder_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = project(tmp_path / "mine", 1), project(tmp_path / "theirs", 2)
    monkeypatch.chdir(mine)

    async def name_roots(context: ClientRequestContext) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri=FileUrl(theirs.as_uri()))])

    server = build_server(Settings(machine=MACHINE))
    app = server.streamable_http_app()
    async with (
        server.session_manager.run(),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1:1", timeout=60) as http,
        Client(
            streamable_http_client("http://127.0.0.1:1/mcp", http_client=http),
            list_roots_callback=name_roots,
            mode="legacy",
        ) as client,
    ):
        result: Any = (await client.call_tool("run_tests", {})).structured_content
    assert (result["workspace"], result["verdict"]) == (str(mine), "passed")


async def test_a_client_without_roots_gets_the_folder_it_started_the_server_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project(tmp_path / "here", 1))
    async with Client(build_server(Settings(machine=MACHINE))) as client:
        result: Any = (await client.call_tool("run_tests", {})).structured_content
        assert (result["workspace"], result["verdict"]) == (str(tmp_path / "here"), "passed")


SMUGGLED: dict[str, dict[str, Any]] = {
    "meta": {"_meta": {"understudy/grade": True, "understudy/workspace": {"id": "x", "files": {}}}},
    "meta without the dash": {"meta": {"understudy/limits": {"wall_s": 0.01}}},
    "keys of the host": {"understudy/workspace": {"id": "x", "files": {}}, "understudy/limits": {"wall_s": 0.01}},
    "a root": {"root": "/etc", "project": "/etc", "cwd": "/etc"},
    "isolation": {"isolation": "weak", "policy": "weak", "network": "loopback", "writes": True},
    "protection": {"protected": [], "protect": "", "hidden": [], "grade": True},
    "limits": {"timeout": 0.01, "wall_s": 0.01, "memory_mb": 1, "limits": {"wall_s": 0.01}},
    "arguments of pytest": {"args": "--collect-only", "pytest_arguments": ["--collect-only"], "addopts": "-k nothing"},
    "an interpreter": {"python": "/bin/true", "command": "true", "framework": "plain", "preload": ["os"]},
    "a client": {"client": "somebody else", "understudy/client": "somebody else"},
}


@pytest.mark.parametrize("name", SMUGGLED)
async def test_keys_that_only_a_host_may_send_do_nothing_in_the_arguments_of_a_model(client: Client, name: str) -> None:
    meta: Any = {"understudy/workspace": workspace()}
    result = await client.call_tool("run_tests", {"files": WRONG, **SMUGGLED[name]}, meta=meta)
    if result.is_error:  # refused in words
        assert result.structured_content is None
        return
    facts: Any = result.structured_content  # `args` is read as what is selected, and selects nothing
    assert (facts["verdict"], facts["workspace"]) in [(word, workspace()["id"]) for word in ("failed", "no_tests")]
    assert "graded" not in facts
    status: Any = (await client.call_tool("test_status", {})).structured_content
    assert (status["policy"], status["network"], status["limits"]["wall_s"]) == ("standard", "none", 20.0)


@pytest.mark.parametrize(
    "select",
    [
        "--collect-only",
        "-p no:understudy",
        "test_it.py::test_f[x",
        "../test_it.py",
        "/etc/passwd",
        "--co -q",
        "*",
        "\0",
    ],
)
async def test_a_selection_is_never_an_option_or_a_path_outside(client: Client, select: str) -> None:
    meta: Any = {"understudy/workspace": workspace()}
    result = await client.call_tool("run_tests", {"files": WRONG, "select": select}, meta=meta)
    facts: Any = result.structured_content
    assert result.is_error or facts["verdict"] in {"failed", "no_tests", "aborted"}, facts


async def test_no_selection_of_a_project_is_an_option_of_pytest(tmp_path: Path) -> None:
    root = project(tmp_path / "here", 2)
    async with Client(build_server(Settings(machine=MACHINE, root=root))) as client:
        for select in ("--collect-only", "-p no:terminal", "--override-ini=addopts=-x", f"--rootdir={tmp_path}"):
            facts: Any = (await client.call_tool("run_tests", {"select": select})).structured_content
            assert facts["verdict"] in {"failed", "no_tests", "aborted"}, facts
            assert not facts["ok"]


async def test_hidden_tests_show_in_no_answer(client: Client) -> None:
    meta: Any = {"understudy/workspace": workspace(hidden=True)}
    seen = [
        await client.call_tool("run_tests", {"files": files, "only": only, "detail": True}, meta=meta)
        for files in (RIGHT, WRONG)
        for only in ("all", "failed")
    ]
    for name in ("test_more.py", "test_more.py::test_secret_name", "test_secret_name"):
        seen.append(await client.call_tool("explain_failure", {"id": name}, meta=meta))
        seen.append(await client.call_tool("run_tests", {"files": RIGHT, "select": name}, meta=meta))
    seen.append(await client.call_tool("check_suite", {"flaky_runs": 1, "mutants": 2}, meta=meta))
    facts: Any = seen[0].structured_content
    assert (facts["verdict"], facts["reason"]) == ("failed", "hidden_tests")
    asked = {"test_secret_name", "test_more.py"}
    for answer in seen[:4]:
        words = str(answer.structured_content) + "".join(c.text for c in answer.content if isinstance(c, TextContent))
        assert not any(word in words for word in {*asked, "secret value"})
    for answer in seen:
        words = "".join(content.text for content in answer.content if isinstance(content, TextContent))
        assert "secret value" not in words


async def test_a_candidate_reads_no_hidden_test_while_the_visible_ones_run(client: Client) -> None:
    spy = "import glob\nFOUND = glob.glob('/workspace/**', recursive=True)\ndef f(n=1):\n    raise ValueError(FOUND)\n"
    meta: Any = {"understudy/workspace": workspace(hidden=True)}
    facts: Any = (await client.call_tool("run_tests", {"files": {"mine.py": spy}}, meta=meta)).structured_content
    assert "test_it.py" in facts["failures"][0]["message"]
    assert "test_more" not in str(facts)
