"""Interpreters that were started ahead and are used once: they warm up while nobody waits, and nothing is forked."""

import contextlib
import json
import os
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import IO, Any

from understudy_servers.testing.engines.platforms import Platform
from understudy_servers.testing.engines.warm import BOOT, START_S, Recipe, ZygoteLost, sources
from understudy_servers.testing.worker.events import short
from understudy_servers.testing.worker.frames import frame
from understudy_servers.testing.worker.surroundings import ENVIRONMENT

MAX_RECIPES = 3  # kinds of interpreter that are kept ready
KEPT = 72 << 20  # bytes of output and of events that are kept of one run, whatever its limits
CHUNK = 1 << 16
NEEDED = ("PATH", "SYSTEMROOT", "SYSTEMDRIVE", "PATHEXT", "COMSPEC")  # without these Windows starts no program
CRASHES = {0xC0000005: 11, 0xC00000FD: 11, 0xC0000409: 6}  # how Windows says SIGSEGV and SIGABRT


class Spare:
    """One process: `give` it a job, wait for `ended`, then `end` it."""

    def __init__(self, recipe: Recipe, platform: Platform) -> None:
        """Start it; it warms up by itself.

        Raises:
            ZygoteLost: the interpreter cannot be started.
        """
        self.recipe, self.platform = recipe, platform
        self.events, self.output = bytearray(), bytearray()
        self.printed = 0
        self.facts: dict[str, Any] = {}
        self.ended, self._ready = threading.Event(), threading.Event()
        words = platform.containment.command([recipe.python, "-c", BOOT, "alone", "0"])
        settings: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        settings |= {"env": _environment(recipe), "cwd": os.path.abspath(os.sep), "bufsize": 0}
        try:
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                words, **settings, **platform.containment.options()
            )
        except OSError as error:
            raise ZygoteLost(f"The interpreter {recipe.python!r} could not be started: {error.strerror}.") from error
        platform.containment.adopt(self.process)
        targets = (self._greet, self._read_events, self._read_output, self._wait)
        self._threads = [threading.Thread(target=target, daemon=True) for target in targets]
        for thread in self._threads:
            thread.start()

    def warm(self) -> "Spare":
        """Wait until it is warm.

        Raises:
            ZygoteLost: it ended before; the text holds its last words.
        """
        if not self._ready.wait(START_S) or not self.facts:
            self.end()
            words = bytes(self.output[-1000:]).decode(errors="replace").strip().splitlines()[-1:]
            last = short("".join(words), 300) or "no message"
            raise ZygoteLost(f"The interpreter {self.recipe.python!r} ended before it was ready: {last}.")
        return self

    def give(self, job: Mapping[str, Any]) -> None:
        """Hand over the job. A process that is gone will be seen to have ended."""
        with contextlib.suppress(OSError):
            _write(self.process.stdin, frame(job))

    def memory(self) -> int | None:
        return self.platform.containment.memory(self.process)

    @property
    def status(self) -> int | None:
        """How it ended, as a wait status; None while it runs."""
        code = self.process.returncode
        if code is None:
            return None
        return -code if code < 0 else CRASHES.get(code, (code & 0xFF) << 8)

    def end(self, linger: float = 0.0) -> None:
        """End it and what it started; wait up to `linger` seconds for what is still in its pipes."""
        self.platform.containment.kill(self.process)
        self.ended.wait(START_S)
        greeting, *readers, _ = self._threads
        greeting.join()  # its pipe is broken now
        for thread in readers:
            thread.join(linger)
        if self.process.stdin is not None:
            self.process.stdin.close()
        for thread in readers:
            thread.join(0.1)  # longer only where something that left the group holds its pipe open

    def _greet(self) -> None:
        text = sources()
        with contextlib.suppress(OSError):
            settings = frame({"preload": self.recipe.preload, "pytest": self.recipe.pytest})
            _write(self.process.stdin, len(text).to_bytes(8, "big") + text + settings)

    def _read_events(self) -> None:
        """The first line says that it is warm; the rest is the report of its run."""
        for data in _chunks(self.process.stdout):
            if len(self.events) < KEPT:
                self.events += data
            if not self._ready.is_set() and b"\n" in self.events:
                line, _, rest = bytes(self.events).partition(b"\n")
                self.facts, self.events = json.loads(line), bytearray(rest)
                self._ready.set()
        self._ready.set()

    def _read_output(self) -> None:
        for data in _chunks(self.process.stderr):
            self.printed += len(data)
            self.output += data[: max(0, KEPT - len(self.output))]

    def _wait(self) -> None:
        self.process.wait()
        self.ended.set()


class Spares:
    """Keeps one interpreter ready for each kind that is wanted."""

    def __init__(self, platform: Platform, *, ahead: bool = True) -> None:
        self.platform, self.ahead = platform, ahead
        self.replaced = 0
        self._ready: OrderedDict[Recipe, Spare] = OrderedDict()
        self._facts: dict[Recipe, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def take(self, recipe: Recipe) -> Spare:
        """A warm interpreter, for one run; the next one starts to warm up.

        Raises:
            ZygoteLost: none can be started.
        """
        with self._lock:
            spare = self._ready.pop(recipe, None)
        if spare is not None and spare.ended.is_set():
            spare.end()
            self.replaced += 1
            spare = None
        taken = (spare or Spare(recipe, self.platform)).warm()
        self._facts[recipe] = taken.facts
        if self.ahead:
            self._keep(Spare(recipe, self.platform))
        return taken

    def facts(self, recipe: Recipe) -> Mapping[str, Any]:
        """What interpreters of this kind are."""
        if recipe not in self._facts:
            spare = self.take(recipe)
            self._keep(spare) if self.ahead else spare.end()
        return self._facts[recipe]

    def _keep(self, spare: Spare) -> None:
        with self._lock:
            old = [self._ready.pop(spare.recipe)] if spare.recipe in self._ready else []
            self._ready[spare.recipe] = spare
            while len(self._ready) > MAX_RECIPES:
                old.append(self._ready.popitem(last=False)[1])
        for one in old:
            one.end()

    def describe(self) -> list[dict[str, object]]:
        with self._lock:
            return [
                {"python": recipe.python, "pytest": spare.facts.get("pytest"), "runs": 0, "busy": 0}
                for recipe, spare in self._ready.items()
            ]

    def processes(self) -> list[subprocess.Popen[bytes]]:
        """The processes of the ones that wait now."""
        with self._lock:
            return [spare.process for spare in self._ready.values()]

    def close(self) -> None:
        with self._lock:
            kept = list(self._ready.values())
            self._ready.clear()
        for spare in kept:
            spare.end()


def _environment(recipe: Recipe) -> dict[str, str]:
    needed = {name: os.environ[name] for name in NEEDED if name in os.environ} if os.name == "nt" else {}
    env = {**ENVIRONMENT, **needed, "PYTHONHASHSEED": str(recipe.hash_seed)}
    if recipe.plugins:
        del env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
    return env


def _write(stream: IO[bytes] | None, data: bytes) -> None:
    assert stream is not None
    while data:
        data = data[stream.write(data) or 0 :]


def _chunks(stream: IO[bytes] | None) -> Any:
    """What comes through a pipe, which is closed at its end by the thread that reads it."""
    assert stream is not None
    with stream, contextlib.suppress(OSError, ValueError):
        while data := stream.read(CHUNK):
            yield data
