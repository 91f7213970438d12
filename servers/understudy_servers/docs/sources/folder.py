"""A folder of documentation on this machine: Markdown and its relatives, one page a file.

Symbolic links are not followed, hidden files are not read, and a file beyond the size limit is left out by name.
"""

import os
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path

from understudy_servers.docs.clean import one_line
from understudy_servers.docs.progress import Progress, silent
from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.readers.formats import UnreadablePage
from understudy_servers.docs.readers.readers import READERS
from understudy_servers.docs.sources.files import NotReadable, read_file

MAX_PAGE = 5_000_000  # bytes of one file
MAX_FILES = 20_000
# What project folders hold beside documentation; Context7's own default exclusions, and dependency folders.
SKIPPED_FOLDERS = frozenset(
    {
        "node_modules",
        "dist",
        "build",
        "target",
        "site-packages",
        "__pycache__",
        "vendor",
        "archive",
        "archived",
        "old",
        "deprecated",
        "i18n",
    }
    | {"tests", "test", "fixtures"}
)
SKIPPED_FILES = frozenset(
    {"changelog", "changes", "history", "license", "licence", "copying", "code_of_conduct", "notice", "authors"}
    | {"requirements", "robots", "package-lock", "package", "tsconfig"}
)


def documents(folder: Path, keep: Callable[[Path], bool] = lambda path: True) -> Iterator[Path]:
    """Yield the readable documents under a folder in a fixed order, or the file itself."""
    if folder.is_file():
        yield folder
        return
    count = 0
    for here, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if _is_documentation(Path(here, name)))
        for name in sorted(files):
            path = Path(here, name)
            if name.startswith(".") or path.suffix.lower() not in READERS or path.stem.lower() in SKIPPED_FILES:
                continue
            if path.is_symlink() or not path.is_file() or not keep(path):
                continue
            count += 1
            if count > MAX_FILES:
                return
            yield path


def _is_documentation(folder: Path) -> bool:
    name = folder.name.lower()
    return not name.startswith(".") and name not in SKIPPED_FOLDERS and not (folder / "pyvenv.cfg").exists()


def fingerprint(folder: Path) -> str:
    """Return what changes when any document of the folder changes: names, sizes and times, not contents."""
    digest = blake2b(digest_size=12)
    for path in documents(folder):
        status = path.stat()
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="replace"))
    return digest.hexdigest()


def read_folder(folder: Path, progress: Progress = silent) -> tuple[list[Chunk], list[str]]:
    """Return the chunks of a folder, or of one file, and a sentence for each file that was not read whole."""
    if not folder.exists():
        return [], [f"{str(folder)!r} does not exist any more."]
    root = folder if folder.is_dir() else folder.parent
    chunks: list[Chunk] = []
    notes: list[str] = []
    files = list(documents(folder))
    if len(files) >= MAX_FILES:
        notes.append(f"Only the first {MAX_FILES} files were read.")
    for index, path in enumerate(files):
        progress(index, len(files))
        page = one_line(path.relative_to(root).as_posix())
        try:
            chunks.extend(read_page(path, page, notes))
        except UnreadablePage as error:
            notes.append(f"{page}: {error}")
        except OSError as error:
            notes.append(f"{page}: {error.strerror or error}")
    return chunks, notes


def read_page(path: Path, page: str, notes: list[str]) -> list[Chunk]:
    """Return the chunks of one file.

    Raises:
        UnreadablePage: it is too large or not what its name says.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadablePage(f"left out, only {', '.join(READERS)} are read")
    try:
        data = read_file(path, MAX_PAGE)
    except NotReadable as error:
        raise UnreadablePage(str(error)) from error
    return reader(decoded(data, page, notes), page)


def decoded(data: bytes, page: str, notes: list[str]) -> str:
    """Return the text of a page, UTF-8 or marked UTF-16; what is broken is replaced and noted."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        notes.append(f"{page}: byte {error.start} is not {encoding.upper()}; unreadable characters were replaced")
        return data.decode(encoding, errors="replace")
