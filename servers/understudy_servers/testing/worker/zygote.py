"""The zygote: a warm interpreter that never runs project code and is forked for each run.

It reads no job itself, so no hidden test, secret or candidate is ever in its memory: it hands the descriptors of each
run to a fork and answers with the child's pid and a handle on it. Of a project it compiles the test files ahead.
"""

import array
import gc
import importlib
import importlib.util
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any

from understudy_servers.testing.worker import child, play, pytest_runner, turbo

MAX_DESCRIPTORS = 8


def main(descriptor: int) -> None:
    """Serve forks on a socket until the server closes it.

    A signal at the parent's death would not do: the kernel sends it when the thread ends that started this process.
    """
    server = socket.socket(fileno=descriptor)
    settings = json.loads(server.recv(1 << 16))
    failed = preload(settings["preload"])
    found = pytest_runner.prepare() if settings["pytest"] else None
    forget_own_modules()
    sys.stdout.flush()
    sys.stderr.flush()  # else each fork would write what is still in these buffers
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # monitors are reaped by the kernel
    server.send(json.dumps({**facts(), "failed": failed, "pytest": found}).encode())
    while True:
        _serve_one(server)


def _serve_one(server: socket.socket) -> None:
    message, ancillary, _, _ = server.recvmsg(1 << 18, socket.CMSG_SPACE(MAX_DESCRIPTORS * 4))
    if not message:
        os._exit(0)
    turbo.rewrite(json.loads(message))
    numbers = array.array("i")
    for _, _, data in ancillary:
        numbers.frombytes(data[: len(data) // 4 * 4])
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        server.close()
        child.run(list(numbers), play.play)
    handle = os.pidfd_open(pid)
    rights = array.array("i", [handle])
    server.sendmsg([str(pid).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    os.close(handle)
    for number in numbers:
        os.close(number)


def preload(names: Sequence[str]) -> list[str]:
    """Import installed libraries that many runs will want; say which could not be imported."""
    failed = []
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            failed.append(f"{name}: {type(error).__name__}")
    return failed


def forget_own_modules() -> None:
    """Leave the name free for a project that has a package of the same name; our functions keep what they need."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "understudy_servers"]:
        del sys.modules[name]


def facts() -> dict[str, Any]:
    """What this interpreter is, for the server. More than one thread makes a fork unsafe."""
    return {
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "prefix": sys.prefix,
        "base": sys.base_prefix,
        "path": [entry for entry in sys.path if entry],
        "can_pytest": importlib.util.find_spec("pytest") is not None,
        "threads": len(os.listdir("/proc/self/task")),
    }
