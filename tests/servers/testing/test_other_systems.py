# ruff: noqa: ASYNC110, ASYNC220, ASYNC221, ASYNC240 - processes of others tell us nothing, so they are looked at
"""macOS and Windows: refused unless `weak` is asked for, then a process for each run, and every result says so.

The table of the other system is handed to the server; what runs is the same code as there, on this machine.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from understudy_servers.testing.engines.containment import ProcessGroup, ProcessTree
from understudy_servers.testing.engines.execute import PREFIX, Machine, sweep
from understudy_servers.testing.engines.platforms import LINUX, MACOS, WINDOWS, Platform, here
from understudy_servers.testing.frameworks.generic import Generic
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.server import Settings, build_server
from understudy_servers.testing.worker.surroundings import ALL
from understudy_servers.testing.workspace import address

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for `taskkill` is POSIX")

TESTS = {"test_s.py": "from s import f\n\ndef test_f():\n    assert f() == 1\n"}
META: Any = {
    "understudy/workspace": {
        "id": address(TESTS, TESTS), "files": TESTS, "protected": list(TESTS), "hidden": []
    }
}  # fmt: skip
LIMITS = Limits(wall_s=30.0, cpu_s=30, memory_mb=300, output_kb=64)
# The same calls as on Windows, with a program of this system in the place of `taskkill`.
WINDOWS_HERE = replace(WINDOWS, containment=ProcessTree(flags=0, killer=("/bin/sh", "-c", 'kill -9 "$0"')))
SYSTEMS = pytest.mark.parametrize("platform", [MACOS, WINDOWS_HERE], ids=["macOS", "Windows"])


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def settings(platform: Platform, policy: Any = "weak", **others: Any) -> Settings:
    machine = Machine(platform=platform, policy=policy, limits=LIMITS, **others)
    return Settings(machine=machine, python=sys.executable)


@pytest.fixture(scope="module")
async def client() -> AsyncGenerator[Client]:
    async with Client(build_server(settings(MACOS))) as client:
        yield client


async def run(client: Client, body: str, **limits: float) -> Any:
    code = {"s.py": f"def f():\n    {body}\n"}
    meta = META | {"understudy/limits": limits}
    return (await client.call_tool("run_tests", {"files": code}, meta=meta)).structured_content


@SYSTEMS
@pytest.mark.parametrize("policy", ["standard", "strict"])
async def test_it_refuses_unless_weak_isolation_was_asked_for(platform: Platform, policy: str) -> None:
    async with Client(build_server(settings(platform, policy))) as client:
        result = await run(client, "return 1")
        assert (result["verdict"], result["ok"]) == ("infra_error", False)
        assert platform.name in result["notes"][0]
        assert platform.cure in result["notes"][0]
        assert "--isolation weak" in result["notes"][0]


@SYSTEMS
async def test_with_weak_isolation_it_runs_and_each_result_names_what_is_missing(platform: Platform) -> None:
    async with Client(build_server(settings(platform))) as client:
        right, wrong = await run(client, "return 1"), await run(client, "return 2")
    assert (right["verdict"], right["proof"], right["mode"]) == ("passed", ["canary", "cold"], "spare")
    assert "cannot be run apart" in right["notes"][0]
    assert (wrong["verdict"], wrong["failures"][0]["actual"]) == ("failed", "2")
    for result in (right, wrong):
        assert all(layer in result["isolation"] for layer in ALL)
        assert platform.cure in result["isolation"]


@pytest.mark.parametrize(
    ("body", "verdict", "reason"),
    [
        ("import time; time.sleep(600)", "timeout", "wall"),
        ("import os; os._exit(0)", "aborted", "exit_status:0"),
        ("import ctypes; ctypes.string_at(0)", "crashed", "SIGSEGV"),
        ("exec('while True: print(\"x\" * 65536)')", "killed", "output_flood"),
        ("import os; exec('while True: os.write(3, b\"x\" * 9)')", "failed", ""),
        ("kept = [b'x' * (8 << 20) for _ in range(60)]; import time; time.sleep(600)", "killed", "memory"),
        ("raise KeyboardInterrupt", "failed", ""),
        ("import sys; return len(sys.stdin.read()) + 1", "passed", ""),
    ],
)
async def test_runs_are_limited_and_judged_from_outside(client: Client, body: str, verdict: str, reason: str) -> None:
    limits = {"wall_s": 1.5} if reason == "wall" else {}
    result = await run(client, body, **limits)
    assert (result["verdict"], result["reason"]) == (verdict, reason)


async def test_the_environment_of_a_run_is_clean_and_its_folder_is_gone_afterwards(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "the secret")
    told = await run(client, "import os, tempfile; return (sorted(os.environ), tempfile.gettempdir(), os.getcwd())")
    assert "SECRET_TOKEN" not in told["failures"][0]["actual"]
    assert PREFIX in told["failures"][0]["actual"]
    assert not list(Path(tempfile.gettempdir()).glob(f"{PREFIX}{os.getpid()}-*"))


async def test_what_a_run_leaves_running_is_ended_with_it(client: Client, tmp_path: Path) -> None:
    body = f"import subprocess; p = subprocess.Popen(['sleep', '600']); open('{tmp_path}/pid', 'w').write(str(p.pid))"
    result = await run(client, f"{body}; return 1")
    assert result["verdict"] in {"passed", "flaky"}
    pid = int((tmp_path / "pid").read_text())
    with anyio.fail_after(30):
        while _works(pid):
            await anyio.sleep(0.02)


@pytest.mark.slow
async def test_a_project_is_tested_with_files_laid_over_a_copy_of_it(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\nfrom mine import f\n\n@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_f(n):\n    assert f() == 1\n"
    )
    (tmp_path / "mine.py").write_text("def f():\n    return 1\n")
    async with Client(build_server(replace(settings(MACOS), root=tmp_path))) as client:
        first: Any = (await client.call_tool("run_tests", {})).structured_content
        assert (first["verdict"], first["framework"], first["passed"]) == ("passed", "pytest", 2)
        over = {"mine.py": "def f():\n    return 2\n"}
        laid: Any = (await client.call_tool("run_tests", {"files": over})).structured_content
        assert (laid["verdict"], laid["failed"]) == ("failed", 2)
        status: Any = (await client.call_tool("test_status", {})).structured_content
        assert status["warm"][0]["python"] == sys.executable
    assert sorted(os.listdir(tmp_path)) == ["mine.py", "test_it.py"]
    assert (tmp_path / "mine.py").read_text() == "def f():\n    return 1\n"


async def test_other_languages_run_where_a_process_can_turn_into_their_program(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    tap = Generic("echo 1..1; echo ok 1 - one")
    answers: dict[str, Any] = {}
    for platform in (MACOS, WINDOWS_HERE):
        async with Client(build_server(replace(settings(platform), root=tmp_path, framework=tap))) as client:
            answers[platform.name] = (await client.call_tool("run_tests", {})).structured_content
    assert (answers["macOS"]["verdict"], answers["macOS"]["channel"]) == ("passed", "unverified_channel")
    assert answers["Windows"]["verdict"] == "infra_error"
    assert "only Python tests are run" in answers["Windows"]["notes"][0]


async def test_loopback_is_refused_where_the_network_cannot_be_cut_off() -> None:
    async with Client(build_server(settings(MACOS, network="loopback"))) as client:
        result = await run(client, "return 1")
    assert result["verdict"] == "infra_error"
    assert "needs a network namespace" in result["notes"][0]


@pytest.mark.parametrize("python", ["/nonexistent/python", "/bin/false"])
async def test_an_interpreter_that_does_not_start_is_an_infra_error_in_words(python: str) -> None:
    async with Client(build_server(settings(MACOS, python=python))) as client:
        result = await run(client, "return 1")
    assert (result["verdict"], result["ok"]) == ("infra_error", False)
    assert python in result["notes"][0]


async def test_an_interpreter_that_was_killed_while_it_waited_is_replaced_and_reported() -> None:
    async with Client(build_server(settings(MACOS))) as client:
        before = await run(client, "return 2")
        children = subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True).stdout.split()
        for pid in map(int, children):
            if b"alone" in _command(pid):
                os.kill(pid, signal.SIGKILL)
                with anyio.fail_after(30):
                    while _works(pid):
                        await anyio.sleep(0.01)
        after = await run(client, "return 2")
    assert (before["verdict"], after["verdict"]) == ("failed", "failed")
    assert "replaced" in " ".join(after["notes"])


async def test_cold_starts_a_new_interpreter_for_each_run() -> None:
    async with Client(build_server(settings(MACOS, warmth="cold"))) as client:
        result = await run(client, "return 1")
        status: Any = (await client.call_tool("test_status", {})).structured_content
    assert (result["verdict"], result["mode"]) == ("passed", "cold")
    assert (status["warmth"], status["warm"]) == ("cold", [])


SERVER = """
import sys
from understudy_servers.testing.engines.execute import Executor, Machine
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.engines.platforms import MACOS
executor = Executor(Machine(platform=MACOS, policy="weak"))
code = f"import os, time\\nopen({sys.argv[1]!r}, 'w').write(str(os.getpid()))\\ntime.sleep(600)\\n"
executor.run(Plan(files={"test_x.py": code}, tests=("test_x.py",)), Limits(wall_s=500))
"""


async def test_a_killed_server_takes_its_runs_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(note)])
    with anyio.fail_after(60):
        while not (note.exists() and note.read_text()):
            await anyio.sleep(0.02)
        process.kill()
        process.wait()
        while _works(int(note.read_text())):
            await anyio.sleep(0.02)
    sweep()
    assert not list(Path(tempfile.gettempdir()).glob(f"{PREFIX}{process.pid}-*"))


def test_loading_the_server_loads_no_system_call_of_linux() -> None:
    code = "import sys, json, understudy_servers.testing.commands; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in json.loads(done.stdout) if name.startswith("understudy_servers.testing")}
    engines = {f"engines.{name}" for name in ("forks", "zygote", "scopes", "running", "memory")}
    lazy = engines | {"worker.syscalls", "worker.layers", "worker.child", "worker.seccomp"}
    assert not loaded & {f"understudy_servers.testing.{name}" for name in lazy}


def test_the_system_is_known_by_its_name() -> None:
    assert here() is (LINUX if sys.platform == "linux" else MACOS)
    assert LINUX.lacks == {}
    assert set(WINDOWS.lacks) == set(MACOS.lacks) == set(ALL)


def test_a_system_that_tells_no_memory_has_no_limit_on_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert ProcessGroup(look=("/nonexistent/ps",)).memory(process) is None
        assert ProcessTree().memory(process) is None
        process.kill()


def _works(pid: int) -> bool:
    """Whether a process is still at work; one that is only waiting to be reaped is not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and state[0] not in "ZX"


def _command(pid: int) -> bytes:
    return subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True).stdout
