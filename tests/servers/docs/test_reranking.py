"""The reranker slot: an endpoint or a cross-encoder orders the best pages again, or the reply says that none did."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from mcp import Client
from mcp.types import CallToolResult, TextContent

from understudy_servers.docs.commands import open_reranking
from understudy_servers.docs.desk import Desk
from understudy_servers.docs.index.building import InlineBuilder
from understudy_servers.docs.index.reranking import Reranking, reranker_spec
from understudy_servers.docs.index.search import search
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.people import docs
from understudy_servers.docs.project import Project
from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.server import build_server
from understudy_servers.docs.sources.addable import folder_source

PAGES = {"one": "Cups are washed by hand.", "two": "Cups, cups and more cups.", "three": "A cup keeps tea warm."}


class Judge(ThreadingHTTPServer):
    """A `/rerank` endpoint that finds texts about tea best, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Judging)
        self.asked: list[dict[str, Any]] = []
        self.status = 200
        self.body: object = None
        self.answered = threading.Event()
        self.answered.set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1#judge"


class Judging(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        judge = self.server
        assert isinstance(judge, Judge)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        judge.asked.append({"path": self.path, "key": self.headers["Authorization"], **asked})
        judge.answered.wait(10)
        found = [
            {"index": index, "relevance_score": float("tea" in text)} for index, text in enumerate(asked["documents"])
        ]
        best_first = sorted(found, key=lambda one: -one["relevance_score"])
        body = json.dumps({"results": best_first} if judge.body is None else judge.body).encode()
        self.send_response(judge.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def judge() -> Iterator[Judge]:
    with Judge() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.answered.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pages = tmp_path / "cups"
    pages.mkdir()
    for name, text in PAGES.items():
        (pages / f"{name}.md").write_text(f"# Page {name}\n\n{text}\n")
    return pages


def desk_with(store: Store, folder: Path, reranking: Reranking | None) -> Desk:
    return Desk(store, Project(environ={}), InlineBuilder(store), added=[folder_source(folder)], reranking=reranking)


async def ask(desk: Desk, query: str = "cup cups") -> CallToolResult:
    async with Client(build_server(desk)) as client:
        return await client.call_tool("query-docs", {"libraryId": "cups", "query": query})


def head_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text.partition("\n")[0]


def titles_of(result: CallToolResult) -> list[str]:
    assert result.structured_content is not None
    return [one["title"] for one in result.structured_content["snippets"]]


async def test_an_endpoint_orders_the_best_pages_again(
    store: Store, folder: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERSTUDY_RERANKER_KEY", "secret")
    before = await ask(desk_with(store, folder, None))
    after = await ask(desk_with(store, folder, open_reranking(judge.address)))

    assert titles_of(before)[0] != "Page three"
    assert titles_of(after)[0] == "Page three"
    assert sorted(titles_of(after)) == sorted(titles_of(before))
    assert "words only, reranked by judge" in head_of(after)
    assert after.structured_content is not None
    assert after.structured_content["reranker"] == "judge"
    (asked,) = judge.asked
    assert (asked["path"], asked["key"], asked["model"]) == ("/v1/rerank", "Bearer secret", "judge")
    assert asked["query"] == "cup cups"


async def test_no_reranker_is_the_default_and_is_not_mentioned(store: Store, folder: Path) -> None:
    assert open_reranking("") is None
    assert "rerank" not in head_of(await ask(desk_with(store, folder, None)))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(500, None, id="an error"),
        pytest.param(200, {"data": []}, id="no results"),
        pytest.param(200, [1], id="a list"),
        pytest.param(200, {"results": [{"index": 99, "relevance_score": 1}]}, id="a text that was not sent"),
        pytest.param(200, {"results": [{"index": 0, "score": 1}]}, id="no score"),
    ],
)
async def test_an_endpoint_that_answers_nonsense_leaves_the_order_and_the_reply_says_so(
    store: Store, folder: Path, judge: Judge, status: int, body: object
) -> None:
    judge.status, judge.body = status, body
    plain = await ask(desk_with(store, folder, None))
    found = await ask(desk_with(store, folder, open_reranking(judge.address)))

    assert titles_of(found) == titles_of(plain)
    assert "not reranked: the reranker does not answer" in head_of(found)
    assert found.structured_content is not None
    assert found.structured_content["reranker"] == ""


async def test_a_slow_reranker_is_not_waited_for_twice(store: Store, folder: Path, judge: Judge) -> None:
    spec = reranker_spec(judge.address)
    assert spec is not None
    desk = desk_with(store, folder, Reranking(spec, seconds=0.05))
    judge.answered.clear()

    first = await ask(desk)
    second = await ask(desk)

    assert "not reranked" in head_of(first)
    assert "not reranked" in head_of(second)
    assert len(judge.asked) == 1


def test_a_symbol_named_in_the_question_stays_first(store: Store, tmp_path: Path, judge: Judge) -> None:
    cup = Chunk(kind="api", title="Cup", text="class Cup", source="cups.py", page="Cup", names=("cups.Cup",))
    teas = [Chunk(kind="prose", title=name, text="A cup of tea.", source="t", page=name) for name in ("Tea", "More")]
    version = store.publish(folder_source(tmp_path, "cups"), [cup, *teas], fingerprint="x")
    reranking = open_reranking(judge.address)
    assert reranking is not None

    with store.reading() as connection:
        pages, said = reranking.ordered(connection, "Cup", search(connection, [version], "Cup"))

    assert said == "done"
    assert pages[0].name == "Cup"
    assert all("class Cup" not in text for text in judge.asked[0]["documents"])


async def test_the_words_of_a_reranked_answer_explain_its_order(store: Store, folder: Path, judge: Judge) -> None:
    desk = desk_with(store, folder, open_reranking(judge.address))
    library, number = desk.locate("cups")
    desk.wait(library, number)

    found = desk.ask(library, number, "cup cups")

    assert found.pages[0].hits[0].why[-1] == "reranked #1, 1"


def test_an_endpoint_without_a_model_is_wrong_usage() -> None:
    with pytest.raises(click.BadParameter, match="names no model"):
        open_reranking("http://127.0.0.1:9/v1")


async def test_a_cross_encoder_that_is_not_there_leaves_the_order(store: Store, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    reranking = open_reranking(str(tmp_path / "model"))
    (tmp_path / "model").rmdir()

    found = await ask(desk_with(store, folder, reranking))

    assert "not reranked" in head_of(found)


@pytest.mark.slow
async def test_a_cross_encoder_scores_as_it_does_by_itself(store: Store, folder: Path, tmp_path: Path) -> None:
    """The model has random weights: what is tested is that its own order, whatever it is, becomes ours."""
    pytest.importorskip("torch", reason="a cross-encoder needs the docs extra")
    from tests.servers.docs.tiny_bert import tiny_cross_encoder  # noqa: PLC0415  skips without the docs extra

    tiny_cross_encoder(tmp_path / "judge")
    spec = reranker_spec(str(tmp_path / "judge"))
    assert spec is not None
    reranking = Reranking(spec, seconds=120)
    desk = desk_with(store, folder, reranking)
    library, number = desk.locate("cups")
    desk.wait(library, number)

    found = desk.ask(library, number, "cup cups")

    reasons = [page.hits[0].why[-1] for page in found.pages]
    scores = [float(reason.rpartition(", ")[2]) for reason in reasons]
    assert found.reranking == "done"
    assert found.reranker.startswith("judge@")
    assert [reason.partition(",")[0] for reason in reasons] == ["reranked #1", "reranked #2", "reranked #3"]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 1


def test_a_search_by_hand_is_reranked_like_a_models_question(store: Store, folder: Path, judge: Judge) -> None:
    place = ["--home", str(store.home), "--root", str(folder.parent), "--embedder", "off"]
    assert CliRunner().invoke(docs, ["add", str(folder), "--no-vectors", *place[:2]]).exit_code == 0

    found = CliRunner().invoke(
        docs, ["search", folder.name, "cup cups", "--reranker", judge.address, "--explain", *place]
    )

    assert found.exit_code == 0, found.output
    assert "reranked by judge" in found.stdout
    assert "reranked #1" in found.stdout
