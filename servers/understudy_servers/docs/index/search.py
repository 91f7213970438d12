"""Ranking: exact symbol first, then words and vectors fused, then the priors, then whole pages.

Words are SQLite FTS5's BM25 over names, split identifiers, headings, path and body; vectors come from outside as ranked
chunk ids. The two lists are fused by reciprocal rank (Cormack, Clarke, Buettcher 2009, k = 60).
"""

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import accumulate, combinations

from understudy_servers.docs.index.symbols import symbols_in
from understudy_servers.docs.words import any_of, terms

COLUMN_WEIGHTS = "5, 10, 6, 3, 1"  # name, parts, headings, path, body
DEPTH = 200  # candidates of each list
SCORED = 1_000  # chunks: a library of fewer is scored whole, and words with fewer decide what is scored in others
PAIRED = 3  # common words of which any two decide too
RRF_K = 60
WORDS_WEIGHT, VECTORS_WEIGHT = 1.0, 1.0  # docs/decisions/0011-docs-ranking.md
DOT_PRIOR, DOT_FLOOR = 0.15, 0.5  # a name four dots deep is rarely what is asked for
DEMOTED, FLAGGED, HISTORY = 0.8, 0.5, 0.4
_HISTORY = re.compile(
    r"what's changed|change ?log|release (?:notes|history)|new contributors|(?:^|> )(?:version |release )?v?\d+\.\d+\S*"
    r"(?: [(\[]| >|$)",
    re.IGNORECASE,
)
_ASKS_HISTORY = re.compile(
    r"\b(?:chang|release|new in|news|migrat|deprecat|remov|since|version|upgrad|fixed|histor)", re.I
)
ROLL_UP = 5  # chunks of a page that count towards it, each divided by its rank in the page
PAGES = 50  # that are returned; a reply has at most twenty
PINNED = 10.0  # above any fused score, which is at most 2 / 61


@dataclass(slots=True)
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


@dataclass(kw_only=True, slots=True)
class Page:
    """The hits of one page, or of one symbol, best first."""

    name: str
    score: float
    hits: list[Hit]


def search(
    connection: sqlite3.Connection,
    versions: Sequence[int],
    query: str,
    nearest: Callable[[], Sequence[int] | None] = lambda: None,
) -> list[Page]:
    """Return the pages that answer `query` within `versions`, best first.

    Args:
        nearest: gives chunk ids by falling similarity to the query, or None when vectors are not ready; called after
            the words were searched, so that it may wait for what went on beside that.
    """
    if not versions:
        return []
    by_words = _ranks(words_ranking(connection, versions, query))
    by_vectors = _ranks(nearest() or ())
    fused = {chunk: WORDS_WEIGHT / (RRF_K + rank) for chunk, rank in by_words.items()}
    for chunk, rank in by_vectors.items():
        fused[chunk] = fused.get(chunk, 0.0) + VECTORS_WEIGHT / (RRF_K + rank)
    pins = {chunk: PINNED - rank for rank, chunk in enumerate(symbols_in(connection, versions, query))}

    def why(chunk: int) -> list[str]:
        named = ["named in the question"] if chunk in pins else []
        ranks = (("words", by_words), ("vectors", by_vectors))
        return named + [f"{label} #{ranking[chunk]}" for label, ranking in ranks if chunk in ranking]

    return _pages(
        connection, {**dict.fromkeys(pins, 0.0), **fused}, pins, why, history=bool(_ASKS_HISTORY.search(query))
    )


def _ranks(ranking: Sequence[int]) -> dict[int, int]:
    return {chunk: rank for rank, chunk in enumerate(ranking[:DEPTH], start=1)}


def pinned(connection: sqlite3.Connection, chunks: Sequence[int]) -> list[Page]:
    """Return pages for chunks whose order is already known."""
    pins = {chunk: PINNED - rank for rank, chunk in enumerate(chunks)}
    return _pages(connection, dict.fromkeys(pins, 0.0), pins, lambda _: ["looked up by name"])


def words_ranking(connection: sqlite3.Connection, versions: Sequence[int], query: str, limit: int = DEPTH) -> list[int]:
    """Return chunk ids by BM25, best first."""
    wanted = terms(query)
    scored: list[tuple[float, int]] = []
    for version in versions:
        bounds = connection.execute("SELECT first, first + chunks - 1 FROM version WHERE id = ?", (version,)).fetchone()
        if wanted and bounds is not None:
            scored += _by_words(connection, tuple(bounds), wanted, limit)
    return [id for _, id in sorted(scored)[:limit]]


