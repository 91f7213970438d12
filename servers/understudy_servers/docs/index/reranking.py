"""The reranker slot: a model that reads question and text together and orders the best pages again. Off by default.

- a folder or name: a sentence-transformers cross-encoder that lies on this machine, in a process of its own;
- `http://host/v1#model`: an endpoint with `/rerank` as Jina, Cohere, vLLM and llama.cpp have it.

A reranker that does not answer in time leaves the order as it was, and the reply says so.
"""

import logging
import os
import re
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import httpx2

from understudy_servers.docs.index.beside import Beside
from understudy_servers.docs.index.embedding import EmbedderUnavailable, local_target
from understudy_servers.docs.index.model_process import ModelProcess
from understudy_servers.docs.index.search import PINNED, Page

TOKEN_VARIABLE = "UNDERSTUDY_RERANKER_KEY"
RERANKED = 30  # pages, each by its best chunk
TEXT_CHARACTERS = 2_000  # what common rerankers read of a text
ANSWER_SECONDS = 10.0
REST_SECONDS = 30.0  # after a failure no question waits for it

Reranked = Literal["", "done", "failed"]


class Reranker(Protocol):
    """Says how well each text answers a query; higher is better."""

    def score(self, query: str, texts: Sequence[str]) -> list[float]: ...


@dataclass(frozen=True, kw_only=True)
class RerankerSpec:
    """Which reranker, by its kind and where it is found."""

    kind: Literal["cross-encoder", "endpoint"]
    target: str
    name: str


def reranker_spec(text: str) -> RerankerSpec | None:
    """Read the `--reranker` option; nothing means none.

    Raises:
        EmbedderUnavailable: an endpoint without a model.
    """
    if not text:
        return None
    if re.match(r"https?://", text):
        address, _, model = text.partition("#")
        if not model:
            raise EmbedderUnavailable(f"{text!r} names no model. Write http://host:port/v1#model.")
        return RerankerSpec(kind="endpoint", target=address.rstrip("/"), name=model)
    target, name = local_target(text)
    return RerankerSpec(kind="cross-encoder", target=target, name=name)


class RerankEndpoint:
    """A `/rerank` endpoint the user pointed at. Its key comes from the environment."""

    def __init__(self, base: str, model: str, *, seconds: float) -> None:
        self.model = model
        key = os.environ.get(TOKEN_VARIABLE)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx2.Client(base_url=base, headers=headers, timeout=seconds)

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        body = {"model": self.model, "query": query, "documents": list(texts)}
        try:
            response = self.client.post("/rerank", json=body)
            response.raise_for_status()
            return _scores(response.json(), len(texts))
        except (httpx2.HTTPError, ValueError, KeyError, TypeError, IndexError) as error:
            raise EmbedderUnavailable(
                f"The reranking endpoint {str(self.client.base_url)!r} did not answer as one: {error}. Check its "
                f"address and model {self.model!r}, or leave --reranker out."
            ) from error


def _scores(answer: Any, count: int) -> list[float]:
    scores = [float("-inf")] * count  # an endpoint may leave out the worst
    for one in answer["results"]:
        scores[int(one["index"])] = float(one["relevance_score"])
    return scores


class CrossEncoder:
    """A cross-encoder in a process of its own."""

    def __init__(self, target: str) -> None:
        self.process = ModelProcess("score", target)

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        return [float(one) for one in self.process.ask({"query": query, "texts": list(texts)})]


class Reranking:
    """Orders the best pages of an answer again, within a time limit."""

    def __init__(self, spec: RerankerSpec, *, seconds: float = ANSWER_SECONDS) -> None:
        self.spec = spec
        self.name = spec.name
        self.seconds = seconds
        self._reranker: Reranker | None = None
        self._working: Beside[list[float]] | None = None
        self._rest = 0.0

    def ordered(
        self, connection: sqlite3.Connection, query: str, pages: Sequence[Page]
    ) -> tuple[Sequence[Page], Reranked]:
        """Return the pages with the best ones in the reranker's order, and whether it answered.

        A page whose symbol the question names stays where it is: first.
        """
        first = [page for page in pages if page.score >= PINNED / 2]
        judged, rest = pages[len(first) :][:RERANKED], pages[len(first) :][RERANKED:]
        if not judged:
            return pages, ""
        scores = self._scores(query, _texts(connection, judged))
        if scores is None:
            return pages, "failed"
        order = sorted(range(len(judged)), key=lambda index: -scores[index])
        for rank, index in enumerate(order, start=1):
            best = judged[index].hits[0]
            best.why = (*best.why, f"reranked #{rank}, {scores[index]:.3g}")
        return [*first, *(judged[index] for index in order), *rest], "done"

    def _scores(self, query: str, texts: Sequence[str]) -> list[float] | None:
        if time.monotonic() < self._rest:
            return None
        try:
            if self._working is not None:
                self._working.result(self.seconds)  # it may still load, or answer an earlier question
            self._working = Beside(lambda: self._score(query, texts), "reranker")
            return self._working.result(self.seconds)
        except (EmbedderUnavailable, TimeoutError) as error:
            logging.getLogger(__name__).warning("No reranking: %s", error or f"no answer in {self.seconds} s")
            self._rest = time.monotonic() + REST_SECONDS
            if self._working is not None and self._working.over:
                self._working = None
            return None

    def start(self) -> None:
        """Begin to load the model; returns at once."""
        if self._working is None:
            self._working = Beside(lambda: self._score("", []), "reranker")

    def _score(self, query: str, texts: Sequence[str]) -> list[float]:
        try:
            if self._reranker is None:
                self._reranker = self._open()
            return self._reranker.score(query, texts) if texts else []
        except EmbedderUnavailable:
            self._reranker = None  # the next try starts afresh
            raise

    def _open(self) -> Reranker:
        if self.spec.kind == "endpoint":
            return RerankEndpoint(self.spec.target, self.spec.name, seconds=self.seconds)
        return CrossEncoder(self.spec.target)


def _texts(connection: sqlite3.Connection, pages: Sequence[Page]) -> list[str]:
    found = []
    for page in pages:
        row = connection.execute("SELECT title, text FROM chunk WHERE id = ?", (page.hits[0].id,)).fetchone()
        found.append(f"{row['title']}\n{row['text']}"[:TEXT_CHARACTERS])
    return found
