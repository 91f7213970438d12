"""The indexer process: one per home, holding the lock, doing the waiting jobs, then ending when idle.

Run as `python -m understudy_servers.docs.indexer --home FOLDER`; servers start it on demand.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from understudy_servers.docs import jobs
from understudy_servers.docs.building import lock_path, perform
from understudy_servers.docs.lock import FileLock
from understudy_servers.docs.store import Store

IDLE_SECONDS = 20.0
POLL_SECONDS = 0.05
LOCK_SECONDS = 2.0  # a server that looks whether the lock is free holds it for a moment


def main(arguments: list[str] | None = None) -> int:
    """Work until there has been nothing to do for a while. Returns the exit status."""
    options = _options().parse_args(arguments)
    if hasattr(os, "nice"):
        os.nice(5)  # the user's editor and model come first
    lock = FileLock(lock_path(options.home))
    if not _acquired(lock):
        return 0  # another indexer is at work
    store = Store(options.home)
    try:
        jobs.recover(store)
        serve(store, idle=options.idle)
    finally:
        store.close()
        lock.release()
    return 0


def serve(store: Store, *, idle: float) -> None:
    """Do jobs until none has come for `idle` seconds."""
    last = time.monotonic()
    while time.monotonic() - last < idle:
        job = jobs.claim(store)
        if job is None:
            time.sleep(POLL_SECONDS)
            continue
        perform(store, job)
        last = time.monotonic()


def _acquired(lock: FileLock) -> bool:
    deadline = time.monotonic() + LOCK_SECONDS
    while not lock.acquire():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
