"""Append-only files of JSON lines, each line with a checksum: what was acknowledged survives `kill -9` at any point.

One line is one `write`, so a killed process leaves at most one torn line, the last; the next writer closes it with a
newline and it stays where it is. A power failure may take the last second, which is how often the file is synced.
The checksum finds accidents (an editor, a bad disk, a half copied file), not forgers: it has no key.
"""

import errno
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from understudy_harness.errors import DiskFull, LedgerError
from understudy_harness.saving import FULL

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no flock; two writers are then not told apart
    fcntl = None  # type: ignore[assignment]

FORMAT = 1
SYNC_EVERY_S = 0.9  # DESIGN asks for every second at least
_SUM = b',"sum":"'
_TAIL = len(_SUM) + 16 + len(b'"}')
_SECRET_NAME = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
_SHORTEST_SECRET = 8  # characters; a shorter value would be found in innocent text
_USERINFO = re.compile(r"(?<=://)[^/@\s\"'\\]+@")

Problem = Literal["torn", "edited", "newer"]
_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_parse = json.JSONDecoder().raw_decode  # without the search for white space around, which no line of ours has


class Damage(NamedTuple):
    """A line that was not used, and why."""

    line: int
    """Counted from 1."""
    problem: str
    """torn: no whole record; edited: does not match its checksum; newer: written by a later version; duplicate;
    impossible: it matches its checksum and holds what no run writes."""
    detail: str = ""


