# ruff: noqa: ASYNC110, ASYNC240 - a process that is to be gone is looked at; a few small files
"""How an interpreter comes to be ready: forked, started ahead where a fork would not be safe, or new for each run."""

import os
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from understudy_servers.testing.engines import memory
from understudy_servers.testing.engines.execute import Machine
from understudy_servers.testing.engines.warm import Recipe
from understudy_servers.testing.engines.zygote import Zygote
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.server import Settings, build_server
from understudy_servers.testing.workspace import address

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these are forks of Linux")

TESTS = {"test_s.py": "from s import f\n\ndef test_f():\n    assert f() == 1\n"}
META: Any = {
    "understudy/workspace": {
        "id": address(TESTS, TESTS), "files": TESTS, "protected": list(TESTS), "hidden": []
    }
}  # fmt: skip
LIMITS = Limits(wall_s=60.0, cpu_s=60)
LIBRARY = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def threaded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter with a library that starts a thread when it is imported."""
    folder = tmp_path_factory.mktemp("threaded")
    venv.create(folder, symlinks=True)
    (next(folder.glob("lib/python*/site-packages")) / "threaded.py").write_text(LIBRARY)
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.getuid():
            parent.chmod(parent.stat().st_mode | 0o055)
    return str(folder / "bin" / "python")


async def run(client: Client, body: str) -> Any:
    code = {"s.py": f"def f():\n    {body}\n"}
    return (await client.call_tool("run_tests", {"files": code}, meta=META)).structured_content


async def test_a_library_with_threads_is_loaded_ahead_and_never_forked(threaded: str) -> None:
    machine = Machine(python=threaded, preload=("threaded",), limits=LIMITS)
    async with Client(build_server(Settings(machine=machine))) as client:
        right = await run(client, "import threaded; return 1")
        wrong = await run(client, "import threading; return threading.active_count()")
        status: Any = (await client.call_tool("test_status", {})).structured_content
    assert (right["verdict"], right["mode"], right["isolation"]) == ("passed", "spare", "full")
    assert (wrong["verdict"], wrong["failures"][0]["actual"]) == ("failed", "2")
    assert status["replaced"] == 0


@pytest.mark.parametrize(("warmth", "modes"), [("auto", "warm"), ("spare", "spare"), ("cold", "cold")])
async def test_the_way_that_was_asked_for_is_taken_and_named(warmth: Any, modes: str) -> None:
    async with Client(build_server(Settings(machine=Machine(warmth=warmth, limits=LIMITS)))) as client:
        result = await run(client, "return 1")
    assert (result["verdict"], result["mode"], result["isolation"]) == ("passed", modes, "full")


@pytest.mark.slow
@pytest.mark.parametrize("writes", [False, True])
async def test_a_project_is_tested_by_a_run_that_was_started_ahead(tmp_path: Path, writes: bool) -> None:
    tmp_path.chmod(0o755)
    code = "def test_f(tmp_path, monkeypatch):\n    from mine import f\n    assert f() == 1\n"
    (tmp_path / "test_it.py").write_text(code)
    (tmp_path / "mine.py").write_text("def f():\n    return 1\n")
    chosen = Settings(machine=Machine(warmth="spare", limits=LIMITS), root=tmp_path, writes=writes)
    async with Client(build_server(chosen)) as client:
        first: Any = (await client.call_tool("run_tests", {})).structured_content
        over = {"mine.py": "def f():\n    return 2\n"}
        laid: Any = (await client.call_tool("run_tests", {"files": over})).structured_content
    assert (first["verdict"], first["framework"], first["mode"]) == ("passed", "pytest", "cold" if writes else "spare")
    assert (laid["verdict"], laid["failures"][0]["actual"]) == ("failed", "2")
    assert (tmp_path / "mine.py").read_text() == "def f():\n    return 1\n"


async def test_a_run_that_was_killed_while_it_waited_is_replaced_and_reported() -> None:
    server = build_server(Settings(machine=Machine(warmth="spare", limits=LIMITS)))
    async with Client(server) as client:
        before = await run(client, "return 2")
        mine: list[int] = []
        with anyio.fail_after(30):
            while not mine:  # a warm interpreter with a whole run below it: monitor, process 1, worker
                await anyio.sleep(0.01)
                warm = [pid for pid in memory.tree(os.getpid())[1:] if len(memory.tree(pid)) == 4]
                mine = [pid for one in warm for pid in memory.tree(one) if len(memory.tree(pid)) == 3]
            for pid in mine:
                os.kill(pid, signal.SIGKILL)
            while any(Path(f"/proc/{pid}").exists() for pid in mine):
                await anyio.sleep(0.01)
        after = await run(client, "return 2")
    assert (before["verdict"], after["verdict"]) == ("failed", "failed")
    assert "replaced" in " ".join(after["notes"])


async def test_a_spare_that_nobody_wants_any_more_is_gone_with_its_server() -> None:
    before = set(memory.tree(os.getpid()))
    async with Client(build_server(Settings(machine=Machine(warmth="spare", limits=LIMITS)))) as client:
        await run(client, "return 2")
        assert set(memory.tree(os.getpid())) - before
    with anyio.fail_after(30):
        while set(memory.tree(os.getpid())) - before:
            await anyio.sleep(0.01)


async def test_an_interpreter_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such encoding >&2\nexit 1\n")
    broken.chmod(0o755)
    async with Client(build_server(Settings(machine=Machine(python=str(broken), limits=LIMITS)))) as client:
        answer = await run(client, "return 2")
    assert answer["verdict"] == "infra_error"
    assert "ended before it was ready: no such encoding" in " ".join(answer["notes"])


def test_a_run_that_ends_before_its_interpreter_gets_another_turn_costs_no_interpreter() -> None:
    zygote = Zygote.start(Recipe(python=sys.executable))
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    nothing = os.open(os.devnull, os.O_RDWR)  # a job that is empty: the run ends at once
    try:
        for process in (zygote.process, *busy):
            os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
        for _ in range(50):
            os.close(zygote.fork([nothing] * 4)[1])
        assert zygote.alive
        deadline = time.monotonic() + 30
        while len(memory.tree(zygote.process.pid)) > 1:
            assert time.monotonic() < deadline
    finally:
        for process in busy:
            process.kill()
            process.wait()
        os.close(nothing)
        zygote.close()
