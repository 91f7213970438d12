"""Which notebook a thought lands in, over every kind of connection, and how much all of them may hold."""

from pathlib import Path

import pytest

from understudy_servers.thinking.notebook import IDLE
from understudy_servers.thinking.shelf import MOST_SESSIONS, Kept, Place, Shelf, TooManySessions
from understudy_servers.thinking.store import Store
from understudy_servers.thinking.thought import Draft

STDIO = Place()
ANYONE = Place(scope="http", anonymous=True, remote=True)


def connection(name: str) -> Place:
    return Place(scope=f"connection {name}", remote=True)


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def think(
    shelf: Shelf,
    place: Place,
    text: str = "Given 3 eggs.",
    given: str | None = None,
    *,
    number: int | None = None,
    total: int | None = None,
    more: bool | None = None,
) -> Kept:
    return shelf.think(Draft(text=text, number=number, total=total, more=more), place, given)


def test_stdio_has_one_notebook_until_a_new_problem_begins() -> None:
    shelf = Shelf(clock=Clock())
    first = think(shelf, STDIO, number=1, total=1, more=False)
    again = think(shelf, STDIO, "Given a train.", number=1, total=3)
    assert again.session is not first.session
    assert again.reply.length == 1
    assert not again.show_id


def test_without_rollover_the_count_goes_on() -> None:
    shelf = Shelf(clock=Clock(), rollover=False)
    think(shelf, STDIO, number=1, total=1, more=False)
    assert think(shelf, STDIO, "Given a train.", number=1, total=3).reply.length == 2


def test_a_named_session_is_its_own_and_never_rolls_over() -> None:
    shelf = Shelf(clock=Clock())
    think(shelf, STDIO)
    lengths = [think(shelf, STDIO, f"Item {n}", "vote/2", number=1, more=False).reply.length for n in range(3)]
    assert lengths == [1, 2, 3]
    assert think(shelf, STDIO, "More eggs.").reply.length == 2


def test_connections_have_their_own_default_and_their_own_names() -> None:
    shelf = Shelf(clock=Clock())
    for name in ("a", "b"):
        assert think(shelf, connection(name)).reply.length == 1
        assert think(shelf, connection(name), given="1").reply.length == 1
    assert think(shelf, connection("a"), "More.", "1").reply.length == 2
    assert [session.name for session in shelf.visible(connection("b"))][:1] == ["1"]
    assert shelf.find("1", connection("c")) is None


def test_an_id_that_was_handed_out_is_known_everywhere() -> None:
    shelf = Shelf(clock=Clock())
    first = think(shelf, connection("a"))
    assert first.show_id
    assert not think(shelf, connection("a"), "More.").show_id, "the connection knows its own"
    assert think(shelf, connection("b"), "And more.", first.session.name).reply.length == 3
    assert think(shelf, ANYONE, "And more still.", first.session.name).reply.length == 4


def test_without_a_connection_every_nameless_thought_opens_a_session_and_is_told_so() -> None:
    shelf = Shelf(clock=Clock())
    first = think(shelf, ANYONE, number=1, total=3)
    assert first.show_id
    assert first.hint is None
    lost = think(shelf, ANYONE, "So 12.", number=2, total=3)
    assert lost.session is not first.session
    assert lost.hint is not None
    assert lost.hint.kind == "session"
    assert lost.session.name in lost.hint.text
    kept = think(shelf, ANYONE, "So 12.", first.session.name, number=2, total=3)
    assert kept.reply.length == 2
    assert not kept.show_id


def test_two_strangers_who_guess_the_same_short_name_share_nothing() -> None:
    shelf = Shelf(clock=Clock())
    one, other = think(shelf, ANYONE, given="session_1"), think(shelf, ANYONE, given="session_1")
    assert one.session is not other.session
    assert other.reply.length == 1
    assert other.show_id
    own = "problem-17/vote-2/try-1"
    assert think(shelf, ANYONE, given=own).reply.length == 1
    assert think(shelf, ANYONE, "More.", own).reply.length == 2
    assert shelf.visible(ANYONE) == []
    assert shelf.current(ANYONE) is None


def test_a_hundred_interleaved_sessions_keep_their_thoughts_apart() -> None:
    shelf = Shelf(clock=Clock())
    places = [connection(str(number)) for number in range(100)]
    for turn in range(1, 6):
        for number, place in enumerate(places):
            kept = think(shelf, place, f"Client {number}, item {turn}{turn}", number=turn, total=9)
            assert kept.reply.length == turn
            assert {thought.text.split(",")[0] for thought in kept.session.notebook.thoughts} == {f"Client {number}"}


def test_only_idle_sessions_make_room() -> None:
    clock = Clock()
    shelf = Shelf(clock=clock, sessions=3)
    for name in "abcd":
        think(shelf, STDIO, given=name)
    assert think(shelf, STDIO, "More.", "a").reply.length == 2, "nobody was idle, so nobody was dropped"
    clock.now += IDLE + 1
    think(shelf, STDIO, "More.", "a")
    think(shelf, STDIO, given="e")
    assert shelf.find("b", STDIO) is None
    assert think(shelf, STDIO, "More.", "a").reply.length == 4


def test_far_too_many_sessions_in_use_are_refused_and_no_one_loses_a_thought() -> None:
    shelf = Shelf(clock=Clock())
    for number in range(MOST_SESSIONS):
        think(shelf, STDIO, given=f"s{number}")
    with pytest.raises(TooManySessions, match="2000 thinking sessions are in use"):
        think(shelf, STDIO, given="one more")
    assert think(shelf, STDIO, "More.", "s0").reply.length == 2


def test_all_sessions_together_stay_within_their_memory() -> None:
    shelf = Shelf(clock=Clock(), memory=1_000_000)
    for number in range(400):
        think(shelf, STDIO, "x" * 20_000, f"s{number % 7}")
        assert shelf.size <= 1_000_000
    notebooks = [shelf.find(f"s{number}", STDIO) for number in range(7)]
    assert sum(len(notebook.thoughts) for notebook in notebooks if notebook) < 60
    assert [notebook.length for notebook in notebooks if notebook] == [58, 57, 57, 57, 57, 57, 57]
    assert shelf.size == sum(notebook.size for notebook in notebooks if notebook)


def test_a_thought_larger_than_the_memory_is_kept_while_it_is_the_last() -> None:
    shelf = Shelf(clock=Clock(), memory=1_000)
    assert think(shelf, STDIO, "x" * 5_000).reply.length == 1
    kept = think(shelf, STDIO, "y" * 5_000)
    assert [thought.text[0] for thought in kept.session.notebook.thoughts] == ["y"]


def test_a_dropped_session_comes_back_from_the_store(tmp_path: Path) -> None:
    clock = Clock()
    shelf = Shelf(clock=clock, sessions=1, store=Store(tmp_path).prepare())
    first = think(shelf, STDIO, given="mine")
    clock.now += IDLE + 1
    think(shelf, STDIO, given="other")
    assert think(shelf, STDIO, "More.", "mine").reply.length == first.reply.length + 1
