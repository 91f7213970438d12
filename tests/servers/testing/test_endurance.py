# ruff: noqa: ASYNC110, ASYNC220, ASYNC240 - processes of other programs tell us nothing, so they are looked at
"""What must stay true over many runs, many clients, killed processes and edits within one second."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest

from understudy_servers.testing.engines import memory
from understudy_servers.testing.engines.execute import PREFIX, Executor, Machine, sweep
from understudy_servers.testing.engines.isolation import Network
from understudy_servers.testing.engines.turns import Busy, Turns
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.subjects import Loose
from understudy_servers.testing.verifier import Request, Verifier
from understudy_servers.testing.workspace import Workspace, address

TESTS = {"test_s.py": "from s import f\n\ndef test_f():\n    assert f() == 1\n"}
LOOSE = Loose(Workspace(address(TESTS, TESTS), TESTS, frozenset(TESTS)))
LIMITS = Limits(wall_s=60.0, cpu_s=60)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def verifier() -> AsyncGenerator[Verifier]:
    verifier = Verifier(Machine(limits=LIMITS), workers=2)
    yield verifier
    verifier.close()


def request(body: str, client: str = "", *, prove: bool = False) -> Request:
    return Request(subject=LOOSE, candidate={"s.py": f"def f():\n    {body}\n"}, client=client, prove=prove)


async def test_edits_of_equal_length_within_a_second_are_never_confused(verifier: Verifier) -> None:
    for number in range(16):
        wanted = number % 2
        result = await verifier.verify(request(f"return {wanted}"))
        assert result.verdict == ("passed" if wanted else "failed")


async def test_edits_of_equal_length_in_a_project_are_never_confused(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "test_s.py").write_text(TESTS["test_s.py"])
    executor = Executor(Machine(limits=LIMITS))
    plan = Plan(files={}, tests=("test_s.py",), root=str(tmp_path), extra={"project": True, "writes": False})
    for number in range(8):
        (tmp_path / "s.py").write_text(f"def f():\n    return {number % 2}\n")
        os.utime(tmp_path / "s.py", (1_700_000_000, 1_700_000_000))
        judgement, _ = await anyio.to_thread.run_sync(executor.run, plan, LIMITS)
        assert judgement.verdict == ("passed" if number % 2 else "failed")
    executor.close()
    assert not (tmp_path / "__pycache__").exists()


async def test_a_killed_warm_interpreter_is_replaced_and_the_replacement_is_reported(verifier: Verifier) -> None:
    await verifier.verify(request("return 1"))
    before = verifier.executor.pool.replaced
    for process in verifier.executor.pool.processes():
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    result = await verifier.verify(request("return 1"))
    assert result.verdict == "passed"
    assert verifier.status()["replaced"] > before
    assert "replaced" in " ".join(result.notes)


async def test_an_interpreter_that_does_not_start_is_an_infra_error_in_words() -> None:
    broken = Verifier(Machine(python="/nonexistent/python"), workers=1)
    result = await broken.verify(request("return 1"))
    assert (result.verdict, result.ok) == ("infra_error", False)
    assert "'/nonexistent/python' could not be started" in result.notes[0]
    broken.close()


async def test_ten_clients_share_the_workers_and_all_are_served(verifier: Verifier) -> None:
    answers: list[tuple[str, str, list[str]]] = []
    most = [0]

    async def ask(client: str) -> None:
        for _ in range(2):
            result = await verifier.verify(request("return 1", client))
            answers.append((result.verdict, result.reason, result.notes))
            most[0] = max(most[0], verifier.turns.running)

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(ask, f"client {number}")
    assert answers == [("passed", "", [])] * 20
    assert most[0] <= 2
    assert (verifier.turns.running, verifier.turns.waiting) == (0, 0)


async def test_the_memory_of_one_run_is_not_counted_against_another() -> None:
    tight = Verifier(Machine(limits=Limits(wall_s=60.0, cpu_s=60, memory_mb=200)), workers=2)
    greedy = "x = [bytearray(8 << 20) for _ in range(20)]; import time; time.sleep(0.2); return 1"
    results: list[str] = []

    async def ask(number: int) -> None:
        results.append((await tight.verify(request(greedy, str(number)))).verdict)

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(ask, number)
    assert results == ["passed"] * 4
    too_much = await tight.verify(request("x = [bytes([1]) * (8 << 20) for _ in range(60)]; return len(x)"))
    assert (too_much.verdict, too_much.reason) == ("killed", "memory")
    tight.close()


async def test_clients_take_turns_however_much_one_of_them_asks() -> None:
    turns = Turns(1)
    order: list[str] = []
    gate = anyio.Event()

    async def work(client: str, *, hold: bool = False) -> None:
        async with turns.turn(client):
            order.append(client)
            if hold:
                await gate.wait()

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: work("first", hold=True))
        await anyio.wait_all_tasks_blocked()
        for client in ["greedy"] * 5 + ["modest"]:
            group.start_soon(work, client)
            await anyio.wait_all_tasks_blocked()
        gate.set()
    assert order.index("modest") == 2


async def test_the_status_tells_how_many_runs_wait(verifier: Verifier) -> None:
    endless = request("exec('while True: pass')")
    async with anyio.create_task_group() as group:
        for _ in range(verifier.turns.workers + 3):
            group.start_soon(verifier.verify, endless)
        with anyio.fail_after(30):
            while (status := await anyio.to_thread.run_sync(verifier.status))["waiting"] < 3:
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    assert (status["running"], status["waiting"]) == (2, 3)
    assert (verifier.turns.running, verifier.turns.waiting) == (0, 0)


async def test_a_full_queue_refuses_in_words() -> None:
    turns = Turns(1, max_waiting=0)
    async with turns.turn("a"):
        with pytest.raises(Busy, match="0 runs wait already"):
            async with turns.turn("b"):
                pass


async def test_a_cancelled_call_ends_its_run_and_frees_its_worker(verifier: Verifier) -> None:
    with anyio.move_on_after(0.5):
        await verifier.verify(request("while True: pass"))
    result = await verifier.verify(request("return 1"))
    assert result.verdict == "passed"
    with anyio.fail_after(30):
        while any(memory.tree(process.pid)[1:] for process in verifier.executor.pool.processes()):
            await anyio.sleep(0.05)


SERVER = """
import sys
from understudy_servers.testing.engines.execute import Executor, Machine
from understudy_servers.testing.engines.isolation import Network
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.plan import Plan
off = frozenset(sys.argv[1].split(",")) if sys.argv[1] else frozenset()
executor = Executor(Machine(switched_off=off, python=sys.argv[2]))
code = "import os, time\\nprint('x')\\nif os.fork() == 0:\\n    os.setsid()\\ntime.sleep(600)\\n"
plan = Plan(files={"test_x.py": code}, tests=("test_x.py",))
executor.isolation
print([process.pid for process in executor.pool.processes()], flush=True)
executor.run(plan, Limits(wall_s=500))
"""


@pytest.mark.parametrize("off", ["", "namespaces,network,view"], ids=["all layers", "without namespaces"])
async def test_a_killed_server_leaves_no_process_and_no_file(off: str) -> None:
    python = "/usr/bin/python3" if off and os.getuid() == 0 else sys.executable
    process = subprocess.Popen([sys.executable, "-c", SERVER, off, python], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    zygotes: list[int] = json.loads(process.stdout.readline())
    with anyio.fail_after(60):
        while len(family := memory.tree(process.pid)) < 6:  # server, zygote, monitor, process 1, worker, its child
            await anyio.sleep(0.02)
        process.kill()
        process.wait()
        process.stdout.close()
        while any(_runs(pid) for pid in [*family[1:], *zygotes]):
            await anyio.sleep(0.02)
    sweep()
    assert not list(Path(tempfile.gettempdir()).glob(f"{PREFIX}{process.pid}-*"))


BUSY = """
import random, sys, anyio
from understudy_servers.testing.engines.execute import Machine
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.subjects import Loose
from understudy_servers.testing.verifier import Request, Verifier
from understudy_servers.testing.workspace import Workspace, address
TESTS = {"test_s.py": "from s import f\\n\\ndef test_f():\\n    assert f() == 1\\n"}
LOOSE = Loose(Workspace(address(TESTS, TESTS), TESTS, frozenset(TESTS)))
off = frozenset(sys.argv[1].split(",")) if sys.argv[1] else frozenset()
verifier = Verifier(Machine(switched_off=off, python=sys.argv[2], warmth=sys.argv[3]), workers=3)
BODIES = ["return 1", "import os, time; os.fork() or os.setsid(); time.sleep(0.2); return 1", "return 2"]

