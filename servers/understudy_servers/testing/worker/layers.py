"""The layers of isolation, entered in order by a run that was just forked. Each is tried by using it."""

import os
import resource
import signal
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from fcntl import ioctl
from typing import Any

from understudy_servers.testing.worker import landlock, seccomp, view
from understudy_servers.testing.worker.surroundings import ALL
from understudy_servers.testing.worker.syscalls import (
    NEWIPC,
    NEWNET,
    NEWNS,
    NEWPID,
    NEWUSER,
    NEWUTS,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    drop_capabilities,
    prctl,
    unshare,
)

NOBODY = 65534


class Layers:
    """Which layers a run wants, and which it turned out not to get (`missing`, each with the reason)."""

    def __init__(self, wanted: Mapping[str, Any]) -> None:
        self.wanted = [name for name in ALL if name in wanted["layers"]]
        self.loopback = wanted.get("network") == "loopback"
        self.missing: dict[str, str] = {name: "switched off" for name in ALL if name not in self.wanted}
        self.private_view = False
        self.own_pids = False

    def want(self, name: str) -> bool:
        return name in self.wanted and name not in self.missing

    def lack(self, name: str, error: object) -> None:
        self.missing[name] = str(error)


def die_with_parent(*, gently: bool = False) -> None:
    """Ask the kernel for a signal when the parent is gone; a gentle one leaves time to kill what else is there."""
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM if gently else signal.SIGKILL)


def enter_namespaces(layers: Layers) -> None:
    """Step out of the shared namespaces; the next child is process 1 of its own world."""
    if not layers.want("namespaces"):
        return
    root = os.geteuid() == 0
    flags = NEWNS | NEWPID | NEWIPC | NEWUTS | (NEWNET if layers.want("network") else 0)
    uid, gid = os.getuid(), os.getgid()
    try:
        unshare(flags if root else flags | NEWUSER)
        if not root:
            _map_identity(uid, gid)
        layers.own_pids = True
        if layers.want("network") and layers.loopback:
            _raise_loopback()
    except OSError as error:
        for name in ("namespaces", "network", "view"):
            if layers.want(name):
                layers.lack(name, error)


def _map_identity(uid: int, gid: int) -> None:
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as stream:
            stream.write(text)


def _raise_loopback() -> None:
    """Switch `lo` on in the new network namespace; nothing else exists there."""
    set_flags, up_and_running = 0x8914, 0x41
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        ioctl(probe, set_flags, struct.pack("16sH14s", b"lo", up_and_running, b""))


def enter_view(layers: Layers, job: Mapping[str, Any]) -> None:
    """Replace the root, in process 1. A failure half way leaves the run without a usable root, so it is raised."""
    if not layers.want("view"):
        return
    limits = job["limits"]
    view.build(job["readable"], disk_mb=limits["disk_mb"], inodes=limits["inodes"], shm_mb=limits["shm_mb"])
    with suppress(OSError):  # a masked /proc, as in Docker, forbids a fresh one; then there is none, as safe
        view.mount_proc()
    layers.private_view = True


def drop_privileges(layers: Layers) -> None:
    """Never run a candidate as root or with a capability."""
    if not layers.want("privileges"):
        return
    try:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            prctl(PR_SET_DUMPABLE, 1)  # else /proc/self would belong to root
            die_with_parent(gently=not layers.own_pids)  # changing the user forgot it
            _own_process_count(layers)
        if layers.own_pids:
            drop_capabilities()
        prctl(PR_SET_NO_NEW_PRIVS, 1)
    except OSError as error:
        layers.lack("privileges", error)


def _own_process_count(layers: Layers) -> None:
    """Count processes per run, not per user: the kernel counts RLIMIT_NPROC for each user namespace apart."""
    if not layers.own_pids:
        return
    with suppress(OSError):  # else the limit counts all runs together, which is stricter, never weaker
        unshare(NEWUSER)
        _map_identity(NOBODY, NOBODY)


def limit_resources(layers: Layers, limits: Mapping[str, Any]) -> None:
    if not layers.want("limits"):
        return
    mega = 1 << 20
    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_CPU: (limits["cpu_s"], limits["cpu_s"] + 1),
        resource.RLIMIT_FSIZE: (limits["file_mb"] * mega,) * 2,
        resource.RLIMIT_NOFILE: (limits["descriptors"],) * 2,
        resource.RLIMIT_NPROC: (limits["processes"],) * 2,
        resource.RLIMIT_AS: (limits["address_mb"] * mega,) * 2,
    }
    try:
        for name, pair in wanted.items():
            resource.setrlimit(name, pair)
    except (OSError, ValueError) as error:
        layers.lack("limits", error)


def lock(layers: Layers, job: Mapping[str, Any]) -> None:
    """The last two layers, put on by the worker itself just before it meets the candidate."""
    if layers.want("landlock"):
        readable = ["/"] if layers.private_view else job["readable"]
        writable = [job["scratch"], "/dev/null", *(["/dev/shm"] if layers.private_view else [])]
        writable += [job["root"]] if job.get("writes") else []
        try:
            missing = landlock.restrict(readable, writable, network=layers.loopback)
            _note_landlock(layers, missing)
        except OSError as error:
            layers.lack("landlock", error)
    if layers.want("seccomp"):
        try:
            seccomp.filter_calls(loopback=layers.loopback, watching=layers.private_view)
        except OSError as error:
            layers.lack("seccomp", error)


def _note_landlock(layers: Layers, missing: list[str]) -> None:
    """What an older Landlock lacks matters only where no namespace does the same."""
    if "landlock" in missing:
        layers.lack("landlock", "not in this kernel")
    elif missing and not layers.private_view:
        layers.lack("landlock", f"too old, lacks {', '.join(name.removeprefix('landlock.') for name in missing)}")
