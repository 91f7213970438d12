"""The index on disk: one SQLite file that many servers read while one indexer writes.

Write-ahead logging lets readers go on during a write; a version of a library appears in one transaction, so that a
process killed at any moment leaves either the old one or the new one. Losing power may lose the last transactions,
never the file.
"""

import secrets
import sqlite3
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from queue import Empty, LifoQueue

from understudy_servers.docs.index.schema import SCHEMA, VERSION
from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.sources.source import Source
from understudy_servers.docs.words import split_identifier

BUSY_SECONDS = 30.0


class IndexUnusable(Exception):
    """The index cannot be opened, read or written; the message says why and what to do."""


# what SQLite says -> what to do about it
ADVICE = {
    "locked": "Another process is writing to it; ask again in a minute.",
    "full": "Make room on the disk, or give another folder with --home, and ask again.",
    "disk i/o": "Make room on the disk, or give another folder with --home, and ask again.",
    "readonly": "Make it writable, or give another folder with --home.",
}
DAMAGED = "It is damaged: stop what uses it and delete it; everything in it can be indexed again."


def unusable(path: Path, error: sqlite3.Error) -> IndexUnusable:
    """Return SQLite's complaint as a sentence with the next step."""
    said = str(error)
    advice = next((advice for word, advice in ADVICE.items() if word in said.lower()), DAMAGED)
    return IndexUnusable(f"The documentation index {str(path)!r} cannot be used: {said}. {advice}")


@dataclass(frozen=True, kw_only=True)
class IndexedVersion:
    """One version of one library in the index."""

    id: int
    key: str
    title: str
    summary: str
    repository: str
    aliases: tuple[str, ...]
    number: str
    source: Source
    fingerprint: str
    digest: str
    chunks: int
    notes: tuple[str, ...]
    indexed: float

    @property
    def library_id(self) -> str:
        return f"{self.key}/{self.number}" if self.number else self.key


class Store:
    """Reading and publishing. Connections are pooled, so that any thread may ask."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "store.sqlite"
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._lent() as connection, _transaction(connection):
                _prepare(connection, self.path)
            self._file = self.path.stat().st_ino
        except (OSError, sqlite3.Error) as error:
            raise IndexUnusable(
                f"The documentation index {str(self.path)!r} does not open: {error}. Check the folder's permissions "
                "and free space, give another with --home, or delete it: everything in it can be indexed again."
            ) from error

    @property
    def in_place(self) -> bool:
        """Whether the file that was opened still lies there: it may have been removed, and even replaced, since."""
        try:
            return self.path.stat().st_ino == self._file
        except OSError:
            return False

    def close(self) -> None:
        """Close the pooled connections."""
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """Lend a connection for reading.

        Raises:
            IndexUnusable: the file is damaged, locked for too long, or cannot grow.
        """
        try:
            with self._lent() as connection:
                yield connection
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # a bug of ours, not the file's fault
        except sqlite3.DatabaseError as error:
            raise unusable(self.path, error) from error

    @contextmanager
    def _lent(self) -> Generator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = _connect(self.path)
        try:
            yield connection
        finally:
            self._idle.put(connection)

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """Lend a connection inside one transaction, which an exception rolls back."""
        with self.reading() as connection, _transaction(connection):
            yield connection

    def versions(self, key: str | None = None) -> list[IndexedVersion]:
        """Return the indexed versions, of one library or of all, newest indexed first."""
        where = "WHERE library.key = ?" if key else ""
        with self.reading() as connection:
            rows = connection.execute(
                f"{_SELECT_VERSION} {where} ORDER BY indexed DESC, version.id DESC", (key,) if key else ()
            )
            return [known for row in rows if (known := _version(row)) is not None]

    def version(self, id: int) -> IndexedVersion | None:
        """Return one indexed version."""
        with self.reading() as connection:
            row = connection.execute(f"{_SELECT_VERSION} WHERE version.id = ?", (id,)).fetchone()
        return _version(row) if row else None

    def publish(self, source: Source, chunks: Sequence[Chunk], *, fingerprint: str, notes: Sequence[str] = ()) -> int:
        """Replace one version of one library by these chunks in one transaction, and return its new id."""
        digest = sha256()
        for chunk in chunks:
            digest.update(chunk.digest + chunk.source.encode())
        with self.writing() as connection:
            connection.execute(
                "INSERT INTO library (key, title, summary, repository, aliases) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET title = excluded.title, summary = excluded.summary, "
                "repository = excluded.repository, aliases = excluded.aliases",
                (source.key, source.title, source.summary, source.repository, " ".join(source.aliases)),
            )
            (library,) = connection.execute("SELECT id FROM library WHERE key = ?", (source.key,)).fetchone()
            _delete(connection, "library = ? AND number = ?", (library, source.version))
            first = _next_chunk(connection)
            cursor = connection.execute(
                "INSERT INTO version (library, number, origin, source, fingerprint, digest, first, chunks, notes, "
                "indexed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    library,
                    source.version,
                    source.origin,
                    source.dumps(),
                    fingerprint,
                    digest.hexdigest(),
                    first,
                    len(chunks),
                    "\n".join(note.replace("\n", " ") for note in notes),
                    time.time(),
                ),
            )
            assert cursor.lastrowid is not None
            _insert_chunks(connection, cursor.lastrowid, first, source.title, chunks)
        return cursor.lastrowid

    def remove(self, key: str, number: str | None = None) -> int:
        """Delete a library, or one version of it, and return how many versions went."""
        condition = "library = (SELECT id FROM library WHERE key = ?)"
        with self.writing() as connection:
            gone = _delete(
                connection,
                condition + (" AND number = ?" if number is not None else ""),
                (key,) if number is None else (key, number),
            )
            connection.execute("DELETE FROM library WHERE id NOT IN (SELECT library FROM version)")
            connection.execute("DELETE FROM vector WHERE hash NOT IN (SELECT hash FROM chunk)")
        return gone

    def digest(self) -> str:
        """Return the digest of everything indexed: equal digests give equal answers."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT key, number, digest FROM version JOIN library ON library.id = library ORDER BY key, number"
            ).fetchall()
        return sha256("\n".join("\0".join(row) for row in rows).encode()).hexdigest()[:16]

    def setting(self, name: str) -> str:
        """Return a stored setting, or an empty string."""
        with self.reading() as connection:
            row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def set(self, name: str, value: str) -> None:
        """Store a setting."""
        with self.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))


