"""Thoughts on disk: one file a session, one JSON line a thought, appended before the thought is acknowledged.

A line is written in one `write` to a file opened for appending, so a killed process loses nothing it had answered for;
what a crash of the machine may lose is what the kernel had not yet written. A torn last line was never acknowledged
and is cut off. Files are readable by their owner only.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy_servers.thinking.thought import Thought, from_record

FORMAT = 1


class StoreError(Exception):
    """The store cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A session on disk; times are seconds since the epoch."""

    session: str
    path: Path
    started: float
    changed: float


class Store:
    """A folder of sessions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> "Store":
        """Make the folder, and fail at once and in words if nothing can be written there."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"Cannot use {str(self.folder)!r} as a store: {error.strerror}.") from error
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise StoreError(f"Cannot write to the store {str(self.folder)!r}. Choose a folder of your own.")
        return self

    def append(self, session: str, thought: Thought) -> int:
        """Add one thought to a session, and the session's first line if it is new; give the file's size after it.

        Raises:
            StoreError: the line could not be written whole; the file is as it was before.
        """
        try:
            return self._append(session, thought)
        except OSError as error:
            raise StoreError(
                f"The thought could not be stored ({error.strerror}), so it was not kept. Make room, or drop --store."
            ) from error

    def _append(self, session: str, thought: Thought) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path(session), flags, 0o600)
        try:
            size = _without_torn_line(descriptor)
            lines = _line(thought.record())
            if size == 0:
                lines = _line({"session": session, "format": FORMAT, "started": thought.at}) + lines
            written = 0
            try:
                while written < len(lines):
                    written += os.write(descriptor, lines[written:])
            except OSError:
                os.ftruncate(descriptor, size)
                raise
            return size + len(lines)
        finally:
            os.close(descriptor)

    def path(self, session: str) -> Path:
        """Say where a session is kept: a readable name, made safe, and a digest that tells ids apart anywhere."""
        readable = (
            "".join(c if c.isascii() and c.isalnum() else "-" for c in session.lower())[:40].strip("-") or "session"
        )
        return self.folder / f"{readable}-{hashlib.sha256(session.encode('utf-8', 'replace')).hexdigest()[:10]}.jsonl"

    def has(self, session: str) -> bool:
        """Say whether a session was stored."""
        return self.path(session).is_file()

    def size(self, session: str) -> int:
        """Give the size of a session's file in bytes; 0 when there is none."""
        try:
            return self.path(session).stat().st_size
        except OSError:
            return 0

    def read(self, session: str) -> Iterator[Thought]:
        """Give a session's thoughts in order; a line that cannot be read is passed over."""
        yield from read_thoughts(self.path(session))

    def sessions(self) -> list[Stored]:
        """List the stored sessions, the latest changed first."""
        found = [stored for path in self.folder.glob("*.jsonl") if (stored := _stored(path)) is not None]
        return sorted(found, key=lambda stored: stored.changed, reverse=True)


def read_thoughts(path: Path) -> Iterator[Thought]:
    """Give the thoughts of one file in order, without a torn last line."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n") and (record := _record(line)) is not None and "thought" in record:
                try:
                    yield from_record(record)
                except ValueError:
                    continue


def _stored(path: Path) -> Stored | None:
    try:
        with path.open("rb") as file:
            header = _record(file.readline(100_000))
        changed = path.stat().st_mtime
    except OSError:
        return None
    if header is None or not isinstance(header.get("session"), str):
        return None
    started = header.get("started")
    return Stored(
        session=header["session"],
        path=path,
        started=float(started) if isinstance(started, int | float) else changed,
        changed=changed,
    )


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _line(record: object) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def _without_torn_line(descriptor: int) -> int:
    """Cut off what follows the last line end, and give the file's size in bytes."""
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return size
    keep, block = size, 65_536
    while keep > 0:
        start = max(0, keep - block)
        end = os.pread(descriptor, keep - start, start).rfind(b"\n")
        if end >= 0:
            keep = start + end + 1
            break
        keep = start
    os.ftruncate(descriptor, keep)
    return keep
