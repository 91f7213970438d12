"""Similarity search for a server: the query model loads in a thread, the vectors are scanned exactly or by Chroma."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from understudy_servers.docs.desk import Vectors
from understudy_servers.docs.index.embedding import Embedder, EmbedderSpec, EmbedderUnavailable, open_embedder
from understudy_servers.docs.index.search import DEPTH
from understudy_servers.docs.index.store import IndexedVersion, Store
from understudy_servers.docs.index.vector_index import is_complete, vectors_of

if TYPE_CHECKING:
    from understudy_servers.docs.index.chroma import VectorStore
    from understudy_servers.docs.index.vectors import Matrix

EXACT_LIMIT = 50_000  # chunks; an exact scan of more takes longer than Chroma's index
CACHE_BYTES = 96_000_000  # of vectors held in memory
LOAD_SECONDS = 1.5  # how long a question waits for the model of a server that has just started
ANSWER_SECONDS = 5.0  # how long a question waits for an embeddings endpoint
REST_SECONDS = 30.0  # after a failure no question waits for what failed


class LocalDense:
    """Answers by similarity as soon as the model is loaded and the version embedded."""

    def __init__(
        self, store: Store, spec: EmbedderSpec, *, open_vectors: "Callable[[], VectorStore] | None" = None
    ) -> None:
        self.store = store
        self.spec = spec
        self.name = spec.name
        self._open_vectors = open_vectors
        self._embedder: Embedder | None = None
        self._loading: threading.Thread | None = None
        self._lock = threading.Lock()
        self._matrices: OrderedDict[int, Matrix] = OrderedDict()
        self._complete: set[int] = set()
        self._model_rests = 0.0  # until then
        self._store_rests = 0.0

    def start(self) -> None:
        """Begin to load the query model, if it is not loaded or loading."""
        with self._lock:
            if self._embedder is None and (self._loading is None or not self._loading.is_alive()):
                self._loading = threading.Thread(target=self._load, name="query-model", daemon=True)
                self._loading.start()

    def _load(self) -> None:
        try:
            self._embedder = open_embedder(self.spec, self.store.home, seconds=ANSWER_SECONDS)
        except EmbedderUnavailable:
            return  # the indexer has not made it yet; the next question tries again

    def state(self, version: IndexedVersion) -> Vectors:
        if version.id not in self._complete and is_complete(self.store, version.id, self.name):
            self._complete.add(version.id)
        if time.monotonic() < self._model_rests or (version.id not in self._complete and self._given_up()):
            return "failed"
        return "ready" if version.id in self._complete and self._embedder is not None else "building"

    def _given_up(self) -> bool:
        """Whether the indexer has said that it cannot use the model."""
        return self.store.setting("embedder failed") == self.name

    def nearest(self, versions: Sequence[IndexedVersion], query: str) -> list[int] | None:
        """Return chunk ids, nearest first, or None when vectors or model are not ready."""
        if time.monotonic() < self._model_rests:
            return None
        if self._embedder is None:
            self.start()
            assert self._loading is not None
            self._loading.join(LOAD_SECONDS)
        embedder = self._embedder
        if embedder is None or any(self.state(version) != "ready" for version in versions):
            return None
        try:
            (vector,) = embedder.embed([query])
        except EmbedderUnavailable as error:
            logging.getLogger(__name__).warning("No vectors: %s", error)
            self._model_rests = time.monotonic() + REST_SECONDS
            self._embedder = None  # loaded afresh after the rest
            return None
        large = [version for version in versions if version.chunks > EXACT_LIMIT]
        if large and (found := self._by_store(versions, vector)) is not None:
            return found
        scored = [pair for version in versions for pair in self._matrix(version).nearest(vector, DEPTH)]
        scored.sort(key=lambda pair: -pair[1])
        return [id for id, _ in scored[:DEPTH]]

    def _by_store(self, versions: Sequence[IndexedVersion], vector: bytes) -> list[int] | None:
        # half a second of imports that most servers never need
        from understudy_servers.docs.index.chroma import VectorStoreUnusable  # noqa: PLC0415

        if self._open_vectors is None or time.monotonic() < self._store_rests:
            return None
        try:
            found = self._open_vectors().nearest([version.id for version in versions], vector, DEPTH)
        except VectorStoreUnusable as error:
            logging.getLogger(__name__).warning("An exact scan instead of Chroma: %s", error)
            self._store_rests = time.monotonic() + REST_SECONDS
            return None
        return found or None  # an empty store is one that is being rebuilt

    def _matrix(self, version: IndexedVersion) -> "Matrix":
        # numpy, of the docs extra
        from understudy_servers.docs.index.vectors import Matrix  # noqa: PLC0415

        with self._lock:
            if version.id in self._matrices:
                self._matrices.move_to_end(version.id)
                return self._matrices[version.id]
        matrix = Matrix(vectors_of(self.store, version.id, self.name))
        with self._lock:
            self._matrices[version.id] = matrix
            while len(self._matrices) > 1 and sum(one.size for one in self._matrices.values()) > CACHE_BYTES:
                self._matrices.popitem(last=False)
        return matrix


def cached_store(store: Store, model: str, address: str) -> "Callable[[], VectorStore]":
    """Return a function that opens Chroma for reading once and then gives that."""
    opened: list[VectorStore] = []

    def open_once() -> "VectorStore":
        # as in LocalDense: only when needed
        from understudy_servers.docs.index.chroma import Chroma  # noqa: PLC0415

        if not opened:
            opened.append(Chroma(store, model, address))
        return opened[0]

    return open_once
