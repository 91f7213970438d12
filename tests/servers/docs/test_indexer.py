"""The indexer: one per home, doing what servers ask for, then ending; and what a reply says while it is not done."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from understudy_servers.docs.commands import open_dense
from understudy_servers.docs.desk import Desk
from understudy_servers.docs.index import dense as dense_module
from understudy_servers.docs.index import jobs
from understudy_servers.docs.index.building import InlineBuilder, lock_path
from understudy_servers.docs.index.embed_work import EmbedWork
from understudy_servers.docs.index.embedding import EmbedderSpec
from understudy_servers.docs.index.indexer import Indexer, main
from understudy_servers.docs.index.lock import FileLock
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.index.vector_index import complete, embedded_versions, incomplete, missing
from understudy_servers.docs.project import Project
from understudy_servers.docs.server import build_server
from understudy_servers.docs.sources.addable import folder_source


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    for name, text in {"one": "Feline animals purr.", "two": "A vehicle on wheels.", "three": "Broth."}.items():
        (folder / f"{name}.md").write_text(f"# {name.title()}\n\n{text}\n")
    return folder


class Nudged(InlineBuilder):
    """Indexes at once and counts how often it was asked to see that somebody is at work."""

    nudges = 0

    def nudge(self) -> None:
        self.nudges += 1


def desk_of(store: Store, pages: Path, embedder: str, chroma: str = "") -> tuple[Desk, Nudged]:
    builder = Nudged(store)
    dense = open_dense(store, embedder, chroma)
    return Desk(store, Project(environ={}), builder, dense=dense, added=[folder_source(pages)]), builder


async def call(desk: Desk, tool: str, **arguments: str) -> CallToolResult:
    async with Client(build_server(desk)) as client:
        return await client.call_tool(tool, arguments)


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def vectors_of(result: CallToolResult) -> str:
    assert result.structured_content is not None
    return str(result.structured_content["vectors"])


async def test_every_reply_says_whether_vectors_are_ready(store: Store, pages: Path, concepts: str) -> None:
    desk, builder = desk_of(store, pages, concepts)
    before = await call(desk, "query-docs", libraryId="pages", query="vehicle")
    listed_before = await call(desk, "list-libraries")
    Indexer(store, embedder=concepts).drain()
    after = await call(desk, "query-docs", libraryId="pages", query="vehicle")
    symbol = await call(desk, "list-libraries")

    assert vectors_of(before) == "building"
    assert "words only, vectors are being built" in text_of(before)
    assert builder.nudges > 0
    assert "vectors building" in text_of(listed_before)
    assert vectors_of(after) == "ready"
    assert "words and vectors (endpoint:concepts)" in text_of(after)
    assert "vectors ready" in text_of(symbol)


async def test_the_digest_of_the_index_changes_with_what_is_indexed_and_only_then(
    store: Store, pages: Path, concepts: str
) -> None:
    desk, _ = desk_of(store, pages, concepts)

    async def digest() -> str:
        await call(desk, "query-docs", libraryId="pages", query="vehicle")
        listed = await call(desk, "list-libraries")
        assert listed.structured_content is not None
        assert text_of(listed).startswith(f"index {listed.structured_content['digest']} | embedder endpoint:concepts")
        return str(listed.structured_content["digest"])

    first = await digest()
    Indexer(store, embedder=concepts).drain()
    second = await digest()
    (pages / "four.md").write_text("# Four\n\nAn engine.\n")
    desk._fresh.clear()
    third = await digest()

    assert first == second != third


async def test_an_endpoint_that_stops_answering_is_said_and_not_asked_again_at_once(
    store: Store, pages: Path, concepts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, builder = desk_of(store, pages, concepts)
    await call(desk, "query-docs", libraryId="pages", query="vehicle")
    Indexer(store, embedder=concepts).drain()
    assert vectors_of(await call(desk, "query-docs", libraryId="pages", query="vehicle")) == "ready"

    failed = await call(desk, "query-docs", libraryId="pages", query="break down")
    again = await call(desk, "query-docs", libraryId="pages", query="vehicle")
    monkeypatch.setattr(desk.dense, "_model_rests", 0.0)
    back = await call(desk, "query-docs", libraryId="pages", query="vehicle")

    assert [vectors_of(one) for one in (failed, again, back)] == ["failed", "failed", "ready"]
    assert "words only, the embedding model does not answer" in text_of(again)
    assert "Two" in text_of(again)
    assert builder.nudges >= 2


async def test_a_model_the_indexer_gave_up_is_said_to_have_failed(store: Store, pages: Path) -> None:
    dead = "http://127.0.0.1:9/v1#gone"
    desk, _ = desk_of(store, pages, dead)
    await call(desk, "query-docs", libraryId="pages", query="broth")
    Indexer(store, embedder=dead).drain()

    found = await call(desk, "query-docs", libraryId="pages", query="broth")
    other, _ = desk_of(store, pages, dead.replace("gone", "other"))

    assert vectors_of(found) == "failed"
    assert vectors_of(await call(other, "query-docs", libraryId="pages", query="broth")) == "building"


def test_an_indexer_does_the_waiting_jobs_embeds_and_ends(store: Store, pages: Path, concepts: str) -> None:
    job = jobs.enqueue(store, folder_source(pages))

    status = main(["--home", str(store.home), "--embedder", concepts, "--idle", "0.1", "--workers", "2"])

    assert status == 0
    assert jobs.status(store, job).state == "done"
    assert missing(store, "endpoint:concepts") == 0
    assert embedded_versions(store, "endpoint:concepts") == {store.versions()[0].id: 3}


def test_a_second_indexer_of_a_home_ends_at_once(store: Store, pages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy_servers.docs.index.indexer.LOCK_SECONDS", 0.0)
    job = jobs.enqueue(store, folder_source(pages))
    lock = FileLock(lock_path(store.home))
    assert lock.acquire()

    assert main(["--home", str(store.home), "--embedder", "off"]) == 0

    lock.release()
    lock.release()  # giving back what one has not is nothing
    assert jobs.status(store, job).state == "queued"
    assert lock_path(store.home).read_text() == str(os.getpid())


def test_an_option_no_model_can_be_read_from_leaves_keyword_search_and_a_reason(store: Store) -> None:
    indexer = Indexer(store, embedder="http://127.0.0.1:9/v1")
    indexer.drain()

    assert indexer.step() == "idle"
    assert "names no model" in store.setting("embedder failure")


def test_a_source_that_cannot_be_read_fails_its_job_with_the_reason(store: Store, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    job = jobs.enqueue(store, folder_source(tmp_path / "gone"))
    (tmp_path / "gone").rmdir()

    assert main(["--home", str(store.home), "--embedder", "off", "--idle", "0.05"]) == 0
    assert jobs.status(store, job).state == "failed"


def test_a_model_that_cannot_be_prepared_is_given_up_with_the_reason(store: Store, pages: Path) -> None:
    spec = EmbedderSpec(kind="sentence-transformers", target=str(pages / "nowhere"), name="st:nowhere")
    InlineBuilder(store).request(folder_source(pages))
    work = EmbedWork(store, spec)

    outcomes = [work.step()]
    assert work._preparing is not None
    work._preparing.wait(60)
    outcomes += [work.step(), work.step()]
    work.stop()

    assert outcomes == ["waiting", "idle", "idle"]
    assert "nothing is downloaded" in store.setting("embedder failure")


def test_preparing_a_model_ends_with_the_indexer(store: Store, pages: Path) -> None:
    spec = EmbedderSpec(kind="sentence-transformers", target="owner/name", name="st:owner/name")
    InlineBuilder(store).request(folder_source(pages))
    work = EmbedWork(store, spec)
    work.step()

    assert work.step() == "waiting"
    work.stop()

    assert work._preparing is not None
    assert work._preparing.returncode is not None


def test_a_version_that_is_gone_is_not_recorded_as_embedded(store: Store, pages: Path) -> None:
    InlineBuilder(store).request(folder_source(pages))
    (version,) = incomplete(store, "model")
    store.remove("/local/pages")
    complete(store, version, "model")

    assert embedded_versions(store, "model") == {}


@pytest.fixture
def chroma_server(tmp_path: Path) -> Iterator[str]:
    """A real `chroma run` on a free port of this machine."""
    pytest.importorskip("chromadb", reason="Chroma needs the docs extra")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(tmp_path / "team")]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Connect to Chroma at" in line or "Listening on" in line:
                break
        yield f"http://127.0.0.1:{port}"
        process.kill()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # chromadb's own
async def test_a_shared_chroma_server_answers_for_large_versions(
    store: Store, pages: Path, concepts: str, chroma_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from understudy_servers.docs.index.chroma import Chroma, VectorStoreUnusable  # noqa: PLC0415  skips without the extra

    monkeypatch.setattr(dense_module, "EXACT_LIMIT", 0)
    monkeypatch.setattr("understudy_servers.docs.index.vectors.Matrix.nearest", None)  # no scan may answer instead
    desk, _ = desk_of(store, pages, concepts, chroma_server)
    await call(desk, "query-docs", libraryId="pages", query="kitten")
    Indexer(store, embedder=concepts, chroma=chroma_server).drain()
    there = Chroma(store, "endpoint:concepts", chroma_server)

    found = await call(desk, "query-docs", libraryId="pages", query="kitten")

    assert store.setting("chroma failure") == ""
    assert not (store.home / "chroma").exists()
    assert dict(there.counts()) == embedded_versions(store, "endpoint:concepts")
    assert vectors_of(found) == "ready"
    assert found.structured_content is not None
    assert found.structured_content["snippets"][0]["title"] == "One"
    with pytest.raises(VectorStoreUnusable, match="does not open"):
        Chroma(store, "endpoint:concepts", "http://127.0.0.1:9")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # chromadb's own
def test_two_indexes_share_a_chroma_server_without_touching_each_other(
    store: Store, pages: Path, concepts: str, chroma_server: str, tmp_path: Path
) -> None:
    from understudy_servers.docs.index.chroma import Chroma  # noqa: PLC0415  skips without the extra

    other = Store(tmp_path / "other home")
    InlineBuilder(store).request(folder_source(pages))
    Indexer(store, embedder=concepts, chroma=chroma_server).drain()
    (pages / "two.md").unlink()
    InlineBuilder(other).request(folder_source(pages))
    Indexer(other, embedder=concepts, chroma=chroma_server).drain()

    counts = [list(Chroma(one, "endpoint:concepts", chroma_server).counts().values()) for one in (store, other)]
    other.close()

    assert counts == [[3], [2]]


@pytest.mark.filterwarnings("ignore")  # chromadb's own
async def test_a_chroma_server_that_is_down_is_replaced_by_an_exact_scan(
    store: Store, pages: Path, concepts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("chromadb", reason="Chroma needs the docs extra")
    monkeypatch.setattr(dense_module, "EXACT_LIMIT", 0)
    down = "http://127.0.0.1:9"
    desk, _ = desk_of(store, pages, concepts, down)
    await call(desk, "query-docs", libraryId="pages", query="kitten")
    Indexer(store, embedder=concepts, chroma=down).drain()

    found = await call(desk, "query-docs", libraryId="pages", query="kitten")

    assert "Chroma does not open" in store.setting("chroma failure")
    assert vectors_of(found) == "ready"
    assert found.structured_content is not None
    assert found.structured_content["snippets"][0]["title"] == "One"


def test_an_indexer_ends_when_its_folder_is_removed(store: Store) -> None:
    indexer = Indexer(store, embedder="off")
    store.close()
    shutil.rmtree(store.home)
    indexer.run(idle=3600.0)


def test_an_indexer_ends_when_its_folder_is_removed_and_something_makes_it_again(store: Store) -> None:
    indexer = Indexer(store, embedder="off")
    store.close()
    shutil.rmtree(store.home)
    (store.home / "chroma").mkdir(parents=True)
    indexer.run(idle=3600.0)
    Store(store.home).close()
    indexer.run(idle=3600.0)
