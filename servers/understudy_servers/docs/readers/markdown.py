"""Markdown pages as chunks: one section per heading, the path of headings as the title."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from understudy_servers.docs.clean import suspicion, visible, without_comments
from understudy_servers.docs.readers.chunks import Chunk, split

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)
_MDX_NOISE = re.compile(r"^(?:import|export)\s.*(?:from\s+['\"].*|\{.*)$", re.MULTILINE)
_INLINE = re.compile(  # an underscore inside a word, as in `read_text`, is no emphasis
    r"`([^`]*)`|\[([^\]]*)\]\([^)]*\)|\*{1,3}(?=\S)|(?<=\S)\*{1,3}|(?<!\w)_{1,3}(?=\S)|(?<=\S)_{1,3}(?!\w)|<[^>]+>"
)
_ANCHOR = re.compile(r"\s*(?:\{#[\w-]+\}|\{:\s*#[\w-]+\s*\})\s*$")
_NOT_SLUG = re.compile(r"[^\w\s-]")
_DEPRECATED = re.compile(r"\b(?:deprecated|legacy|obsolete)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A run of text under one heading; `line` is where it starts, from 1."""

    headings: tuple[str, ...]
    text: str
    line: int


@cache
def _parser() -> "MarkdownIt":
    # sixty modules, which a server that is being started does not need
    from markdown_it import MarkdownIt  # noqa: PLC0415

    return MarkdownIt("commonmark", {"maxNesting": 20}).enable("table")


def sections(text: str) -> Iterator[Section]:
    """Yield the sections of a page in order; the text before the first heading has no headings."""
    lines = text.split("\n")
    marks: list[tuple[int, int, int, str]] = []  # line of the heading, first line below it, level, title
    tokens = _parser().parse(text)
    for token, inline in pairwise(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map:
            marks.append((token.map[0], token.map[1], int(token.tag[1]), plain(inline.content)))
    first = marks[0][0] if marks else len(lines)
    yield Section(headings=(), text="\n".join(lines[:first]).strip("\n"), line=1)
    path: list[tuple[int, str]] = []
    for index, (start, below, level, title) in enumerate(marks):
        end = marks[index + 1][0] if index + 1 < len(marks) else len(lines)
        path = [step for step in path if step[0] < level] + [(level, title)]
        body = "\n".join(lines[below:end]).strip("\n")
        yield Section(headings=tuple(step for _, step in path), text=body, line=start + 1)


def plain(heading: str) -> str:
    """Return a heading without markup: code marks, links, emphasis, explicit anchors."""
    bare = _INLINE.sub(lambda match: match[1] or match[2] or "", _ANCHOR.sub("", heading))
    return re.sub(r"\s+", " ", bare).strip()


def slug(heading: str) -> str:
    """Return the anchor that most site generators give a heading."""
    return re.sub(r"\s+", "-", _NOT_SLUG.sub("", heading.lower()).strip())


def page_chunks(markdown: str, *, page: str, fallback_title: str) -> list[Chunk]:
    """Return the chunks of one Markdown page; `page` is its path or URL, before which no heading is repeated."""
    text = without_comments(visible(markdown))
    title = fallback_title
    if matter := _FRONT_MATTER.match(text):
        text = text[matter.end() :]
        if named := _FRONT_TITLE.search(matter[1]):
            title = named[1]
    if page.endswith(".mdx"):
        text = _MDX_NOISE.sub("", text)
    return section_chunks(sections(text), page=page, page_title=title)


def section_chunks(found: Iterator[Section], *, page: str, page_title: str) -> list[Chunk]:
    """Return the chunks of the sections of one page, whatever format they were read from."""
    result: list[Chunk] = []
    for section in found:
        if not section.text.strip():
            continue
        headings = section.headings or (page_title,)
        name = " > ".join(headings)
        anchor = f"#{slug(headings[-1])}" if section.headings else ""
        parent = f"{page}:{section.line}"
        result.extend(
            Chunk(
                kind="prose",
                title=name,
                text=piece,
                source=page + anchor,
                page=page,
                parent=parent,
                demoted=bool(_DEPRECATED.search(headings[-1])),
                flag=suspicion(f"{name}\n{piece}"),
            )
            for piece in split(section.text)
        )
    return result
