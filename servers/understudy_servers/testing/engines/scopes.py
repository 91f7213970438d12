"""A cgroup for every run, where this system lets us have some: the kernel then holds the memory of the whole run.

The watchdog looks every 10 ms; what a run can allocate between two looks ends here. Only version 2 of the interface:
there a process is born into its cgroup, while the move that version 1 would need takes 10 ms of every run.
Sources: Linux, Documentation/admin-guide/cgroup-v2.rst; systemd, "Control Group APIs and Delegation".
"""

import contextlib
import os
import select
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from understudy_servers.testing.engines import memory
from understudy_servers.testing.limits import Limits

PROBE_S = 5.0  # how long systemd may take to answer
SLACK_MB = 64  # what the kernel itself keeps for a run: page tables, pipes
OURS = "understudy-"
_SETTINGS = ("--scope", "--quiet", "--collect", "-p", "Delegate=yes", "--description", "Test runs of understudy")
_FORGOTTEN = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "INVOCATION_ID")  # the way to systemd is not for tests
_CURE = (
    "`systemd-run --user --scope` must work here, or the server be alone in a cgroup of version 2 that it may change"
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where runs get their cgroups: from systemd, in the server's own cgroup, or nowhere."""

    words: tuple[str, ...] = ()
    """What goes in front of an interpreter's command, so that it begins in a scope of its own."""
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    """The server's own cgroup, delegated to it."""
    lack: str = ""
    """Why there is none, and what would give one."""

    def scope(self, pid: int, number: int) -> "Scope | None":
        """The scope of an interpreter that has just begun; None where there is none."""
        try:
            if self.folder is not None:
                return Scope(_made(self.folder / f"{OURS}{os.getpid()}-{number}"))
            return Scope(_settled(_own(Path("/"), pid), "interpreter", [pid])) if self.words else None
        except OSError:
            return None


class Scope:
    """The cgroups of one interpreter's runs; each is used again when its run has left it. Safe to use from threads."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.usable = folder, True
        self._free: list[Slot] = []
        self._made = 0
        self._lock = threading.Lock()

    def take(self, limits: Limits) -> "Slot | None":
        """A cgroup with these limits for one run; None where there is none any more, and the watchdog is alone."""
        if not self.usable:
            return None
        with self._lock:
            slot = self._free.pop() if self._free else None
            self._made += slot is None
            name = f"run-{self._made}"
        try:
            slot = slot or Slot(self, self.folder / name)
            slot.hold(limits)
        except OSError:
            self.usable = False
            return None
        return slot

    def take_back(self, slot: "Slot") -> None:
        with self._lock:
            self._free.append(slot)

    def close(self) -> None:
        """Remove what is empty; systemd removes its scope itself when the last process has left."""
        with self._lock:
            slots, self._free = self._free, []
        for slot in slots:
            os.close(slot.descriptor)
        _remove(self.folder)


class Slot:
    """One cgroup. `descriptor` stands for it where a process is to be born into it."""

    def __init__(self, scope: Scope, folder: Path) -> None:
        self.scope, self.folder = scope, folder
        folder.mkdir()
        self.descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._killed, self._held = self._kills(), Limits(memory_mb=0)
        with contextlib.suppress(OSError):
            _write(folder / "memory.oom.group", "1")

    def hold(self, limits: Limits) -> None:
        """Set the limits. They lie above the watchdog's, who knows better what to say: files in memory count here.

        Raises:
            OSError: the kernel refuses.
        """
        if limits == self._held:
            return
        total = limits.memory_mb + limits.disk_mb + limits.shm_mb + SLACK_MB
        _write(self.folder / "memory.max", str(total << 20))
        for name, value in (("memory.swap.max", "0"), ("pids.max", str(limits.processes + 8))):
            with contextlib.suppress(OSError):  # not every kernel counts swap; processes have a limit of their own too
                _write(self.folder / name, value)
        self._held = limits

    @property
    def overflowed(self) -> bool:
        """Whether the kernel has killed in it since this was last asked."""
        before, self._killed = self._killed, self._kills()
        return self._killed > before

    def kill(self) -> None:
        """End every process in it, also one that is just being born (Linux 5.14)."""
        with contextlib.suppress(OSError):
            _write(self.folder / "cgroup.kill", "1")

    def leave(self) -> None:
        """Give it back for another run, or leave it behind where something is still in it."""
        if "populated 0" in _text(self.folder / "cgroup.events"):
            self.scope.take_back(self)
            return
        self.kill()
        os.close(self.descriptor)

    def _kills(self) -> int:
        words = dict(line.split() for line in _text(self.folder / "memory.events").splitlines())
        return int(words.get("oom_kill", 0))


@cache
def here() -> Place:
    """Where this server's runs get their cgroups; asked once, for a server may move itself into a cgroup for it."""
    return find()


def find(root: Path = Path("/")) -> Place:
    """Look for a place on the system whose files lie below `root`, and try it."""
    own = _own(root)
    if own is None:
        return Place(lack=f"no cgroups of version 2 are mounted; {_CURE}")
    if "memory" not in _text(own / "cgroup.controllers").split() and not _systemd(root):
        return Place(lack=f"the cgroup of this server holds no memory; {_CURE}")
    return _delegated(root, own) or _from_systemd(root)


def _delegated(root: Path, own: Path) -> Place | None:
    """The server's own cgroup, where nothing but the server is in it and nobody else looks after it."""
    ours = set(memory.tree(os.getpid()))
    pids = {int(word) for word in _text(own / "cgroup.procs").split()}
    tended = _systemd(root) and not any(name.endswith(".delegate") for name in _attributes(own))
    if "memory" not in _text(own / "cgroup.controllers").split() or tended or not pids or not pids <= ours:
        return None
    try:
        for folder in own.glob(f"{OURS}*"):  # of servers that were killed before they could
            owner = folder.name.split("-")[1]
            if owner == str(os.getpid()) or not Path(f"/proc/{owner}").exists():
                _remove(folder)
        return Place(folder=_settled(own, f"{OURS}{os.getpid()}", sorted(pids)))
    except OSError:
        return None


def _from_systemd(root: Path) -> Place:
    """A scope for every interpreter, from the person's own systemd, or for root from that of the system."""
    program, private = shutil.which("systemd-run"), _systemd(root)
    if program is None or private is None:
        return Place(lack=f"no systemd answers to this user; {_CURE}")
    system = os.geteuid() == 0
    forget = [word for name in _FORGOTTEN for word in ("-u", name)]
    words = (program, *(() if system else ("--user",)), *_SETTINGS, "--", "/usr/bin/env", *forget)
    environment = {} if system else {"XDG_RUNTIME_DIR": str(private.parent.parent)}
    refusal = _refusal(words, {"PATH": "/usr/bin:/bin", **environment})
    return Place(lack=f"{refusal}; {_CURE}") if refusal else Place(words=words, environment=environment)


def _refusal(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """Why these words give no scope that can be parted, found by having one; empty where they do."""
    pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    try:
        process: Any = subprocess.Popen([*words, "cat"], env=environment, bufsize=0, **pipes)
    except OSError as error:
        return f"{words[0]}: {error.strerror}"
    try:
        process.stdin.write(b"?")
        answered = select.select([process.stdout], [], [], PROBE_S)[0] and process.stdout.read(1)
        if answered:
            _settled(_own(Path("/"), process.pid), "probe", [process.pid])
            return ""
        process.kill()
        said = process.communicate()[1].decode(errors="replace")
        return f"{words[0]} gives no scope: {' '.join(said.split())[:200] or 'no answer'}"
    except OSError as error:
        return f"the scope of {words[0]} cannot be used: {error.strerror}"
    finally:
        process.kill()
        process.communicate()


def _systemd(root: Path) -> Path | None:
    """The socket at which systemd answers to this user."""
    uid = os.geteuid()
    path = root / ("run/systemd/private" if uid == 0 else f"run/user/{uid}/systemd/private")
    return path if path.exists() else None


def _own(root: Path, pid: int | None = None) -> Path | None:
    """The folder of a process's cgroup of version 2; None where those are not mounted."""
    process = root / "proc" / ("self" if pid is None else str(pid))
    own = next((line[3:] for line in _text(process / "cgroup").splitlines() if line.startswith("0::/")), None)
    for line in _text(root / "proc/self/mountinfo").splitlines():
        fields, _, kind = line.partition(" - ")
        _, _, _, top, point, *_ = fields.split()
        if own is not None and kind.startswith("cgroup2 ") and f"{own}/".startswith(f"{top.rstrip('/')}/"):
            return root / point.lstrip("/") / own.removeprefix(top).lstrip("/")
    return None


def _settled(folder: Path | None, name: str, pids: list[int]) -> Path:
    """Move processes into a leaf, since a cgroup that parts its memory may hold none itself, and part it.

    Raises:
        OSError: it may not be changed.
    """
    if folder is None:
        raise FileNotFoundError("no cgroup")
    leaf = folder / name
    leaf.mkdir(exist_ok=True)
    for pid in pids:
        _write(leaf / "cgroup.procs", str(pid))
    return _parted(folder)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return _parted(folder)


def _parted(folder: Path) -> Path:
    _write(folder / "cgroup.subtree_control", "+memory")
    with contextlib.suppress(OSError):
        _write(folder / "cgroup.subtree_control", "+pids")
    return folder


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it may be gone, or not be empty
        for inner in folder.glob("run-*"):
            inner.rmdir()
        folder.rmdir()


def _attributes(folder: Path) -> list[str]:
    try:
        return os.listxattr(folder)
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    with open(path, "w") as stream:
        stream.write(text)