def vector_hash(library: str, chunk: Chunk) -> bytes:
    """Return the key of a chunk's vector: equal text under an equal header is embedded once, whatever the version."""
    return blake2b(embedded_text(library, chunk.title, chunk.text).encode(errors="replace"), digest_size=16).digest()


def embedded_text(library: str, title: str, text: str) -> str:
    """Return what the embedding model reads: a header that names library and place, then the text.

    The header is the largest single gain measured for dense retrieval: an API entry is an orphan without its name.
    """
    return f"{library} | {title}\n{text}"


_SELECT_VERSION = (
    "SELECT version.id, key, title, summary, repository, aliases, number, source, fingerprint, digest, chunks, notes, "
    "indexed FROM version JOIN library ON library.id = version.library"
)


def _version(row: sqlite3.Row) -> IndexedVersion | None:
    """Return a version; nothing for one whose source another release of this program has written."""
    fields = dict(row)
    fields["aliases"] = tuple(fields["aliases"].split())
    fields["notes"] = tuple(filter(None, fields["notes"].split("\n")))
    try:
        fields["source"] = Source.loads(fields["source"])
    except ValueError:
        return None
    return IndexedVersion(**fields)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA mmap_size = 134217728")  # no copy of each page that a ranking touches
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == 0:
        for statement in SCHEMA.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute("INSERT INTO setting VALUES ('secret', ?)", (secrets.token_hex(16),))
        connection.execute(f"PRAGMA user_version = {VERSION}")
    elif found != VERSION:
        raise IndexUnusable(
            f"The documentation index {str(path)!r} has format {found}; this version of understudy reads "
            f"format {VERSION}. Give another folder with --home, or delete it: everything in it can be indexed again."
        )


def _delete(connection: sqlite3.Connection, condition: str, values: tuple[object, ...]) -> int:
    """Delete versions with everything under them. The full-text table has no content, so its rows are given back."""
    for (version,) in connection.execute(f"SELECT id FROM version WHERE {condition}", values).fetchall():
        rows = connection.execute("SELECT * FROM chunk WHERE version = ?", (version,)).fetchall()
        connection.executemany(
            "INSERT INTO words (words, rowid, name, parts, headings, path, body) VALUES ('delete', ?, ?, ?, ?, ?, ?)",
            ((row["id"], *_words(row["kind"], row["title"], row["source"], row["text"])) for row in rows),
        )
    return connection.execute(f"DELETE FROM version WHERE {condition}", values).rowcount


def _words(kind: str, title: str, source: str, text: str) -> tuple[str, ...]:
    """Return the full-text columns of a chunk: names and their parts for API entries, headings and path for pages."""
    if kind == "api":
        return title, split_identifier(title), "", "", text
    return "", "", title, split_identifier(source), text


def _next_chunk(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'chunk'").fetchone()
    return int(row[0]) + 1 if row else 1


def _insert_chunks(
    connection: sqlite3.Connection, version: int, first: int, title: str, chunks: Iterable[Chunk]
) -> None:
    rows, words, symbols = [], [], []
    for position, chunk in enumerate(chunks):
        id = first + position
        hashed = vector_hash(title, chunk)
        where = (chunk.kind, chunk.title, chunk.source, chunk.page, chunk.parent)
        rows.append((id, version, position, *where, chunk.demoted, chunk.flag, hashed, chunk.text))
        words.append((id, *_words(chunk.kind, chunk.title, chunk.source, chunk.text)))
        bases = "\n".join(chunk.bases)
        symbols += [(version, name.rpartition(".")[2].lower(), name, id, bases) for name in chunk.names]
    connection.executemany("INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.executemany(
        "INSERT INTO words (rowid, name, parts, headings, path, body) VALUES (?, ?, ?, ?, ?, ?)", words
    )
    connection.executemany("INSERT INTO symbol VALUES (?, ?, ?, ?, ?)", symbols)
