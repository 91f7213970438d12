"""Thoughts on disk: nothing acknowledged is lost, nothing torn is believed, nobody else may read."""

import os
import resource
import signal
import time
from pathlib import Path

import pytest
from tests.servers.thinking.wire import OURS, served

from understudy_servers.thinking.notebook import Notebook
from understudy_servers.thinking.shelf import Place, Shelf
from understudy_servers.thinking.store import Store, StoreError, read_thoughts
from understudy_servers.thinking.thought import Draft, Thought


def thought(number: int, text: str = "Given 3 eggs.") -> Thought:
    return Thought(text=text, number=number, total=max(3, number), more=True, at=float(number))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "thoughts").prepare()


def test_what_was_stored_is_read_back_whole(store: Store) -> None:
    thoughts = [
        thought(1, "line\nline\u2028\x00 思考 🙂"),
        Thought(text="", number=2, total=9, more=False, revision=True, revises=1, at=2.5),
        Thought(text="b", number=3, total=9, more=True, branched_from=1, branch="__proto__", extended=True, at=3.0),
    ]
    for one in thoughts:
        store.append("s", one)
    assert list(store.read("s")) == thoughts


def test_files_and_folder_are_the_owners_only(store: Store) -> None:
    previous = os.umask(0)
    try:
        store.append("s", thought(1))
        folder = Store(store.folder / "deeper").prepare().folder
    finally:
        os.umask(previous)
    assert store.path("s").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "torn", [b'{"thought": "half', b"\x00" * 5_000, b'{"thought":"whole","thoughtNumber":9}', b"x" * 200_000]
)
def test_a_torn_last_line_is_not_believed_and_is_cut_off_by_the_next_thought(store: Store, torn: bytes) -> None:
    store.append("s", thought(1))
    with store.path("s").open("ab") as file:
        file.write(torn)
    assert [one.number for one in store.read("s")] == [1]
    store.append("s", thought(2))
    assert [one.number for one in store.read("s")] == [1, 2]
    assert torn not in store.path("s").read_bytes()


def test_a_file_that_is_all_torn_begins_anew(store: Store) -> None:
    store.path("s").write_bytes(b'{"session": "s", "form')
    store.append("s", thought(1))
    assert [one.number for one in store.read("s")] == [1]
    assert [stored.session for stored in store.sessions()] == ["s"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", ".", "", "con", "x" * 300, "\udc80", "A", "a", "über\n"])
def test_any_session_id_is_a_file_inside_the_folder(store: Store, name: str) -> None:
    store.append(name, thought(1))
    (path,) = store.folder.iterdir()
    assert path == store.path(name)
    assert path.parent == store.folder


def test_ids_that_differ_in_case_have_files_that_differ_more(store: Store) -> None:
    assert store.path("A").name.lower() != store.path("a").name.lower()


def test_a_link_in_the_place_of_a_session_is_not_followed(store: Store, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    store.path("s").symlink_to(victim)
    with pytest.raises(StoreError, match="was not kept"):
        store.append("s", thought(1))
    assert victim.read_text() == "precious\n"


def test_a_full_disk_loses_only_the_thought_it_refuses(store: Store) -> None:
    shelf = Shelf(clock=lambda: 1.0, store=store)
    shelf.think(Draft(text="one"), Place(), "s")
    size = store.path("s").stat().st_size
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))
    try:
        with pytest.raises(StoreError, match=r"could not be stored \(File too large\), so it was not kept"):
            shelf.think(Draft(text="two, which is too long for what is left"), Place(), "s")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert store.path("s").stat().st_size == size
    assert shelf.think(Draft(text="three"), Place(), "s").reply.length == 2
    assert [one.text for one in store.read("s")] == ["one", "three"]


def test_foreign_files_in_the_folder_are_passed_over(store: Store) -> None:
    (store.folder / "notes.jsonl").write_text("not json\n")
    (store.folder / "list.jsonl").write_text("[1, 2]\n")
    (store.folder / "empty.jsonl").write_text("")
    store.append("s", thought(1))
    assert [stored.session for stored in store.sessions()] == ["s"]


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="as a store"):
        Store(tmp_path / "file" / "deeper").prepare()


def test_a_restored_session_goes_on_where_it_was(store: Store) -> None:
    for number in range(1, 3):
        store.append("s", thought(number, f"Item {number}{number} of the list"))
    notebook = Notebook.restored(store.read("s"))
    reply = notebook.add(Draft(text="Item 22 of the list"), 9.0)
    assert (reply.number, reply.total, reply.length) == (3, 3, 3)
    assert reply.hint is not None
    assert reply.hint.kind == "repeat"


def test_ten_thousand_thoughts_are_restored_with_their_count(store: Store) -> None:
    with store.path("s").open("wb") as file:
        file.write(b'{"session":"s"}\n')
        for number in range(1, 10_001):
            file.write(b'{"thought":"Item %d","thoughtNumber":%d,"totalThoughts":10000}\n' % (number, number))
    notebook = Notebook.restored(store.read("s"))
    assert notebook.length == 10_000
    assert len(notebook.thoughts) == 1_000


def test_a_killed_server_loses_no_thought_it_had_answered(tmp_path: Path) -> None:
    command = [*OURS, "--store", str(tmp_path)]
    with served(command) as wire:
        acknowledged = 0
        for number in range(1, 400):
            arguments = {"thought": f"Item {number}", "sessionId": "k"}
            wire.send("tools/call", {"name": "sequentialthinking", "arguments": arguments})
        wire.stdin.flush()
        for _ in range(110):
            reply = wire.receive()
            acknowledged = max(acknowledged, reply["result"]["structuredContent"]["thoughtHistoryLength"])
        wire.process.send_signal(signal.SIGKILL)
        wire.process.wait()
    (path,) = tmp_path.iterdir()
    assert len(list(read_thoughts(path))) >= acknowledged == 110
    with served(command) as wire:
        again = wire.call({"thought": "On again.", "sessionId": "k"})["structuredContent"]
        assert again["thoughtHistoryLength"] > acknowledged


def test_times_are_kept(store: Store) -> None:
    now = time.time()
    Shelf(clock=lambda: now, store=store).think(Draft(text="one"), Place(), "s")
    (stored,) = store.sessions()
    assert stored.started == pytest.approx(now)
    assert next(store.read("s")).at == pytest.approx(now, abs=0.001)
