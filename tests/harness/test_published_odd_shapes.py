"""Outcomes as people really publish them: each odd shape gives the right numbers, or a sentence with the next step."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from understudy_harness.analysis import analyze
from understudy_harness.columns import read_columns
from understudy_harness.commands import gap
from understudy_harness.export import rows_of

dumps = json.dumps


def lines(*values: Any) -> str:
    return "\n".join(map(dumps, values)) + "\n"


def invoke(folder: Path, name: str, content: str | bytes, tail: str = "", options: str = "") -> Result:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    words = ["import", "--out", str(folder / "run"), "--benchmark", "b", "--arm", f"L={path}{tail}", *options.split()]
    return CliRunner().invoke(gap, words)


def imported(folder: Path) -> list[tuple[str, int, float]]:
    return [(row.sample, row.epoch, row.score) for _, row in rows_of(folder / "run")]


EVALPLUS_OLD = {
    "eval": {
        name: {"nfiles": 2, "base": [["pass", [1]], ["fail", [0]]], "plus": [[plus, [1]], ["pass", [0]]]}
        for name, plus in (("H/0", "pass"), ("H/1", "fail"))
    }
}
BIGCODEBENCH = {"eval": {f"B/{n}": [{"task_id": f"B/{n}", "status": "pass" if n else "timeout"}] for n in range(2)}}
BIGCODE = {
    "0": [[0, {"task_id": 0, "passed": True}], [1, {"task_id": 0, "passed": False}]],
    "1": [[0, {"task_id": 1, "passed": True}]],
}
SAMPLES = [{"task_id": f"H/{n // 2}", "completion": "x", "passed": n == 1} for n in range(4)]
EVENTS = [
    {"spec": {"eval_name": "e"}},
    *(
        {"sample_id": f"s{n}", "type": kind, "data": {"correct": n == 0}}
        for n in range(2)
        for kind in ("sampling", "match")
    ),
    {"final_report": {"accuracy": 0.5}},
]
TERMINAL = {
    "results": [
        {"id": f"uuid{n}", "task_id": f"t{n // 2}", "is_resolved": n != 1, "total_input_tokens": 7} for n in range(4)
    ],
    "resolved_ids": ["t0", "t1", "t1"],
    "unresolved_ids": ["t0"],
    "accuracy": 0.75,
}
LIVECODE = [{"question_id": f"q{n}", "graded_list": [True, n == 0], "pass@1": 0.5 + (n == 0) / 2} for n in range(2)]
JUDGED = [
    {"question_id": 80 + n, "model": model, "turn": turn, "score": -1 if (n, turn) == (0, 2) else 4 + turn}
    for n in range(2)
    for model in ("a", "b")
    for turn in (1, 2)
]
TAU2 = {
    "tasks": [{"id": "0"}, {"id": "1"}],
    "simulations": [{"id": f"u{n}", "task_id": str(n), "reward_info": {"reward": float(n)}} for n in range(2)],
}
PREDICTED = [{"question_id": n, "answer": "A", "pred": pred} for n, pred in enumerate(("A", "B", None), start=1)]
OPENCOMPASS = {"accuracy": 50.0, "details": {"type": "GEN", "0": {"correct": True}, "1": {"correct": False}}}
BOARD = {
    "boards": [{"name": "x", "results": [{"gpt-3.5": {"a": {"resolved": True, "cost": 1}, "b": {"resolved": 0}}}]}]
}


@pytest.mark.parametrize(
    ("name", "content", "tail", "options", "found"),
    [
        pytest.param(
            "old.json", dumps(EVALPLUS_OLD), "#plus_status", "",
            [("H/0", 0, 1), ("H/0", 1, 0), ("H/1", 0, 0), ("H/1", 1, 0)], id="EvalPlus before 0.2",
        ),
        pytest.param("b.json", dumps(BIGCODEBENCH), "", "", [("B/0", 0, 0), ("B/1", 0, 1)], id="BigCodeBench"),
        pytest.param("l.json", dumps(BIGCODE), "", "", [("0", 0, 1), ("0", 1, 0), ("1", 0, 1)], id="bigcode's logs"),
        pytest.param(
            "samples.jsonl_results.jsonl.gz", lines(*SAMPLES), "", "--repeats",
            [("H/0", 0, 0), ("H/0", 1, 1), ("H/1", 0, 0), ("H/1", 1, 0)], id="HumanEval's samples, repeated",
        ),
        pytest.param(
            "evals.jsonl", lines(*EVENTS), "#data.correct?type=match", "", [("s0", 0, 1), ("s1", 0, 0)],
            id="events of OpenAI's evals, among lines of other kinds",
        ),
        pytest.param(
            "results.json", dumps(TERMINAL), "", "", [("t0", 0, 1), ("t0", 1, 0), ("t1", 0, 1), ("t1", 1, 1)],
            id="Terminal-Bench with two attempts",
        ),
        pytest.param("l.json", dumps(LIVECODE), "#pass@1", "", [("q0", 0, 1), ("q1", 0, 0.5)], id="LiveCodeBench"),
        pytest.param(
            "l.json", dumps(LIVECODE), "#graded_list", "--repeats",
            [("q0", 0, 1), ("q0", 1, 1), ("q1", 0, 1), ("q1", 1, 0)], id="a list of outcomes per item",
        ),
        pytest.param(
            "mt.jsonl", lines(*JUDGED), "#score?model=a&turn=2", "--scale 10 --word -1=missing", [("81", 0, 0.6)],
            id="two conditions and a number that means missing",
        ),
        pytest.param(
            "tau2.json", dumps(TAU2), "#reward_info.reward", "--at simulations --id task_id",
            [("0", 0, 0), ("1", 0, 1)], id="a part of an object",
        ),
        pytest.param("o.json", dumps(OPENCOMPASS), "", "--at details", [("0", 0, 1), ("1", 0, 0)], id="OpenCompass"),
        pytest.param(
            "leaders.json", dumps(BOARD), "", "--at boards.0.results.0.gpt-3.5", [("a", 0, 1), ("b", 0, 0)],
            id="a part whose name holds a dot",
        ),
        pytest.param(
            "p.json", dumps(PREDICTED), "#pred==answer", "", [("1", 0, 1), ("2", 0, 0)], id="two columns that agree",
        ),
        pytest.param("f.json", "[true, false]", "", "--by-order", [("1", 0, 1), ("2", 0, 0)], id="a bare list"),
        pytest.param(
            "two.json", '{"small": [1, 0], "large": [1, 1]}', "", "--at small --by-order", [("1", 0, 1), ("2", 0, 0)],
            id="lists of outcomes by model",
        ),
        pytest.param("x.csv", "id;score\na;0,5\nb;1,0\n", "", "", [("a", 0, 0.5), ("b", 0, 1)], id="semicolons"),
        pytest.param("x.txt", "id|score\na|1\n", "", "", [("a", 0, 1)], id="bars"),
        pytest.param("x.csv.gz", "id\tscore\na\t1\n", "", "", [("a", 0, 1)], id="tabs, gzipped"),
        pytest.param("x.csv", "sep=;\nid;score\na;1\n", "", "", [("a", 0, 1)], id="a line for Excel"),
        pytest.param("x.csv", ",task_id,passed\n0,a,True\n", "", "", [("a", 0, 1)], id="an index of pandas"),
        pytest.param("x.csv", "id, score,,\na, 1,,\n,,,\n", "", "", [("a", 0, 1)], id="empty columns and lines"),
        pytest.param(
            "x.csv", "id,score\na,✓\nb,❌\nc,Y\nd,unsolved\n", "", "",
            [("a", 0, 1), ("b", 0, 0), ("c", 0, 1), ("d", 0, 0)], id="marks",
        ),
        pytest.param("x.csv", "id,rate\na,3/5\n", "#rate", "", [("a", 0, 0.6)], id="fractions"),
        pytest.param("x.csv", "id,Right?\na,TRUE\n", "#Right?", "", [("a", 0, 1)], id="a question mark in a name"),
        pytest.param(
            "x.csv", "id,status\na,pass\nb,Timeout\nc,error\n", "#status", "--word timeout=0 --word error=missing",
            [("a", 0, 1), ("b", 0, 0)], id="words that are explained",
        ),
        pytest.param(
            "x.csv", "id,score,run\na,1,run-x\na,0,run-b\n", "", "--epoch run", [("a", 0, 1), ("a", 1, 0)],
            id="names of repetitions",
        ),
        pytest.param(
            "x.csv", "id,score,seed\na,1,1234\na,0,99\n", "", "--epoch seed", [("a", 1, 1), ("a", 0, 0)],
            id="seeds of repetitions",
        ),
        pytest.param(
            "x.csv", "subject,no,score\nbio,1,1\nchem,1,0\n", "", "--id subject,no",
            [("bio/1", 0, 1), ("chem/1", 0, 0)], id="an id of two columns",
        ),
        pytest.param("x.json", '[{"q": "x", "correct": true}]', "", "--by-order", [("1", 0, 1)], id="no ids at all"),
        pytest.param("x.json", '{"id": 1, "score": NaN}\n{"id": 2, "score": 1}', "", "", [("2", 0, 1)], id="NaN"),
    ],
)  # fmt: skip
def test_a_published_shape_gives_its_numbers(
    tmp_path: Path, name: str, content: str, tail: str, options: str, found: list[tuple[str, int, float]]
) -> None:
    result = invoke(tmp_path, name, content, tail, options)
    assert result.exit_code == 0, result.output
    assert [(sample, epoch, round(score, 9)) for sample, epoch, score in imported(tmp_path)] == found


FILTERED = [
    {"doc_id": 0, "filter": name, "exact_match": 1, "doc": {"question": "x" * 99}} for name in ("strict", "flexible")
]
IFEVAL = [{"doc_id": 1, "strict": [True, False]}]


@pytest.mark.parametrize(
    ("name", "content", "tail", "options", "said"),
    [
        pytest.param(
            "s.jsonl", lines(*FILTERED), "", "",
            "item '0' stands twice for the arm 'L'; the two differ in filter (strict, flexible)", id="two filters",
        ),
        pytest.param("d.csv", "id,score\na,1\na,1\n", "", "", "; the two say the same. Choose", id="a doubled line"),
        pytest.param("s.jsonl", lines(*IFEVAL), "#strict", "", "the score is a list of 2. Where its", id="a list"),
        pytest.param("s.jsonl", lines({"id": 1, "score": {"em": 1}}), "", "", "with #COLUMN.PART (it", id="an object"),
        pytest.param(
            "r.json", dumps({"results": {"gsm8k": {"acc": 1}}, "configs": {}, "versions": {}}), "", "",
            "no entry per item. Give its samples_*.jsonl", id="totals of lm-evaluation-harness",
        ),
        pytest.param(
            "b.json", dumps({"resolved_ids": ["a", "b"], "unresolved_ids": ["b"]}), "", "",
            "lists 'b' as resolved and as not resolved", id="a report that contradicts itself",
        ),
        pytest.param("two.json", dumps(TAU2), "", "", "that has one entry per item with --at", id="parts"),
        pytest.param("t.json", dumps(TAU2), "", "--at runs.3", "nothing is at 'runs.3' (there: tasks", id="no part"),
        pytest.param("t.json", dumps(TAU2), "", "--at tasks.7", "nothing is at '7' (there: 2 entries)", id="no entry"),
        pytest.param("t.json", dumps({"a": 3}), "", "--at a", "'a' is 3, and no list or object", id="a bare part"),
        pytest.param("t.csv", "id,score\na,1\n", "", "--at a", "reaches into one JSON object or list", id="at in CSV"),
        pytest.param("x.yml", "- a: 1\n", "", "", "is YAML, which is not read here. Give", id="YAML"),
        pytest.param("x.parquet", b"PAR1", "", "", "is Parquet or Arrow, which is not read here", id="Parquet"),
        pytest.param("x.xlsx", b"PK\x03\x04", "", "", "is an Excel or spreadsheet file", id="Excel"),
        pytest.param(
            "x.csv", "id,score\na,1\nTotal,50%\n", "", "", "'Total', which looks like the table's own", id="a footer"
        ),
        pytest.param("x.csv", "id,score,score\na,1,0\n", "", "", "'score' stands twice in the first", id="two columns"),
        pytest.param("x.csv", "id,score\na,inf\n", "", "", "'inf' is outside 0 to 1. Say what it means", id="infinite"),
        pytest.param("x.csv", "id,score\na,-1\n", "", "", "--word '-1=missing', or =0", id="minus one"),
        pytest.param("x.csv", 'id;score\na;"1,234"\n', "", "", "'1,234' is neither", id="a thousand or a decimal"),
        pytest.param("x.csv", "id,score\na,5/3\n", "", "", "'5/3' is neither a number", id="more than all"),
        pytest.param("x.csv", "id,score\na,1\n", "", "--word timeout", "is not TEXT=SCORE", id="half a word"),
        pytest.param("x.csv", "id,score\na,1\n", "", "--word x=7", "with a score from 0 to 1", id="a word too large"),
        pytest.param("x.csv", "id,score\na,1\n", "", "--usd price", ":2: there is no column 'price'", id="no cost"),
        pytest.param("x.csv", "id,score,usd\na,1,-3\n", "", "--usd usd", "usd is '-3', and no number", id="cost"),
        pytest.param("x.csv", "id,score\na,1\n", "", "--id id --by-order", "two ways to name items", id="id twice"),
        pytest.param(
            "x.csv", "id,score\na,1\n", "", "--epoch id --repeats", "two ways to tell repetitions", id="epoch twice"
        ),
        pytest.param(
            "x.jsonl", lines({"id": "u1", "task_id": "a", "score": 1}), "", "", "could be id or task_id", id="two ids"
        ),
        pytest.param("x.csv", "id,score\na,1\n", "?mode=x", "", "there is no column 'mode'", id="no such condition"),
        pytest.param("x.csv", "id,score,mode\na,1,y\n", "?mode=x", "", "holds no outcome", id="a condition none meets"),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_said_with_the_next_step(
    tmp_path: Path, name: str, content: str | bytes, tail: str, options: str, said: str
) -> None:
    result = invoke(tmp_path, name, content, tail, options)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.output.split())
    assert not (tmp_path / "run").exists()


def test_the_columns_that_were_read_are_said(tmp_path: Path) -> None:
    result = invoke(tmp_path, "x.csv", "task_id,acc,acc_norm\na,1,0\n")
    assert "read: items by task_id, scores from acc" in result.output


def test_a_total_that_the_file_itself_states_is_checked(tmp_path: Path) -> None:
    result = invoke(tmp_path, "results.json", dumps({**TERMINAL, "accuracy": 0.5}))
    assert result.exit_code == 1
    assert "add up to 3 of 4 (75.00%), and 0.5 is published" in " ".join(result.output.split())


def test_the_same_file_read_in_another_way_is_another_arm_with_a_label_of_its_own(tmp_path: Path) -> None:
    content = '{"small": [1, 0], "large": [1, 1]}'
    assert invoke(tmp_path, "two.json", content, "", "--at small --by-order").exit_code == 0
    taken = invoke(tmp_path, "two.json", content, "", "--at large --by-order")
    assert taken.exit_code == 2
    assert "The folder has an arm called 'L' already" in " ".join(taken.output.split())
    assert "0 rows written" in invoke(tmp_path, "two.json", content, "", "--at small --by-order").output
    words = ["import", "--out", str(tmp_path / "run"), "--benchmark", "b", "--at", "large", "--by-order"]
    assert "2 rows written" in CliRunner().invoke(gap, [*words, "--arm", f"L:big={tmp_path / 'two.json'}"]).output
    (found,) = analyze(read_columns(tmp_path / "run")).benchmarks
    assert sorted(arm.score.value for arm in found.arms if arm.score is not None) == [0.5, 1.0]


def test_scaffolds_beside_two_bare_arms_are_said_to_be_compared_with_the_first(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,a,b,c\nx,1,0,1\ny,0,0,1\n", encoding="utf-8")
    arms = [f"--arm=L:one={path}#a", f"--arm=L:two={path}#b", f"--arm=S={path}#c"]
    said = CliRunner().invoke(gap, ["import", "--out", str(tmp_path / "run"), "--benchmark", "b", *arms]).output
    assert "There are 2 bare small arms (one, two); scaffolds of unknown models are compared with one." in said
