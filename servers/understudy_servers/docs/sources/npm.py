"""npm packages in node_modules: README, other Markdown, and the TypeScript declarations. No JavaScript is run."""

import json
import re
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from understudy_servers.docs.clean import one_line, summary
from understudy_servers.docs.ids import library_key, repository_of
from understudy_servers.docs.progress import Progress, silent
from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.readers.formats import UnreadablePage
from understudy_servers.docs.readers.typescript import DeclarationsUnavailable, declaration_chunks
from understudy_servers.docs.sources.files import NotReadable, read_file
from understudy_servers.docs.sources.folder import MAX_PAGE, decoded, documents, read_page
from understudy_servers.docs.sources.source import Source

MAX_DECLARATIONS = 400  # files of one package
_NAME = re.compile(r"(?:@[\w.~-]{1,100}/)?[\w.~-]{1,200}")
_VERSION = re.compile(r"[\w.+-]{1,100}")


def packages(node_modules: Path) -> Iterator[Source]:
    """Yield the packages directly inside a node_modules folder, scoped ones included."""
    for folder in sorted(node_modules.iterdir()) if node_modules.is_dir() else []:
        if folder.name.startswith("@") and folder.is_dir():
            for inner in sorted(folder.iterdir()):
                yield from _package(inner)
        elif not folder.name.startswith("."):
            yield from _package(folder)


def _package(folder: Path) -> Iterator[Source]:
    manifest = _manifest(folder)
    name, version = manifest.get("name"), manifest.get("version")
    if not isinstance(name, str) or not isinstance(version, str):
        return
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        return
    repository = manifest.get("repository")
    link = repository.get("url", "") if isinstance(repository, dict) else str(repository or "")
    short = link.count("/") == 1 and ":" not in link  # "owner/repo" means GitHub
    yield Source(
        kind="npm",
        key=library_key("npm", name),
        title=name,
        version=version,
        location=str(folder),
        origin="installed",
        summary=summary(str(manifest.get("description") or "")),
        repository=link.lower() if short else repository_of(link),
    )


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_file(folder / "package.json", MAX_PAGE))
    except (OSError, NotReadable, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def fingerprint(folder: Path) -> str:
    """Return what changes when the package is replaced: its manifest."""
    try:
        manifest = read_file(folder / "package.json", MAX_PAGE)
    except NotReadable as error:
        raise OSError(f"{folder / 'package.json'}: {error}") from error
    return blake2b(manifest, digest_size=12).hexdigest()


def read_package(folder: Path, name: str, progress: Progress = silent) -> tuple[list[Chunk], list[str]]:
    """Return the chunks of an npm package folder and a sentence for each file that could not be read."""
    chunks: list[Chunk] = []
    notes: list[str] = []
    inside = list(documents(folder, lambda path: path.suffix.lower() in (".md", ".mdx", ".markdown")))
    for path in inside:
        page = one_line(path.relative_to(folder).as_posix())
        try:
            chunks.extend(read_page(path, page, notes))
        except (UnreadablePage, OSError) as error:
            notes.append(f"{page}: {error}")
    files = list(_declarations(folder))
    for index, path in enumerate(files):
        progress(index, len(files))
        page = one_line(path.relative_to(folder).as_posix())
        try:
            text = decoded(read_file(path, MAX_PAGE), page, notes)
            chunks.extend(declaration_chunks(text, module=_module(name, page), page=page))
        except DeclarationsUnavailable as error:
            notes.append(str(error))
            break
        except (OSError, NotReadable, UnreadablePage) as error:
            notes.append(f"{page}: {error}")
    return chunks, notes


def _declarations(folder: Path) -> Iterator[Path]:
    """Yield `.d.ts` files, those nearest the package's root first; nested packages and oversized files are left out."""
    root = folder.resolve()
    found = [
        path
        for path in folder.rglob("*.d.ts")
        if "node_modules" not in path.relative_to(folder).parts
        and path.is_file()
        and path.resolve().is_relative_to(root)
        and path.stat().st_size <= MAX_PAGE
    ]
    yield from sorted(found, key=lambda path: (len(path.parts), str(path)))[:MAX_DECLARATIONS]


def _module(name: str, page: str) -> str:
    """Return how a declaration file is imported: `react` for its index, `react/jsx-runtime` for others."""
    stem = page.removesuffix(".d.ts")
    shown = name.removeprefix("@types/")
    parts = [
        part
        for part in stem.split("/")
        if part not in ("index", "dist", "lib", "types", "typings", "esm", "cjs", "build")
    ]
    return "/".join([shown, *parts])
