"""Pieces of documentation small enough to embed: sections cut at blocks, never inside a code fence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from understudy_servers.docs.words import count_tokens

TARGET = 220  # tokens of a chunk with its header; the embedding model reads 256 word pieces
_FENCE = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})[ \t]*([^`\n]*)$")
_TABLE = re.compile(r"^ {0,3}\S[^\n]*\|[^\n]*\n {0,3}\|?[ \t]*:?-[-:| \t]*(?:\n|$)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*_\[(])")


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """One retrievable piece: what is shown, what it is called, and where it stands in its page."""

    kind: Literal["api", "prose"]
    title: str  # dotted public name, or the heading path joined with ' > '
    text: str  # shown as it is; code fences are balanced
    source: str  # path:line, path#anchor or URL
    page: str  # chunks of one page are summed when ranking prose
    parent: str = ""  # symbol or section; neighbouring chunks with one parent may be joined again
    names: tuple[str, ...] = ()  # every dotted name the chunk answers to
    bases: tuple[str, ...] = ()  # base classes, dotted, for members that are inherited
    demoted: bool = False  # deprecated or private
    flag: str = ""  # why the text reads like an order to the model; empty for nearly everything

    @property
    def digest(self) -> bytes:
        """The identity of what is embedded: title and text, 16 bytes."""
        return blake2b(f"{self.title}\0{self.text}".encode(errors="replace"), digest_size=16).digest()


def split(text: str, budget: int = TARGET) -> list[str]:
    """Cut `text` into pieces of about `budget` tokens at blank lines, sentences or lines; fences stay closed."""
    pieces: list[str] = []
    current: list[str] = []
    size = 0
    for block in _small_blocks(text, budget):
        tokens = count_tokens(block)
        if current and size + tokens > budget:
            pieces.append("\n\n".join(current))
            current, size = [], 0
        current.append(block)
        size += tokens
    if current:
        pieces.append("\n\n".join(current))
    return pieces


def _small_blocks(text: str, budget: int) -> Iterator[str]:
    for block in blocks(text):
        if count_tokens(block) <= budget:
            yield block
        elif _FENCE.match(block.split("\n", 1)[0]):
            yield from _split_fence(block, budget)
        elif _TABLE.match(block):
            yield from _split_table(block, budget)
        else:
            yield from _split_prose(block, budget)


def blocks(text: str) -> list[str]:
    """Return the blank-line separated blocks of Markdown; a fence is one block, closed if the author forgot to."""
    found: list[list[str]] = [[]]
    fence = ""
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if fence:
            found[-1].append(line)
            if match and match[1].startswith(fence) and not match[2].strip():
                fence = ""
                found.append([])
        elif match:
            fence = match[1]
            found.append([line])
        elif line.strip():
            found[-1].append(line)
        else:
            found.append([])
    if fence:
        found[-1].append(fence)
    return ["\n".join(lines) for lines in found if lines]


def _split_fence(block: str, budget: int) -> Iterator[str]:
    opening, *body = block.split("\n")
    match = _FENCE.match(opening)
    assert match is not None
    closing = match[1]
    if body and body[-1].strip().startswith(closing):
        body = body[:-1]
    for part in _by_size(body, budget - 8):
        yield "\n".join([opening, *part, closing])


def _split_table(block: str, budget: int) -> Iterator[str]:
    """Cut a Markdown table between rows and give each part the head: rows without it are numbers without names."""
    head, rule, *rows = block.split("\n")
    room = budget - count_tokens(f"{head}\n{rule}")
    if room < budget // 3:  # a head as long as that would be most of every part
        yield from _split_prose(block, budget)
        return
    for part in _by_size(rows, room):
        yield "\n".join([head, rule, *part])


def _split_prose(block: str, budget: int) -> Iterator[str]:
    lines = block.split("\n")
    if len(lines) == 1:
        lines = _SENTENCE.split(block)
    for part in _by_size(lines, budget):
        yield "\n".join(part)


def _by_size(lines: list[str], budget: int) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for line in (piece for whole in lines for piece in _short(whole, budget)):
        tokens = count_tokens(line) + 1
        if part and size + tokens > budget:
            yield part
            part, size = [], 0
        part.append(line)
        size += tokens
    if part:
        yield part


def _short(line: str, budget: int) -> list[str]:
    width = budget * 3
    if len(line) <= width:
        return [line]
    return [line[start : start + width] for start in range(0, len(line), width)]
