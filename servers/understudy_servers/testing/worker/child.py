"""One run: monitor -> process 1 -> worker. Everything here is trusted until `play` is called.

The monitor steps into new namespaces; its child is process 1 of them, keeps out of the candidate's reach, starts the
worker, reports how that ended, and by leaving makes the kernel kill whatever is still there.
"""

import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from fcntl import F_DUPFD_CLOEXEC, fcntl
from typing import Any

from understudy_servers.testing.worker import layers as isolation
from understudy_servers.testing.worker import view
from understudy_servers.testing.worker.files import SUPPORT, WORKSPACE, write_files
from understudy_servers.testing.worker.frames import frame, read_frame
from understudy_servers.testing.worker.surroundings import environment
from understudy_servers.testing.worker.syscalls import (
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    close_from,
    prctl,
)
from understudy_servers.testing.worker.tree import tree
from understudy_servers.testing.worker.warming import warm

Play = Callable[[dict[str, Any], int, int | None], int]
BROKEN = 70  # the exit status of a worker that failed before it met the candidate (EX_SOFTWARE)


class Pipes:
    """The descriptors of a run: the job to read, then where events, output and the trusted status go, and a peer."""

    def __init__(self, numbers: list[int]) -> None:
        self.job, self.events, self.output, self.status = numbers[:4]
        self.peer = numbers[4] if len(numbers) > 4 else None

    def close(self, *also: int) -> None:
        """Close what only the worker needs."""
        for descriptor in (self.events, self.output, self.peer, *also):
            if descriptor is not None:
                os.close(descriptor)

    def say(self, **facts: Any) -> None:
        """Write to the status pipe, which is closed before the candidate runs."""
        os.write(self.status, json.dumps(facts).encode() + b"\n")


def run(numbers: list[int], play: Play) -> None:
    """Be the monitor. Never returns."""
    pipes = Pipes(numbers)
    try:
        os.setsid()
        job = read_frame(pipes.job)
        if job is None:
            os._exit(0)
        layers = isolation.Layers(job)
        isolation.enter_namespaces(layers)
        isolation.die_with_parent(gently=not layers.own_pids)
        first = os.fork()
        if first == 0:
            _first_process(job, layers, pipes, play)
        pipes.close(pipes.status, pipes.job)
        stop = signal.SIGKILL if layers.own_pids else signal.SIGTERM  # the kernel hunts, or process 1 does
        signal.signal(signal.SIGTERM, lambda *_: os.kill(first, stop))
        os.waitpid(first, 0)
        os._exit(0)
    except BaseException as error:
        _broken(pipes, error)


def _broken(pipes: Pipes, error: BaseException) -> None:
    try:
        pipes.say(broken=f"{type(error).__name__}: {error}")
    finally:
        os._exit(BROKEN)


def _first_process(job: dict[str, Any], layers: isolation.Layers, pipes: Pipes, play: Play) -> None:
    try:
        isolation.die_with_parent(gently=not layers.own_pids)
        if not layers.own_pids:
            prctl(PR_SET_CHILD_SUBREAPER, 1)
            signal.signal(signal.SIGTERM, lambda *_: _hunt_orphans())
        isolation.enter_view(layers, job)
        worker = _ahead_of_job(job, layers, pipes, play) if job.get("spare") else _with_job(job, layers, pipes, play)
        job.clear()
        pipes.close(pipes.job)
        _reap(worker, pipes)
        if not layers.own_pids:
            _hunt_orphans()
        os._exit(0)  # process 1 leaves: the kernel kills every straggler
    except BaseException as error:
        _broken(pipes, error)


def _with_job(job: dict[str, Any], layers: isolation.Layers, pipes: Pipes, play: Play) -> int:
    """Lay out the files and start the worker; return its pid."""
    _lay_out(job, layers)
    isolation.drop_privileges(layers)
    prctl(PR_SET_DUMPABLE, 0)  # closes /proc/1/mem to the worker, which has the same user id
    worker = os.fork()
    if worker == 0:
        _worker(job, layers, pipes, play)
    return worker


