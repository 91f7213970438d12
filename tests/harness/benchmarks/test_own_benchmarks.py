"""Your own samples: JSON lines by the documented schema, and Inspect tasks."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from understudy.answer import Answer
from understudy.problem import Form, Tests, ToolCall
from understudy.reply import answer_from_text
from understudy_harness.benchmarks import open_benchmark
from understudy_harness.errors import BenchmarkError
from understudy_harness.sample import Benchmark, Grader

WEATHER = {
    "name": "weather.now",
    "description": "Weather now.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "number"}}},
        "required": ["city"],
    },
}


def write(path: Path, *items: dict[str, Any]) -> Path:
    path.write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    return path


def opened(path: Path) -> Benchmark:
    return open_benchmark(f"jsonl:{path}")


async def test_a_number_an_answer_and_calls_are_graded_by_what_the_line_says(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mine.jsonl",
        {"id": "n", "prompt": "2 + 2?", "number": 4},
        {"id": "a", "prompt": "Capital of France? End with `Answer: city`.", "answer": ["Paris", "City of Paris"]},
        {
            "id": "c",
            "prompt": "Weather in Ulm?",
            "tools": [WEATHER],
            "calls": [{"weather.now": {"city": ["Ulm"], "days": [""]}}],
        },
        {"id": "none", "prompt": "Hello!", "tools": [WEATHER], "calls": []},
    )
    benchmark = opened(path)
    samples = {sample.id: sample for sample in benchmark.samples("all")}
    assert samples["c"].problem.tools[0].name == "weather_now"

    async def score(name: str, text: str, *calls: ToolCall) -> float:
        answer = answer_from_text(text, samples[name].problem, tool_calls=calls)
        return (await benchmark.grade(samples[name], answer, Grader())).score

    call = ToolCall(name="weather_now", arguments='{"city": "ulm"}')
    assert [await score("n", "It is 4.0."), await score("n", "5")] == [1.0, 0.0]
    assert [await score("a", "Answer:  paris."), await score("a", "Paris"), await score("a", "Answer: Rome")] == [
        1.0,
        0.0,
        0.0,
    ]
    assert [await score("c", "", call), await score("c", "", call, call), await score("c", "sunny")] == [1.0, 0.0, 0.0]
    assert [await score("none", "Hi!"), await score("none", "", call)] == [1.0, 0.0]


def test_tests_become_a_hidden_grade_and_perhaps_a_visible_check(tmp_path: Path) -> None:
    path = write(
        tmp_path / "code.jsonl",
        {
            "prompt": "Write f.",
            "tests": {"test_f.py": "..."},
            "tests_visible": {"test_v.py": "..."},
            "values": True,
            "timeout_s": 3,
        },
        {"prompt": "Write g.", "tests": {"test_g.py": "..."}, "path": "g.py"},
    )
    first, second = opened(path).samples("all")
    assert isinstance(first.problem.check, Tests)
    assert first.problem.check.timeout_s == 3
    assert first.hidden["values"] is True
    assert isinstance(second.problem.check, Form)
    assert second.problem.reply.path == "g.py"
    assert [first.id, second.id] == ["code.jsonl:1", "code.jsonl:2"]


def test_clusters_categories_splits_libraries_and_messages_are_taken_over(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    path = write(
        tmp_path / "x.jsonl",
        {
            "id": 1,
            "messages": messages,
            "number": 1,
            "split": "dev",
            "cluster": "k",
            "category": "c",
            "libraries": ["a==1"],
        },
        {"id": 2, "prompt": "u", "system": "s", "number": "1,000", "split": "test", "max_tokens": 9},
    )
    benchmark = opened(path)
    (dev,), (test,) = benchmark.samples("dev"), benchmark.samples("test")
    assert (dev.id, dev.cluster, dev.category, dev.problem.libraries) == ("1", "k", "c", ("a==1",))
    assert [message.role for message in test.problem.messages] == ["system", "user"]
    assert test.problem.options.max_tokens == 9
    assert "number" in benchmark.statement.grade


def test_a_folder_of_files_and_a_bare_path_open_too(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", {"prompt": "q", "number": 1})
    write(tmp_path / "b.jsonl", {"prompt": "q", "number": 2})
    assert len(open_benchmark(str(tmp_path)).samples("all")) == 2
    assert open_benchmark(str(tmp_path)).name == str(tmp_path)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        pytest.param({"prompt": "q"}, "exactly one of number, answer, tests, calls", id="nothing is right"),
        pytest.param({"prompt": "q", "number": 1, "answer": "a"}, "found number, answer", id="two things are right"),
        pytest.param({"prompt": "q", "number": 1, "anwser": "a"}, "the field 'anwser' is unknown", id="a typo"),
        pytest.param({"number": 1}, "either 'prompt' or 'messages'", id="nothing is asked"),
        pytest.param({"messages": [{"role": "system", "content": "s"}], "number": 1}, "no user message", id="no user"),
        pytest.param({"messages": "hello", "number": 1}, "is not a list of", id="messages as text"),
        pytest.param({"prompt": "q", "number": "many"}, "the number 'many' is none", id="no number"),
        pytest.param({"prompt": "q", "number": True}, "the number True is none", id="a boolean"),
        pytest.param({"prompt": "q", "answer": []}, "neither a string nor a list", id="no answer"),
        pytest.param({"prompt": "q", "tests": {}}, "not an object of file names", id="no tests"),
        pytest.param({"prompt": "q", "tests": {"../t.py": "x"}}, "leads out of the project", id="tests outside"),
        pytest.param({"prompt": "q", "tests": {"t.py": "x"}, "path": "/etc/x.py"}, "leads out", id="candidate outside"),
        pytest.param({"prompt": "q", "number": 1, "split": "train"}, "neither 'dev' nor 'test'", id="split"),
        pytest.param({"prompt": "q", "tests": {"t.py": ""}, "timeout_s": 0}, "not a number of seconds", id="no time"),
        pytest.param(
            {"prompt": "q", "calls": [], "tools": [{"description": "d"}]}, "is not a list of", id="nameless tool"
        ),
        pytest.param({"prompt": "q", "number": 1, "id": [1]}, "neither a string nor an integer", id="id"),
        pytest.param({"prompt": 7, "number": 1}, "the field 'prompt' is 7, not a string", id="prompt as number"),
    ],
)
def test_a_line_that_breaks_the_schema_is_named(tmp_path: Path, item: dict[str, Any], said: str) -> None:
    path = write(tmp_path / "x.jsonl", {"prompt": "ok", "number": 1}, item)
    with pytest.raises(BenchmarkError) as refused:
        opened(path).samples("all")
    assert said in refused.value.message
    assert f"{path}:2:" in refused.value.message


def test_ids_must_be_unique_and_a_file_must_hold_something(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", {"id": "a", "prompt": "q", "number": 1}, {"id": "a", "prompt": "q", "number": 2})
    with pytest.raises(BenchmarkError, match="the id 'a' stands twice"):
        opened(path).samples("all")
    with pytest.raises(BenchmarkError, match="holds no sample"):
        opened(write(tmp_path / "y.jsonl")).samples("all")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchmarkError, match=r"holds no \.jsonl file"):
        opened(tmp_path / "empty").samples("all")


async def test_an_answer_without_a_value_is_malformed(tmp_path: Path) -> None:
    benchmark = opened(write(tmp_path / "x.jsonl", {"prompt": "q", "number": 1}))
    grade = await benchmark.grade(benchmark.samples("all")[0], Answer(text="none"), Grader())
    assert grade.word == "malformed"


TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import includes

@task
def capitals():
    messages = [ChatMessageSystem(content="Be brief."), ChatMessageUser(content="Capital of Italy?")]
    samples = [
        Sample(id="fr", input="Capital of France?", target="Paris", metadata={"cluster": "eu", "category": "west"}),
        Sample(input=messages, target="Rome"),
    ]
    return Task(dataset=samples, scorer=includes())

@task
def unscored():
    return Task(dataset=[Sample(input="Q", target="A")])
"""


