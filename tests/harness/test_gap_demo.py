"""The demo, end to end: real models in llama.cpp, all three servers, hidden grading in a testing process of its own."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from understudy_harness import demo
from understudy_harness.analysis import analyze
from understudy_harness.cli import understudy
from understudy_harness.columns import read_columns
from understudy_harness.ledger import transcript_of
from understudy_harness.news import FIXTURE_BANNER


def test_the_demo_measures_three_families_and_prints_the_path_of_its_page_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xllamacpp", reason="needs llama.cpp: pip install 'understudy[local]'")
    monkeypatch.setattr(demo, "SAMPLES", 2)

    done = CliRunner().invoke(understudy, ["gap", "demo", "--out", str(tmp_path)])

    assert done.exit_code == 0, done.output
    page = Path(done.output.splitlines()[-1])
    assert page == tmp_path / "demo" / "report.html"
    assert FIXTURE_BANNER in page.read_text()
    columns = read_columns(tmp_path / "demo")
    found = analyze(columns)
    assert [result.name for result in found.benchmarks] == ["fixture-sums", "fixture-facts", "fixture-functions"]
    assert [[arm.rows for arm in result.arms] for result in found.benchmarks] == [[2] * 5] * 3
    tools = {
        str(event.get("name"))
        for offset, length in zip(columns.columns["transcript"], columns.columns["length"], strict=True)
        for event in transcript_of(tmp_path / "demo", (int(offset), int(length)))
        if event["kind"] in ("call", "check")
    }
    assert {"thinking.sequentialthinking", "docs.query-docs"} <= tools
    models = [fact["facts"] for fact in columns.facts.values() if "model" in fact]
    assert models
    assert all(facts["digest"].startswith("sha256:") for facts in models)
    (index,) = [fact for fact in columns.facts.values() if "server" in fact]
    assert (index["server"], index["benchmark"]) == ("docs", "fixture-facts")
    assert index["facts"]["vectors"] != "building"