def _ahead_of_job(job: dict[str, Any], layers: isolation.Layers, pipes: Pipes, play: Play) -> int:
    """Start a worker that locks itself in and warms up before there is a job; return its pid when it has one.

    Needs a private view: its files are put into the view under the worker, which could not reach any others.
    """
    orders, ours = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(ours)
        _worker(job, layers, pipes, play, orders)
    os.close(orders)
    given = read_frame(pipes.job)
    if given is None:
        os._exit(0)  # it is not wanted any more
    if given.get("project"):
        view.show(given["root"])
    _lay_out(given, layers)
    isolation.drop_privileges(layers)
    prctl(PR_SET_DUMPABLE, 0)
    with open(ours, "wb") as stream:
        stream.write(frame(given))
    return worker


def _lay_out(job: dict[str, Any], layers: isolation.Layers) -> None:
    if not layers.private_view:
        return
    if not job.get("project"):
        write_files(WORKSPACE, job["files"])
    elif job["files"] or job["writes"]:
        view.lay_over(job["root"], job["files"], writable=job["writes"])
    if job.get("support"):
        write_files(SUPPORT, job["support"])
    view.seal()


def _reap(worker: int, pipes: Pipes) -> None:
    while True:
        pid, status, usage = os.wait4(-1, 0)
        if pid == worker:
            pipes.say(status=status, cpu_s=round(usage.ru_utime + usage.ru_stime, 3))
            return


def _hunt_orphans() -> None:
    """Without a process namespace: keep every descendant from forking, kill it, until none is left; then leave."""
    calm = 0
    while calm < 3:
        children = tree(os.getpid())[1:]
        for pid in children:
            try:
                resource.prlimit(pid, resource.RLIMIT_NPROC, (0, 0))
                os.kill(pid, signal.SIGKILL)
            except (OSError, ValueError):
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        calm = 0 if children else calm + 1
        if children:
            time.sleep(0.001)
    os._exit(0)


def _worker(job: dict[str, Any], layers: isolation.Layers, pipes: Pipes, play: Play, orders: int | None = None) -> None:
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        prctl(PR_SET_DUMPABLE, 1)  # else /proc/self would belong to root
        isolation.die_with_parent()
        orders = _wire(pipes, orders)
        sys.dont_write_bytecode = True
        if orders is None:
            _surround(job)
            isolation.limit_resources(layers, job["limits"])
            isolation.lock(layers, job)
        else:
            job = _wait_for_job(job, layers, pipes, orders)
        refused = [name for name in layers.missing if name not in job["may_lack"]]
        if refused:
            pipes.say(lost={name: layers.missing[name] for name in refused})
            os._exit(BROKEN)
        pipes.say(ready=True, missing=layers.missing)
        os.close(pipes.status)
        close_from(5 if pipes.peer is not None else 4)
    except BaseException as error:
        _broken(pipes, error)
    code = 1
    try:
        code = play(job, 3, 4 if pipes.peer is not None else None)
    finally:
        os._exit(code)


def _wait_for_job(job: dict[str, Any], layers: isolation.Layers, pipes: Pipes, orders: int) -> dict[str, Any]:
    """Lock this process in while it has one thread, then import what may start more, then wait."""
    isolation.drop_privileges(layers)
    isolation.lock(layers, job)
    _surround({**job, "root": "/"})
    warm(job["warm"])
    tempfile.tempdir = None
    pipes.say(warm=True)
    given = read_frame(orders)
    if given is None:
        os._exit(0)
    isolation.limit_resources(layers, given["limits"])
    _surround(given)
    return given


def _surround(job: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(environment(job))
    os.chdir(job["root"])


def _wire(pipes: Pipes, orders: int | None) -> int | None:
    """Put events at 3, the peer at 4, the status out of the way, and the standard streams where they belong.

    Returns where the orders are now.
    """
    events, output, status = (
        fcntl(number, F_DUPFD_CLOEXEC, 10) for number in (pipes.events, pipes.output, pipes.status)
    )
    peer = None if pipes.peer is None else fcntl(pipes.peer, F_DUPFD_CLOEXEC, 10)
    moved = None if orders is None else fcntl(orders, F_DUPFD_CLOEXEC, 10)
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(events, 3, inheritable=False)
    if peer is not None:
        os.dup2(peer, 4, inheritable=False)
    pipes.status = status
    return moved