async def ask(number):
    while True:
        body = random.choice(BODIES)
        request = Request(subject=LOOSE, candidate={"s.py": f"def f():\\n    {body}\\n"}, client=str(number))
        assert (await verifier.verify(request)).verdict != "infra_error"

async def main():
    print("begun", flush=True)
    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(ask, number)

anyio.run(main)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("off", "warmth", "kills"),
    [("", "auto", 10), ("", "spare", 5), ("namespaces,network,view", "auto", 5)],
    ids=["all layers", "started ahead", "without namespaces"],
)
async def test_a_server_killed_at_any_moment_leaves_nothing(off: str, warmth: str, kills: int) -> None:
    python = "/usr/bin/python3" if off and os.getuid() == 0 else sys.executable
    chance = random.Random(20)
    for _ in range(kills):
        mounts = Path("/proc/self/mountinfo").read_text()
        command = [sys.executable, "-c", BUSY, off, python, warmth]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        await anyio.sleep(chance.uniform(0, 2.0))
        family = set(memory.tree(process.pid)[1:])
        process.kill()
        family |= {pid for pid in family for pid in memory.tree(pid)}
        process.wait()
        process.stdout.close()
        with anyio.fail_after(30):
            while any(_runs(pid) for pid in family) or _stray_workers():
                await anyio.sleep(0.02)
        sweep()
        assert not list(Path(tempfile.gettempdir()).glob(f"{PREFIX}{process.pid}-*"))
        assert Path("/proc/self/mountinfo").read_text() == mounts


