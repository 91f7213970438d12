"""Unpacking archives from strangers: documentation and source files only, within limits, never outside the folder."""

import bz2
import gzip
import hashlib
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

MAX_FILES = 20_000
MAX_MEMBER = 5_000_000  # bytes of one file; larger ones are left out
MAX_TOTAL = 400_000_000  # bytes unpacked
MAX_MEMBERS = 200_000  # of any kind, wanted or not
MAX_RATIO = 100  # unpacked to packed; text rarely exceeds 20
MAX_HEADER = 1_000_000  # bytes of an extended header, which is read whole
_PAGES = {".md", ".mdx", ".markdown", ".rst", ".txt", ".ipynb"}
WANTED = frozenset(_PAGES | {".py", ".pyi", ".ts", ".json", ".yaml", ".yml", ".toml", ".cfg"})
_BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError),
    *(LookupError, NotImplementedError, OverflowError, RecursionError, RuntimeError),
)
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class BadArchive(Exception):
    """The archive is broken, hostile, or not the one that was expected; the message says which."""


def check_digest(data: bytes, digest: str) -> None:
    """Compare with `sha256:hex`, plain hex, or an npm integrity string; an empty digest checks nothing.

    Raises:
        BadArchive: the archive is another one.
    """
    if not digest:
        return
    algorithm, separator, value = digest.partition("-") if "-" in digest else digest.partition(":")
    if not separator:
        algorithm, value = ("sha256" if len(digest) == 64 else "sha1"), digest
    if algorithm not in ("sha1", "sha256", "sha384", "sha512"):
        raise BadArchive(f"The archive's digest {digest!r} is of an unknown kind.")
    found = hashlib.new(algorithm, data)
    try:
        expected = b64decode(value) if "-" in digest else bytes.fromhex(value)
    except (ValueError, Base64Error) as error:
        raise BadArchive(f"The archive's digest {digest!r} cannot be read.") from error
    if found.digest() != expected:
        raise BadArchive(f"The archive's {algorithm} is {found.hexdigest()}, not what was stated. Do not use it.")


def unpack(data: bytes, folder: Path, notes: list[str]) -> None:
    """Write the wanted files of a tar or zip archive under `folder`; of one that breaks off, what came before.

    Raises:
        BadArchive: nothing of it can be read, or it is larger unpacked than any documentation.
    """
    root = folder.resolve()
    count = total = 0
    try:
        for name, body in _members(data, notes):
            count += 1
            total += len(body)
            if count > MAX_FILES or total > MAX_TOTAL:
                raise BadArchive(f"The archive holds more than {MAX_FILES} files or {MAX_TOTAL} bytes.")
            target = (root / name).resolve()
            if not target.is_relative_to(root) or target == root:
                notes.append(f"{name!r} points outside the archive and was left out.")
                continue
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():
                    target.write_bytes(body)
            except OSError as error:  # a name too long, or a file where another name needs a folder
                notes.append(f"{name!r} could not be written and was left out: {error.strerror}.")
    except _BROKEN as error:
        reason = f"The archive is broken: {type(error).__name__}: {error}"
        if not count:
            raise BadArchive(reason) from error
        notes.append(f"{reason}. What came before that was read.")


def _members(data: bytes, notes: list[str]) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(io.BytesIO(data)):
        yield from _zip_members(data, notes)
        return
    packed = io.BytesIO(data)
    raw: IO[bytes] = packed
    if data[:2] == b"\x1f\x8b":
        raw = cast("IO[bytes]", gzip.open(packed, "rb"))  # noqa: SIM115  closed below
    elif data[:3] == b"BZh":
        raw = cast("IO[bytes]", bz2.open(packed, "rb"))  # noqa: SIM115  closed below
    elif data[:6] == b"\xfd7zXZ\x00":
        raw = cast("IO[bytes]", lzma.open(packed, "rb"))  # noqa: SIM115  closed below
    limited = cast("IO[bytes]", _Limited(raw, max(len(data) * MAX_RATIO, 10_000_000)))
    with raw, tarfile.open(fileobj=limited, mode="r|", tarinfo=_Member) as archive:
        for number, member in enumerate(archive):
            if number >= MAX_MEMBERS:
                raise BadArchive(f"The archive has more than {MAX_MEMBERS} members.")
            if not member.isfile() or not _is_wanted(member.name):
                continue  # links, devices and folders are never made
            if member.size > MAX_MEMBER:
                notes.append(f"{member.name!r} has {member.size} bytes and was left out.")
                continue
            file = archive.extractfile(member)
            if file is not None:
                yield member.name, file.read(MAX_MEMBER)


def _zip_members(data: bytes, notes: list[str]) -> Iterator[tuple[str, bytes]]:
    if data.count(b"PK\x01\x02") > MAX_MEMBERS:  # before the directory is read, which takes memory for each
        raise BadArchive(f"The archive has more than {MAX_MEMBERS} members.")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            kind = (info.external_attr >> 16) & 0o170000
            if info.is_dir() or kind not in (0, 0o100000) or not _is_wanted(info.filename):
                continue
            if info.file_size > MAX_MEMBER or info.file_size > MAX_RATIO * max(info.compress_size, 1_000):
                notes.append(f"{info.filename!r} has {info.file_size} bytes unpacked and was left out.")
                continue
            try:
                with archive.open(info) as file:
                    body = file.read(MAX_MEMBER)
            except _BROKEN as error:  # encrypted, compressed in an unknown way, or damaged: the others may be well
                notes.append(
                    f"{info.filename!r} cannot be unpacked and was left out ({type(error).__name__}: {error})."
                )
                continue
            yield info.filename, body


class _Member(tarfile.TarInfo):
    """A member whose extended headers, which tarfile reads whole and one inside the other, stay small."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type in _HEADERS and self.size > MAX_HEADER:
            raise BadArchive(f"The archive has a header of {self.size} bytes.")
        return super()._proc_member(archive)  # type: ignore[misc]  # the only door there is


def _is_wanted(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or len(name) > 500 or ":" in name or not name.isprintable():
        return False
    if path.parent.name.endswith(".dist-info"):
        return path.name in ("METADATA", "RECORD", "top_level.txt")
    return path.suffix.lower() in WANTED or path.stem.upper() == "README"


class _Limited:
    """A stream that refuses to unpack without end."""

    def __init__(self, raw: IO[bytes], limit: int) -> None:
        self.raw, self.left, self.limit = raw, limit, limit

    def read(self, size: int = -1) -> bytes:
        data = self.raw.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise BadArchive(f"The archive unpacks to more than {self.limit} bytes, {MAX_RATIO} times its size.")
        return data
