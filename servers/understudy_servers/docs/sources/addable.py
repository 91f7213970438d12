"""What a person or model writes after `add`, as a source: a path, `pypi:x==1`, `npm:x@1`, or an address.

An address says by its ending what it is: an inventory (objects.inv), llms.txt, an OpenAPI description, a git
repository; any other is crawled.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from understudy_servers.docs.ids import BadLibraryId, library_key, parse, repository_of
from understudy_servers.docs.readers.readers import READERS
from understudy_servers.docs.sources.source import NETWORK, Kind, Source


class CannotAdd(ValueError):
    """The source cannot be added; the message says why and what would work."""


def addable(
    text: str, *, name: str = "", roots: Sequence[Path] | None = None, network: bool = False, newest: bool = False
) -> Source:
    """Return the source that `text` names, filed under `name` when one is given.

    Args:
        roots: folders that local sources must lie in; None allows any path, for a person at the command line.
        network: whether sources that need the network may be named.
        newest: whether `pypi:x` and `npm:x` may leave out the version, for the caller to find out.

    Raises:
        CannotAdd: it is neither a path that exists nor anything fetchable, or it is not allowed.
    """
    text = text.strip()
    if not text:
        raise CannotAdd("The source is missing. Name a folder, 'pypi:name==version', 'npm:name@version' or an address.")
    source = (
        _from_address(text)
        if re.match(r"^(?:https?|git\+https?)://", text, re.IGNORECASE)
        else _from_name(text, newest)
    )
    source = source or _from_path(text, roots)
    if source.kind in NETWORK and not network:
        raise CannotAdd(
            f"{text!r} needs the network, which is off. The user can run `understudy docs add {text}`, or start the "
            "server with --network. A local folder works without."
        )
    return _renamed(source, name) if name else source


def _from_name(text: str, newest: bool) -> Source | None:
    prefix = text.partition(":")[0].lower()
    kinds: dict[str, Kind] = {"pypi": "sdist", "npm": "npm-tarball", "crates": "crate"}
    if prefix not in kinds or text[len(prefix) : len(prefix) + 1] != ":":
        return None
    ref = parse(text)
    if not ref.version and not (newest and prefix != "crates"):
        raise CannotAdd(
            f"{text!r} names no version. Write it in full, such as 'pypi:pydantic==2.11.3' or 'npm:react@19.1.0'."
        )
    if not re.fullmatch(r"(?:@[\w.-]+/)?[\w.-]+", ref.name) or not re.fullmatch(r"[\w.+!-]*", ref.version):
        raise CannotAdd(
            f"{text!r} is not a package and a version. Write 'pypi:pydantic==2.11.3' or 'npm:react@19.1.0'."
        )
    return Source(
        kind=kinds[prefix],
        key=library_key(prefix, ref.name),
        title=ref.name,
        version=ref.version,
        location="",
        origin="network",
    )


def _from_address(text: str) -> Source:
    address = text.removeprefix("git+")
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise CannotAdd(f"{text!r} is not an address: {error}.") from error
    if parts.username or parts.password:
        raise CannotAdd(f"An address of {parts.hostname!r} was given with credentials, which are never sent or kept.")
    if not parts.hostname:
        raise CannotAdd(f"{text!r} names no host.")
    host, path = parts.hostname or "", parts.path.rstrip("/")
    if (
        text.startswith("git+")
        or path.partition("@")[0].endswith(".git")
        or (repository_of(address) and path.count("/") == 2)
    ):
        where, _, tag = address.partition("@")  # none is before the host: credentials were refused
        title = where.rstrip("/").rpartition("/")[2].removesuffix(".git")
        repository = repository_of(where)
        return _fetched("git", "git", repository.replace("/", "-") or title, where.partition("#")[0], tag, repository)
    site = host + (path if path.count("/") == 1 and "." not in path else "")
    named = site.replace("/", "-").removeprefix("www.").removesuffix("-en-latest")
    if path.endswith("objects.inv"):
        return _fetched("sphinx", "websites", named.removesuffix("-objects.inv"), address)
    if path.rpartition("/")[2] in ("llms.txt", "llms-full.txt"):
        return _fetched("llmstxt", "llmstxt", host, address)
    if re.search(r"(?:openapi|swagger)[\w.-]*\.(?:json|ya?ml)$", path, re.IGNORECASE):
        return _fetched("openapi-url", "websites", host, address)
    return _fetched("crawl", "websites", named, address)


def _fetched(kind: Kind, ecosystem: str, title: str, location: str, version: str = "", repository: str = "") -> Source:
    return Source(
        kind=kind,
        key=library_key(ecosystem, title),
        title=title,
        version=version,
        location=location,
        origin="network",
        repository=repository,
    )


def _from_path(text: str, roots: Sequence[Path] | None) -> Source:
    try:
        path = Path(text).expanduser()
        path = path if path.is_absolute() or not roots else Path(roots[0], path)
        exists, real = path.exists(), path.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise CannotAdd(f"{text!r} cannot be a path: {error}.") from error
    allowed = [root.resolve() for root in roots or ()]
    if roots is not None and not any(real.is_relative_to(root) for root in allowed):
        raise CannotAdd(
            f"{text!r} is outside the project's folders ({', '.join(map(str, allowed)) or 'none is known'}). "
            f"The user can add it with `understudy docs add {text}`."
        )
    inside = [real.relative_to(root).parts for root in allowed if real.is_relative_to(root)]
    if roots is not None and any(part.startswith(".") for parts in inside for part in parts):
        raise CannotAdd(f"{text!r} is hidden, and hidden files are not read. The user can add it by hand.")
    if not exists:
        package = re.fullmatch(r"@?[\w.-]+(?:/[\w.-]+)?(?:==|@)?[\w.]*", text)
        meant = f" Did you mean 'pypi:{text}' or 'npm:{text}'?" if package and "." not in text[:1] else ""
        raise CannotAdd(
            f"{text!r} is neither a folder or file here nor an address. Give a path that exists, 'pypi:name==version', "
            f"'npm:name@version', or an address that starts with https://.{meant}"
        )
    if real.is_file() and real.suffix.lower() not in READERS:
        raise CannotAdd(f"{text!r} is no documentation: of files, only {', '.join(READERS)} are read. Name a folder.")
    if not real.is_dir() and not real.is_file():
        raise CannotAdd(f"{text!r} is neither an ordinary file nor a folder.")
    return folder_source(path)


def folder_source(path: Path, name: str = "") -> Source:
    """Return the source of a local folder or file of documentation."""
    real = path.resolve()
    title = name or (real.stem if real.is_file() else real.name) or "root"
    return Source(
        kind="folder", key=library_key("local", title), title=title, version="", location=str(real), origin="folder"
    )


def _renamed(source: Source, name: str) -> Source:
    try:
        ref = parse(name)
    except BadLibraryId as error:
        raise CannotAdd(str(error)) from error
    ecosystem = ref.ecosystem or source.key.split("/")[1]
    title = ref.repository.replace("/", "-") or ref.name
    return replace(source, key=library_key(ecosystem, title), title=title, version=ref.version or source.version)
