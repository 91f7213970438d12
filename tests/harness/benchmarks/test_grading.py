"""Hidden grading by a real testing server in a process of its own: right passes, wrong and cheating do not."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from understudy.answer import Answer
from understudy.errors import ServerError
from understudy.reply import answer_from_text
from understudy.servers import connect
from understudy_harness.benchmarks import open_benchmark
from understudy_harness.fixtures.families import samples as family_items
from understudy_harness.sample import Grade, Grader, Sample

SERVE = f"{sys.executable} -m understudy_harness serve testing"
PROMPT = 'def twice(s):\n    return s + s\n\n\ndef f(s):\n    """Repeat.\n    >>> f(\'ab\')\n    \'abab\'\n    """\n'
TEST = "def check(candidate):\n    assert candidate('x') == twice('x')\n    assert candidate('') == ''\n"


@asynccontextmanager
async def a_grader() -> AsyncIterator[Grader]:
    async with connect({"grader": SERVE}) as servers:
        yield Grader(servers["grader"])


async def test_code_is_graded_by_tests_that_no_candidate_can_change(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    path.write_text(
        json.dumps({"task_id": "T/1", "prompt": PROMPT, "entry_point": "f", "test": TEST}), encoding="utf-8"
    )
    benchmark = open_benchmark(f"humaneval:{path}")
    (sample,) = benchmark.samples("all")

    def read(text: str) -> Answer:
        return answer_from_text(text, sample.problem)

    candidates = {
        "body": read("```python\n    return twice(s)\n```"),
        "whole": read("```python\ndef f(s):\n    return s * 2\n```"),
        "wrong": read("```python\ndef f(s):\n    return s\n```"),
        "helper": read("```python\ndef twice(s):\n    return ''\n\ndef f(s):\n    return twice(s)\n```"),
        "exit": read("```python\nimport os\n\ndef f(s):\n    os._exit(0)\n```"),
        "equal": read(
            "```python\nclass E(str):\n    def __eq__(self, o): return True\n\ndef f(s):\n    return E()\n```"
        ),
        "protected": Answer(files={"solution.py": PROMPT, "test_hidden.py": "def test_hidden(): pass\n"}),
        "syntax": read("```python\ndef f(s:\n```"),
    }
    async with a_grader() as grader:
        grades: dict[str, Grade] = {}
        for name, answer in candidates.items():
            grades[name] = await benchmark.grade(sample, answer, grader)

    right = {name for name, grade in grades.items() if grade.score == 1.0}
    assert right == {"body", "whole"}, grades
    assert grades["protected"].word == "tampered"
    assert grades["wrong"].word == "failed"


async def test_reference_programs_of_the_bundled_family_pass_and_their_neighbors_do_not() -> None:
    benchmark = open_benchmark("fixture-functions")
    programs = {item.id: item.answer for item in family_items("functions", 300, 20261122)}
    chosen: list[Sample] = list(benchmark.samples("test")[:2])
    async with a_grader() as grader:
        for sample, other in zip(chosen, [*chosen[1:], chosen[0]], strict=True):
            right = answer_from_text(programs[sample.id], sample.problem)
            wrong = answer_from_text(programs[other.id], sample.problem)
            assert (await benchmark.grade(sample, right, grader)).score == 1.0
            assert (await benchmark.grade(sample, wrong, grader)).score == 0.0


async def test_tests_that_the_server_does_not_find_are_an_error_and_no_wrong_answer(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({"prompt": "Write f.", "tests": {"notes.txt": "nothing here"}}), encoding="utf-8")
    benchmark = open_benchmark(str(path))
    (sample,) = benchmark.samples("all")
    async with a_grader() as grader:
        with pytest.raises(ServerError):
            await benchmark.grade(sample, Answer(files={"solution.py": "def f(): ..."}), grader)
