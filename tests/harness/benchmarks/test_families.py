"""The bundled families as benchmarks: fixed samples, visible and hidden parts kept apart, documentation on disk."""

from pathlib import Path

import pytest

from understudy.answer import Answer
from understudy.problem import Problem, Tests
from understudy.reply import answer_from_text
from understudy_harness.benchmarks import open_benchmark
from understudy_harness.benchmarks.families import Documented
from understudy_harness.sample import Grader, dataset_hash

NAMES = ("fixture-sums", "fixture-facts", "fixture-functions")


@pytest.mark.parametrize("name", NAMES)
def test_a_family_has_three_hundred_fixed_samples_in_twenty_clusters_or_more(name: str) -> None:
    samples = open_benchmark(name).samples("test")
    assert len(samples) == 300
    assert len({sample.cluster for sample in samples[:120]}) >= 20
    assert dataset_hash(samples) == dataset_hash(open_benchmark(name).samples("test"))
    assert open_benchmark(name).statement.fixture


async def test_values_are_graded_by_what_follows_the_last_answer() -> None:
    for name in ("fixture-sums", "fixture-facts"):
        benchmark = open_benchmark(name)
        sample = benchmark.samples("test")[0]
        value = sample.hidden["value"]
        for text, score in (
            (f"Answer: {value}", 1.0),
            (f"Answer: 0 = 0\nAnswer: {value}", 1.0),
            ("Answer: 99 = 9", 0.0),
        ):
            answer = answer_from_text(text, sample.problem)
            assert (await benchmark.grade(sample, answer, Grader())).score == score, (name, text)
        assert (await benchmark.grade(sample, answer_from_text("dunno", sample.problem), Grader())).word == "malformed"


def test_functions_hide_the_calls_that_grade_them() -> None:
    for sample in open_benchmark("fixture-functions").samples("test"):
        assert isinstance(sample.problem.check, Tests)
        shown = sample.problem.check.files["test_solution.py"]
        hidden = sample.hidden["tests"]["test_hidden.py"]
        assert shown.count("assert") == 3
        assert hidden.count("assert") == 7


def test_the_decoy_asks_the_same_with_another_library_named() -> None:
    right, decoy = (
        open_benchmark("fixture-facts").samples("test"),
        open_benchmark("fixture-facts-decoy").samples("test"),
    )
    assert [sample.id for sample in right] == [sample.id for sample in decoy]
    assert all(one.hidden == other.hidden for one, other in zip(right, decoy, strict=True))
    assert all(one.problem.libraries != other.problem.libraries for one, other in zip(right, decoy, strict=True))


def test_the_documentation_of_every_named_library_is_written(tmp_path: Path) -> None:
    benchmark = open_benchmark("fixture-facts")
    assert isinstance(benchmark, Documented)
    folders = {folder.name: folder for folder in benchmark.write_documentation(tmp_path)}
    for name in ("fixture-facts", "fixture-facts-decoy"):
        for sample in open_benchmark(name).samples("all"):
            assert sample.problem.libraries[0] in folders
    for sample in benchmark.samples("test")[:50]:
        assert sample.hidden["value"] in (folders[sample.problem.libraries[0]] / "README.md").read_text("utf-8")


def test_families_without_documentation_write_none(tmp_path: Path) -> None:
    assert open_family_named("fixture-sums").write_documentation(tmp_path) == []


def open_family_named(name: str) -> Documented:
    benchmark = open_benchmark(name)
    assert isinstance(benchmark, Documented)
    return benchmark


async def test_an_answer_without_code_is_malformed_before_any_server_is_asked() -> None:
    benchmark = open_benchmark("fixture-functions")
    grade = await benchmark.grade(benchmark.samples("test")[0], Answer(text="I cannot"), Grader())
    assert (grade.score, grade.word) == (0.0, "malformed")


def test_a_problem_holds_nothing_of_the_hidden_part() -> None:
    for name in NAMES:
        for sample in open_benchmark(name).samples("test")[:50]:
            assert isinstance(sample.problem, Problem)
            assert "test_hidden" not in repr(sample.problem)
