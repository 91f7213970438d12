"""From ranked pages to the snippets of one reply: whole parts, no repetition, never above the cap."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from understudy_servers.docs.index.search import Hit, Page
from understudy_servers.docs.readers.chunks import split
from understudy_servers.docs.words import count_tokens

MAX_SNIPPETS = 5
SNIPPET_TOKENS = 600  # of the best; where the first is not what was meant, more others are seen when they are shorter
LATER_TOKENS = 350
SECOND_SECTION = 0.6  # a second section of a page is shown when it scores at least this share of the page's best
MAX_CANDIDATES = 20  # pages; four replies of five


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """A piece of documentation as shown: `parts` are chunks of one symbol or section, in order."""

    title: str
    source: str
    parts: tuple[str, ...]
    flag: str
    cut: bool  # there is more of this symbol or section
    why: tuple[str, ...]
    version: int

    @property
    def text(self) -> str:
        return "\n\n".join(self.parts)

    def shorter(self) -> "Snippet | None":
        """Return the snippet without its last part, or nothing when it has only one."""
        return replace(self, parts=self.parts[:-1], cut=True) if len(self.parts) > 1 else None

    def within(self, tokens: int) -> "Snippet | None":
        """Return the beginning that fits `tokens`, code fences closed, or nothing when no piece does."""
        for piece in split(self.parts[0], max(tokens, 16))[:1]:
            if piece.strip() and count_tokens(piece) <= tokens:
                return replace(self, parts=(piece,), cut=True)
        return None


def candidates(connection: sqlite3.Connection, pages: Sequence[Page]) -> Iterator[Snippet]:
    """Yield one snippet for each symbol, one or two for each page, in ranking order, without equal texts."""
    shown: set[str] = set()
    for hit in _leading(pages):
        snippet = _snippet(connection, hit, LATER_TOKENS if shown else SNIPPET_TOKENS)
        if snippet.text not in shown:
            shown.add(snippet.text)
            yield snippet


def _leading(pages: Sequence[Page]) -> Iterator[Hit]:
    for page in pages[:MAX_CANDIDATES]:
        best = page.hits[0]
        yield best
        if best.kind == "prose":
            yield from (
                hit for hit in page.hits[1:3] if hit.parent != best.parent and hit.score >= SECOND_SECTION * best.score
            )


def _snippet(connection: sqlite3.Connection, hit: Hit, limit: int) -> Snippet:
    rows = connection.execute(
        "SELECT position, text, flag FROM chunk WHERE version = ? AND page = ? AND parent = ? "
        "AND position BETWEEN ? AND ? ORDER BY position",
        (hit.version, hit.page, hit.parent, hit.position - 40, hit.position + 40),
    ).fetchall()
    texts = [row["text"] for row in rows]
    at = [row["position"] for row in rows].index(hit.position)
    chosen = {0, at} if hit.kind == "api" else {at}  # a symbol is shown with its signature
    size = sum(count_tokens(texts[index]) for index in chosen)
    for index in [*range(at + 1, len(texts)), *range(at - 1, -1, -1)]:
        tokens = count_tokens(texts[index])
        if index in chosen:
            continue
        if size + tokens > limit:
            break
        chosen.add(index)
        size += tokens
    parts = tuple(texts[index] for index in sorted(chosen))
    return Snippet(
        title=hit.title,
        source=hit.source,
        parts=parts,
        flag=next((rows[index]["flag"] for index in sorted(chosen) if rows[index]["flag"]), ""),
        cut=len(parts) < len(texts),
        why=hit.why,
        version=hit.version,
    )
