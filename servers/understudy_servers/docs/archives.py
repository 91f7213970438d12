"""Unpacking archives from strangers: documentation and source files only, within limits, never outside the folder."""

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

MAX_FILES = 20_000
MAX_MEMBER = 5_000_000  # bytes of one file; larger ones are left out
MAX_TOTAL = 400_000_000  # bytes unpacked
MAX_RATIO = 200  # unpacked to packed; text rarely exceeds 20
_PAGES = {".md", ".mdx", ".markdown", ".rst", ".txt", ".ipynb"}
WANTED = frozenset(_PAGES | {".py", ".pyi", ".ts", ".json", ".yaml", ".yml", ".toml", ".cfg"})
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, lzma.LZMAError, ValueError, NotImplementedError)


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
    """Write the wanted files of a tar or zip archive under `folder`.

    Raises:
        BadArchive: it is broken, or larger unpacked than any documentation.
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
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                target.write_bytes(body)
    except _BROKEN as error:
        raise BadArchive(f"The archive is broken: {type(error).__name__}: {error}") from error


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
    with raw, tarfile.open(fileobj=limited, mode="r|") as archive:
        for member in archive:
            if not member.isfile() or not _is_wanted(member.name):
                continue  # links, devices and folders are never made
            if member.size > MAX_MEMBER:
                notes.append(f"{member.name!r} has {member.size} bytes and was left out.")
                continue
            file = archive.extractfile(member)
            if file is not None:
                yield member.name, file.read(MAX_MEMBER)


def _zip_members(data: bytes, notes: list[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            link = (info.external_attr >> 16) & 0o170000 == 0o120000
            if info.is_dir() or link or not _is_wanted(info.filename):
                continue
            if info.file_size > MAX_MEMBER or info.file_size > MAX_RATIO * max(info.compress_size, 1_000):
                notes.append(f"{info.filename!r} has {info.file_size} bytes unpacked and was left out.")
                continue
            with archive.open(info) as file:
                yield info.filename, file.read(MAX_MEMBER)


def _is_wanted(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name or len(name) > 500 or ":" in name:
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
