"""The corpus of attacks against the sandbox: each must end as its docstring says, and leave nothing behind.

It runs with every layer, and without namespaces (as in a container that forbids them), where four gaps are declared.
Run as root it starts itself again as an ordinary user, whose server then has the same user id as the hostile code.
"""

import ast
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from understudy_servers.testing.engines import memory
from understudy_servers.testing.engines.execute import PREFIX, Executor, Machine
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.machine import Warmth
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.result import MAX_BYTES, from_judgement

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux system calls")

CORPUS = {path.name: path.read_text() for path in sorted((Path(__file__).parent / "corpus").glob("*.py"))}
SOURCES = {name: CORPUS[name] for name in ("attacks.py", "outward.py", "further.py", "doors.py", "leavings.py")}
FUNCTIONS = {
    node: name.removesuffix(".py")
    for name, source in SOURCES.items()
    for node in ast.parse(source).body
    if isinstance(node, ast.FunctionDef) and node.name[1:3].isdigit()
}
ATTACKS = {node.name: (ast.get_docstring(node) or "").split() for node in FUNCTIONS}
MODULES = {node.name: module for node, module in FUNCTIONS.items()}
# What Landlock cannot do without a private view, as docs/security-sandbox.md declares: disk use, inodes, and the
# mode, times and attributes of files that the user owns.
GAPS_WITHOUT_NAMESPACES = {
    "r06_fill_the_disk",
    "r07_fill_the_inodes",
    "f09_change_mode_outside",
    "f10_change_times_and_attributes",
}
BOMBS = {"r01_fork_bomb", "r27_hydra", "p13_swarm"}  # counted by user, not by run, without namespaces
LIMITS = Limits(wall_s=1.0, cpu_s=2, memory_mb=400, address_mb=2048, output_kb=256, events_kb=1024)
ORDINARY = 54_321
PATIENCE_S = 20.0  # on a busy machine; a hang is what this finds


def executor(*, namespaces: bool, warmth: Warmth = "auto") -> Executor:
    off = frozenset() if namespaces else frozenset({"namespaces", "network", "view"})
    python = python_for(os.getuid() if namespaces else ORDINARY)  # without a view, nobody reads root's own folders
    return Executor(Machine(policy="standard", switched_off=off, limits=LIMITS, python=python, warmth=warmth))


def python_for(uid: int) -> str:
    """An interpreter that this user may run: ours, unless it lives in somebody's private folder."""
    if uid == os.getuid() and os.access(os.path.realpath(sys.executable), os.X_OK):
        return sys.executable
    return "/usr/bin/python3"


@pytest.fixture(scope="module")
def facts() -> Generator[Mapping[str, object]]:
    """A secret, a folder that anybody may write to, and servers that listen nearby."""
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as outside, socket.socket() as listener:
        os.chmod(outside, 0o777)
        secret = Path(home) / "id_secret"
        secret.write_text("the secret")
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.socket(socket.AF_UNIX) as local, socket.socket(socket.AF_UNIX) as abstract:
            local.bind(f"{outside}/socket")
            local.listen()
            os.chmod(f"{outside}/socket", 0o777)
            abstract.bind(f"\0understudy-{os.getpid()}")
            abstract.listen()
            yield {
                "SUPERVISOR": os.getpid(),
                "SECRET": str(secret),
                "OUTSIDE": outside,
                "PROJECT": "",
                "ANOTHER": listener.getsockname()[1],
            }


@pytest.fixture(scope="module")
def full() -> Generator[Executor]:
    chosen = executor(namespaces=True)
    if chosen.isolation.missing:
        pytest.skip(f"this machine does not give every layer: {chosen.isolation.word}")
    yield chosen
    chosen.close()


@pytest.fixture(scope="module")
def ahead() -> Generator[Executor]:
    chosen = executor(namespaces=True, warmth="spare")
    if chosen.isolation.missing:
        pytest.skip(f"this machine does not give every layer: {chosen.isolation.word}")
    yield chosen
    chosen.close()


