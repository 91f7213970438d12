"""A worker that is a process of its own, for systems without the layers of Linux: it warms up, runs one job, ends.

It is contained by little: limits where the system has them, and the server, which ends its whole process group.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import Any

from understudy_servers.testing.worker import play
from understudy_servers.testing.worker.events import channel
from understudy_servers.testing.worker.frames import read_frame
from understudy_servers.testing.worker.surroundings import environment
from understudy_servers.testing.worker.warming import warm

MEGA = 1 << 20
BROKEN = 70  # the exit status of a worker that failed before it met the candidate (EX_SOFTWARE)


def main(orders: int) -> None:
    """Warm up, wait for one job on `orders`, run it, and leave with its exit status.

    Standard output becomes the private channel; what a test prints goes where standard error went.
    """
    events = os.dup(1)
    os.dup2(2, 1)
    settings = read_frame(orders)
    if settings is None:
        os._exit(0)
    channel(events, "")("ready", **warm(settings))
    job = read_frame(orders)
    if job is None:
        os._exit(0)  # the server does not need this one any more, or is gone
    threading.Thread(target=_leave_with_server, args=(orders,), daemon=True).start()
    try:
        limit(job["limits"])
        os.environ.update(environment(job))
        places = {"TEMP": "TMPDIR", "TMP": "TMPDIR", "USERPROFILE": "HOME"}  # what Windows calls them
        os.environ.update({name: os.environ[known] for name, known in places.items()})
        tempfile.tempdir = None  # it may have been looked up while warming
        os.chdir(job["root"])
        sys.dont_write_bytecode = True
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(BROKEN)
    code = 1
    try:
        code = play.play(job, events, None)
    finally:
        os._exit(code)


def limit(limits: Mapping[str, Any]) -> None:
    """Put on the limits that this system has."""
    try:
        import resource  # noqa: PLC0415 - not on Windows, where nothing like it exists
    except ImportError:
        return
    wanted = {
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_CPU": (limits["cpu_s"], limits["cpu_s"] + 1),
        "RLIMIT_FSIZE": (limits["file_mb"] * MEGA,) * 2,
        "RLIMIT_NOFILE": (limits["descriptors"],) * 2,
        "RLIMIT_AS": (limits["address_mb"] * MEGA,) * 2,
    }
    for name, pair in wanted.items():
        try:
            resource.setrlimit(getattr(resource, name), pair)
        except (AttributeError, OSError, ValueError):
            continue  # macOS refuses some; `limits` is listed as missing there


def _leave_with_server(orders: int) -> None:
    """End this process group when the server is gone: then nobody holds the other end of the pipe."""
    while os.read(orders, 1):
        pass
    if hasattr(os, "killpg"):
        os.killpg(0, 9)
    os._exit(BROKEN)
