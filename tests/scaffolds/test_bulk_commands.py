"""`understudy solve --jsonl`: prompts in bulk, driven as a user does, against an endpoint on a real socket."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.scaffolds.endpoint import Endpoint, understudy

pytestmark = pytest.mark.usefixtures("own_state")


def test_prompts_in_bulk_are_answered_once_and_failures_are_tried_again(endpoint: Endpoint, tmp_path: Path) -> None:
    lines: list[Any] = ["What is 1 + 1?", {"id": "b", "prompt": "2 + 2?", "reply": {"kind": "value"}}]
    lines.append({"id": "c", "messages": [{"role": "user", "content": "3 + 3?"}], "max_tokens": 7})
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    endpoint.replies = lambda text: f"It is {text[0]}."
    arguments = ("solve", "--jsonl", tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--local", endpoint.spec)

    first = understudy(*arguments)
    with (tmp_path / "out.jsonl").open("a") as file:
        file.write('{"id": "cut off')
    second = understudy(*arguments)

    rows = {row["id"]: row for row in map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())}
    assert first.exit_code == 0, first.output
    assert "3 answered, 0 from before, 0 failed" in first.stdout
    assert "0 answered, 3 from before" in second.stdout
    assert len(endpoint.asked) == len(rows) == 3
    assert rows["b"]["value"] == "2"
    assert {asked["max_tokens"] for asked in endpoint.asked} == {4096, 7}


def test_a_budget_in_bulk_is_for_all_prompts_together(endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("".join(f'"question {number}"\n' for number in range(5)))
    endpoint.replies = lambda _: "yes"
    arguments = ("solve", "--jsonl", tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--local", endpoint.spec)

    short = understudy(*arguments, "--budget-calls", "2", "--jobs", "1")
    rest = understudy(*arguments)

    assert short.exit_code == 4
    assert rest.exit_code == 0
    assert len(endpoint.asked) == 5


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("{oops", "line 2", id="no JSON"),
        pytest.param('{"promt": "x"}', "'promt', which means nothing", id="misspelled key"),
        pytest.param('{"prompt": 3}', "no text", id="no text"),
        pytest.param('{"messages": [{"role": "wizard"}]}', "'wizard' is unknown", id="unknown role"),
        pytest.param('{"messages": []}', "no user message", id="no message"),
        pytest.param('{"id": "a", "prompt": "again"}', "used before", id="an id twice"),
    ],
)
def test_a_broken_line_is_named_and_nothing_is_asked(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "in.jsonl").write_text(f'{{"id": "a", "prompt": "fine"}}\n{line}\n')

    result = understudy(
        "solve", "--jsonl", tmp_path / "in.jsonl", tmp_path / "out", "--local", "http://127.0.0.1:9/v1#m"
    )

    assert result.exit_code == 2
    assert words in result.output
    assert not (tmp_path / "out").exists()


def test_what_no_prompt_in_bulk_can_do_is_one_sentence(endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('"a"\n"b"\n')

    result = understudy(
        "solve", "--jsonl", tmp_path / "in.jsonl", tmp_path / "out", "--local", endpoint.spec, "--scaffold", "Retry()"
    )

    assert result.exit_code == 2
    assert "Retry needs a check" in result.output
    assert endpoint.asked == []


def test_a_trace_of_prompts_in_bulk_is_a_tree_by_their_ids(endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "a/1", "prompt": "x"}\n{"id": "b", "prompt": "y"}\n')
    endpoint.replies = lambda text: f"said {text}"

    understudy(
        *("solve", "--jsonl", tmp_path / "in.jsonl", tmp_path / "out", "--local", endpoint.spec),
        *("--save-trace", tmp_path / "t.jsonl", "--scaffold", "Vote(n=2)"),
    )
    shown = understudy("trace", "show", tmp_path / "t.jsonl").stdout

    assert "\na_1\n  vote\n    0\n" in shown
    assert "said y" in shown
