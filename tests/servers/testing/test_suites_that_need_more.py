"""Suites that talk to themselves or write beside themselves: allowed by an option of the owner, seen by nobody else."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from understudy_servers.testing.engines.layout import PREFIX

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sandboxed runs")

ORDINARY = 54_321
TALKS = """\
import multiprocessing, socket, threading, unittest


class Talks(unittest.TestCase):
    def test_with_itself(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            with socket.create_connection(server.getsockname()) as client:
                line, _ = server.accept()
                with line:
                    line.sendall(b"hi")
                    self.assertEqual(client.recv(2), b"hi")

    def test_in_a_pair(self):
        one, other = socket.socketpair()
        with one, other:
            one.sendall(b"x")
            self.assertEqual(other.recv(1), b"x")

    def test_with_another_process(self):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            self.assertEqual(pool.map(abs, [-1, 2]), [1, 2])

    def test_with_nobody_else(self):
        for address in [("127.0.0.1", PORT), ("192.0.2.1", 80), ("1.1.1.1", 53)]:
            with self.assertRaises(OSError):
                socket.create_connection(address, timeout=2)
        with self.assertRaises(OSError):
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
"""
WRITES = """\
import pathlib, unittest

HERE = pathlib.Path(__file__).parent


class Writes(unittest.TestCase):
    def test_beside_itself(self):
        (HERE / "made.txt").write_text("made")
        (HERE / "data").mkdir(exist_ok=True)
        (HERE / "data" / "kept.txt").write_text("changed")
        self.assertEqual((HERE / "made.txt").read_text(), "made")
        self.assertEqual((HERE / "data" / "kept.txt").read_text(), "changed")
        (HERE / "gone.txt").unlink()
        self.assertFalse((HERE / "gone.txt").exists())

    def test_nowhere_else(self):
        for path in ("/usr/stray", "/etc/stray", "/stray"):
            with self.assertRaises(OSError):
                pathlib.Path(path).write_text("x")
"""


class Place(NamedTuple):
    """A project of an ordinary user, and the command as that user runs it."""

    root: Path
    drop: Sequence[str]

    def run(self, *options: str) -> tuple[int, str]:
        start = "from understudy_harness.cli import main; main()"
        python = sys.executable if not self.drop else "/usr/bin/python3"
        words = ["test", "run", "--root", str(self.root), "--python", "/usr/bin/python3", *options]
        env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": str(self.root)}
        done = subprocess.run(
            [*self.drop, python, "-c", start, *words], env=env, capture_output=True, text=True, timeout=100, cwd="/"
        )
        return done.returncode, done.stdout + done.stderr

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        if self.drop:
            os.chown(path.parent, ORDINARY, ORDINARY)
            os.chown(path, ORDINARY, ORDINARY)

    def files(self) -> dict[str, str]:
        found = (path for path in self.root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(self.root).as_posix(): path.read_text() for path in found}


@pytest.fixture
def place() -> Generator[Place]:
    drop = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups"] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Place(Path(folder), drop)


@pytest.mark.slow
def test_a_suite_may_talk_to_itself_and_to_nobody_else(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nearby:
        place.write("test_talks.py", TALKS.replace("PORT", str(nearby.getsockname()[1])))
        code, said = place.run("--network", "loopback")
        assert (code, "passed: 4 passed" in said) == (0, True), said
        code, said = place.run()
        assert (code, "failed" in said) == (1, True), said


@pytest.mark.slow
def test_a_suite_may_write_beside_itself_and_nobody_else_sees_it(place: Place) -> None:
    before = {"test_writes.py": WRITES, "data/kept.txt": "kept", "gone.txt": "still here"}
    for name, text in before.items():
        place.write(name, text)
    strays = set(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))
    code, said = place.run("--writes")
    assert (code, "passed: 2 passed" in said) == (0, True), said
    assert place.files() == before
    code, said = place.run()
    assert (code, "1 passed, 1 failed" in said) == (1, True), said
    assert place.files() == before
    assert set(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")) <= strays
