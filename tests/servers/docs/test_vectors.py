"""Vectors: an endpoint embeds, SQLite keeps, search fuses, Chroma is derived and rebuilt."""

from pathlib import Path

import pytest

from understudy_servers.docs.desk import Desk, Found
from understudy_servers.docs.index import dense as dense_module
from understudy_servers.docs.index.building import InlineBuilder
from understudy_servers.docs.index.dense import LocalDense, cached_store
from understudy_servers.docs.index.embedding import EmbedderUnavailable, embedder_spec, open_embedder
from understudy_servers.docs.index.indexer import Indexer
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.index.vector_index import embedded_versions, missing
from understudy_servers.docs.project import Project
from understudy_servers.docs.sources.addable import folder_source

pytest.importorskip("numpy", reason="vectors need the docs extra")


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "one.md").write_text("# One\n\nFeline animals purr.\n")
    (folder / "two.md").write_text("# Two\n\nA vehicle on four wheels.\n")
    (folder / "three.md").write_text("# Three\n\nBroth of vegetables.\n")
    return folder


def ask(store: Store, concepts: str, pages: Path, question: str) -> Found:
    spec = embedder_spec(concepts)
    assert spec is not None
    vectors = cached_store(store, spec.name, "")
    dense = LocalDense(store, spec, open_vectors=vectors)
    desk = Desk(store, Project(environ={}), InlineBuilder(store), dense=dense, added=[folder_source(pages)])
    library, number = desk.locate("pages")
    desk.wait(library, number)
    return desk.ask(library, number, question)


def test_words_answer_until_vectors_are_ready_and_then_meaning_does(store: Store, concepts: str, pages: Path) -> None:
    before = ask(store, concepts, pages, "kitten")
    Indexer(store, embedder=concepts).drain()
    after = ask(store, concepts, pages, "kitten")

    assert (before.vectors, before.snippets) == ("building", [])
    assert after.vectors == "ready"
    assert after.embedder == "endpoint:concepts"
    assert after.snippets[0].title == "One"
    assert "vectors #1" in after.snippets[0].why


def test_an_unchanged_piece_of_a_changed_folder_is_not_embedded_again(store: Store, concepts: str, pages: Path) -> None:
    ask(store, concepts, pages, "kitten")
    Indexer(store, embedder=concepts).drain()
    (pages / "four.md").write_text("# Four\n\nAn engine.\n")
    ask(store, concepts, pages, "kitten")

    assert missing(store, "endpoint:concepts") == 1


def test_an_index_never_mixes_models(store: Store, concepts: str, pages: Path) -> None:
    ask(store, concepts, pages, "kitten")
    Indexer(store, embedder=concepts).drain()

    other = ask(store, concepts.replace("#concepts", "#another"), pages, "kitten")

    assert other.vectors == "building"


def test_a_dead_endpoint_leaves_keyword_answers_and_says_why(store: Store, pages: Path) -> None:
    dead = "http://127.0.0.1:9/v1#gone"
    found = ask(store, dead, pages, "broth")
    Indexer(store, embedder=dead).drain()

    assert found.snippets[0].title == "Three"
    assert "did not answer as one" in store.setting("embedder failure")


def test_an_endpoint_without_a_model_is_refused() -> None:
    with pytest.raises(EmbedderUnavailable, match="names no model"):
        embedder_spec("http://127.0.0.1:9/v1")


def test_a_model_that_is_not_made_yet_is_unavailable_not_an_error(tmp_path: Path) -> None:
    spec = embedder_spec("")
    if spec is None:
        pytest.skip("the docs extra is not installed")
    with pytest.raises(EmbedderUnavailable, match="still being prepared"):
        open_embedder(spec, tmp_path)


@pytest.mark.filterwarnings("ignore")  # chromadb's own
def test_chroma_answers_large_versions_and_is_rebuilt_when_broken(
    store: Store, concepts: str, pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chroma = pytest.importorskip("understudy_servers.docs.index.chroma")
    monkeypatch.setattr(dense_module, "EXACT_LIMIT", 0)
    ask(store, concepts, pages, "kitten")
    Indexer(store, embedder=concepts).drain()
    opened = chroma.open_for_writing(store, "endpoint:concepts")
    counts = dict(opened.counts())

    found = ask(store, concepts, pages, "kitten")

    assert counts == embedded_versions(store, "endpoint:concepts")
    assert found.snippets[0].title == "One"
    opened.remove(next(iter(counts)))
    chroma.synchronize(store, opened, "endpoint:concepts")
    assert dict(opened.counts()) == counts


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's and onnx's own
def test_the_bundled_model_is_exported_checked_and_answers_offline(tmp_path: Path) -> None:
    torch_model = pytest.importorskip("understudy_servers.docs.index.torch_model")
    spec = embedder_spec("")
    if spec is None:
        pytest.skip("the docs extra is not installed")
    lowest = torch_model.prepare_model("", tmp_path / "models" / spec.name)

    (near, far), (query,) = (
        open_embedder(spec, tmp_path).embed(["read a CSV file", "boil an egg"]),
        open_embedder(spec, tmp_path).embed(["load comma separated values"]),
    )

    vectors = pytest.importorskip("understudy_servers.docs.index.vectors")
    assert lowest >= 0.98
    assert vectors.cosines([query], [near]) > vectors.cosines([query], [far])
