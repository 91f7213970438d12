"""What people type: list, show, export, import and watch stored chains."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from inline_snapshot import snapshot

from understudy_servers.thinking.commands import serve, think
from understudy_servers.thinking.export import CannotImport, as_json, imported
from understudy_servers.thinking.store import Store
from understudy_servers.thinking.thought import Thought
from understudy_servers.thinking.watch import follow, tree

CHAIN = [
    Thought(text="Given 3 boxes\nof 4 eggs.", number=1, total=3, more=True, at=1.0),
    Thought(text="3 * 4 = 12", number=2, total=3, more=True, at=2.0),
    Thought(text="No: 2 are broken.", number=3, total=3, more=True, revision=True, revises=2, at=3.0),
    Thought(text="Count them.", number=4, total=4, more=True, branched_from=1, branch="count", at=4.0),
    Thought(text="10 are whole.", number=5, total=5, more=False, at=5.0),
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path).prepare()
    for thought in CHAIN:
        store.append("eggs", thought)
    return store


def run(store: Store, *arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(think, list(arguments), input=given, env={"THINK_STORE": str(store.folder)})


def test_the_list_shows_how_each_session_began(store: Store) -> None:
    store.append("train", Thought(text="Given a train.", number=1, total=3, more=True, at=9.0))
    os.utime(store.path("eggs"), (1, 1))
    lines = run(store, "list").output.splitlines()
    assert lines[0].startswith("train")
    assert lines[1].startswith("eggs")
    assert lines[1].endswith("   5  Given 3 boxes of 4 eggs.")


def test_show_prints_the_latest_session_or_the_one_that_begins_so(store: Store) -> None:
    assert run(store, "show").output == run(store, "show", "eg").output
    assert run(store, "show").output == snapshot("""\
# Thoughts of session eggs

## 1/3

Given 3 boxes
of 4 eggs.

## 2/3

3 * 4 = 12

## 3/3, revises 2

No: 2 are broken.

## 4/4, branch count from 1

Count them.

## 5/5

10 are whole.
""")


def test_export_draws_the_chain(store: Store) -> None:
    assert run(store, "export", "--format", "mermaid").output == snapshot("""\
flowchart TD
    %% session eggs
    t0["1: Given 3 boxes of 4 eggs."]
    t1["2: 3 * 4 = 12"]
    t0 --> t1
    t2["3: No: 2 are broken."]
    t1 --> t2
    t2 -. revises .-> t1
    t3["4: Count them."]
    t0 --> |count| t3
    t4["5: 10 are whole."]
    t2 --> t4
""")


def test_an_export_is_imported_as_the_same_thoughts(store: Store) -> None:
    exported = run(store, "export", "--format", "json").output
    name = run(store, "import", "-", given=exported).output.strip()
    assert list(store.read(name)) == CHAIN
    assert run(store, "import", "-", "--session", "mine", given=exported).output == "mine\n"
    again = run(store, "import", "-", "--session", "mine", given=exported)
    assert again.exit_code == 2
    assert "There is a session 'mine' already" in again.output


def test_stored_lines_and_other_servers_exports_are_imported() -> None:
    assert imported(as_json("s", CHAIN)) == CHAIN
    lines = "\n".join(json.dumps(thought.record()) for thought in CHAIN)
    assert imported('{"session":"s"}\n' + lines) == CHAIN
    other = {
        "exportedAt": "2026-01-01",
        "thoughts": [
            {"thought": "one", "thought_number": 1, "total_thoughts": 2, "next_thought_needed": True, "stage": "Plan"},
            {"thought": "two", "thought_number": 2, "total_thoughts": 2, "next_thought_needed": False, "tags": ["x"]},
        ],
    }
    read = [(one.text, one.number, one.more) for one in imported(json.dumps(other))]
    assert read == [("one", 1, True), ("two", 2, False)]
    assert [one.number for one in imported('["a", "b"]')] == [1, 2]


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", '{"thoughts": 3}', '[{"stage": "x"}]', "[null]"])
def test_what_is_no_session_is_refused_in_words(text: str) -> None:
    with pytest.raises(CannotImport, match=r"No thoughts found|is no thought"):
        imported(text)


def test_wrong_names_and_empty_stores_are_sentences(store: Store, tmp_path: Path) -> None:
    unknown = run(store, "show", "nope")
    assert unknown.exit_code == 2
    assert "No session begins with 'nope'. Choose one of: eggs." in unknown.output
    store.append("eggs2", CHAIN[0])
    assert run(store, "show", "eggs").exit_code == 0
    assert "2 sessions begin with 'egg'" in run(store, "show", "egg").output
    empty = Store(tmp_path / "empty").prepare()
    assert "No session is stored in" in run(empty, "show").output
    assert run(Store(tmp_path / "missing"), "list").exit_code == 2


def test_a_store_that_cannot_be_used_is_refused_before_serving(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(serve, ["--store", str(tmp_path / "file" / "deeper")])
    assert result.exit_code == 2
    assert "as a store" in result.output


def test_watch_shows_thoughts_as_they_are_written_until_the_chain_ends(store: Store) -> None:
    store.append("live", Thought(text="Given a train.", number=1, total=2, more=True, at=9.0))
    command = [sys.executable, "-m", "understudy_harness", "think", "watch", "live", "--until-end"]
    with subprocess.Popen([*command, "--store", str(store.folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1/2 Given a train.\n"
        store.append("live", Thought(text="[bold]60 km[/bold]", number=2, total=2, more=False, at=10.0))
        assert process.stdout.read() == "2/2 [bold]60 km[/bold]\n"
        assert process.wait(10) == 0


def test_a_terminal_shows_the_latest_session_as_a_tree(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    looks: list[float] = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        store.append("later", Thought(text="Given a train.", number=len(looks), total=2, more=len(looks) < 2, at=9.0))
        os.utime(store.path("eggs"), (1, 1))

    store.append("eggs", Thought(text="More eggs?", number=6, total=9, more=True, at=6.0))
    follow(store, None, until_end=True, terminal=True, pause=pause)
    assert "2 thoughts" in capsys.readouterr().out
    assert len(looks) == 2


def test_the_tree_hangs_branches_on_their_thought() -> None:
    root = tree(CHAIN)
    assert str(root.label) == "5 thoughts"
    assert [str(child.label) for child in root.children] == [
        "1/3 Given 3 boxes of 4 eggs.",
        "2/3 3 * 4 = 12",
        "3/3 (revises 2) No: 2 are broken.",
        "5/5 10 are whole.",
    ]
    (branch,) = root.children[0].children
    assert str(branch.label) == "branch count"
    assert str(branch.children[0].label) == "4/4 Count them."