async def test_an_inspect_task_is_asked_here_and_graded_by_its_own_scorer(tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai", reason="not installed: pip install 'understudy[inspect]'")
    path = tmp_path / "capital_task.py"
    path.write_text(TASK, encoding="utf-8")
    benchmark = open_benchmark(f"inspect:{path}@capitals")
    first, second = benchmark.samples("all")

    assert (first.id, first.cluster, first.category, first.hidden["target"]) == ("fr", "eu", "west", "Paris")
    assert [message.role for message in second.problem.messages] == ["system", "user"]
    assert benchmark.statement.grade == "the first scorer of the Inspect task capitals"
    grades = [await benchmark.grade(first, Answer(text=text), Grader()) for text in ("It is Paris.", "Rome")]
    assert [(grade.score, grade.word) for grade in grades] == [(1.0, "right"), (0.0, "wrong")]

    unscored = open_benchmark(f"inspect:{path}@unscored")
    with pytest.raises(BenchmarkError, match="has no scorer"):
        await unscored.grade(unscored.samples("all")[0], Answer(text="x"), Grader())


@pytest.mark.parametrize(
    ("named", "said"),
    [
        pytest.param("nowhere.py@a", "There is no file", id="no file"),
        pytest.param("tasks.py@other", "holds no Inspect task 'other'. Tasks: capitals, unscored.", id="no such task"),
        pytest.param("tasks.py", "holds 2 Inspect tasks; name one as FILE.py@NAME", id="several tasks"),
        pytest.param("broken.py@a", "cannot be loaded: No module named 'nothing_like_it'", id="an import that fails"),
        pytest.param("nowhere/x", "is no Inspect task: write FILE.py@NAME, or PACKAGE/NAME", id="no such package"),
        pytest.param("odd.py@a", "gives int, which is no Inspect task", id="something else"),
    ],
)
def test_an_inspect_task_that_is_not_there_is_said(tmp_path: Path, named: str, said: str) -> None:
    pytest.importorskip("inspect_ai", reason="not installed: pip install 'understudy[inspect]'")
    (tmp_path / "tasks.py").write_text(TASK, encoding="utf-8")
    head = "from inspect_ai import Task, task\n"
    (tmp_path / "broken.py").write_text(f"{head}import nothing_like_it\n@task\ndef a(): ...\n", encoding="utf-8")
    (tmp_path / "odd.py").write_text(f"{head}def task(f): return f\n@task\ndef a(): return 7\n", encoding="utf-8")
    spec = named if named == "nowhere/x" else f"{tmp_path}/{named}"
    with pytest.raises(BenchmarkError, match=re.escape(said)):
        open_benchmark(f"inspect:{spec}").samples("all")


def test_an_inspect_task_finds_what_lies_beside_it(tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai", reason="not installed: pip install 'understudy[inspect]'")
    (tmp_path / "beside_the_task.py").write_text("TARGET = 'Oslo'\n", encoding="utf-8")
    (tmp_path / "question.txt").write_text("Capital of Norway?", encoding="utf-8")
    (tmp_path / "alone.py").write_text(
        "from pathlib import Path\nfrom beside_the_task import TARGET\nfrom inspect_ai import Task, task\n"
        "from inspect_ai.dataset import Sample\n\n@task\ndef one():\n"
        "    return Task(dataset=[Sample(input=Path('question.txt').read_text(), target=TARGET)])\n",
        encoding="utf-8",
    )
    (sample,) = open_benchmark(f"inspect:{tmp_path}/alone.py").samples("all")
    assert sample.problem.messages[0].content == "Capital of Norway?"
    assert sample.hidden["target"] == "Oslo"


def test_a_task_that_a_package_registers_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("inspect_ai", reason="not installed: pip install 'understudy[inspect]'")
    (tmp_path / "our_evals.py").write_text(TASK, encoding="utf-8")
    about = tmp_path / "our_evals-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: our-evals\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[inspect_ai]\nour_evals = our_evals\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert len(open_benchmark("inspect:our_evals/capitals").samples("all")) == 2
    with pytest.raises(BenchmarkError, match="registers no Inspect task 'other'"):
        open_benchmark("inspect:our_evals/other").samples("all")
    with pytest.raises(BenchmarkError, match=r"Packages with tasks here: .*our_evals"):
        open_benchmark("inspect:their_evals/other").samples("all")
