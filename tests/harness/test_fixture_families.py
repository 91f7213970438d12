"""The bundled families: disjoint splits, enough clusters, right answers, and documentation that holds the facts."""

import re
from pathlib import Path
from random import Random

import pytest

from understudy.answer import Failure
from understudy.prompts import bundled, v1
from understudy_harness.fixtures import functions, libraries, sums
from understudy_harness.fixtures.families import FAMILIES, Family, library_docs, samples
from understudy_harness.fixtures.families import tests_source as as_test_file
from understudy_harness.fixtures.item import Item, Split, split_of

families = pytest.mark.parametrize("family", FAMILIES)


@families
def test_a_family_holds_three_hundred_test_tasks_of_at_least_twenty_clusters(family: Family) -> None:
    everything = samples(family, 300, seed=1)
    for n in (120, 300):
        drawn = everything[:n]
        assert len({item.id for item in drawn}) == n
        assert len({item.cluster for item in drawn}) >= 20


@families
def test_the_same_arguments_give_the_same_tasks_and_another_seed_gives_others(family: Family) -> None:
    assert samples(family, 30, seed=3) == samples(family, 30, seed=3)
    assert samples(family, 30, seed=3) != samples(family, 30, seed=4)


@families
@pytest.mark.parametrize("split", ["dev", "test"])
def test_every_task_of_a_split_lies_on_its_side(family: Family, split: Split) -> None:
    assert {split_of(item.key) for item in samples(family, 100, seed=5, split=split)} == {split}


def test_what_training_draws_is_never_a_test_or_dev_task() -> None:
    random = Random("overlap")
    trained = [sums.make(random, "train", random.choice((1, 2, 3))).key for _ in range(2000)]
    trained += [functions.make(random, "train", random.choice((1, 2, 3))).key for _ in range(400)]
    trained += [f"library {libraries.any_name(random, 'train')}" for _ in range(2000)]
    held_out = {item.key for split in ("dev", "test") for f in FAMILIES for item in samples(f, 150, 6, _split(split))}
    assert not held_out & set(trained)


def test_the_drills_of_training_are_on_the_training_side_too() -> None:
    chats = pytest.importorskip("training.chats", reason="the training code comes with a clone, not with the wheel")
    held_out = {sums.equation(item) for split in ("dev", "test") for item in samples("sums", 300, 7, _split(split))}
    random = Random("drills")
    drilled = {line for _ in range(40) for line in chats.sums_drill(random)[1].message.content.split("\n")}
    assert len(drilled) > 500
    assert not held_out & drilled


@families
def test_some_system_prompts_are_seen_in_tests_only(family: Family) -> None:
    tested = samples(family, 60, seed=8)
    train = {item.messages[0].content for item in _training_items(family, 60)}
    assert {item.held_out_prompt for item in tested} == {True, False}
    assert not train & {item.messages[0].content for item in tested if item.held_out_prompt}


def test_thoughts_lead_from_the_numbers_of_the_problem_to_the_answer() -> None:
    for item in samples("sums", 100, seed=9):
        start = int(re.findall(r"\d+", item.messages[1].content)[0])
        for thought in item.thoughts:
            match = re.fullmatch(r"So (\d+) ([-+*/]) (\d+) = (\d+)", thought)
            assert match is not None
            left, sign, right, result = match.groups()
            assert int(left) == start
            assert eval(f"{left} {sign} {right}") == int(result)
            start = int(result)
        assert item.answer == str(start)


def test_a_right_program_passes_its_visible_and_hidden_tests_which_differ() -> None:
    for item in samples("functions", 20, seed=10):
        space: dict[str, object] = {}
        exec(item.answer, space)
        assert len(item.visible) == 3
        assert len(item.hidden) == 7
        for case in (*item.visible, *item.hidden):
            assert repr(eval(case.call, space)) == case.expected


def test_cases_become_a_test_file_that_imports_the_solution() -> None:
    item = samples("functions", 1, seed=11)[0]
    source = as_test_file(item.visible)
    assert source.startswith("from solution import f\n")
    assert source.count("def test_") == 3
    compile(source, "test_visible.py", "exec")


def test_documentation_states_each_asked_fact_once_and_the_decoy_is_another_library(tmp_path: Path) -> None:
    folders = {folder.name: folder for folder in library_docs(tmp_path)}
    for item in samples("facts", 300, seed=12):
        page = (folders[item.library] / "README.md").read_text(encoding="utf-8")
        assert page.count(f"- {item.thoughts[0]}\n") == 1
        assert item.decoy in folders
        assert item.decoy != item.library


def test_documentation_is_the_same_each_time_it_is_written(tmp_path: Path) -> None:
    first, second = library_docs(tmp_path / "a", "dev"), library_docs(tmp_path / "b", "dev")
    assert [f.name for f in first] == [f.name for f in second] == list(libraries.names("dev"))
    assert all(
        (a / "README.md").read_text() == (b / "README.md").read_text() for a, b in zip(first, second, strict=True)
    )


def test_asking_for_more_tasks_than_there_are_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="holds fewer than 5000 tasks"):
        samples("facts", 5000, seed=13)


@families
def test_every_builder_makes_prompts_of_the_family_that_a_bundled_model_accepts(family: Family) -> None:
    failures = [Failure(call="f([1])", expected="2", actual="3")]
    snippets = [v1.Snippet(title="open_frame", library="kavolib", text="- timeout = 12\n\nMore words?")]
    for item in samples(family, 12, seed=14):
        for messages in (
            v1.direct(item.messages),
            v1.think(item.messages, ()),
            v1.think(item.messages, ("So 1 + 1 = 2", "done"), hint="Check it."),
            v1.think_answer(item.messages, ()),
            v1.think_answer(item.messages, ("So 1 + 1 = 2",)),
            v1.docs(item.messages, snippets),
            v1.retry(item.messages, failures, "def f(xs):\n    return 3"),
        ):
            if family == "facts" or "Documentation:" not in messages[1].content:
                assert bundled.family(messages) == family


def _split(name: str) -> Split:
    assert name in ("dev", "test")
    return "dev" if name == "dev" else "test"


def _training_items(family: Family, n: int) -> list[Item]:
    random = Random("prompts")
    made = {
        "sums": lambda: sums.make(random, "train", 2),
        "facts": lambda: libraries.make(random, "train", libraries.any_name(random, "train")),
        "functions": lambda: functions.make(random, "train", 2),
    }
    return [made[family]() for _ in range(n)]
