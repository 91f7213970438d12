"""Indexes that are damaged, locked, full, gone or written by another release: each a sentence, and the rest goes on."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from mcp import Client
from mcp.types import TextContent
from tests.servers.docs.tiny_bert import tiny_bert

from understudy_servers.docs.desk import Desk
from understudy_servers.docs.index import store as store_module
from understudy_servers.docs.index.building import ProcessBuilder
from understudy_servers.docs.index.embed_work import EmbedWork, prepare
from understudy_servers.docs.index.embedding import CHECKED, FORMAT, EmbedderUnavailable, embedder_spec, model_folder
from understudy_servers.docs.index.onnx_model import OnnxModel
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.index.vector_index import complete
from understudy_servers.docs.people import docs
from understudy_servers.docs.project import Project
from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.server import build_server
from understudy_servers.docs.sources.addable import folder_source

Install = Callable[..., Path]
LAMP = "def lamp():\n    '''Light a lamp.'''\n"
MANY = LAMP + "".join(f"def f{number}():\n    '''Does thing {number} {'at length ' * 9}.'''\n" for number in range(400))
CALLS = [
    ("query-docs", {"libraryId": "lib", "query": "lamp"}),
    ("get-symbol", {"name": "lib.lamp"}),
    ("list-libraries", {}),
    ("resolve-library-id", {"libraryName": "lib", "query": ""}),
]


async def refusals(client: Client) -> list[str]:
    """Call every tool and return what those say that refuse."""
    said = []
    for tool, arguments in CALLS:
        result = await client.call_tool(tool, arguments)
        assert isinstance(result.content[0], TextContent)
        said += [result.content[0].text] if result.is_error else []
    return said


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = bytes((byte * 7 + 13) % 256 for byte in data[4096:])
    path.write_bytes(data)


async def test_an_index_damaged_under_a_running_server_is_said_with_what_to_do(
    install: Install, desk: Desk, store: Store
) -> None:
    install("lib", "1.0", {"lib.py": MANY})
    async with Client(build_server(desk)) as client:
        assert await refusals(client) == []
        store.close()
        damage(store.path)
        said = await refusals(client)

    assert len(said) == len(CALLS)
    assert all("malformed. It is damaged: stop what uses it and delete it" in one for one in said)


@pytest.mark.parametrize("command", [["docs", "list"], ["serve", "docs"]], ids=["docs", "serve"])
def test_commands_over_a_damaged_index_end_with_a_sentence(
    install: Install, desk: Desk, store: Store, command: list[str]
) -> None:
    install("lib", "1.0", {"lib.py": MANY})
    desk.wait(*desk.locate("lib"))
    store.close()
    damage(store.path)

    arguments = [*command, "--home", str(store.home), "--embedder", "off"]
    done = subprocess.run(
        [sys.executable, "-m", "understudy_harness", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 3
    assert "everything in it can be indexed again" in done.stderr
    assert "Traceback" not in done.stderr


async def test_an_index_that_another_process_keeps_locked_is_said(
    install: Install, desk: Desk, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("lib", "1.0", {"lib.py": LAMP})
    store.close()
    monkeypatch.setattr(store_module, "BUSY_SECONDS", 0.1)
    writer = sqlite3.connect(store.path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    async with Client(build_server(desk)) as client:
        said = await refusals(client)
        writer.rollback()
        writer.close()
        assert await refusals(client) == [], "it goes on as soon as the other has ended"

    assert said
    assert all(
        one.endswith("database is locked. Another process is writing to it; ask again in a minute.") for one in said
    )


def test_a_disk_that_is_full_is_said_and_the_index_still_opens(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("\n\n".join(f"# Part {number}\n\n{'word ' * 200}" for number in range(2_000)))
    arguments = ["docs", "add", str(page), "--home", str(tmp_path / "home"), "--no-vectors"]
    limited = ["bash", "-c", 'ulimit -f 400; exec "$@"', "-", sys.executable, "-m", "understudy_harness", *arguments]

    done = subprocess.run(limited, capture_output=True, text=True)

    assert done.returncode == 3, done.stderr
    assert "Make room on the disk, or give another folder with --home" in done.stderr
    assert "Traceback" not in done.stderr
    assert Store(tmp_path / "home").versions() == []


async def test_a_home_that_was_removed_is_said(install: Install, project: Project, store: Store) -> None:
    install("lib", "1.0", {"lib.py": LAMP})
    desk = Desk(store, project, ProcessBuilder(store))
    shutil.rmtree(store.home)
    async with Client(build_server(desk)) as client:
        said = await refusals(client)

    assert all("Nothing can be indexed in" in one and "start the server again" in one for one in said)
    assert said


async def test_what_another_release_has_written_holds_nobody_up(install: Install, desk: Desk, store: Store) -> None:
    install("lib", "1.0", {"lib.py": LAMP})
    install("other", "1.0", {"other.py": LAMP})
    desk.wait(*desk.locate("other"))
    with store.writing() as connection:
        connection.execute("INSERT INTO job (source, state, changed) VALUES ('{\"kind\": \"wormhole\"}', 'queued', 0)")
        connection.execute("UPDATE version SET source = '{\"kind\": 1}'")
    async with Client(build_server(desk)) as client:
        assert await refusals(client) == []
    with store.writing() as connection:
        row = connection.execute("SELECT id, source FROM version ORDER BY id DESC").fetchone()
        later = json.dumps({**json.loads(row["source"]), "mood": "new"})
        connection.execute("UPDATE version SET source = ? WHERE id = ?", (later, row["id"]))

    assert [version.title for version in store.versions()] == ["lib"]


def test_a_prepared_model_that_is_damaged_is_made_again(tmp_path: Path, store: Store) -> None:
    pytest.importorskip("onnxruntime", reason="vectors need the docs extra")
    tiny_bert(tmp_path / "tiny")
    spec = embedder_spec(str(tmp_path / "tiny"))
    assert spec is not None
    version = store.publish(
        folder_source(store.home, "lib"),
        [Chunk(kind="prose", title="a", text="b", source="c", page="d")],
        fingerprint="x",
    )
    complete(store, version, spec.name)
    folder = model_folder(spec, store.home)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"half a mod")
    (folder / CHECKED).write_text(json.dumps({"format": FORMAT, "length": 16}))
    work = EmbedWork(store, spec)
    assert work.step() == "idle"

    with pytest.raises(EmbedderUnavailable, match="does not open"):
        OnnxModel(folder)
    try:
        assert work.step() == "waiting", "the indexer prepares what questions need, though nothing is left to embed"
    finally:
        work.stop()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's and onnx's own
def test_a_model_that_is_removed_while_it_is_open_is_made_again(tmp_path: Path, store: Store) -> None:
    pytest.importorskip("torch", reason="preparing a model needs the docs extra")
    tiny_bert(tmp_path / "tiny")
    spec = embedder_spec(str(tmp_path / "tiny"))
    assert spec is not None
    assert prepare(spec, store.home).wait() == 0
    chunk = Chunk(kind="prose", title="a", text="b", source="c", page="d")
    store.publish(folder_source(store.home, "lib"), [chunk], fingerprint="x")
    work = EmbedWork(store, spec)
    assert [work.step(), work.step(), work.step()] == ["worked", "worked", "idle"]
    shutil.rmtree(model_folder(spec, store.home))
    try:
        assert work.step() == "waiting"
    finally:
        work.stop()


def test_the_commands_for_people_say_that_an_index_is_locked(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.md").write_text("# Page\n\nText.\n")
    store.close()
    monkeypatch.setattr(store_module, "BUSY_SECONDS", 0.1)
    writer = sqlite3.connect(store.path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")

    done = CliRunner().invoke(docs, ["add", str(tmp_path / "page.md"), "--home", str(store.home), "--no-vectors"])
    writer.rollback()
    writer.close()

    assert done.exit_code == 3
    assert "locked" in done.stderr


@pytest.mark.parametrize(
    "text", ["lamp \ud800", "a" * 1_000_000, "a_b " * 50_000, "\x00", '"' * 999, "x.y\n" * 20_000, "\u202elamp"]
)
async def test_no_question_and_no_name_hangs_or_fails(install: Install, desk: Desk, text: str) -> None:
    install("lib", "1.0", {"lib.py": MANY})
    desk.wait(*desk.locate("lib"))
    async with Client(build_server(desk)) as client:
        asked = await client.call_tool("query-docs", {"libraryId": "lib", "query": text})
        looked = await client.call_tool("get-symbol", {"libraryId": "lib", "name": text})

    assert not asked.is_error
    assert isinstance(looked.content[0], TextContent)
    assert "no symbol" in looked.content[0].text or "name is missing" in looked.content[0].text or not looked.is_error
