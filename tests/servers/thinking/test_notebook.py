"""What the notebook says back: sixteen scenes of chains going right and wrong, and the limits of its words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy_servers.thinking.notebook import IDLE, PAUSE, Notebook, Reply, listed
from understudy_servers.thinking.thought import Draft

PLAN = "Given 3 boxes of 4 eggs, 2 are broken. Plan: multiply, then subtract."
STEPS = [PLAN, "3 * 4 = 12 eggs in all.", "12 - 2 = 10 eggs are whole.", "Check: 10 + 2 = 12, as in three boxes."]


def told(notebook: Notebook, *texts: str, total: int = 4, at: float = 0.0, **last: Any) -> Reply:
    """Send numbered thoughts and give the last reply; `last` changes the last draft."""
    reply = None
    for position, text in enumerate(texts, start=1):
        fields: dict[str, Any] = {"number": notebook.length + 1, "total": total, "more": True}
        if position == len(texts):
            fields |= last
        reply = notebook.add(Draft(text=text, **fields), at)
    assert reply is not None
    return reply


def kind(reply: Reply) -> str | None:
    return None if reply.hint is None else reply.hint.kind


def test_a_healthy_chain_is_led_from_plan_to_check_to_answer_without_a_hint() -> None:
    notebook = Notebook()
    replies = [told(notebook, step, more=number < 4) for number, step in enumerate(STEPS, start=1)]
    assert [reply.next for reply in replies] == [
        "Do the first part of the plan.",
        "Do the next part of the plan.",
        "Last planned thought: check the result against the question.",
        "Done. Write the final answer to the user now, as plain text.",
    ]
    assert [kind(reply) for reply in replies] == [None] * 4
    assert replies[3].recap is not None
    assert replies[3].recap.startswith("1: Given 3 boxes of 4 eggs")


def test_a_repeated_thought_is_named_with_the_thought_it_repeats() -> None:
    reply = told(Notebook(), PLAN, STEPS[1], STEPS[1].upper() + "  ")
    assert reply.hint is not None
    assert reply.hint.text == "Same as thought 2. Do not restate it: do the next part, or finish."


def test_a_renumbered_thought_is_the_same_thought() -> None:
    assert kind(told(Notebook(), "Step 1: count the eggs in the box", "Step 2: count the eggs in the box")) == "repeat"
    assert kind(told(Notebook(), "(1/5) count the eggs", "(2/5) count the eggs")) == "repeat"
    assert kind(told(Notebook(), "1. count the eggs", "2. count the eggs")) == "repeat"


def test_the_same_method_on_other_figures_or_names_is_no_repetition() -> None:
    assert (
        kind(told(Notebook(), "Add 3 apples to 5 apples, that is 8.", "Add 8 apples to 4 apples, that is 12.")) is None
    )
    alice = "If Alice is a knight then her statement is true and the other one lies."
    assert kind(told(Notebook(), alice, alice.replace("Alice", "Carol"))) is None
    assert kind(told(Notebook(), "The red box holds the ring.", "The blue box holds the ring.")) is None


def test_a_light_paraphrase_is_a_repetition() -> None:
    one = "So the total cost of the 3 shirts is 45 dollars, which leaves 5 dollars for the tie."
    other = "Okay, so the total price of the 3 shirts is 45 dollars, which leaves 5 dollars for the tie."
    assert kind(told(Notebook(), one, other)) == "repeat"


@pytest.mark.parametrize("period", [2, 3])
def test_alternating_thoughts_are_a_cycle(period: int) -> None:
    ways = [
        "Perhaps multiply the boxes first.",
        "Perhaps subtract the broken ones first.",
        "Perhaps ask for the total.",
    ]
    reply = told(Notebook(), PLAN, *(ways[:period] * 2))
    assert kind(reply) == "cycle"
    assert reply.hint is not None
    assert "alternate" in reply.hint.text


def test_the_third_warning_of_a_kind_asks_for_the_answer() -> None:
    reply = told(Notebook(), PLAN, *[STEPS[1]] * 4)
    assert reply.hint is not None
    assert reply.hint.text == "This keeps happening. Answer now with what you have."
    assert reply.next == "Stop thinking. Write the best answer so far to the user now, as plain text."


def test_stopping_early_is_remarked_once_and_neutrally() -> None:
    notebook = Notebook()
    reply = told(notebook, PLAN, total=5, more=False)
    assert reply.hint is not None
    assert reply.hint.text == (
        "Stopped at 1 of 5. If every part of the question is answered, answer now; otherwise continue with 2."
    )
    assert kind(told(notebook, STEPS[1], total=5, more=False)) is None


def test_a_chain_far_beyond_its_plan_is_told_to_answer() -> None:
    notebook = Notebook()
    kinds = [kind(told(notebook, f"Consider case {chr(97 + n)}{n}{n} of the eggs", total=3)) for n in range(14)]
    assert kinds[:12] == [None] * 12
    assert kinds[12] == "runaway"


def test_a_long_plan_is_no_runaway() -> None:
    notebook = Notebook()
    assert all(kind(told(notebook, f"Consider item {n}{n} of the list", total=30)) is None for n in range(40))


def test_a_missing_target_is_named_with_what_there_is() -> None:
    notebook = Notebook()
    told(notebook, *STEPS[:2])
    revised = told(notebook, "No, 3 * 4 is 12.", revises=7)
    assert revised.hint is not None
    assert revised.hint.text == "There is no thought 7 to revise. Thoughts so far: 1 to 2."
    assert kind(told(notebook, "Another way.", branched_from=9, branch="b")) == "missing"


def test_half_a_branch_is_named() -> None:
    reply = told(Notebook(), PLAN, "Another way.", branch="b")
    assert reply.hint is not None
    assert reply.hint.text == "branchId without branchFromThought: no branch was opened. To branch, send both."
    assert kind(told(Notebook(), PLAN, "Another way.", branched_from=1)) == "half-branch"


def test_a_revision_and_a_branch_bring_back_what_they_are_about() -> None:
    notebook = Notebook()
    told(notebook, *STEPS[:3])
    revision = told(notebook, "No: 12 - 2 - 1 = 9 are whole.", revises=3)
    assert revision.recap == f"1: {PLAN}\n3: {STEPS[2]}"
    assert revision.next == "Go on from the corrected thought with the next part of the plan."
    branch = told(notebook, "Count the whole ones of each box.", branched_from=1, branch="count")
    assert branch.recap == f"1: {PLAN}"
    assert branch.next == "Follow branch count to a result, then compare it with the other way."


@pytest.mark.parametrize("filler", ["", "Hmm.", "Let me think about this step by step.", "OK, next thought", "..."])
def test_a_thought_without_content_is_remarked(filler: str) -> None:
    assert kind(told(Notebook(), PLAN, filler)) == "filler"


@pytest.mark.parametrize("content", ["12", "x = 3", "Eggs.", "So 10.", "2 + 2"])
def test_a_short_thought_with_content_is_not(content: str) -> None:
    assert kind(told(Notebook(), PLAN, content)) is None


def test_a_long_thought_is_remarked_and_kept_whole() -> None:
    notebook = Notebook()
    text = " ".join(f"fact{n}" for n in range(400))
    assert kind(told(notebook, text)) == "long"
    assert notebook.thoughts[0].text == text


def test_an_unnumbered_thought_is_counted_and_the_plan_is_kept() -> None:
    notebook = Notebook()
    replies = [notebook.add(Draft(text=step), 0.0) for step in STEPS[:3]]
    assert [(reply.number, reply.total, reply.more) for reply in replies] == [(1, 3, True), (2, 3, True), (3, 3, False)]
    assert notebook.add(Draft(text=STEPS[3], extended=True), 0.0).more is True


def test_planned_thoughts_used_up_are_said() -> None:
    reply = told(Notebook(), *STEPS, total=4)
    assert reply.next == "Planned thoughts used. If the answer is ready, answer now; else raise totalThoughts."


def test_a_new_problem_is_told_from_the_old_one() -> None:
    notebook = Notebook()
    told(notebook, *STEPS, more=False)
    first = Draft(text="Given a train at 60 km/h.", number=1, total=3, more=True)
    assert notebook.begins_anew(first, 1.0)
    assert notebook.begins_anew(Draft(text="Given a train at 60 km/h."), 1.0)
    assert not notebook.begins_anew(Draft(text=STEPS[3], number=1), 1.0), "a model that loops is in the same chain"
    assert not notebook.begins_anew(Draft(text="Given a train.", number=5), 1.0)
    assert not notebook.begins_anew(Draft(text="Given a train.", number=1, revises=1), 1.0)


def test_a_running_chain_is_left_only_after_a_quarter_of_an_hour() -> None:
    notebook = Notebook()
    told(notebook, PLAN)
    first = Draft(text="Given a train at 60 km/h.", number=1)
    assert not notebook.begins_anew(first, IDLE)
    assert notebook.begins_anew(first, IDLE + 1)


def test_a_plan_that_only_ran_out_is_left_after_a_pause() -> None:
    notebook = Notebook()
    for step in STEPS[:3]:
        notebook.add(Draft(text=step), 0.0)
    another = Draft(text="Given a train at 60 km/h.")
    assert not notebook.begins_anew(another, PAUSE)
    assert notebook.begins_anew(another, PAUSE + 1)


def test_old_thoughts_are_forgotten_and_the_count_goes_on() -> None:
    notebook = Notebook(kept=10)
    reply = told(notebook, *(f"Consider item {n}{n} of the list" for n in range(25)), total=25)
    assert reply.length == 25
    assert [thought.number for thought in notebook.thoughts] == list(range(16, 26))
    assert kind(told(notebook, "Item 3 was wrong.", total=30, revises=3)) is None, "forgotten, not missing"


def test_array_indexes_come_first_as_in_javascript() -> None:
    assert listed(["b", "10", "2", "01", "-1", "4294967295", "a", "0"]) == (
        "0",
        "2",
        "10",
        "b",
        "01",
        "-1",
        "4294967295",
        "a",
    )


numbers = st.one_of(st.none(), st.integers(min_value=1, max_value=40))
drafts = st.builds(
    Draft,
    text=st.one_of(st.sampled_from([*STEPS, "", "hmm"]), st.text(max_size=600)),
    number=numbers,
    total=numbers,
    more=st.one_of(st.none(), st.booleans()),
    revision=st.one_of(st.none(), st.booleans()),
    revises=numbers,
    branched_from=numbers,
    branch=st.one_of(st.none(), st.text(min_size=1, max_size=200)),
)


@given(st.lists(drafts, max_size=25))
def test_whatever_is_thought_the_words_stay_within_their_limits(chain: list[Draft]) -> None:
    notebook = Notebook()
    for number, draft in enumerate(chain, start=1):
        reply = notebook.add(draft, float(number))
        assert reply.length == number
        assert len(reply.next.split()) <= 20
        assert reply.hint is None or len(reply.hint.text.split()) <= 30
        assert reply.recap is None or len(reply.recap) <= 400
        said = {"next": reply.next, "hint": reply.hint and reply.hint.text, "recap": reply.recap}
        fields = {**reply.reference(), "branches": [], **said, "sessionId": "abcdefghjkmn", "hintKind": "half-branch"}
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        assert len(text) / 4 <= 250
        assert "are you sure" not in text.lower()
