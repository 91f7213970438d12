"""The indexer's background work: give every indexed version its vectors.

It goes step by step between jobs, so that a person waiting for keywords comes first, and the model is prepared in a
process of its own, because that takes torch, half a gigabyte and some seconds once.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from understudy_servers.docs.index.embedding import (
    Embedder,
    EmbedderSpec,
    EmbedderUnavailable,
    model_folder,
    open_embedder,
    state_of,
)
from understudy_servers.docs.index.model_process import model_command
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.index.vector_index import complete, embedded_versions, incomplete, pending, save

CHUNKS_PER_STEP = 16  # for each worker

Outcome = Literal["worked", "waiting", "idle"]


class EmbedWork:
    """Embeds step by step. A step saves what it made, so a kill loses at most one step's vectors."""

    def __init__(self, store: Store, spec: EmbedderSpec, *, workers: int = 1) -> None:
        self.store = store
        self.spec = spec
        self.workers = workers
        self.failed = False
        self._embedder: Embedder | None = None
        self._preparing: subprocess.Popen[str] | None = None

    def step(self) -> Outcome:
        """Embed one step's worth, or see to the model; say whether there was anything to do."""
        if self.failed:
            return "idle"
        versions = incomplete(self.store, self.spec.name)
        if not versions:
            if not self._model_is_lost():
                return "idle"
            self._embedder = None  # one that is still open here is of no use to those who ask
        waiting = pending(self.store, versions[0], self.spec.name, CHUNKS_PER_STEP * self.workers) if versions else []
        if versions and not waiting:
            complete(self.store, versions[0], self.spec.name)
            return "worked"
        try:
            if not self._prepared():
                return "waiting"
            blobs = self._embed([one.text for one in waiting])
        except EmbedderUnavailable as error:
            self.failed = True
            self._record(str(error))
            return "idle"
        save(self.store, self.spec.name, [(one.hash, blob) for one, blob in zip(waiting, blobs, strict=True)])
        return "worked"

    def _model_is_lost(self) -> bool:
        """Say whether there are vectors, and the model that questions need for them is gone."""
        if self.spec.kind == "endpoint" or state_of(model_folder(self.spec, self.store.home)):
            return False
        return bool(embedded_versions(self.store, self.spec.name))

    def _prepared(self) -> bool:
        """Say whether the model can be opened; start or watch the process that makes it."""
        if self._embedder is not None or self.spec.kind == "endpoint":
            return True
        if state_of(model_folder(self.spec, self.store.home)):
            return True
        if self._preparing is None:
            self._preparing = prepare(self.spec, self.store.home)
            return False
        status = self._preparing.poll()
        if status is None:
            return False
        _, said = self._preparing.communicate()
        if status != 0:
            last = said.strip().rpartition("\n")[2]
            raise EmbedderUnavailable(f"The embedding model could not be prepared: {last or f'exit status {status}'}")
        return True

    def _embed(self, texts: list[str]) -> list[bytes]:
        if self._embedder is None:
            self._embedder = open_embedder(self.spec, self.store.home)
            self._record("")
        if self.workers == 1:
            return self._embedder.embed(texts)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        parts = [order[start :: self.workers] for start in range(self.workers)]  # each gets short and long ones
        found: dict[int, bytes] = {}
        with ThreadPoolExecutor(self.workers) as pool:
            for part, blobs in zip(parts, pool.map(self._embedder.embed, _chosen(texts, parts)), strict=True):
                found.update(zip(part, blobs, strict=True))
        return [found[index] for index in range(len(texts))]

    def _record(self, failure: str) -> None:
        """Leave word for whoever asks why there are no vectors; nothing when all is well."""
        self.store.set("embedder failure", failure)
        self.store.set("embedder failed", failure and self.spec.name)

    def stop(self) -> None:
        """End the process that prepares the model, if it runs."""
        if self._preparing is not None and self._preparing.poll() is None:
            self._preparing.kill()
            self._preparing.communicate()


def prepare(spec: EmbedderSpec, home: Path) -> "subprocess.Popen[str]":
    """Start the process that makes the int8 form of a model, or marks it to be run by torch."""
    return subprocess.Popen(
        model_command("prepare", spec.target, str(model_folder(spec, home))),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _chosen(texts: list[str], parts: list[list[int]]) -> list[list[str]]:
    return [[texts[index] for index in part] for part in parts]
