"""System calls the standard library does not have, by ctypes. No policy here."""

import ctypes
import os
import platform
import signal
import struct
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_held = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock, as a fork must
MACHINE = platform.machine()

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 1, 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 36, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4

# Numbers above 424 are the same on every machine; these differ: name -> (x86_64, aarch64).
_DIFFERENT = {"capset": (126, 91), "seccomp": (317, 277), "pivot_root": (155, 41)}
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT, MOUNT_SETATTR, CLOSE_RANGE = 444, 445, 446, 442, 436
CLONE3, CLONE_INTO_CGROUP = 435, 1 << 33


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return int(result)


def number(name: str) -> int:
    """The number of a system call on this machine.

    Raises:
        OSError: the machine is neither x86_64 nor aarch64, whose numbers are the ones known here.
    """
    if MACHINE == "x86_64":
        return _DIFFERENT[name][0]
    if MACHINE == "aarch64":
        return _DIFFERENT[name][1]
    raise OSError(38, f"{name}: system call numbers of {MACHINE} are not known")


def call(nr: int, *arguments: Any) -> int:
    return _checked(_libc.syscall(ctypes.c_long(nr), *arguments), f"system call {nr}")


def prctl(option: int, value: int = 0) -> int:
    zero = ctypes.c_ulong(0)
    return _checked(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero), f"prctl {option}")


def unshare(flags: int) -> None:
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind, data)]
    _checked(_libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]), f"mount {target}")


def detach(target: str) -> None:
    """Unmount a whole tree at once, even while it is in use."""
    _checked(_libc.umount2(os.fsencode(target), ctypes.c_int(2)), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    call(number("pivot_root"), os.fsencode(new), os.fsencode(old))


def read_only(target: str, *, recursive: bool = True) -> None:
    """Make a mount, by default with everything mounted below it, read-only and free of setuid (Linux 5.12)."""
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
    flags = ctypes.c_uint(0x8000 if recursive else 0)
    buffer = ctypes.create_string_buffer(attributes, 32)
    call(MOUNT_SETATTR, ctypes.c_int(-100), os.fsencode(target), flags, buffer, ctypes.c_size_t(32))


def fork_into(cgroup: int) -> int:
    """Fork a process that is born into the cgroup whose folder this descriptor stands for (Linux 5.7).

    The child's C library does not know its new thread id until it forks again itself, so it may not raise signals.
    """
    fields = (CLONE_INTO_CGROUP, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, cgroup)
    buffer = ctypes.create_string_buffer(struct.pack("11Q", *fields), 88)
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = _held.syscall(ctypes.c_long(CLONE3), buffer, ctypes.c_size_t(88))
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    return _checked(pid, "clone into a cgroup")


def close_from(first: int) -> None:
    """Close every descriptor from `first` on."""
    try:
        call(CLOSE_RANGE, ctypes.c_uint(first), ctypes.c_uint(0x7FFFFFFF), ctypes.c_uint(0))
    except OSError:
        os.closerange(first, 65536)


def drop_capabilities() -> None:
    """Give up every capability, now and after any exec."""
    for capability in range(41):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # an ordinary user outside a namespace has no bounding set to shrink
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0), 8)
    call(number("capset"), header, ctypes.create_string_buffer(24))
