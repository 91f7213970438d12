"""Chroma as the derived vector store: the only file that imports chromadb. SQLite has everything that is in here.

One writer, the indexer, which holds the home's lock; servers read. An embedded Chroma written by two processes is
destroyed without an error, and one that does not open is moved aside and made again from the stored vectors.
"""

import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from understudy_servers.docs.index.store import Store
from understudy_servers.docs.index.vector_index import embedded_versions, vectors_of
from understudy_servers.docs.index.vectors import to_lists

BATCH = 1_000


class VectorStoreUnusable(Exception):
    """The vector store does not open or answer; search goes on without it."""


class VectorStore(Protocol):
    """What is asked of a vector store: everything in it can be made again from SQLite."""

    def counts(self) -> Mapping[int, int]:
        """Return how many vectors each version has."""
        ...

    def add(self, version: int, rows: Iterable[tuple[int, bytes]]) -> None: ...

    def remove(self, version: int) -> None: ...

    def nearest(self, versions: Sequence[int], query: bytes, limit: int) -> list[int]: ...


class Chroma:
    """A collection in an embedded Chroma beside the index, or on a Chroma server at `address`.

    A shared server holds a collection for each index: what one has numbered means nothing to another.
    """

    def __init__(self, store: Store, model: str, address: str = "") -> None:
        os.environ["ANONYMIZED_TELEMETRY"] = "False"
        # the docs extra; half a second, so only when a scan would be slower
        import chromadb  # noqa: PLC0415
        from chromadb.config import Settings  # noqa: PLC0415

        settings = Settings(anonymized_telemetry=False)
        try:
            if address:
                parts = urlsplit(address)
                secure = parts.scheme == "https"
                port = parts.port or (443 if secure else 8000)
                client: Any = chromadb.HttpClient(host=parts.hostname or "", port=port, ssl=secure, settings=settings)
            else:
                client = chromadb.PersistentClient(path=str(store.home / "chroma"), settings=settings)
            owner = sha256(store.setting("secret").encode()).hexdigest()[:12]
            name = re.sub(r"[^a-zA-Z0-9]+", "-", f"understudy-{owner}-{model}").strip("-")[:60].rstrip("-")
            self.collection = client.get_or_create_collection(
                name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )
            self.collection.count()
        except Exception as error:  # chromadb raises whatever its Rust core, SQLite or HTTP does
            raise VectorStoreUnusable(f"Chroma does not open: {type(error).__name__}: {error}") from error

    def counts(self) -> Mapping[int, int]:
        counted: dict[int, int] = {}
        offset = 0
        while found := self._get(offset):
            for metadata in found:
                version = int(metadata["version"])
                counted[version] = counted.get(version, 0) + 1
            offset += BATCH * 10
        return counted

    def _get(self, offset: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.collection.get(include=["metadatas"], limit=BATCH * 10, offset=offset)[
            "metadatas"
        ]
        return found

    def add(self, version: int, rows: Iterable[tuple[int, bytes]]) -> None:
        waiting = iter(rows)
        while batch := list(islice(waiting, BATCH)):
            self.collection.upsert(
                ids=[str(id) for id, _ in batch],
                embeddings=to_lists([blob for _, blob in batch]),
                metadatas=[{"version": version}] * len(batch),
            )

    def remove(self, version: int) -> None:
        self.collection.delete(where={"version": version})

    def nearest(self, versions: Sequence[int], query: bytes, limit: int) -> list[int]:
        try:
            found = self.collection.query(
                query_embeddings=to_lists([query]),
                n_results=limit,
                where={"version": {"$in": list(versions)}},
                include=[],
            )
        except Exception as error:  # as in the constructor
            raise VectorStoreUnusable(f"Chroma does not answer: {type(error).__name__}: {error}") from error
        return [int(id) for id in found["ids"][0]]


def open_for_writing(store: Store, model: str, address: str = "") -> Chroma:
    """Open the store; one that does not open is moved aside and begun anew. Only the lock's holder calls this."""
    try:
        return Chroma(store, model, address)
    except VectorStoreUnusable:
        if address:
            raise
        set_aside(store.home)
        return Chroma(store, model)


def set_aside(home: Path) -> None:
    """Move a broken embedded store away, keeping one for whoever wants to look; the next open makes a new one."""
    broken = home / "chroma"
    if broken.exists():
        for old in home.glob("chroma-broken-*"):
            shutil.rmtree(old, ignore_errors=True)
        broken.rename(home / f"chroma-broken-{int(time.time())}")


def synchronize(store: Store, target: VectorStore, model: str) -> None:
    """Make the vector store hold exactly the fully embedded versions that SQLite has."""
    wanted, there = embedded_versions(store, model), target.counts()
    for version in there:
        if version not in wanted:
            target.remove(version)
    for version, chunks in wanted.items():
        if there.get(version) != chunks:
            target.add(version, vectors_of(store, version, model))
