"""Lock files of a project as names and exact versions. Data only: no package manager is run.

A file that cannot be read becomes a sentence; the others still count.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy_servers.docs.ids import library_key
from understudy_servers.docs.sources.files import NotReadable, read_file
from understudy_servers.docs.sources.source import Kind, Source

MAX_LOCK = 50_000_000  # bytes
_NAME = re.compile(r"(?:@[\w.~-]{1,100}/)?[A-Za-z0-9_~][\w.~-]{0,200}")
_VERSION = re.compile(r"\d[\w.+!-]{0,100}|v\d[\w.+!-]{0,100}")
_CONFLICT = re.compile(r"^(?:<{7}|>{7}) \S", re.MULTILINE)
_PINNED = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*===?\s*([^\s;#\\,]+)(.*)$")
_HASH = re.compile(r"--hash[= ](sha256:[0-9a-f]{64})")
_YARN_ENTRY = re.compile(r"^\"?((?:@[^/\"@]+/)?[^@\"\s]+)@[^\n]*:$")
_YARN_VERSION = re.compile(r"^\s{2}version:?\s+\"?([^\"\s]+)\"?")
_PNPM_ENTRY = re.compile(r"^ {2}['\"]?/?((?:@[^/'\"]+/)?[^@/'\"\s]+)[@/](\d[^:('\"\s]*)")
_PNPM_INTEGRITY = re.compile(r"integrity:\s*([\w+/=-]+)")


class UnreadableLock(Exception):
    """A lock file is not what its name says; the message says why, in words."""


@dataclass(frozen=True, kw_only=True)
class Locked:
    """One pinned package. `url` and `digest` name the archive with its documentation, when the file says so."""

    ecosystem: str
    name: str
    version: str
    url: str = ""
    digest: str = ""

    @property
    def is_plausible(self) -> bool:
        """Whether name and version are such, and not a path, an address or a line of something else."""
        texts = (self.name, self.version, self.url, self.digest)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError(f"a package is named {self.name!r} {self.version!r}")
        return bool(_NAME.fullmatch(self.name) and _VERSION.fullmatch(self.version))

    @property
    def source(self) -> Source:
        """Where its documentation would be read from: the archive of that version."""
        kinds: dict[str, Kind] = {"pypi": "sdist", "npm": "npm-tarball", "crates": "crate"}
        return Source(
            kind=kinds[self.ecosystem],
            key=library_key(self.ecosystem, self.name),
            title=self.name,
            version=self.version,
            location=self.url,
            origin="locked",
            digest=self.digest,
        )


def locked(root: Path, notes: list[str]) -> list[Locked]:
    """Return what the lock files in `root` pin, in the order of `READERS`; `notes` hears of unreadable ones."""
    found: dict[tuple[str, str, str], Locked] = {}
    for pattern, reader in READERS.items():
        for path in sorted(root.glob(pattern)):
            try:
                text = read_file(path, MAX_LOCK).decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
                if _CONFLICT.search(text):
                    raise UnreadableLock("it holds the marks of a merge conflict (<<<<<<<); resolve that first")
                for one in reader(text):
                    if one.is_plausible:
                        found.setdefault((one.ecosystem, one.name, one.version), one)
            except NotReadable as error:
                notes.append(f"{path.name} was {error}.")
            except UnreadableLock as error:
                notes.append(f"{path.name} was left out: {error}.")
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
                notes.append(
                    f"{path.name} was left out: it does not read as such a file ({type(error).__name__}: {error})."
                )
    return list(found.values())


def fingerprint(root: Path) -> tuple[tuple[str, int], ...]:
    """Return names and times of the lock files, which change when any of them does."""
    found = []
    for pattern in READERS:
        for path in sorted(root.glob(pattern)):
            try:
                found.append((str(path), path.stat().st_mtime_ns))
            except OSError:
                found.append((str(path), -1))  # a link to nothing
    return tuple(found)


def read_uv(text: str) -> Iterator[Locked]:
    """Read uv.lock, whose major format is 1."""
    data = tomllib.loads(text)
    if data.get("version") != 1:
        raise UnreadableLock(f"format {data.get('version')!r} is not known, only 1 is; update understudy")
    for package in data.get("package", []):
        if {"editable", "virtual", "directory"} & set(package.get("source", {})) or "version" not in package:
            continue  # the project itself
        archive = package.get("sdist") or {}
        yield Locked(
            ecosystem="pypi",
            name=package["name"],
            version=package["version"],
            url=archive.get("url", ""),
            digest=archive.get("hash", ""),
        )


def read_poetry(text: str) -> Iterator[Locked]:
    """Read poetry.lock, formats 1 and 2."""
    data = tomllib.loads(text)
    known = str(data.get("metadata", {}).get("lock-version", "1"))
    if known.split(".")[0] not in ("1", "2"):
        raise UnreadableLock(f"format {known!r} is not known, only 1 and 2 are; update understudy")
    for package in data.get("package", []):
        files = [file for file in package.get("files", []) if str(file.get("file", "")).endswith(".tar.gz")]
        digest = files[0].get("hash", "") if files else ""
        yield Locked(ecosystem="pypi", name=package["name"], version=package["version"], digest=digest)


def read_pylock(text: str) -> Iterator[Locked]:
    """Read pylock.toml (PEP 751), version 1."""
    data = tomllib.loads(text)
    if not str(data.get("lock-version", "")).startswith("1."):
        raise UnreadableLock(f"lock-version {data.get('lock-version')!r} is not known, only 1.x is; update understudy")
    for package in data.get("packages", []):
        if "version" not in package:
            continue
        archive = package.get("sdist") or {}
        hashes = archive.get("hashes", {})
        digest = f"sha256:{hashes['sha256']}" if "sha256" in hashes else ""
        yield Locked(
            ecosystem="pypi",
            name=package["name"],
            version=package["version"],
            url=archive.get("url", ""),
            digest=digest,
        )


def read_requirements(text: str) -> Iterator[Locked]:
    """Read the pinned lines of a requirements file; ranges pin nothing and are skipped."""
    for line in text.replace("\\\n", " ").splitlines():
        if match := _PINNED.match(line):
            hashes = _HASH.findall(match[3])
            digest = hashes[0] if len(hashes) == 1 else ""  # several hashes do not say which is the sdist's
            yield Locked(ecosystem="pypi", name=match[1], version=match[2], digest=digest)


def read_package_lock(text: str) -> Iterator[Locked]:
    """Read package-lock.json or npm-shrinkwrap.json, versions 1 to 3; nested copies of a package are skipped."""
    data = json.loads(text)
    known = data.get("lockfileVersion")
    if known not in (1, 2, 3):
        raise UnreadableLock(f"lockfileVersion {known!r} is not known, only 1, 2 and 3 are; update understudy")
    entries: dict[str, Any] = data.get("packages") or {
        f"node_modules/{name}": entry for name, entry in data.get("dependencies", {}).items()
    }
    for path, entry in entries.items():
        _, inside, name = path.partition("node_modules/")
        if not inside or "node_modules/" in name or "version" not in entry or entry.get("link"):
            continue
        url = str(entry.get("resolved", ""))
        yield Locked(
            ecosystem="npm",
            name=name,
            version=entry["version"],
            url=url if url.startswith("http") else "",
            digest=str(entry.get("integrity", "")),
        )


def read_pnpm(text: str) -> Iterator[Locked]:
    """Read pnpm-lock.yaml, formats 5, 6 and 9.

    Line by line: a YAML parser takes many seconds for a lock file of a real project, and only keys are wanted.
    """
    version = re.search(r"^lockfileVersion:\s*['\"]?([\d.]+)", text, re.MULTILINE)
    if version is None or version[1].split(".")[0] not in ("5", "6", "9"):
        raise UnreadableLock(
            f"format {version[1] if version else None!r} is not known, only 5, 6 and 9 are; update understudy"
        )
    section, entry = "", None
    for line in text.splitlines():
        if re.match(r"^\w+:", line):
            section = line.partition(":")[0]
        elif section == "packages" and (match := _PNPM_ENTRY.match(line)):
            entry = match
        elif section == "packages" and entry and (integrity := _PNPM_INTEGRITY.search(line)):
            yield Locked(ecosystem="npm", name=entry[1], version=entry[2].partition("_")[0], digest=integrity[1])
            entry = None


def read_yarn(text: str) -> Iterator[Locked]:
    """Read yarn.lock, version 1 and Berry: the same shape for what is wanted here."""
    if "yarn lockfile v1" not in text and "__metadata:" not in text:
        raise UnreadableLock("neither yarn 1 nor yarn Berry wrote it")
    name = ""
    for line in text.splitlines():
        if match := _YARN_ENTRY.match(line):
            name = match[1]
        elif name and (version := _YARN_VERSION.match(line)):
            if not version[1].startswith("0.0.0-use.local"):
                yield Locked(ecosystem="npm", name=name, version=version[1])
            name = ""


def read_cargo(text: str) -> Iterator[Locked]:
    """Read Cargo.lock, versions 1 to 4; packages without a source are the project's own."""
    data = tomllib.loads(text)
    if data.get("version", 1) not in (1, 2, 3, 4):
        raise UnreadableLock(f"version {data.get('version')!r} is not known, only 1 to 4 are; update understudy")
    for package in data.get("package", []):
        if "source" in package:
            digest = f"sha256:{package['checksum']}" if package.get("checksum") else ""
            yield Locked(ecosystem="crates", name=package["name"], version=package["version"], digest=digest)


READERS: dict[str, Callable[[str], Iterator[Locked]]] = {
    "uv.lock": read_uv,
    "poetry.lock": read_poetry,
    "pylock.toml": read_pylock,
    "pylock.*.toml": read_pylock,
    "requirements*.txt": read_requirements,
    "requirements/*.txt": read_requirements,
    "package-lock.json": read_package_lock,
    "npm-shrinkwrap.json": read_package_lock,
    "pnpm-lock.yaml": read_pnpm,
    "yarn.lock": read_yarn,
    "Cargo.lock": read_cargo,
}
