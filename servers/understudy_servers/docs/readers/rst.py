"""reStructuredText pages as chunks: docutils finds the sections, the text stays as written.

Unknown directives and roles (Sphinx has hundreds) are no errors here: only the titles and their lines are wanted.
"""

from collections.abc import Iterator

from understudy_servers.docs.clean import visible
from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.readers.formats import page_title, read_plain
from understudy_servers.docs.readers.markdown import Section, section_chunks

_SETTINGS = {
    "report_level": 5,
    "halt_level": 5,
    "raw_enabled": False,
    "file_insertion_enabled": False,  # `.. include:: /etc/passwd` must stay text
    "_disable_config": True,
    "doctitle_xform": False,
    "sectsubtitle_xform": False,
    "smart_quotes": False,
    "input_encoding": "unicode",
    "line_length_limit": 100_000,
}


def read_rst(text: str, page: str) -> list[Chunk]:
    """Read a reStructuredText page; as plain text where docutils is missing or gives up on it."""
    try:
        # part of the `docs` extra
        from docutils import nodes  # noqa: PLC0415
        from docutils.core import publish_doctree  # noqa: PLC0415
        from docutils.utils import SystemMessage  # noqa: PLC0415
    except ImportError:
        return read_plain(text, page)
    source = visible(text)
    try:
        tree = publish_doctree(source, settings_overrides=_SETTINGS)
        found = [
            (title.line or title.parent.line or 1, _depth(title), title.astext())
            for title in tree.findall(nodes.title)
            if isinstance(title.parent, nodes.section)
        ]
    except (SystemMessage, RecursionError, ValueError, TypeError, LookupError, AttributeError):
        return read_plain(text, page)  # its sections are lost, its words are not
    return section_chunks(_sections(source.split("\n"), found), page=page, page_title=page_title(page))


def _depth(title: object) -> int:
    depth, node = 0, getattr(title, "parent", None)
    while node is not None:
        depth += type(node).__name__ == "section"
        node = node.parent
    return depth


def _sections(lines: list[str], titles: list[tuple[int, int, str]]) -> Iterator[Section]:
    """Cut the lines at the titles. docutils gives the line of the underline, or of the text under an overline."""
    starts = [_start(lines, line, text) for line, _, text in titles]
    first = starts[0] if starts else len(lines)
    yield Section(headings=(), text="\n".join(lines[:first]).strip("\n"), line=1)
    path: list[tuple[int, str]] = []
    for index, (_, depth, text) in enumerate(titles):
        end = starts[index + 1] if index + 1 < len(starts) else len(lines)
        path = [step for step in path if step[0] < depth] + [(depth, text)]
        body = lines[starts[index] + 1 : end]
        while body and _is_rule(body[0]):
            body = body[1:]
        while body and _is_rule(body[-1]) and index + 1 < len(titles):
            body = body[:-1]  # the overline of the next title
        yield Section(
            headings=tuple(step for _, step in path), text="\n".join(body).strip("\n"), line=starts[index] + 1
        )


def _start(lines: list[str], line: int, text: str) -> int:
    for index in range(min(line, len(lines)) - 1, max(line - 4, -1), -1):
        if text.split()[0:1] and text.split()[0] in lines[index]:
            return index
    return max(min(line, len(lines)) - 1, 0)


def _is_rule(line: str) -> bool:
    bare = line.strip()
    return len(bare) >= 2 and len(set(bare)) == 1 and not bare[0].isalnum()