class Line(NamedTuple):
    """A sound line and where it stands."""

    number: int
    offset: int
    length: int
    record: dict[str, Any]


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values that must never be written: those of variables named like keys, longest first."""
    found = {
        value for name, value in environment.items() if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET
    }
    return tuple(sorted(found, key=lambda value: (-len(value), value)))


def encode(record: Mapping[str, Any], secrets: tuple[str, ...] = ()) -> bytes:
    """Write a record as one line, secrets blanked, with its checksum."""
    text = _dumps(record)
    for secret in secrets:
        if secret in text or _escaped(secret) in text:
            text = text.replace(_escaped(secret), "[secret]").replace(secret, "[secret]")
    if "://" in text:
        text = _USERINFO.sub("", text)
    body = text[:-1].encode("ascii")
    return body + _SUM + blake2b(body, digest_size=8).hexdigest().encode() + b'"}\n'


def beginning(record: Mapping[str, Any]) -> bytes:
    """How a line begins whose first fields are these."""
    text = _dumps({"v": FORMAT, **record})[:-1]
    return (_USERINFO.sub("", text) if "://" in text else text).encode("ascii")


def is_sound(line: bytes) -> bool:
    """Whether a line (without its newline) matches its checksum."""
    return (
        line[-_TAIL:-18] == _SUM
        and line[-2:] == b'"}'
        and blake2b(line[:-_TAIL], digest_size=8).hexdigest().encode() == line[-18:-2]
    )


def decode(line: bytes) -> dict[str, Any] | Problem:
    """Read a line (without its newline), or say what is wrong with it."""
    if not is_sound(line):
        return "edited" if line[-2:] == b'"}' and (line[-_TAIL:-18] == _SUM or _is_record(line)) else "torn"
    try:
        record, _ = _parse(line.decode())
    except ValueError:  # a right checksum over something that is no JSON: somebody made it
        return "edited"
    assert isinstance(record, dict)
    return "newer" if record.get("v", 0) > FORMAT else record


def _is_record(line: bytes) -> bool:
    """Whether a line is a whole record that something wrote anew, such as a tool that formats JSON."""
    try:
        return "v" in json.loads(line)
    except (ValueError, RecursionError, TypeError):
        return False


def refuse_other_kinds(path: Path, *, to_write: bool = False) -> None:
    """Refuse what no journal can be: a folder, or a pipe or device, which a reader would wait for or never end.

    Raises:
        LedgerError: The path is there and is no file. A device may be written to, as /dev/full is to try a full disk.
    """
    if not path.exists() or path.is_file() or (to_write and path.is_char_device()):
        return
    kind = "a folder" if path.is_dir() else "a pipe or a device"
    raise LedgerError(
        f"{path} is {kind} and no file, so it is no record of a run. Move it away, or name another --out."
    )


def read(path: Path) -> Iterator[Line | Damage]:
    """Read a journal: every sound line, and every damaged one in its place.

    A tool that turned line ends into CRLF changed nothing that a checksum covers, so such lines are sound.

    Raises:
        LedgerError: It is no file, or cannot be read.
    """
    refuse_other_kinds(path)
    offset = 0
    try:
        file = path.open("rb")
    except OSError as error:
        raise LedgerError(
            f"{path} cannot be read: {error.strerror}. Mend its permissions, or name another folder."
        ) from None
    with file:
        for number, raw in enumerate(file, start=1):
            found = decode(raw[:-1].removesuffix(b"\r")) if raw.endswith(b"\n") else "torn"
            if isinstance(found, dict):
                yield Line(number, offset, len(raw), found)
            elif raw.strip():
                yield Damage(number, found)
            offset += len(raw)


class Journal:
    """The one writer of a file of JSON lines.

    Raises:
        LedgerError: Another process writes the file, or it cannot be opened.
    """

    def __init__(self, path: Path, *, secrets: tuple[str, ...] = ()) -> None:
        self.path = path
        self.appended = 0
        self._secrets = secrets
        self._synced_at = time.monotonic()
        self._dirty = False
        refuse_other_kinds(path, to_write=True)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise LedgerError(f"{path} cannot be written: {error.strerror}. Choose another --out.") from None
        self._lock()
        self._end = os.lseek(self._file, 0, os.SEEK_END)
        if self._end and os.pread(self._file, 1, self._end - 1) != b"\n":
            self._write(b"\n")  # closes the line that a killed writer tore

    def append(self, record: Mapping[str, Any]) -> tuple[int, int]:
        """Write a record and hand it to the operating system; return its offset and length in bytes.

        Raises:
            DiskFull: It could not be written; the file is as it was before.
        """
        line = encode({"v": FORMAT, **record}, self._secrets)
        offset = self._end
        self._write(line)
        self.appended += 1
        self._dirty = True
        if time.monotonic() - self._synced_at > SYNC_EVERY_S:
            self.sync()
        return offset, len(line)

    def sync(self) -> None:
        """Wait until all that was appended is on the disk."""
        if self._dirty:
            try:
                os.fsync(self._file)
            except OSError as error:
                if error.errno != errno.EINVAL:  # a device that cannot be synced, such as /dev/full
                    raise self._full(error) from None
            self._dirty = False
        self._synced_at = time.monotonic()

    def read_at(self, offset: int, length: int) -> dict[str, Any]:
        """Read one record back."""
        found = decode(os.pread(self._file, length, offset)[:-1])
        if not isinstance(found, dict):
            raise LedgerError(f"{self.path} changed at byte {offset} while it was in use ({found}).")
        return found

    def close(self) -> None:
        """Sync and let go of the file."""
        if self._file >= 0:
            try:
                self.sync()
            finally:
                os.close(self._file)
                self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, line: bytes) -> None:
        done = 0
        try:
            while done < len(line):
                done += os.write(self._file, line[done:])
        except OSError as error:
            self._take_back()
            raise self._full(error) from None
        self._end += len(line)

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._file, self._end)
        except OSError:
            self._end = os.lseek(self._file, 0, os.SEEK_END)  # the torn line stays, as after a kill

    def _full(self, error: OSError) -> DiskFull | LedgerError:
        if error.errno in FULL:
            return DiskFull(
                f"{self.path} could not be written: {error.strerror}. What was written before is safe. Make room and "
                "run the same command again; it goes on from there."
            )
        return LedgerError(f"{self.path} could not be written: {error.strerror}.")

    def _lock(self) -> None:
        if fcntl is None:  # pragma: no cover
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            self._file = -1
            raise LedgerError(
                f"Another process is writing {self.path}. Wait for it, or choose another --out."
            ) from None


def _escaped(secret: str) -> str:
    return _dumps(secret)[1:-1]
