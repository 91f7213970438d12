"""Retrieval quality on questions written by others: DS-1000 to develop on, ODEX held back.

    python tests/benchmarks/bench_docs_retrieval.py --data CODE_RAG_BENCH --home INDEX

`--data` is a copy of the code-rag-bench repository. The first run indexes ten libraries into `--home` and embeds them,
which takes about a quarter of an hour on one idle core; later runs reuse it. Peers in the same run: plain BM25 over the
text (what keyword-only servers do) and the bundled MiniLM alone (what vector-only servers do).

The set: every DevDocs entry of ten Python libraries is one document, its id the library and the entry's path with dots;
the documents that solve a question were annotated by the authors of CodeRAG-Bench (arXiv 2406.14497). Only questions
with at least one such document count. Nothing of the set is in this repository.
"""

import argparse
import ast
import json
import math
import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy_servers.docs.clean import visible
from understudy_servers.docs.index.dense import LocalDense
from understudy_servers.docs.index.embedding import embedder_spec
from understudy_servers.docs.index.indexer import Indexer
from understudy_servers.docs.index.search import search, words_ranking
from understudy_servers.docs.index.store import IndexedVersion, Store
from understudy_servers.docs.readers.chunks import Chunk, split
from understudy_servers.docs.sources.source import Source
from understudy_servers.docs.words import any_of, terms

BARS = {("ds1000", "all"): 0.225, ("ds1000", "one"): 0.26, ("odex", "all"): 0.17, ("odex", "one"): 0.21}
Ranker = Callable[[Sequence[IndexedVersion], str], list[str]]


# Which of the crawled forms of a library is in a snapshot and small: whole paragraphs, the first, or plain pages.
LIBRARIES = {
    "python": ("python~3.9", "firstpara"),
    "pandas": ("pandas~1", "paras"),
    "numpy": ("numpy~1.22", "paras"),
    "matplotlib": ("matplotlib~3.5", "plain"),
    "flask": ("flask~2.0", "paras"),
    "django": ("django~4.0", "plain"),
    "sklearn": ("scikit_learn", "firstpara"),
    "tensorflow": ("tensorflow~2.4", "firstpara"),
    "torch": ("pytorch~2", "paras"),
    "werkzeug": ("werkzeug~2.0", "paras"),
}


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question with the ids of the documents that answer it."""

    text: str
    library: str
    answers: frozenset[str]


def documents(data: Path, library: str) -> Iterator[Chunk]:
    """Yield the chunks of a library's entries; `page` is the document's id."""
    folder, form = LIBRARIES[library]
    crawl = data / "preprocessor" / "devdocs"
    if form == "plain":
        entries = json.loads((crawl / "raw" / folder / "index.json").read_text())["entries"]
        pages: dict[str, str] = {}
    else:
        entries = json.loads((crawl / "raw" / folder / f"populated_index_{form}.json").read_text())
    for entry in entries:
        path = str(entry["path"])
        plain = form == "plain"
        text = _from_page(crawl / "plain" / folder, path, pages) if plain else _text(str(entry["text"]))
        id = f"{library}." + path.replace("/", ".")
        title = _title(path, str(entry["name"]))
        kind = "api" if re.search(r"\w\.\w|\(\)", title) else "prose"
        for piece in (split(visible(text)) or [title])[:3]:
            yield Chunk(
                kind="api" if kind == "api" else "prose",
                title=title.removesuffix("()"),
                text=piece,
                source=path,
                page=id,
                parent=id,
                names=(title.removesuffix("()"),),
            )


def _title(path: str, name: str) -> str:
    leaf = path.partition("#")[2] or path.rpartition("/")[2]
    bare = name.removesuffix("()")
    if leaf.lower().endswith(bare.lower()):
        return leaf[: len(leaf) - len(bare)] + bare
    return leaf if "." in leaf else name


def _text(raw: str) -> str:
    if raw.startswith("["):
        try:
            return "\n\n".join(map(str, ast.literal_eval(raw)))
        except (SyntaxError, ValueError):
            return raw
    return raw.strip()


def _from_page(folder: Path, path: str, pages: dict[str, str]) -> str:
    page, _, anchor = path.partition("#")
    if page not in pages:
        file = folder / f"{page}.txt"
        pages[page] = file.read_text(errors="replace") if file.exists() else ""
    text = pages[page]
    if anchor:
        leaf = anchor.rpartition(".")[2]
        match = re.search(rf"^.*\b{re.escape(leaf)}\s*\(", text, re.MULTILINE)
        return text[match.start() : match.start() + 900] if match else ""
    return text[:3_000]


def questions(data: Path, name: str) -> list[Question]:
    """Return the questions of `ds1000` or `odex` that have an answer among the documents."""
    file = data / "retrieval" / "datasets" / "canonical" / f"{name}_docs.json"
    found = []
    for line in file.read_text().splitlines():
        row = json.loads(line)
        answers = row["docs"] if isinstance(row["docs"], list) else ast.literal_eval(row["docs"])
        ids = frozenset(str(document["title"]) for document in answers)
        if ids:
            text = row["intent"] if name == "odex" else question_of(row["prompt"])
            found.append(Question(text=text, library=next(iter(ids)).partition(".")[0], answers=ids))
    return found


def question_of(prompt: str) -> str:
    """Return what is asked in a DS-1000 prompt: the problem's text, or the comments of a plotting task."""
    if "Problem:" in prompt[:40]:
        text = prompt.partition("Problem:")[2].partition("\nA:")[0]
    else:
        comments = [
            line.lstrip("# ") for line in prompt.splitlines() if line.startswith("#") and "SOLUTION" not in line
        ]
        text = "\n".join(comments)
    return text.strip()


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
        if not terms(query):
            return []
        with store.reading() as connection:
            for version in versions:
                first = connection.execute("SELECT first FROM version WHERE id = ?", (version.id,)).fetchone()[0]
                scored += connection.execute(
                    "SELECT bm25(words, 0, 0, 0, 0, 1) AS score, rowid FROM words WHERE words MATCH ? "
                    "AND rowid BETWEEN ? AND ? ORDER BY score LIMIT 50",
                    (f"{{body}} : ({any_of(terms(query))})", first, first + version.chunks - 1),
                ).fetchall()
        return pages_of([id for _, id in sorted((row[0], row[1]) for row in scored)[:100]])

    def words(versions: Sequence[IndexedVersion], query: str) -> list[str]:
        with store.reading() as connection:
            return pages_of(words_ranking(connection, [version.id for version in versions], query))

    def vectors(versions: Sequence[IndexedVersion], query: str) -> list[str]:
        return pages_of(dense.nearest(versions, query) or [])

    def ours(versions: Sequence[IndexedVersion], query: str) -> list[str]:
        nearest = dense.nearest(versions, query)
        with store.reading() as connection:
            return [
                page.name for page in search(connection, [version.id for version in versions], query, lambda: nearest)
            ]

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
