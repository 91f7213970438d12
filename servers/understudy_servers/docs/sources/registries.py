"""Where the archive of an exact version lies: Python's simple index (PEP 503, 691) and the npm registry.

The simple index is what mirrors and company registries offer too; nothing else of PyPI's is used.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urldefrag, urljoin

from understudy_servers.docs.catalog import version_order
from understudy_servers.docs.ids import normal
from understudy_servers.docs.sources.net import Fetcher, Refused
from understudy_servers.docs.sources.source import Source

INDEX_BYTES = 50_000_000  # a project with thousands of files
_SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
_SIMPLE = f"{_SIMPLE_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_SDIST = re.compile(r"^(.+)-([^-]+)\.(?:tar\.gz|tgz|tar\.bz2|tar\.xz|zip)$")
_WHEEL = re.compile(r"^([^-]+)-([^-]+)(?:-[^-]+){3,4}\.whl$")
_FINAL = re.compile(r"^v?\d+(?:\.\d+)*(?:\.post\d+)?$")


@dataclass(frozen=True, kw_only=True)
class Registries:
    """Where archives are asked for."""

    pypi: str = "https://pypi.org/simple"
    npm: str = "https://registry.npmjs.org"
    crates: str = "https://static.crates.io"


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One file of one version, and the digest its registry states."""

    url: str
    digest: str
    name: str = ""
    version: str = ""
    wheel: bool = False
    yanked: bool = False


def pypi_archive(fetcher: Fetcher, base: str, source: Source) -> Archive:
    """Return the source archive of an exact version, or a wheel where there is none.

    Raises:
        Refused: the index cannot be read, or has no file of that version.
    """
    found = [one for one in _files(fetcher, base, source.title) if _same(one.version, source.version)]
    if not found:
        raise Refused(f"{source.title} {source.version} has no files on {base}.")
    pure = [one for one in found if one.url.endswith("none-any.whl")]
    return min(found, key=lambda one: (one.wheel, one not in pure))


def newest(fetcher: Fetcher, registries: Registries, source: Source) -> str:
    """Return the newest final version of a package.

    Raises:
        Refused: the registry cannot be read, or has none.
    """
    if source.kind == "npm-tarball":
        page = f"{registries.npm}/{quote(source.title, safe='@')}/latest"
        return str(_json(fetcher.get(page, limit=INDEX_BYTES).body, page).get("version", ""))
    found = [one for one in _files(fetcher, registries.pypi, source.title) if not one.yanked]
    final = [one.version for one in found if _FINAL.match(one.version)] or [one.version for one in found]
    if not final:
        raise Refused(f"{source.title} has no files on {registries.pypi}.")
    return max(final, key=version_order)


def npm_archive(fetcher: Fetcher, base: str, source: Source) -> Archive:
    """Return the tarball of an exact npm version.

    Raises:
        Refused: the registry cannot be read, or has no such version.
    """
    page = f"{base}/{quote(source.title, safe='@')}/{quote(source.version)}"
    found = _json(fetcher.get(page, limit=INDEX_BYTES).body, page).get("dist")
    if not isinstance(found, dict) or not isinstance(found.get("tarball"), str):
        raise Refused(f"{source.title} {source.version} has no tarball on {base}.")
    return Archive(url=found["tarball"], digest=str(found.get("integrity") or found.get("shasum") or ""))


def _files(fetcher: Fetcher, base: str, name: str) -> Iterator[Archive]:
    """Yield the files of a project, as its index lists them."""
    page = f"{base.rstrip('/')}/{quote(normal(name))}/"
    fetched = fetcher.get(page, limit=INDEX_BYTES, accept=_SIMPLE)
    if fetched.kind == _SIMPLE_JSON or fetched.kind == "application/json":
        listed = _json(fetched.body, page).get("files")
        rows = [_row(one) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    else:
        parser = _Links()
        parser.feed(fetched.body.decode("utf-8", "replace"))
        rows = parser.rows
    for filename, url, digest, yanked in rows:
        match = _WHEEL.match(filename) or _SDIST.match(filename)
        if match and normal(match[1]) == normal(name):
            yield Archive(
                url=urljoin(fetched.url, url),
                digest=digest,
                name=match[1],
                version=match[2],
                wheel=filename.endswith(".whl"),
                yanked=yanked,
            )


def _row(listed: dict[str, Any]) -> tuple[str, str, str, bool]:
    hashes = listed.get("hashes")
    sha256 = hashes.get("sha256", "") if isinstance(hashes, dict) else ""
    digest = f"sha256:{sha256}" if sha256 else ""
    return str(listed.get("filename", "")), str(listed.get("url", "")), digest, bool(listed.get("yanked"))


class _Links(HTMLParser):
    """The links of a simple index page: file name, address, digest, whether it was yanked."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[str, str, str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        url, fragment = urldefrag(fields.get("href") or "")
        if tag == "a" and url:
            digest = fragment.replace("=", ":", 1) if re.match(r"^sha(?:1|256|384|512)=", fragment) else ""
            self.rows.append((url.rpartition("/")[2], url, digest, "data-yanked" in fields))


def _same(one: str, other: str) -> bool:
    """Say whether two spellings mean one version: case, a leading v and zeros at the end do not count."""
    return _plain(one) == _plain(other)


def _plain(version: str) -> str:
    return re.sub(r"(?:\.0)+$", "", version.lower().removeprefix("v").replace("-", ".").replace("_", "."))


def _json(body: bytes, url: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{url!r} did not answer with JSON.") from error
    if not isinstance(found, dict):
        raise Refused(f"{url!r} did not answer with a JSON object.")
    return found