def _stray_workers() -> list[int]:
    """Interpreters of a server, by the text that starts them, that have no server any more."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, IndexError):
            words = Path(f"/proc/{name}/cmdline").read_bytes() if name.isdigit() else b""
            if b"understudy_servers.testing.worker.zygote" in words and _runs(int(name)) and _top(int(name)) == 1:
                found.append(int(name))
    return found


def _top(pid: int) -> int:
    """The parent of the oldest of its ancestors that has the same command."""
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
    same = Path(f"/proc/{parent}/cmdline").read_bytes() == Path(f"/proc/{pid}/cmdline").read_bytes()
    return _top(parent) if same else parent


def _runs(pid: int) -> bool:
    """Whether a process is still at work; one that is only waiting to be reaped is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (OSError, IndexError):
        return False


async def test_tests_may_talk_to_themselves_where_the_owner_allows_loopback() -> None:
    tests = (
        "import socket, threading\n\ndef test_it():\n    s = socket.create_server(('127.0.0.1', 0))\n"
        "    c = socket.create_connection(s.getsockname())\n    a, _ = s.accept()\n    a.sendall(b'hi')\n"
        "    assert c.recv(2) == b'hi'\n"
    )
    plan = Plan(files={"test_x.py": tests}, tests=("test_x.py",), expected=("test_x.py::test_it",))
    verdicts: dict[str, Any] = {}
    networks: tuple[Network, ...] = ("none", "loopback")
    for network in networks:
        executor = Executor(Machine(network=network))
        verdicts[network] = (await anyio.to_thread.run_sync(executor.run, plan, LIMITS))[0].verdict
        executor.close()
    assert verdicts == {"none": "failed", "loopback": "passed"}
