"""The zygote: a warm interpreter that never runs project code and is forked for each run.

It reads no job itself, so no hidden test, secret or candidate is ever in its memory: it hands the descriptors of each
run to a fork and answers with the child's pid and a handle on it. Of a project it compiles the test files ahead.
"""

import array
import gc
import json
import os
import signal
import socket

from understudy_servers.testing.worker import child, play, turbo
from understudy_servers.testing.worker.syscalls import fork_into
from understudy_servers.testing.worker.warming import warm

MAX_DESCRIPTORS = 8


def main(descriptor: int) -> None:
    """Serve forks on a socket until the server closes it.

    A signal at the parent's death would not do: the kernel sends it when the thread ends that started this process.
    """
    server = socket.socket(fileno=descriptor)
    settings = json.loads(server.recv(1 << 16))
    facts = warm(settings)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # monitors are reaped by the kernel
    server.send(json.dumps(facts).encode())
    while True:
        _serve_one(server)


def _serve_one(server: socket.socket) -> None:
    message, ancillary, _, _ = server.recvmsg(1 << 18, socket.CMSG_SPACE(MAX_DESCRIPTORS * 4))
    if not message:
        os._exit(0)
    order = json.loads(message)
    turbo.rewrite(order["ahead"])
    received = array.array("i")
    for _, _, data in ancillary:
        received.frombytes(data[: len(data) // 4 * 4])
    numbers, cgroup = list(received), None
    if order["scoped"]:
        cgroup = numbers.pop()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # one that ends before a handle stands for it must not be reaped
    pid, scoped = _fork(cgroup)
    if pid == 0:
        server.close()
        if cgroup is not None:
            os.close(cgroup)
        child.run(numbers, play.play)
    handle = os.pidfd_open(pid)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _reap()
    rights = array.array("i", [handle])
    answer = json.dumps({"pid": pid, "scoped": scoped}).encode()
    server.sendmsg([answer], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    os.close(handle)
    for number in received:
        os.close(number)


def _reap() -> None:
    """Let go of the runs that ended while the kernel did not do it."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _fork(cgroup: int | None) -> tuple[int, bool]:
    """Fork, into a cgroup where there is one; some filters of containers refuse that call, which is then reported."""
    if cgroup is not None:
        try:
            return fork_into(cgroup), True
        except OSError:
            pass
    return os.fork(), False
