"""A private view of the file system: an own root, read-only, holding only what the run needs.

The recipe of bubblewrap (https://github.com/containers/bubblewrap): a tmpfs becomes the root, the old root is mounted
from below it, and is then let go as a whole. Nothing that is not listed has even a name.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from understudy_servers.testing.worker.files import DEVICES, SCRATCH, WORKSPACE, make_scratch, write_files
from understudy_servers.testing.worker.syscalls import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    detach,
    mount,
    pivot_root,
    read_only,
)

OLD = "/.old"


def build(readable: Iterable[str], *, disk_mb: int, inodes: int, shm_mb: int) -> None:
    """Replace this mount namespace's root; afterwards only `readable`, `/tmp`, `/dev` and an empty `/workspace` exist.

    Needs a mount namespace of its own and the right to mount in it. The root stays writable until `seal`.

    Raises:
        OSError: a mount was refused.
    """
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=64m,nr_inodes=16384,mode=755")
    os.mkdir("/tmp" + OLD)
    os.chdir("/tmp")
    pivot_root(".", OLD.lstrip("/"))
    os.chdir("/")
    os.makedirs("/dev", exist_ok=True)
    for name in DEVICES:
        _bind(f"/dev/{name}")
    _link("/proc/self/fd", "/dev/fd")
    for index, name in enumerate(("stdin", "stdout", "stderr")):
        _link(f"/proc/self/fd/{index}", f"/dev/{name}")
    for path, size in ((SCRATCH, disk_mb), ("/dev/shm", shm_mb)):
        os.makedirs(path, exist_ok=True)
        mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, f"size={size}m,nr_inodes={inodes},mode=1777")
    make_scratch(SCRATCH)
    for path in _outermost(readable):  # after the scratch space, which would hide a project below /tmp
        _bind(path)
    os.makedirs("/proc", exist_ok=True)
    os.makedirs(WORKSPACE, exist_ok=True)


def show(path: str) -> None:
    """Bring one more path of the old root into the view, before it is sealed."""
    _bind(path)


def mount_proc() -> None:
    """Show the processes of this process namespace, and no others."""
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)


def seal() -> None:
    """Let go of the old root and make the new one read-only, for good. What was bound is read-only already."""
    detach(OLD)
    os.rmdir(OLD)
    mount(None, "/", None, MS_BIND | 32 | MS_RDONLY | MS_NOSUID | MS_NODEV)  # 32: remount this mount only


def lay_over(root: str, files: Mapping[str, Any], *, writable: bool) -> None:
    """Let a run see `root` with other files in it, or with its own writes, which nobody else ever sees (overlayfs).

    Raises:
        OSError: the kernel refuses an overlay here (it needs Linux 5.11 for an ordinary user).
    """
    os.makedirs("/.over")
    mount("tmpfs", "/.over", "tmpfs", MS_NOSUID | MS_NODEV, "size=256m,mode=755")
    for name in ("upper", "work"):
        os.mkdir(f"/.over/{name}")
    os.chmod("/.over/upper", os.stat(root).st_mode & 0o7777)
    layers = f"lowerdir={root},upperdir=/.over/upper,workdir=/.over/work"
    try:
        mount("overlay", root, "overlay", MS_NOSUID | MS_NODEV, f"{layers},userxattr")
    except OSError:
        mount("overlay", root, "overlay", MS_NOSUID | MS_NODEV, layers)
    write_files(root, files)
    if not writable:
        read_only(root)


def _outermost(paths: Iterable[str]) -> list[str]:
    """Drop the paths that lie inside another one: binding is recursive."""
    kept: list[str] = []
    for path in sorted(paths, key=len):
        if not any(path == other or path.startswith(other.rstrip("/") + "/") for other in kept):
            kept.append(path)
    return kept


def _bind(path: str) -> None:
    source = OLD + path
    if os.path.islink(source):
        _link(os.readlink(source), path)  # a merged /usr: /bin is a link to usr/bin
        return
    if os.path.isdir(source):
        os.makedirs(path, exist_ok=True)
    elif os.path.exists(source):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
    else:
        return
    mount(source, path, None, MS_BIND | MS_REC)
    if not path.startswith("/dev/"):
        read_only(path)


def _link(target: str, path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.lexists(path):
        os.symlink(target, path)
