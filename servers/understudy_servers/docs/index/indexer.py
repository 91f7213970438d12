"""The indexer process: one per home, holding the lock, doing the waiting jobs, then ending when idle.

Run as `python -m understudy_servers.docs.index.indexer --home FOLDER`; servers start it on demand. Keywords come first:
a job makes a library searchable at once, and its vectors follow when no job waits.
"""

import argparse
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from understudy_servers.docs.index import jobs
from understudy_servers.docs.index.building import allowing, lock_path, perform
from understudy_servers.docs.index.embed_work import EmbedWork, Outcome
from understudy_servers.docs.index.embedding import EmbedderUnavailable, embedder_spec
from understudy_servers.docs.index.lock import FileLock
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.index.vector_index import missing
from understudy_servers.docs.progress import Progress, silent

if TYPE_CHECKING:
    from understudy_servers.docs.sources.network import Network

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
        indexer = Indexer(
            store,
            embedder=options.embedder,
            chroma=options.chroma,
            workers=options.workers,
            network=allowing(options.allow),
        )
        try:
            indexer.run(options.idle)
        finally:
            if indexer.embedding is not None:
                indexer.embedding.stop()
    finally:
        store.close()
        lock.release()
    return 0


class Indexer:
    """The work of the lock's holder."""

    def __init__(
        self, store: Store, *, embedder: str = "", chroma: str = "", workers: int = 1, network: "Network | None" = None
    ) -> None:
        self.store = store
        self.network = network
        self.chroma = chroma
        self.embedding: EmbedWork | None = None
        self._synchronized = False
        try:
            spec = embedder_spec(embedder)
        except EmbedderUnavailable as error:
            store.set("embedder failure", str(error))
            return
        if spec is not None:
            self.embedding = EmbedWork(store, spec, workers=workers)

    def run(self, idle: float) -> None:
        """Work until there has been nothing to do for `idle` seconds, or somebody has removed the index."""
        last = time.monotonic()
        while time.monotonic() - last < idle and self.store.in_place:
            outcome = self.step()
            if outcome != "idle":
                last = time.monotonic()
            if outcome != "worked":
                time.sleep(POLL_SECONDS)

    def step(self) -> Outcome:
        """Do one job, or one step of embedding, or bring Chroma up to date; say whether there was anything to do."""
        job = jobs.claim(self.store)
        if job is not None:
            perform(self.store, job, network=self.network)
            self._synchronized = False
            return "worked"
        if self.embedding is None:
            return "idle"
        outcome = self.embedding.step()
        if outcome == "worked":
            self._synchronized = False
        elif outcome == "idle" and not self._synchronized:
            self._synchronized = True
            self.synchronize(self.embedding.spec.name)
            return "worked"
        return outcome

    def drain(self, watched: Progress = silent) -> None:
        """Work until every vector is made, reporting chunks done of all; stop when the model fails."""
        if self.embedding is None:
            return
        model = self.embedding.spec.name
        total = missing(self.store, model)
        while (outcome := self.step()) != "idle":
            if outcome == "waiting":
                time.sleep(POLL_SECONDS)
            watched(total - missing(self.store, model), total)

    def synchronize(self, model: str) -> None:
        """Bring Chroma up to date; without it search scans exactly, so a failure is noted and not fatal."""
        # the docs extra, and half a second that keyword indexing need not wait for
        from understudy_servers.docs.index.chroma import open_for_writing, set_aside, synchronize  # noqa: PLC0415

        try:
            synchronize(self.store, open_for_writing(self.store, model, self.chroma), model)
            self.store.set("chroma failure", "")
        except Exception as error:  # chromadb raises whatever its Rust core, SQLite or HTTP does
            logging.getLogger(__name__).warning("Chroma was not brought up to date: %s", error)
            self.store.set("chroma failure", f"{type(error).__name__}: {error}")
            if not self.chroma:
                set_aside(self.store.home)  # the next indexer makes it again from the stored vectors


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
    parser.add_argument("--embedder", default="", help="as in `understudy serve docs --embedder`")
    parser.add_argument("--chroma", default="", help="address of a Chroma server; empty for the embedded one")
    parser.add_argument("--allow", action="append", default=[], help="host:port that may be fetched from anyway")
    parser.add_argument("--workers", type=int, default=1, help="threads that embed, one core each")
    return parser


if __name__ == "__main__":
    sys.exit(main())
