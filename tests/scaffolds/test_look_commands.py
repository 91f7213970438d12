"""`understudy trace` and `usage`: looking at what was done, after a run against an endpoint on a real socket."""

import json
from pathlib import Path

import pytest
from tests.scaffolds.endpoint import Endpoint, understudy

pytestmark = pytest.mark.usefixtures("own_state")


def test_a_question_is_answered_and_its_trace_and_usage_can_be_looked_at(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.replies = ["Paris <script>alert(1)</script>"]

    answer = understudy("solve", "--local", endpoint.spec, "--save-trace", tmp_path / "t.jsonl", "-", text="Capital?")
    shown = understudy("trace", "show", tmp_path / "t.jsonl")
    page = understudy("trace", "show", tmp_path / "t.jsonl", "--html", tmp_path / "t.html")
    used = understudy("usage", "--by", "model", "--json")

    assert answer.stdout == "Paris <script>alert(1)</script>\n"
    assert "[100+10 tokens" in shown.stdout
    assert page.exit_code == 0
    html = (tmp_path / "t.html").read_text()
    assert "<script>" not in html
    assert "Paris &lt;script&gt;" in html
    assert "://" not in html.replace(endpoint.spec, "")
    totals = json.loads(used.stdout)[endpoint.spec]
    assert (totals["calls"], totals["input_tokens"], totals["output_tokens"]) == (1, 100, 10)


def test_a_trace_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("{}")

    for name in ("x", "missing"):
        result = understudy("trace", "show", tmp_path / name)
        assert result.exit_code == 2
        assert "Traceback" not in result.output


def test_usage_reads_ledgers_too_and_counts_unpriced_calls_apart(tmp_path: Path) -> None:
    rows = [
        {
            "kind": "row",
            "arm": "a1",
            "score": 1.0,
            "time": "2026-11-22T01:02:03",
            "spend": {"local": {"model": "m", "calls": 3}},
        },
        {
            "kind": "proxy",
            "time": "2026-11-22T01:02:03",
            "calls": [{"model": "m", "input": 5, "output": 2, "usd": None}],
        },
        {"kind": "proxy", "time": "2026-11-22T01:02:03", "calls": [{"model": "m", "error": True}]},
    ]
    (tmp_path / "l.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"cut')

    totals = json.loads(understudy("usage", "--json", tmp_path / "l.jsonl").stdout)["m"]
    table = understudy("usage", "--by", "day", tmp_path / "l.jsonl")
    missing = understudy("usage", tmp_path / "none")

    assert (totals["runs"], totals["solved"], totals["calls"]) == (3, 1, 5)
    assert (totals["input_tokens"], totals["errors"], totals["unpriced"]) == (5, 1, 1)
    assert "2026-11-22" in table.stdout
    assert missing.exit_code == 2
