"""The vectors in SQLite: which chunks lack one, what a version's are, and which versions are complete.

A vector is keyed by the hash of the embedded text, so that an unchanged chunk of a new version is never embedded twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from understudy_servers.docs.index.store import Store, embedded_text


@dataclass(frozen=True, kw_only=True)
class Pending:
    """One text to be embedded."""

    hash: bytes
    text: str


def incomplete(store: Store, model: str) -> list[int]:
    """Return the versions not fully embedded by a model, smallest first, so that most are ready soon."""
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT id FROM version WHERE id NOT IN (SELECT version FROM embedded WHERE model = ?) ORDER BY chunks, id",
            (model,),
        ).fetchall()
    return [row["id"] for row in rows]


def pending(store: Store, version: int, model: str, limit: int) -> list[Pending]:
    """Return up to `limit` texts of a version without a vector, symbols and first sections first."""
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT chunk.hash, library.title AS library, chunk.title, text FROM chunk "
            "JOIN version ON version.id = chunk.version JOIN library ON library.id = version.library "
            "LEFT JOIN vector ON vector.hash = chunk.hash AND vector.model = ? "
            "WHERE chunk.version = ? AND vector.hash IS NULL GROUP BY chunk.hash ORDER BY position LIMIT ?",
            (model, version, limit),
        ).fetchall()
    return [Pending(hash=row["hash"], text=embedded_text(row["library"], row["title"], row["text"])) for row in rows]


def missing(store: Store, model: str) -> int:
    """Return how many chunks of all versions have no vector yet."""
    with store.reading() as connection:
        row = connection.execute(
            "SELECT count(*) FROM chunk WHERE version NOT IN (SELECT version FROM embedded WHERE model = ?) "
            "AND NOT EXISTS (SELECT 1 FROM vector WHERE vector.hash = chunk.hash AND vector.model = ?)",
            (model, model),
        ).fetchone()
    return int(row[0])


def save(store: Store, model: str, vectors: Sequence[tuple[bytes, bytes]]) -> None:
    """Store vectors by hash."""
    with store.writing() as connection:
        connection.executemany(
            "INSERT OR IGNORE INTO vector (hash, model, data) VALUES (?, ?, ?)",
            ((hashed, model, data) for hashed, data in vectors),
        )


def complete(store: Store, version: int, model: str) -> None:
    """Record that every chunk of a version has its vector; nothing when the version is gone meanwhile."""
    with store.writing() as connection:
        connection.execute(
            "INSERT OR IGNORE INTO embedded SELECT id, ? FROM version WHERE id = ?",
            (model, version),
        )


def is_complete(store: Store, version: int, model: str) -> bool:
    """Say whether every chunk of a version has its vector."""
    with store.reading() as connection:
        found = connection.execute(
            "SELECT 1 FROM embedded WHERE version = ? AND model = ?", (version, model)
        ).fetchone()
    return found is not None


def vectors_of(store: Store, version: int, model: str) -> Iterator[tuple[int, bytes]]:
    """Yield the chunks of a version with their vectors, in order."""
    with store.reading() as connection:
        yield from (
            (row["id"], row["data"])
            for row in connection.execute(
                "SELECT chunk.id, data FROM chunk JOIN vector ON vector.hash = chunk.hash AND vector.model = ? "
                "WHERE version = ? ORDER BY position",
                (model, version),
            )
        )


def embedded_versions(store: Store, model: str) -> dict[int, int]:
    """Return the fully embedded versions with their numbers of chunks."""
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT version.id, chunks FROM version JOIN embedded ON embedded.version = version.id AND model = ?",
            (model,),
        ).fetchall()
    return {row["id"]: row["chunks"] for row in rows}