@pytest.fixture(scope="module")
def bare() -> Generator[Executor]:
    chosen = executor(namespaces=False)
    yield chosen
    chosen.close()


def attack_plan(name: str, facts: Mapping[str, object]) -> Plan:
    told = "".join(f"{key} = {value!r}\n" for key, value in facts.items())
    test = f"import {MODULES[name]} as it\n\ndef test_attack():\n    assert it.{name}() == 'refused'\n"
    return Plan(
        files={**SOURCES, "facts.py": told, "test_attack.py": test},
        tests=("test_attack.py",),
        candidate=tuple(SOURCES),
        expected=("test_attack.py::test_attack",),
    )


HEALTHY = Plan(
    files={"test_ok.py": "def test_ok():\n    assert 1 + 1 == 2\n"},
    tests=("test_ok.py",),
    expected=("test_ok.py::test_ok",),
)


def state(outside: Path, secret: Path) -> object:
    """What no attack may change."""
    strays = list(Path(tempfile.gettempdir()).glob(f"{PREFIX}{os.getpid()}-*"))
    return sorted(os.listdir(outside)), secret.read_text(), secret.stat().st_mode, secret.stat().st_mtime, strays


def hold(executor: Executor, name: str, facts: Mapping[str, object]) -> None:
    """Run one attack and check everything that must be true afterwards."""
    outside, secret = Path(str(facts["OUTSIDE"])), Path(str(facts["SECRET"]))
    before = state(outside, secret)
    started = time.monotonic()
    patient = replace(LIMITS, wall_s=15.0, cpu_s=10)
    judgement, raw = executor.run(attack_plan(name, facts), LIMITS if "timeout" in ATTACKS[name] else patient)
    assert time.monotonic() - started < LIMITS.wall_s + PATIENCE_S
    result = from_judgement(judgement, 1)
    words = ATTACKS[name]
    allowed = {"passed" if word == "refused" else word for word in words}
    assert judgement.verdict in allowed, (judgement.reason, result.failures, bytes(raw.output[-500:]))
    reply = json.dumps(result.as_json(), ensure_ascii=False)
    assert len(reply.encode()) <= MAX_BYTES
    assert "the secret" not in reply
    assert all(character.isprintable() or character == "\n" for character in result.as_text())
    assert state(outside, secret) == before
    waiting = 3 if executor.machine.warmth == "spare" else 0  # monitor, process 1 and worker of the next run
    for process in executor.pool.processes():
        assert len(memory.tree(process.pid)[1:]) <= waiting
    healthy, _ = executor.run(HEALTHY, patient)
    assert healthy.verdict == "passed"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=pytest.mark.slow) if "timeout" in words or n[0] in "or" or n > "y18" else n
        for n, words in ATTACKS.items()
    ],
)
def test_every_attack_is_held_by_all_layers(name: str, full: Executor, facts: Mapping[str, object]) -> None:
    hold(full, name, facts)


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_is_held_by_a_run_that_was_started_ahead_with_all_layers(
    name: str, ahead: Executor, facts: Mapping[str, object]
) -> None:
    hold(ahead, name, facts)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ATTACKS.keys() - BOMBS))
def test_without_namespaces_only_the_declared_gaps_are_open(
    name: str, bare: Executor, facts: Mapping[str, object]
) -> None:
    if name in GAPS_WITHOUT_NAMESPACES:
        pytest.skip("a declared gap")
    hold(bare, name, facts)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["all_layers", "without_namespaces"])
def test_every_attack_is_held_when_the_server_has_the_same_user_id(which: str) -> None:
    if os.getuid() != 0:
        pytest.skip("this run is an ordinary user's already")
    env = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, ORDINARY, ORDINARY)
        command = [python_for(ORDINARY), "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", which]
        drop = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups"]
        done = subprocess.run(
            [*drop, *command],
            env={**env, "TMPDIR": folder, "HOME": folder},
            capture_output=True,
            text=True,
            timeout=900,
        )
    assert done.returncode == 0, done.stdout[-4000:]
