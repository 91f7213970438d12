"""The reference desk: what a question goes through. Find the library, see that it is indexed, search, pack.

Everything here is synchronous and thread-safe; the server calls it from worker threads and the commands directly.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from understudy_servers.docs import catalog
from understudy_servers.docs.catalog import Library, NotIndexed
from understudy_servers.docs.ids import LibraryRef, parse
from understudy_servers.docs.index import jobs
from understudy_servers.docs.index.beside import Beside
from understudy_servers.docs.index.building import Builder
from understudy_servers.docs.index.reranking import Reranked, Reranking
from understudy_servers.docs.index.search import Page, pinned, search
from understudy_servers.docs.index.store import IndexedVersion, Store
from understudy_servers.docs.index.symbols import find_symbols, nearest_names
from understudy_servers.docs.packing import Snippet, candidates
from understudy_servers.docs.project import Project
from understudy_servers.docs.sources.addable import addable
from understudy_servers.docs.sources.reading import UnreadableSource, fingerprint
from understudy_servers.docs.sources.source import NETWORK, Source

Vectors = Literal["ready", "building", "failed", "off"]
FRESH_SECONDS = 2.0  # how long a fingerprint is trusted before the source is looked at again


class StillIndexing(Exception):
    """The library is being indexed and the wait is over; the message says how far it is and what to do."""


class Dense(Protocol):
    """Similarity search; `None` when it cannot answer yet. `name` is the embedding model's."""

    @property
    def name(self) -> str: ...

    def nearest(self, versions: Sequence[IndexedVersion], query: str) -> list[int] | None: ...
    def state(self, version: IndexedVersion) -> Vectors: ...
    def start(self) -> None:
        """Begin to load what questions will need; returns at once."""
        ...


class NoVectors:
    """Keyword search only."""

    name = ""

    def nearest(self, versions: Sequence[IndexedVersion], query: str) -> list[int] | None:
        return None

    def state(self, version: IndexedVersion) -> Vectors:
        return "off"

    def start(self) -> None:
        """Nothing to load."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a question found in one version of one library, before packing."""

    library: Library
    version: IndexedVersion
    vectors: Vectors
    pages: Sequence[Page]
    snippets: Sequence[Snippet]
    embedder: str = ""
    reranker: str = ""
    reranking: Reranked = ""


