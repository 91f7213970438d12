"""A run for other tools: CSV that reads back, Markdown, Inspect logs that open there and come back unchanged."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from understudy_harness.analysis import analyze
from understudy_harness.columns import read_columns
from understudy_harness.commands import gap
from understudy_harness.errors import SettingsError
from understudy_harness.export import COLUMNS, rows_of, write_csv
from understudy_harness.imports import Names, parse_source, read_source
from understudy_harness.ledger import Ledger, Row, Spend

SAMPLES = 8


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A small run of two arms and two epochs with transcripts, as `gap run` writes it."""
    folder = tmp_path / "run"
    arms = [
        {"id": "aaaa", "kind": "L", "label": "L", "models": {"local": "ollama:small"}, "benchmark": "demo|1"},
        {
            "id": "bbbb",
            "kind": "S",
            "label": "S Retry(Direct())",
            "models": {"local": "ollama:small"},
            "benchmark": "demo|1",
        },
    ]
    about = {
        "name": "demo|1",
        "dataset": "d",
        "samples": SAMPLES,
        "clusters": 4,
        "statement": {"check": "c", "grade": "g"},
    }
    with Ledger(folder) as ledger:
        name = ledger.header({"arms": arms, "benchmarks": [about], "epochs": 2, "command": "understudy gap run"})
        for arm in arms:
            for number in range(SAMPLES * 2):
                sample, epoch = divmod(number, 2)
                ledger.write(a_row(str(arm["id"]), sample, epoch), name, transcript(sample))
    return folder


def a_row(arm: str, sample: int, epoch: int) -> Row:
    right = arm == "bbbb" or sample % 2 == 0
    return Row(
        arm=arm,
        benchmark="demo|1",
        sample=f"s{sample}",
        epoch=epoch,
        cluster=f"c{sample // 2}",
        category="odd, or\nnot",
        score=float(right),
        grade="right" if right else "wrong",
        accepted=right,
        spend={
            "local": Spend(
                model="ollama:small", calls=2, input_tokens=100, output_tokens=20, cache_read_tokens=60, usd=0.001
            )
        },
        seconds=1.5,
    )


def transcript(sample: int) -> list[dict[str, object]]:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"Question {sample}? ü"}]
    return [{"kind": "generate", "detail": {"messages": messages, "text": f"Answer {sample}", "finish": "stop"}}]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(gap, list(map(str, arguments)))


def test_rows_as_csv_read_back_into_the_same_table(run: Path, tmp_path: Path) -> None:
    assert write_csv(run, tmp_path / "rows.csv") == 4 * SAMPLES
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["category"] == "odd, or\nnot"
    source = f"{tmp_path}/rows.csv#score?arm="
    columns = ["--id", "sample", "--cluster", "cluster", "--epoch", "epoch", "--usd", "usd", "--seconds", "seconds"]
    back = tmp_path / "back"
    arms = ["--arm", f"L={source}L", "--arm", f"S:S Retry(Direct())={source}S Retry(Direct())"]
    result = invoke("import", "--out", back, "--benchmark", "demo|1", *columns, *arms)
    assert result.exit_code == 0, result.output
    before, after = (analyze(read_columns(folder)).benchmarks[0] for folder in (run, back))
    assert before.contrasts[0].lift == after.contrasts[0].lift
    assert [arm.usd_per_sample for arm in before.arms] == pytest.approx([arm.usd_per_sample for arm in after.arms])


def test_an_unpriced_row_has_no_cost_in_csv_and_not_0(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Ledger(folder) as ledger:
        name = ledger.header({"arms": [], "benchmarks": [], "epochs": 1})
        spend = {"local": Spend(model="m", calls=1, unpriced_calls=1)}
        ledger.write(
            Row(arm="a", benchmark="b", sample="s", epoch=0, cluster="s", score=1.0, grade="right", spend=spend), name
        )
    write_csv(folder, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["usd"] == ""


def test_a_damaged_line_and_a_doubled_row_are_left_out(run: Path) -> None:
    ledger = run / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join([*lines, lines[-1], lines[-1].replace(b"right", b"wrong"), b'{"torn']))
    assert len(list(rows_of(run))) == 4 * SAMPLES


def test_the_table_as_markdown_says_points_first_and_states_no_ratio_without_a_large_model(run: Path) -> None:
    text = invoke("export", run, "--to", "markdown").output
    assert "## demo\\|1" in text
    assert "| L | ollama:small | 50.0 % |" in text
    assert "+50.0 [" in text
    assert "not stated: there is no arm with the large model" in text


def test_an_export_to_a_place_that_cannot_be_written_is_one_sentence(run: Path) -> None:
    (run / "file").write_text("", encoding="utf-8")
    result = invoke("export", run, "--to", "csv", "--out", run / "file" / "rows.csv")
    assert result.exit_code == 2
    assert "cannot be written" in result.output
    assert "holds no ledger.jsonl" in invoke("export", run / "nothing", "--to", "csv").output


def test_inspect_logs_open_in_inspect_and_come_back_unchanged(run: Path, tmp_path: Path) -> None:
    logs = pytest.importorskip("inspect_ai.log", reason="not installed: pip install 'understudy[inspect]'")
    paths = invoke("export", run, "--to", "eval").output.split()
    read = [logs.read_eval_log(path) for path in paths]
    first = read[0].samples[0]

    assert len(logs.list_eval_logs(f"{run}/inspect")) == 2
    assert [len(log.samples) for log in read] == [2 * SAMPLES, 2 * SAMPLES]
    assert read[0].eval.config.epochs == 2
    assert [log.results.scores[0].metrics["mean"].value for log in read] == [0.5, 1.0]
    assert read[0].eval.model == "ollama:small"
    said = [["system", "Be brief."], ["user", "Question 0? ü"], ["assistant", "Answer 0"]]
    assert [[message.role, message.text] for message in first.messages] == said
    assert (first.scores["grade"].value, first.scores["grade"].explanation) == (1.0, "right")
    assert first.model_usage["ollama:small"].input_tokens_cache_read == 60

    back = tmp_path / "back"
    arms = ["--arm", f"L={paths[0]}", "--arm", f"S={paths[1]}#grade"]
    imported = invoke("import", "--out", back, "--benchmark", "demo|1", *arms)
    assert imported.exit_code == 0, imported.output
    before, after = (analyze(read_columns(folder)).benchmarks[0] for folder in (run, back))
    assert before.contrasts[0].lift == after.contrasts[0].lift
    assert before.clusters == after.clusters
    assert [arm.usd_per_sample for arm in before.arms] == pytest.approx([arm.usd_per_sample for arm in after.arms])


@pytest.mark.parametrize(
    ("name", "content", "column", "said"),
    [
        pytest.param("torn.eval", b"PK\x03\x04torn", "", "is no log that Inspect can read", id="torn"),
        pytest.param("none.eval", None, "", "There is no file", id="missing"),
    ],
)
def test_a_log_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, name: str, content: bytes | None, column: str, said: str
) -> None:
    pytest.importorskip("inspect_ai.log", reason="not installed: pip install 'understudy[inspect]'")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = invoke("import", "--out", tmp_path / "run", "--benchmark", "b", "--arm", f"L={tmp_path / name}{column}")
    assert result.exit_code == 2
    assert said in result.output


