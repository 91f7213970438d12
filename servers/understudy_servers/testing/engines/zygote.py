"""The server's side of a zygote (Linux): start it, ask it for forks, replace it when it is gone."""

import array
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from understudy_servers.testing.engines import scopes
from understudy_servers.testing.engines.scopes import Place, Scope, Slot
from understudy_servers.testing.engines.warm import BOOT, START_S, Recipe, ZygoteLost, sources
from understudy_servers.testing.worker.surroundings import ENVIRONMENT

MAX_AHEAD = 500  # paths of test files in one message, which must stay below the buffer of a socket
_NUMBERS = itertools.count(1)


@dataclass
class Zygote:
    """A running zygote. `fork` may be called from several threads."""

    process: subprocess.Popen[bytes]
    socket: socket.socket
    facts: dict[str, Any]
    scope: Scope | None = None
    """Where its runs get their cgroups."""
    runs: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def start(cls, recipe: Recipe) -> "Zygote":
        """Start the interpreter, in a scope where there are any, and wait until it is warm.

        Raises:
            ZygoteLost: it could not be started or ended at once; the text holds its last words.
        """
        place = scopes.here()
        if place.words:
            with contextlib.suppress(ZygoteLost):  # systemd may be gone by now
                return cls._start(recipe, place)
        return cls._start(recipe, replace(place, words=()))

    @classmethod
    def _start(cls, recipe: Recipe, place: Place) -> "Zygote":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        env = {**ENVIRONMENT, "PYTHONHASHSEED": str(recipe.hash_seed)}
        if recipe.plugins:
            del env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        if place.words:
            env |= place.environment
        command = [*place.words, recipe.python, "-c", BOOT, "zygote", str(theirs.fileno())]
        try:
            process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], env=env, cwd="/", stdin=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except OSError as error:
            ours.close()
            raise ZygoteLost(f"The interpreter {recipe.python!r} could not be started: {error.strerror}.") from error
        finally:
            theirs.close()
        try:
            _send_quietly(process, len(sources()).to_bytes(8, "big") + sources())
            ours.settimeout(START_S)
            ours.send(json.dumps({"preload": recipe.preload, "pytest": recipe.pytest}).encode())
            answer = ours.recv(1 << 20)
        except OSError:
            answer = b""
        if not answer:
            raise ZygoteLost(_last_words(process, ours, recipe.python))
        ours.settimeout(10)
        assert process.stderr is not None
        process.stderr.close()
        return cls(process, ours, json.loads(answer), place.scope(process.pid, next(_NUMBERS)))

    def fork(self, descriptors: list[int], ahead: Sequence[str] = (), slot: Slot | None = None) -> tuple[int, int]:
        """Start a run that owns copies of the descriptors; return its pid and a descriptor that stands for it.

        `ahead` are test files of a project that the zygote may compile before the fork; `slot` is the cgroup that the
        run is born into. Where that fails the scope is not used any more.

        Raises:
            ZygoteLost: the zygote is gone.
        """
        rights = array.array("i", [*descriptors, *([] if slot is None else [slot.descriptor])])
        order = json.dumps({"ahead": ahead[:MAX_AHEAD], "scoped": slot is not None}).encode()
        with self.lock:
            try:
                self.socket.sendmsg([order], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
                message, ancillary, _, _ = self.socket.recvmsg(64, socket.CMSG_SPACE(4))
            except OSError as error:
                self.process.kill()  # a late answer would be taken for that to the next question
                raise ZygoteLost(f"The warm interpreter is gone ({error.strerror or error}).") from error
            if not message or not ancillary:
                raise ZygoteLost("The warm interpreter is gone.")
            self.runs += 1
        answer = json.loads(message)
        if slot is not None and not answer["scoped"]:
            slot.scope.usable = False
        return int(answer["pid"]), array.array("i", ancillary[0][2])[0]

    def close(self) -> None:
        """End it, and with it every run it started."""
        self.socket.close()
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.scope is not None:
            self.scope.close()

    @property
    def memory(self) -> str:
        """Who holds the memory of its runs, in a word for `test_status`."""
        return "cgroup" if self.scope is not None and self.scope.usable else "watched"

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


def _send_quietly(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    stream, process.stdin = process.stdin, None  # else `communicate` would flush what is closed
    with stream:
        stream.write(data)


def _last_words(process: subprocess.Popen[bytes], ours: socket.socket, python: str) -> str:
    ours.close()
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    words = (errors or b"").decode(errors="replace").strip().splitlines()[-1:]
    return f"The interpreter {python!r} ended before it was ready: {''.join(words)[:300] or 'no message'}."


def system_paths() -> list[str]:
    """What any program needs to see of the system; nothing of a user's own."""
    etc = (
        "ld.so.cache",
        "ld.so.conf",
        "localtime",
        "passwd",
        "group",
        "nsswitch.conf",
        "hosts",
        "mime.types",
        "alternatives",
    )
    listed = ["/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", *(f"/etc/{name}" for name in etc), "/etc/ssl/certs"]
    return [path for path in listed if os.path.lexists(path)]


def interpreter_paths(facts: dict[str, Any]) -> list[str]:
    """Where an interpreter lives: its prefixes and its import path, but never a whole home or root directory."""
    forbidden = {"/", str(Path.home()), "/home", "/root"}
    paths = [facts["prefix"], facts["base"], *facts["path"]]
    return [
        path
        for path in dict.fromkeys(os.path.realpath(path) for path in paths)
        if path not in forbidden and os.path.exists(path)
    ]