class Desk:
    """Answers questions about the documentation of one project."""

    def __init__(
        self,
        store: Store,
        project: Project,
        builder: Builder,
        *,
        dense: Dense | None = None,
        added: Sequence[Source] = (),
        network: bool = False,
        reranking: Reranking | None = None,
    ) -> None:
        self.store = store
        self.project = project
        self.builder = builder
        self.dense: Dense = dense or NoVectors()
        self.added = list(added)
        self.network = network
        self.reranking = reranking
        self._fresh: dict[str, float] = {}

    def start(self) -> None:
        """Begin to load the models that questions will need; returns at once."""
        self.dense.start()
        if self.reranking is not None:
            self.reranking.start()

    def libraries(self) -> dict[str, Library]:
        """Return every library that can be asked about, by key."""
        indexed = self.store.versions()
        folders = [version.source for version in indexed if version.source.kind == "folder"]
        return catalog.gather([*self.added, *self.project.sources(), *folders], indexed)

    def resolve(self, name: str) -> list[Library]:
        """Return the libraries that a name means, best first, then their family.

        Raises:
            NotIndexed: there is none.
        """
        ref, libraries = parse(name), self.libraries()
        found = catalog.find(libraries, ref)
        if not found:
            raise catalog.not_indexed(libraries, ref.repository or ref.name, ecosystem=ref.ecosystem)
        family = [one for one in catalog.related(libraries, found[0]) if one not in found]
        return [*found, *family]

    def locate(self, library_id: str) -> tuple[Library, str]:
        """Return the library and version that an id or bare name means.

        Raises:
            NotIndexed: there is none, or not of that version.
        """
        ref = parse(library_id)
        libraries = self.libraries()
        found = catalog.find(libraries, ref) or catalog.find(libraries, _without_owner(ref))
        if not found:
            raise catalog.not_indexed(libraries, ref.repository or ref.name, ecosystem=ref.ecosystem)
        for library in found:
            if (number := library.choose(ref.version)) is not None:
                return library, number
        raise catalog.no_such_version(found[0], ref.version)

    def job(self, library: Library, number: str) -> int | None:
        """Ask for a version to be indexed when it is not, or has changed since; return the job, or nothing to do."""
        source, known = library.sources.get(number), library.indexed.get(number)
        if source is None:
            return None
        if known is not None and (NETWORK & {source.kind, known.source.kind} or self._unchanged(source, known)):
            return None  # what was fetched on purpose says more than a wheel, which leaves the pages out
        if source.kind in NETWORK and not self.network:
            raise NotIndexed(
                f"{source.title} {source.version} is locked but not installed, so its documentation would have to be "
                f"fetched, and the network is off. Install it, or run `understudy docs add {_spelled(source)}`."
            )
        return self.builder.request(source)

    def _unchanged(self, source: Source, known: IndexedVersion) -> bool:
        now = time.monotonic()
        if now - self._fresh.get(source.id, -FRESH_SECONDS) < FRESH_SECONDS:
            return True
        try:
            same = known.source == source and fingerprint(source) == known.fingerprint
        except UnreadableSource:
            return True  # the source is gone: what is indexed is all there is
        if same:
            self._fresh[source.id] = now
        return same

    def check(self, job: int) -> jobs.Job:
        """Return how a job stands, and see that somebody works on it.

        Raises:
            UnreadableSource: it failed.
        """
        state = jobs.status(self.store, job)
        if state.state == "failed":
            raise UnreadableSource(state.message)
        if not state.finished:
            self.builder.nudge()
        return state

    def wait(self, library: Library, number: str, seconds: float = 600.0) -> None:
        """Block until a version is indexed; the commands use this.

        Raises:
            UnreadableSource: it cannot be.
            StillIndexing: it takes longer than `seconds`.
        """
        job = self.job(library, number)
        deadline = time.monotonic() + seconds
        while job is not None and not self.check(job).finished:
            if time.monotonic() > deadline:
                raise StillIndexing(f"{library.title} {number} is still being indexed. Ask again in a minute.")
            time.sleep(0.02)

    def ask(self, library: Library, number: str, query: str) -> Found:
        """Search one indexed version.

        Raises:
            NotIndexed: it is not in the index.
        """
        version = self._indexed(library, number)
        # words and vectors beside each other: both spend their time outside the interpreter's lock
        nearest = Beside(lambda: self.dense.nearest([version], query), "nearest")
        reranked: Reranked = ""
        with self.store.reading() as connection:
            pages: Sequence[Page] = search(connection, [version.id], query, nearest.result)
            if self.reranking is not None:
                pages, reranked = self.reranking.ordered(connection, query, pages)
            snippets = list(candidates(connection, pages))
        vectors = self.dense.state(version)
        if nearest.result() is None:
            if vectors in ("building", "failed"):
                self.builder.nudge()  # whoever was embedding may have been killed, or what failed may be back
            vectors = "failed" if vectors == "ready" else vectors
        return Found(
            library=library,
            version=version,
            vectors=vectors,
            pages=pages,
            snippets=snippets,
            embedder=self.dense.name,
            reranker=self.reranking.name if self.reranking is not None and reranked == "done" else "",
            reranking=reranked,
        )

    def places(self, name: str, library_id: str = "") -> tuple[list[tuple[Library, str]], bool]:
        """Return where a symbol is looked for, and whether that was said: the named library, else the one its first
        part imports, else all that are indexed.

        Raises:
            NotIndexed: the library named is not there.
        """
        if library_id:
            return [self.locate(library_id)], True
        libraries = self.libraries()
        first = re.split(r"\.|::|/", name.strip())[0]
        named = catalog.find(libraries, LibraryRef(name=first)) if first and first != name.strip() else []
        if named:
            return [(named[0], named[0].versions[0])], True
        if first != name.strip() and first in catalog.CUSTOMARY:
            raise catalog.not_indexed(libraries, catalog.CUSTOMARY[first])
        every = [(one, number) for one in libraries.values() for number in one.versions[:1] if number in one.indexed]
        return every, False

    def symbol(self, places: Sequence[tuple[Library, str]], name: str, *, said: bool = True) -> Found:
        """Look a symbol up by name in indexed versions, in order.

        Args:
            said: the library was named, so that the symbol's first part may be an import alias of it.

        Raises:
            NotIndexed: no such symbol is there; near names are suggested.
        """
        versions = [self._indexed(library, number) for library, number in places]
        ids = [version.id for version in versions]
        with self.store.reading() as connection:
            chunks = find_symbols(connection, ids, name, aliased=said)
            if not chunks:
                near = nearest_names(connection, ids, name)
                searched = (
                    ", ".join(f"{one.title} {one.number}".strip() for one in versions[:4]) or "any indexed library"
                )
                hint = f" Nearest: {', '.join(near)}." if near else " Ask query-docs with a question instead."
                raise NotIndexed(f"There is no symbol {name!r} in {searched}.{hint}")
            snippets = list(candidates(connection, pinned(connection, chunks)))
        version = next(one for one in versions if one.id == snippets[0].version)
        library = next(library for library, _ in places if library.key == version.key)
        snippets = [one for one in snippets if one.version == version.id]
        vectors = self.dense.state(version)
        return Found(
            library=library, version=version, vectors=vectors, pages=[], snippets=snippets, embedder=self.dense.name
        )

    def add(self, text: str, *, name: str = "") -> Source:
        """Make a source known under a name, for `locate` and `job` to find.

        Raises:
            CannotAdd: it is not a source, or not one that is allowed.
        """
        source = addable(text, name=name, roots=self.project.roots, network=self.network)
        self.added = [*(one for one in self.added if one.id != source.id), source]
        return source

    def _indexed(self, library: Library, number: str) -> IndexedVersion:
        known = next((one for one in self.store.versions(library.key) if one.number == number), None)
        if known is None:
            raise NotIndexed(f"{library.title} {number} is not indexed any more. Ask again to index it.")
        return known


def _spelled(source: Source) -> str:
    separator = "==" if source.kind == "sdist" else "@"
    return f"{source.key.split('/')[1]}:{source.title}{separator}{source.version}"


def _without_owner(ref: LibraryRef) -> LibraryRef:
    """`/pydantic/pydantic` may name a package whose metadata links elsewhere: owner and project are then one word."""
    owner, _, project = ref.repository.partition("/")
    same = owner and owner.strip("-") == project.strip("-")
    return LibraryRef(name=ref.name, version=ref.version) if same else ref