def _by_words(
    connection: sqlite3.Connection, bounds: tuple[int, int], wanted: Sequence[str], limit: int
) -> list[tuple[float, int]]:
    """Return score and id of the best chunks between two row numbers, best (lowest) first.

    A score costs a microsecond, and some word of a question is in half of a library's chunks. So the rare words decide
    which chunks are scored at all, and so does any pair of the three next ones; every word counts in the score.
    Measured, this loses nothing: docs/decisions/0013-docs-words-scored.md.
    """
    first, last = bounds
    scored, values = any_of(wanted), list[object](bounds)
    condition = ""
    if last - first >= SCORED:
        counts = {term: _chunks_with(connection, term, bounds) for term in wanted}
        known = sorted((term for term in wanted if counts[term]), key=lambda term: counts[term])
        rare = _rarest(known, counts)
        common = known[len(rare) :]
        if not known:
            return []
        scored = any_of(known)
        if common:
            pairs = [f"({any_of([one])} AND {any_of([other])})" for one, other in combinations(common[:PAIRED], 2)]
            condition = "AND +rowid IN (SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?) "
            values += [" OR ".join([any_of(rare), *pairs]), *bounds]
    rows = connection.execute(
        f"SELECT bm25(words, {COLUMN_WEIGHTS}) AS score, rowid FROM words "
        f"WHERE words MATCH ? AND rowid BETWEEN ? AND ? {condition}ORDER BY score LIMIT ?",
        (scored, *values, limit),
    )
    return [(row[0], row[1]) for row in rows]


def _chunks_with(connection: sqlite3.Connection, term: str, bounds: tuple[int, int]) -> int:
    found = connection.execute(
        "SELECT count(*) FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?", (any_of([term]), *bounds)
    ).fetchone()
    return int(found[0])


def _rarest(known: Sequence[str], counts: Mapping[str, int]) -> list[str]:
    """Return the rarest words: the rarest of all, and more while their chunks together are few."""
    together = list(accumulate(counts[term] for term in known))
    return [term for term, chunks in zip(known, together, strict=True) if term == known[0] or chunks <= SCORED]


def _pages(
    connection: sqlite3.Connection,
    fused: Mapping[int, float],
    pins: Mapping[int, float],
    why: Callable[[int], list[str]],
    *,
    history: bool = True,
) -> list[Page]:
    """Return the best pages of the chunks in `fused`, whose scores get their priors here.

    Args:
        history: lists of changes count in full; else they stand back, for they name everything and explain nothing.
    """
    rows = connection.execute(
        "SELECT id, version, position, kind, title, source, page, parent, flag, demoted FROM chunk "
        "WHERE id IN (SELECT value FROM json_each(?))",  # one text of the statement, whatever the number
        (json.dumps(list(fused)),),
    )
    grouped: dict[tuple[int, str], list[tuple[float, int, sqlite3.Row]]] = {}
    for row in rows:
        id, version, position, kind, title, _, page, _, flag, demoted = row
        score = fused[id] * _prior(kind, title, flag, demoted) + pins.get(id, 0.0)
        if not history and kind == "prose" and _HISTORY.search(title):
            score *= HISTORY
        grouped.setdefault((version, page), []).append((-score, position, row))
    ranked = []
    for (version, name), found in grouped.items():
        found.sort()
        total = sum(score / rank for rank, (score, _, _) in enumerate(found[:ROLL_UP], start=1))
        ranked.append((total, found[0][1], version, name, found))
    best = nsmallest(PAGES, ranked, key=lambda one: one[:3])
    return [
        Page(name=name, score=-total, hits=[_hit(row, -score, why) for score, _, row in found])
        for total, _, _, name, found in best
    ]


def _hit(row: sqlite3.Row, score: float, why: Callable[[int], list[str]]) -> Hit:
    id, version, position, kind, title, source, page, parent, flag, demoted = row
    reasons = ["deprecated or private"] if demoted else []
    reasons += [f"flagged: {flag}"] if flag else []
    return Hit(id, version, position, kind, title, source, page, parent, flag, score, (*why(id), *reasons))


def _prior(kind: str, title: str, flag: str, demoted: int) -> float:
    factor = max(DOT_FLOOR, 1 - DOT_PRIOR * title.count(".")) if kind == "api" else 1.0
    return factor * (DEMOTED if demoted else 1) * (FLAGGED if flag else 1)
