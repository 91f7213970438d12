"""The list of sources to index, kept in the index itself, so that any server may ask and one indexer does the work."""

import time
from dataclasses import dataclass
from typing import Literal

from understudy_servers.docs.index.store import Store
from understudy_servers.docs.sources.source import Source

State = Literal["queued", "running", "done", "failed"]
MAX_TRIES = 3  # an indexer that died this often over one source died of it
KEPT_SECONDS = 7 * 86_400.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """One source to be read, and how far that is."""

    id: int
    source: Source
    state: State
    tries: int
    done: int
    total: int
    message: str

    @property
    def finished(self) -> bool:
        return self.state in ("done", "failed")


def enqueue(store: Store, source: Source) -> int:
    """Ask for a source to be indexed and return the job; one already waiting or running is joined."""
    text = source.dumps()
    with store.writing() as connection:
        row = connection.execute(
            "SELECT id FROM job WHERE source = ? AND state IN ('queued', 'running')", (text,)
        ).fetchone()
        if row:
            return int(row[0])
        connection.execute(
            "DELETE FROM job WHERE state IN ('done', 'failed') AND changed < ?", (time.time() - KEPT_SECONDS,)
        )
        cursor = connection.execute(
            "INSERT INTO job (source, state, changed) VALUES (?, 'queued', ?)", (text, time.time())
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid


def claim(store: Store) -> Job | None:
    """Take the oldest waiting job. Only the holder of the indexer's lock calls this.

    One whose source cannot be read, as a later release may have written it, fails at once and holds nobody up.
    """
    with store.writing() as connection:
        row = connection.execute("SELECT * FROM job WHERE state = 'queued' ORDER BY id LIMIT 1").fetchone()
        if row is None:
            return None
        connection.execute(
            "UPDATE job SET state = 'running', tries = tries + 1, changed = ? WHERE id = ?", (time.time(), row["id"])
        )
    try:
        return status(store, row["id"])
    except ValueError as error:
        finish(store, row["id"], str(error), failed=True)
        return claim(store)


def recover(store: Store) -> None:
    """Put back what a dead indexer left running; give up on a source that has killed it too often."""
    with store.writing() as connection:
        connection.execute(
            "UPDATE job SET state = 'failed', message = ?, changed = ? WHERE state = 'running' AND tries >= ?",
            (f"The indexer ended {MAX_TRIES} times while reading this source.", time.time(), MAX_TRIES),
        )
        connection.execute("UPDATE job SET state = 'queued', changed = ? WHERE state = 'running'", (time.time(),))


def report(store: Store, job: int, done: int, total: int) -> None:
    """Record how far a job is."""
    with store.writing() as connection:
        connection.execute(
            "UPDATE job SET done = ?, total = ?, changed = ? WHERE id = ?", (done, total, time.time(), job)
        )


def finish(store: Store, job: int, message: str = "", *, failed: bool = False) -> None:
    """Record the end of a job."""
    with store.writing() as connection:
        connection.execute(
            "UPDATE job SET state = ?, message = ?, changed = ? WHERE id = ?",
            ("failed" if failed else "done", message, time.time(), job),
        )


def status(store: Store, job: int) -> Job:
    """Return a job as it stands."""
    with store.reading() as connection:
        row = connection.execute("SELECT * FROM job WHERE id = ?", (job,)).fetchone()
    return _job(row)


def unfinished(store: Store) -> list[Job]:
    """Return the jobs that wait or run, oldest first."""
    with store.reading() as connection:
        rows = connection.execute("SELECT * FROM job WHERE state IN ('queued', 'running') ORDER BY id").fetchall()
    return [_job(row) for row in rows]


def _job(row: object) -> Job:
    fields = dict(row)  # type: ignore[call-overload]
    fields.pop("changed")
    fields["source"] = Source.loads(fields["source"])
    return Job(**fields)
