"""Getting sources indexed: in this process, or by the one indexer process that all servers of a home share."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from understudy_servers.docs.index import jobs
from understudy_servers.docs.index.lock import FileLock
from understudy_servers.docs.index.store import IndexUnusable, Store
from understudy_servers.docs.progress import Progress, silent
from understudy_servers.docs.sources.reading import UnreadableSource, read
from understudy_servers.docs.sources.source import Source

if TYPE_CHECKING:
    from understudy_servers.docs.sources.network import Network

REPORT_EVERY = 25  # files between two writes of a job's progress


class Builder(Protocol):
    """Whoever indexes sources."""

    def request(self, source: Source) -> int:
        """Ask for a source and return the job's id; the work may be over by then."""
        ...

    def nudge(self) -> None:
        """Make sure that somebody is at work; called while waiting."""
        ...


def perform(store: Store, job: jobs.Job, *, network: "Network | None" = None, watched: Progress = silent) -> None:
    """Read one source, publish it, and record how that went."""

    def progress(done: int, total: int) -> None:
        watched(done, total)
        if done % REPORT_EVERY == 0:
            jobs.report(store, job.id, done, total)

    try:
        pieces = publish(store, job.source, network=network, watched=progress)
    except UnreadableSource as error:
        jobs.finish(store, job.id, str(error), failed=True)
        return
    jobs.finish(store, job.id, f"{pieces} pieces")


def publish(store: Store, source: Source, *, network: "Network | None" = None, watched: Progress = silent) -> int:
    """Read a source in this process and publish it; return how many pieces it has.

    Publishing is one transaction, so an indexer may be at work beside it.

    Raises:
        UnreadableSource: nothing of it could be read; what was indexed stays.
    """
    reading = read(source, watched, network)
    store.publish(source, reading.chunks, fingerprint=reading.fingerprint, notes=reading.notes)
    return len(reading.chunks)


class InlineBuilder:
    """Indexes at once, in the calling thread: for commands, tests and small folders."""

    def __init__(self, store: Store, *, network: "Network | None" = None, watched: Progress = silent) -> None:
        self.store = store
        self.network = network
        self.watched = watched
        self._claimed: set[int] = set()

    def request(self, source: Source) -> int:
        wanted = jobs.enqueue(self.store, source)
        left_behind = jobs.status(self.store, wanted).state == "running" and wanted not in self._claimed
        if left_behind and not FileLock(lock_path(self.store.home)).held_elsewhere():
            jobs.recover(self.store)  # a command that was interrupted had begun it
        while not jobs.status(self.store, wanted).finished and (job := jobs.claim(self.store)):
            self._claimed.add(job.id)
            perform(self.store, job, network=self.network, watched=self.watched)
        return wanted

    def nudge(self) -> None:
        """Nothing to do: the work was over when `request` returned."""


class ProcessBuilder:
    """Leaves the work to an indexer process, started when nobody holds its lock.

    Hostile or enormous sources then cannot stall or crash a server, and several servers never write at once.
    """

    def __init__(self, store: Store, options: Sequence[str] = ()) -> None:
        self.store = store
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None

    def request(self, source: Source) -> int:
        job = jobs.enqueue(self.store, source)
        self.nudge()
        return job

    def nudge(self) -> None:
        """See that an indexer is at work.

        Raises:
            IndexUnusable: it cannot be started, as when the index's folder has been removed.
        """
        if self._process is not None and self._process.poll() is None:
            return
        try:
            if not FileLock(lock_path(self.store.home)).held_elsewhere():
                self._start()
        except OSError as error:
            raise IndexUnusable(
                f"Nothing can be indexed in {str(self.store.home)!r}: {error.strerror or error}. If the folder was "
                "removed or cannot be written to, put that right and start the server again."
            ) from error

    def _start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "understudy_servers.docs.index.indexer",
            "--home",
            str(self.store.home),
            *self.options,
        ]
        with (self.store.home / "indexer.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )


def lock_path(home: Path) -> Path:
    """Return the file whose lock the indexer of this home holds."""
    return home / "indexer.lock"


def allowing(addresses: Sequence[str]) -> "Network | None":
    """Return a network that may also reach these `host:port` pairs; None, for the usual one, without any."""
    if not addresses:
        return None
    # the HTTP stack, which an indexer that fetches nothing need not load
    from understudy_servers.docs.sources.net import Fetcher  # noqa: PLC0415
    from understudy_servers.docs.sources.network import Network  # noqa: PLC0415

    return Network(fetcher=Fetcher(allowed=frozenset(addresses)))
