"""The plainest readers of documentation files, and what every reader has in common."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from understudy_servers.docs.clean import visible
from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.readers.markdown import Section, page_chunks, section_chunks

Reader = Callable[[str, str], list[Chunk]]


class UnreadablePage(Exception):
    """A file is not what its name says, or too large; the message says which, in words."""


def page_title(page: str) -> str:
    """Return a title for a page that has none: its file name, or its folder's for an index page."""
    path = PurePosixPath(page)
    stem = path.parent.name if path.stem.lower() in ("index", "readme") and path.parent.name else path.stem
    return re.sub(r"[-_]+", " ", stem).strip() or page


def read_markdown(text: str, page: str) -> list[Chunk]:
    """Read Markdown or MDX."""
    return page_chunks(text, page=page, fallback_title=page_title(page))


def read_plain(text: str, page: str) -> list[Chunk]:
    """Read plain text as one section, cut at blank lines."""
    return section_chunks(
        iter([Section(headings=(), text=visible(text), line=1)]), page=page, page_title=page_title(page)
    )
