"""The shapes in which outcomes are published: each is read as it is, and what is not clear is asked for."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from understudy_harness.commands import gap
from understudy_harness.imports import Names, Outcome, parse_source, read_source


def outcomes(path: Path, arm: str = "", **names: Any) -> list[Outcome]:
    return read_source(parse_source(f"L={path}{arm}"), Names(**names)).outcomes


def scores(path: Path, arm: str = "", **names: Any) -> dict[str, float | None]:
    return {outcome.sample: outcome.score for outcome in outcomes(path, arm, **names)}


def written(path: Path, *values: Any) -> Path:
    path.write_text("\n".join(json.dumps(value) for value in values) + "\n", encoding="utf-8")
    return path


def refused(path: Path, arm: str = "", *more: object) -> str:
    words = ["import", "--out", path.parent / "run", "--benchmark", "b", "--arm", f"L={path}{arm}", *more]
    done: Result = CliRunner().invoke(gap, [str(word) for word in words])
    assert done.exit_code == 2, done.output
    assert not (path.parent / "run").exists()
    return " ".join(done.output.split())


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param("task_id,passed\n1,True\n2,False\n", {"1": 1.0, "2": 0.0}, id="usual names"),
        pytest.param("instance_id,acc\na,85%\nb,0%\n", {"a": 0.85, "b": 0.0}, id="percent"),
        pytest.param("id,resolved\na,PASS\nb,n/a\n", {"a": 1.0, "b": None}, id="words and missing"),
        pytest.param("id,score,correct\na,0.5,1\n", {"a": 0.5}, id="score comes before other names"),
    ],
)
def test_columns_of_usual_names_need_no_option(tmp_path: Path, content: str, found: dict[str, float | None]) -> None:
    path = tmp_path / "x.csv"
    path.write_text(content, encoding="utf-8")
    assert scores(path) == found


def test_an_id_is_the_same_as_a_number_and_as_text(tmp_path: Path) -> None:
    path = written(tmp_path / "x.jsonl", {"id": 7, "score": 1}, {"id": "8", "score": 0}, {"id": 9.0, "score": True})
    assert scores(path) == {"7": 1.0, "8": 0.0, "9": 1.0}
    assert "neither a text nor a whole number" in refused(written(tmp_path / "y.jsonl", {"id": [1], "score": 1}))


def test_samples_of_lm_evaluation_harness_are_chosen_by_their_filter(tmp_path: Path) -> None:
    lines = [
        {"doc_id": n, "doc": {"name": f"q{n}"}, "filter": name, "exact_match": float(n < 2), "metrics": ["exact_match"]}
        for n in range(3)
        for name in ("strict-match", "flexible-extract")
    ]
    path = written(tmp_path / "samples_gsm8k.jsonl", *lines)
    assert scores(path, "?filter=strict-match") == {"0": 1.0, "1": 1.0, "2": 0.0}
    assert list(scores(path, "?filter=strict-match", id="doc.name")) == ["q0", "q1", "q2"]
    assert "item '0' stands twice" in refused(path)
    assert "there is no column 'doc.other'" in refused(path, "", "--id", "doc.other")


def test_a_report_of_swe_bench_counts_what_was_tried_and_leaves_the_rest_missing(tmp_path: Path) -> None:
    report = {
        "total_instances": 5,
        "submitted_ids": ["a", "b", "c", "d", "e"],
        "completed_ids": ["a", "b"],
        "resolved_ids": ["a"],
        "unresolved_ids": ["b"],
        "error_ids": ["c"],
        "empty_patch_ids": ["d"],
        "incomplete_ids": ["e"],
    }
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report, indent=1), encoding="utf-8")
    assert scores(path) == {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0, "e": None}
    path.write_text(json.dumps({**report, "resolved_ids": ["a", "a"]}), encoding="utf-8")
    assert "item 'a' stands twice" in refused(path)


def test_a_list_of_what_was_solved_asks_for_all_items(tmp_path: Path) -> None:
    path = written(tmp_path / "results.json", {"resolved": ["a", "c"]})
    items = tmp_path / "items.txt"
    items.write_text("a\nb\n\nc\n", encoding="utf-8")
    assert "names its solved items alone" in refused(path)
    assert scores(path, items=items) == {"a": 1.0, "c": 1.0, "b": 0.0}
    items.write_text("a\nb\n", encoding="utf-8")
    assert f"has the item 'c', which is not in {items}" in refused(path, "", "--items", items)


def test_results_of_evalplus_ask_which_tests_and_count_every_sample(tmp_path: Path) -> None:
    passed, half = {"base_status": "pass", "plus_status": "pass"}, {"base_status": "pass", "plus_status": "fail"}
    odd = {"base_status": "fail", "plus_status": "pass"}
    path = written(tmp_path / "eval_results.json", {"date": "x", "eval": {"HumanEval/0": [passed, half], "H/1": [odd]}})
    found = outcomes(path, "#plus_status")
    assert [(o.sample, o.epoch, o.score) for o in found] == [
        ("HumanEval/0", 0, 1.0),
        ("HumanEval/0", 1, 0.0),
        ("H/1", 0, 0.0),
    ]
    assert [o.score for o in outcomes(path, "#base_status")] == [1.0, 1.0, 0.0]
    assert "column of the score is not clear" in refused(path)
    assert "no list of results of EvalPlus" in refused(written(path, {"eval": {"a": {"x": 1}}}), "#base_status")


def test_a_score_file_of_bfcl_lists_failures_alone_and_states_its_total(tmp_path: Path) -> None:
    head = {"accuracy": 0.5, "correct_count": 2, "total_count": 4}
    failures = [{"id": f"simple_{n}", "valid": False, "error": ["x"]} for n in (1, 3)]
    path = written(tmp_path / "BFCL_v4_simple_score.json", head, *failures)
    items = written(tmp_path / "BFCL_v4_simple.json", *({"id": f"simple_{n}", "question": []} for n in range(4)))
    assert "names its failures alone" in refused(path)
    assert scores(path, items=items) == {"simple_1": 0.0, "simple_3": 0.0, "simple_0": 1.0, "simple_2": 1.0}
    short = written(tmp_path / "short.jsonl", *({"id": f"simple_{n}"} for n in (0, 1, 3)))
    done = CliRunner().invoke(
        gap,
        ["import", "--out", str(tmp_path / "run"), "--benchmark", "b", "--arm", f"L={path}", "--items", str(short)],
    )
    assert done.exit_code == 1
    assert "add up to 1 of 3 (33.33%), and 2/4 is published" in " ".join(done.output.split())
    perfect = written(tmp_path / "perfect.json", {"accuracy": 1.0, "correct_count": 3, "total_count": 3})
    assert set(scores(perfect, items=short).values()) == {1.0}


def test_results_of_aider_are_read_from_its_folders_with_cost_and_time(tmp_path: Path) -> None:
    for name, tries in (("two-bucket", [False, True]), ("wordy", [True]), ("bowling", [False, False])):
        folder = tmp_path / "run1" / "python" / "exercises" / "practice" / name
        folder.mkdir(parents=True)
        result = {"testcase": name, "model": "m", "tests_outcomes": tries, "cost": 0.5, "duration": 3.0}
        written(folder / ".aider.results.json", result)
    path = tmp_path / "run1"
    assert scores(path, "#pass_1") == {"python/bowling": 0.0, "python/two-bucket": 0.0, "python/wordy": 1.0}
    found = outcomes(path, "#pass_2")
    assert [(o.score, o.usd, o.seconds) for o in found] == [(0.0, 0.5, 3.0), (1.0, 0.5, 3.0), (1.0, 0.5, 3.0)]
    assert "column of the score is not clear" in refused(path)
    assert scores(written(tmp_path / "all.jsonl", result), "#pass_1") == {"bowling": 0.0}
    (tmp_path / "empty").mkdir()
    assert "is a folder without .aider.results.json" in refused(tmp_path / "empty")
    (folder / ".aider.results.json").write_text("", encoding="utf-8")
    assert "is no JSON object" in refused(path, "#pass_1")


def test_statistics_of_helm_are_columns_and_trials_are_epochs(tmp_path: Path) -> None:
    lines = [
        {
            "instance_id": f"id{n}",
            "train_trial_index": trial,
            "perturbation": {"name": "typos"} if typos else None,
            "stats": [{"name": {"name": "exact_match", "split": "test"}, "count": 1, "sum": 1.0, "mean": float(n)}],
        }
        for n in (0, 1)
        for trial in (0, 1)
        for typos in (False, True)
    ]
    path = tmp_path / "per_instance_stats.json"
    path.write_text(json.dumps(lines), encoding="utf-8")
    found = outcomes(path, "#exact_match?perturbation=none")
    assert [(o.sample, o.epoch, o.score) for o in found] == [
        ("id0", 0, 0.0),
        ("id0", 1, 0.0),
        ("id1", 0, 1.0),
        ("id1", 1, 1.0),
    ]
    assert "stands twice" in refused(path, "#exact_match")


def test_one_object_maps_items_to_outcomes_or_holds_one_list(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"a": True, "b": 0, "c": None}, indent=1), encoding="utf-8")
    assert scores(path) == {"a": 1.0, "b": 0.0, "c": None}
    path.write_text(json.dumps({"a": {"passed": True}, "b": {"passed": False}}, indent=1), encoding="utf-8")
    assert scores(path) == {"a": 1.0, "b": 0.0}
    path.write_text(json.dumps({"model": "m", "results": [{"id": 1, "score": 1}]}, indent=1), encoding="utf-8")
    assert scores(path) == {"1": 1.0}
    path.write_text(json.dumps({"id": "only", "score": 1, "note": {}}), encoding="utf-8")
    assert scores(path) == {"only": 1.0}
    path.write_text(json.dumps({"x": [{"a": 1}], "y": [{"b": 1}], "z": 3}), encoding="utf-8")
    assert "one JSON object in no known shape (it holds 'x', 'y')" in refused(path)
    path.write_text("", encoding="utf-8")
    assert "holds no outcome" in refused(path)
    path.write_text('{"a": 1,\n', encoding="utf-8")
    assert "x.json:1: this line is not valid JSON" in refused(path)
