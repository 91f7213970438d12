"""Ranking: exact symbol first, then words and vectors fused, then the priors, then whole pages.

Words are SQLite FTS5's BM25 over names, split identifiers, headings, path and body; vectors come from outside as ranked
chunk ids. The two lists are fused by reciprocal rank (Cormack, Clarke, Buettcher 2009, k = 60).
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from understudy_servers.docs.symbols import symbols_in
from understudy_servers.docs.words import match_expression

COLUMN_WEIGHTS = "5, 10, 6, 3, 1"  # name, parts, headings, path, body
DEPTH = 200  # candidates of each list
RRF_K = 60
WORDS_WEIGHT, VECTORS_WEIGHT = 1.0, 1.0  # docs/decisions/0011-docs-ranking.md
DOT_PRIOR, DOT_FLOOR = 0.15, 0.5  # a name four dots deep is rarely what is asked for
DEMOTED, FLAGGED = 0.8, 0.5
ROLL_UP = 5  # chunks of a page that count towards it, each divided by its rank in the page
PINNED = 10.0  # above any fused score, which is at most 2 / 61


@dataclass(kw_only=True)
class Hit:
    """One chunk with its score and the reasons for it."""

    id: int
    version: int
    position: int
    kind: str
    title: str
    source: str
    page: str
    parent: str
    flag: str
    score: float
    why: tuple[str, ...]


@dataclass(kw_only=True)
class Page:
    """The hits of one page, or of one symbol, best first."""

    name: str
    score: float
    hits: list[Hit]


def search(
    connection: sqlite3.Connection, versions: Sequence[int], query: str, nearest: Sequence[int] | None = None
) -> list[Page]:
    """Return the pages that answer `query` within `versions`, best first.

    Args:
        nearest: chunk ids by falling similarity to the query, or None when vectors are not ready.
    """
    if not versions:
        return []
    by_words = words_ranking(connection, versions, query)
    fused: dict[int, float] = {}
    why: dict[int, list[str]] = {}
    for label, weight, ranking in (("words", WORDS_WEIGHT, by_words), ("vectors", VECTORS_WEIGHT, nearest or ())):
        for rank, chunk in enumerate(ranking[:DEPTH], start=1):
            fused[chunk] = fused.get(chunk, 0.0) + weight / (RRF_K + rank)
            why.setdefault(chunk, []).append(f"{label} #{rank}")
    pins = {chunk: PINNED - rank for rank, chunk in enumerate(symbols_in(connection, versions, query))}
    for chunk in pins:
        fused.setdefault(chunk, 0.0)
        why.setdefault(chunk, []).insert(0, "named in the question")
    hits = _hits(connection, fused, why)
    for hit in hits:
        hit.score += pins.get(hit.id, 0.0)
    return _pages(hits)


def pinned(connection: sqlite3.Connection, chunks: Sequence[int]) -> list[Page]:
    """Return pages for chunks whose order is already known."""
    scores = {chunk: PINNED - rank for rank, chunk in enumerate(chunks)}
    hits = _hits(connection, dict.fromkeys(scores, 0.0), {chunk: ["looked up by name"] for chunk in scores})
    for hit in hits:
        hit.score = scores[hit.id]
    return _pages(hits)


def words_ranking(connection: sqlite3.Connection, versions: Sequence[int], query: str, limit: int = DEPTH) -> list[int]:
    """Return chunk ids by BM25, best first."""
    expression = match_expression(query)
    if not expression:
        return []
    scored: list[tuple[float, int]] = []
    for version in versions:
        bounds = connection.execute("SELECT first, first + chunks - 1 FROM version WHERE id = ?", (version,)).fetchone()
        if bounds is None:
            continue
        rows = connection.execute(
            f"SELECT bm25(words, {COLUMN_WEIGHTS}) AS score, rowid FROM words "
            "WHERE words MATCH ? AND rowid BETWEEN ? AND ? ORDER BY score LIMIT ?",
            (expression, *bounds, limit),
        )
        scored += [(row[0], row[1]) for row in rows]
    return [id for _, id in sorted(scored)[:limit]]


def _hits(connection: sqlite3.Connection, fused: Mapping[int, float], why: Mapping[int, list[str]]) -> list[Hit]:
    marks = ",".join("?" * len(fused))
    rows = connection.execute(
        "SELECT id, version, position, kind, title, source, page, parent, demoted, flag FROM chunk "
        f"WHERE id IN ({marks})",
        tuple(fused),
    )
    hits = []
    for row in rows:
        factor, reasons = _prior(row)
        hits.append(
            Hit(
                id=row["id"],
                version=row["version"],
                position=row["position"],
                kind=row["kind"],
                title=row["title"],
                source=row["source"],
                page=row["page"],
                parent=row["parent"],
                flag=row["flag"],
                score=fused[row["id"]] * factor,
                why=(*why[row["id"]], *reasons),
            )
        )
    return hits


def _prior(row: sqlite3.Row) -> tuple[float, list[str]]:
    factor, reasons = 1.0, []
    if row["kind"] == "api":
        factor = max(DOT_FLOOR, 1 - DOT_PRIOR * row["title"].count("."))
    if row["demoted"]:
        factor *= DEMOTED
        reasons.append("deprecated or private")
    if row["flag"]:
        factor *= FLAGGED
        reasons.append(f"flagged: {row['flag']}")
    return factor, reasons


def _pages(hits: list[Hit]) -> list[Page]:
    grouped: dict[tuple[int, str], list[Hit]] = {}
    for hit in sorted(hits, key=lambda hit: (-hit.score, hit.version, hit.position)):
        grouped.setdefault((hit.version, hit.page), []).append(hit)
    pages = []
    for (_, name), found in grouped.items():
        score = sum(hit.score / rank for rank, hit in enumerate(found[:ROLL_UP], start=1))
        pages.append(Page(name=name, score=score, hits=found))
    return sorted(pages, key=lambda page: (-page.score, page.hits[0].position))