def test_a_scorer_that_a_log_does_not_have_is_named_with_those_it_has(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai.log", reason="not installed: pip install 'understudy[inspect]'")
    path = invoke("export", run, "--to", "eval").output.split()[0]
    result = invoke("import", "--out", tmp_path / "back", "--benchmark", "b", "--arm", f"L={path}#other")
    assert result.exit_code == 2
    assert "has no score by 'other' (scorers: grade)" in result.output


def test_markdown_goes_to_a_file_too(run: Path, tmp_path: Path) -> None:
    assert invoke("export", run, "--to", "markdown", "--out", tmp_path / "table.md").exit_code == 0
    assert (tmp_path / "table.md").read_text("utf-8").startswith("## demo")


def test_the_list_of_benchmarks_says_where_the_data_comes_from() -> None:
    listed = invoke("benchmarks")
    assert listed.exit_code == 0
    assert "toolcalling" in listed.output
    assert "PATH or fetch" in listed.output


def test_a_benchmark_shows_what_it_measures() -> None:
    shown = invoke("benchmarks", "show", "toolcalling").output
    assert "grade    the expected calls" in shown
    assert "samples  213 in 30 clusters; 57 of them for dev" in shown
    refused = invoke("benchmarks", "show", "nothing")
    assert refused.exit_code == 2
    assert "No benchmark and no path is called 'nothing'" in refused.output


def inspect_log(path: Path, *values: object, planned: int = 0) -> Path:
    """A log of Inspect as JSON with one score per sample, of a data set with `planned` samples."""
    about = {
        "run_id": "r", "created": "2026-01-01T00:00:00+00:00", "task": "t", "task_id": "t", "task_version": 0,
        "task_file": "t.py", "task_attribs": {}, "task_args": {}, "model": "m/m", "model_args": {}, "packages": {},
        "dataset": {"name": "d", "samples": planned, "sample_ids": list(range(1, planned + 1))},
        "config": {"epochs": 1},
    }  # fmt: skip
    samples = [
        {"id": number, "epoch": 1, "input": "q", "target": "a", "messages": [], "output": {"model": "m", "choices": []},
         "scores": {"judge": {"value": value}}, "metadata": {}, "store": {}, "events": [], "attachments": {}}
        for number, value in enumerate(values, start=1)
    ]  # fmt: skip
    whole = {"version": 2, "status": "cancelled", "eval": about, "plan": {}, "samples": samples}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def test_a_log_of_inspect_as_json_is_read_with_what_it_never_came_to_as_missing(tmp_path: Path) -> None:
    path = inspect_log(tmp_path / "log.json", 7, 10, planned=4)
    imported = read_source(parse_source(f"L={path}"), Names(scale=10))
    assert {outcome.sample: outcome.score for outcome in imported.outcomes} == {
        "1": 0.7,
        "2": 1.0,
        "3": None,
        "4": None,
    }
    assert {outcome.model for outcome in imported.outcomes} == {"m/m"}
    with pytest.raises(SettingsError, match="Name a scorer with #SCORER, or give --scale"):
        read_source(parse_source(f"L={path}"), Names())


def test_a_score_of_inspect_with_parts_asks_for_one_of_them(tmp_path: Path) -> None:
    path = inspect_log(tmp_path / "log.json", {"em": 1, "f1": 0.5}, {"em": 0, "f1": 0.25})
    imported = read_source(parse_source(f"L={path}#judge.f1"), Names())
    assert [outcome.score for outcome in imported.outcomes] == [0.5, 0.25]
    with pytest.raises(SettingsError, match=r"has parts\. Name one: #judge\.em, #judge\.f1"):
        read_source(parse_source(f"L={path}"), Names())
