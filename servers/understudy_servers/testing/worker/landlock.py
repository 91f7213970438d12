"""Landlock: an allow-list of paths that a process puts on itself for good (Linux 5.13, better with each version).

It does not stop `chmod`, `utime` and `setxattr` on files the user owns, nor limit disk use; the private view does.
"""

import ctypes
import os
import struct
from collections.abc import Sequence

from understudy_servers.testing.worker.syscalls import (
    LANDLOCK_ADD,
    LANDLOCK_CREATE,
    LANDLOCK_RESTRICT,
    PR_SET_NO_NEW_PRIVS,
    call,
    prctl,
)

EXECUTE, WRITE, READ, READ_DIR, REFER, TRUNCATE, IOCTL = 1, 2, 4, 8, 1 << 13, 1 << 14, 1 << 15
EVERYTHING = (1 << 16) - 1
ON_FILES = EXECUTE | WRITE | READ | TRUNCATE | IOCTL
MAKE_DEVICES = 1 << 6 | 1 << 11


def abi() -> int:
    """The version of Landlock in this kernel by asking for it, 0 where there is none."""
    try:
        return call(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    except OSError:
        return 0


def _handled(version: int) -> int:
    lacking = (0 if version >= 5 else IOCTL) | (0 if version >= 3 else TRUNCATE) | (0 if version >= 2 else REFER)
    return EVERYTHING & ~lacking


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what does not exist needs no rule
    try:
        access = access if os.path.isdir(path) else access & ON_FILES
        rule = ctypes.create_string_buffer(struct.pack("=Qi", access, descriptor), 12)
        call(LANDLOCK_ADD, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
    finally:
        os.close(descriptor)


def restrict(readable: Sequence[str], writable: Sequence[str], *, network: bool) -> list[str]:
    """Allow reading and executing below `readable`, everything below `writable`, nothing else.

    Also refuses TCP unless `network`, and abstract sockets and signals out of the sandbox. Returns what it cannot do.
    """
    version = abi()
    if version < 1:
        return ["landlock"]
    missing = [name for name, since in (("truncate", 3), ("tcp", 4), ("scope", 6)) if version < since]
    tcp = 3 if version >= 4 and not network else 0
    handled = _handled(version)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    attributes = struct.pack("QQQ", handled, tcp, 3 if version >= 6 else 0)[:size]
    buffer = ctypes.create_string_buffer(attributes, size)
    ruleset = call(LANDLOCK_CREATE, buffer, ctypes.c_size_t(size), ctypes.c_uint32(0))
    for path in readable:
        _allow(ruleset, path, (EXECUTE | READ | READ_DIR) & handled)
    for path in writable:
        _allow(ruleset, path, handled & ~MAKE_DEVICES)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    call(LANDLOCK_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)
    return [f"landlock.{name}" for name in missing]
