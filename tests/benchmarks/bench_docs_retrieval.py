"""Retrieval quality on questions written by others: DS-1000 to develop on, ODEX held back.

    python tests/benchmarks/bench_docs_retrieval.py --data CODE_RAG_BENCH --home INDEX

`--data` is a copy of the code-rag-bench repository. The first run indexes ten libraries into `--home` and embeds them,
which takes about a quarter of an hour on one idle core; later runs reuse it. Peers in the same run: plain BM25 over the
text (what keyword-only servers do) and the bundled MiniLM alone (what vector-only servers do).
"""

import argparse
import math
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from docs_questions import LIBRARIES, Question, documents, questions

from understudy_servers.docs.dense import LocalDense
from understudy_servers.docs.embedding import embedder_spec
from understudy_servers.docs.indexer import Indexer
from understudy_servers.docs.search import search, words_ranking
from understudy_servers.docs.source import Source
from understudy_servers.docs.store import IndexedVersion, Store
from understudy_servers.docs.words import match_expression

BARS = {("ds1000", "all"): 0.225, ("ds1000", "one"): 0.26, ("odex", "all"): 0.17, ("odex", "one"): 0.21}
Ranker = Callable[[Sequence[IndexedVersion], str], list[str]]


def index(store: Store, data: Path) -> None:
    """Index and embed what is not there yet."""
    known = {version.title for version in store.versions()}
    for library in LIBRARIES:
        if library not in known:
            source = Source(
                kind="folder", key=f"/local/{library}", title=library, version="1", location=str(data), origin="folder"
            )
            store.publish(source, list(documents(data, library)), fingerprint="devdocs")
    Indexer(store).drain()


def rankers(store: Store, dense: LocalDense) -> dict[str, Ranker]:
    """Return what is compared, ours last."""

    def pages_of(chunks: Sequence[int]) -> list[str]:
        with store.reading() as connection:
            marks = ",".join("?" * len(chunks))
            rows = connection.execute(f"SELECT id, page FROM chunk WHERE id IN ({marks})", tuple(chunks))
            by_id = {row["id"]: row["page"] for row in rows}
        return list(dict.fromkeys(by_id[chunk] for chunk in chunks))

    def plain(versions: Sequence[IndexedVersion], query: str) -> list[str]:
        scored: list[tuple[float, int]] = []
        with store.reading() as connection:
            for version in versions:
                first = connection.execute("SELECT first FROM version WHERE id = ?", (version.id,)).fetchone()[0]
                scored += connection.execute(
                    "SELECT bm25(words, 0, 0, 0, 0, 1) AS score, rowid FROM words WHERE words MATCH ? "
                    "AND rowid BETWEEN ? AND ? ORDER BY score LIMIT 50",
                    (f"{{body}} : ({match_expression(query)})", first, first + version.chunks - 1),
                ).fetchall()
        return pages_of([row[1] for row in sorted(tuple(row) for row in scored)[:100]])

    def words(versions: Sequence[IndexedVersion], query: str) -> list[str]:
        with store.reading() as connection:
            return pages_of(words_ranking(connection, [version.id for version in versions], query))

    def vectors(versions: Sequence[IndexedVersion], query: str) -> list[str]:
        return pages_of(dense.nearest(versions, query) or [])

    def ours(versions: Sequence[IndexedVersion], query: str) -> list[str]:
        nearest = dense.nearest(versions, query)
        with store.reading() as connection:
            return [page.name for page in search(connection, [version.id for version in versions], query, nearest)]

    return {"BM25 of the text": plain, "words with names": words, "MiniLM alone": vectors, "ours": ours}


def ndcg(ranked: Sequence[str], answers: frozenset[str], depth: int = 10) -> float:
    """Return the normalized discounted cumulative gain of a ranking with binary relevance."""
    gain = sum(1 / math.log2(rank + 2) for rank, page in enumerate(ranked[:depth]) if page in answers)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(depth, len(answers))))


def interval(scores: Sequence[float], *, rounds: int = 1_000) -> tuple[float, float]:
    """Return a 95 % bootstrap interval of the mean over questions."""
    chance = random.Random(0)
    means = sorted(sum(chance.choices(scores, k=len(scores))) / len(scores) for _ in range(rounds))
    return means[int(rounds * 0.025)], means[int(rounds * 0.975)]


def evaluate(name: str, scope: str, asked: Sequence[Question], store: Store, dense: LocalDense) -> bool:
    """Print one table; say whether the bar is reached."""
    versions = {version.title: version for version in store.versions()}
    best = 0.0
    for label, rank in rankers(store, dense).items():
        scores, recalls = [], []
        for question in asked:
            within = [versions[question.library]] if scope == "one" else list(versions.values())
            ranked = rank(within, question.text)
            scores.append(ndcg(ranked, question.answers))
            recalls.append(len(question.answers & set(ranked[:5])) / len(question.answers))
        best = sum(scores) / len(scores)
        low, high = interval(scores)
        recall = sum(recalls) / len(recalls)
        sys.stdout.write(f"{name:7} {scope:4} {label:18} nDCG@10 {best:.3f} [{low:.3f}, {high:.3f}]  ")
        sys.stdout.write(f"recall@5 {recall:.3f}  n={len(asked)}\n")
        sys.stdout.flush()
    bar = BARS[name, scope]
    sys.stdout.write(f"{name:7} {scope:4} bar {bar}: {'reached' if best >= bar else 'MISSED'}\n")
    return best >= bar


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="ask only each N-th question, for a quick look")
    parser.add_argument("--libraries", default="", help="only questions about these, comma-separated")
    parser.add_argument("--as-is", action="store_true", help="use the index as it stands, without completing it")
    options = parser.parse_args()
    store = Store(options.home)
    if not options.as_is:
        index(store, options.data)
    spec = embedder_spec("")
    if spec is None:
        sys.stderr.write("This benchmark needs the docs extra: pip install 'understudy[docs]'.\n")
        return 3
    dense = LocalDense(store, spec)
    reached = True
    for name in ("ds1000", "odex"):
        asked = questions(options.data, name)[:: options.every]
        if options.libraries:
            asked = [question for question in asked if question.library in options.libraries.split(",")]
        for scope in ("one", "all"):
            reached &= evaluate(name, scope, asked, store, dense)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
