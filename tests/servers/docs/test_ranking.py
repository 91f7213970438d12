"""Which chunks a question's words find in a library too large to score whole, and in what order."""

from collections.abc import Sequence

import pytest

from understudy_servers.docs.index.search import SCORED, search, words_ranking
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.sources.addable import folder_source

SPECIAL = {
    "rare": "zebra",
    "pair": "open file",
    "both": "open file zebra",
}


@pytest.fixture
def version(store: Store) -> int:
    """A library of which a third says open, a third file, a third path, and three pages more."""
    texts = [("open", "file", "path")[number % 3] for number in range(SCORED * 4)]
    chunks = [_chunk(f"page {number}", text) for number, text in enumerate(texts)]
    chunks += [_chunk(title, text) for title, text in SPECIAL.items()]
    return store.publish(folder_source(store.home, "large"), chunks, fingerprint="x")


def _chunk(title: str, text: str) -> Chunk:
    return Chunk(kind="prose", title=title, text=text, source=f"{title}.md", page=title)


def titles(store: Store, version: int, query: str) -> Sequence[str]:
    with store.reading() as connection:
        found = words_ranking(connection, [version], query)
        marks = ",".join("?" * len(found))
        rows = connection.execute(f"SELECT id, title FROM chunk WHERE id IN ({marks})", found).fetchall()
    names = {row["id"]: row["title"] for row in rows}
    return [names[one] for one in found]


def test_a_rare_word_finds_its_chunks_and_common_words_order_them(store: Store, version: int) -> None:
    assert titles(store, version, "zebra file open") == ["both", "rare", "pair"]


def test_two_common_words_together_find_a_chunk_without_the_rare_one(store: Store, version: int) -> None:
    assert "pair" in titles(store, version, "zebra open file path")


def test_words_that_are_all_common_still_find_what_has_most_of_them(store: Store, version: int) -> None:
    assert set(titles(store, version, "open file")[:2]) == {"pair", "both"}


def test_words_nobody_wrote_find_nothing(store: Store, version: int) -> None:
    assert titles(store, version, "quagga okapi") == []
    assert titles(store, version, "?!") == []


def test_a_single_common_word_still_answers(store: Store, version: int) -> None:
    found = titles(store, version, "path")

    assert len(found) == 200
    assert all(int(title.removeprefix("page ")) % 3 == 2 for title in found)


def test_a_version_that_is_gone_is_no_error(store: Store, version: int) -> None:
    with store.reading() as connection:
        assert words_ranking(connection, [version + 1], "zebra") == []
        assert search(connection, [], "zebra") == []
