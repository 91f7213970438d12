"""Published outcomes as arms: totals checked, missing kept missing, bounds labelled, a report on them alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from understudy_harness.analysis import analyze
from understudy_harness.columns import read_columns
from understudy_harness.commands import gap
from understudy_harness.errors import SettingsError
from understudy_harness.imports import Names, TotalsDiffer, parse_source, read_source, total_range

ITEMS = 30


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    path = tmp_path / "wide.csv"
    lines = ["item,family,small,scaffold,large,usd"]
    lines += [
        f"i{n},f{n // 3},{int(n < 12)},{'' if n == 7 else int(n < 18)},{'pass' if n < 24 else 'fail'},0.01"
        for n in range(ITEMS)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(gap, ["import", *map(str, arguments)])


def test_a_report_works_on_imported_arms_alone(wide: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arms = [f"--arm=L={wide}#small", f"--arm=S:S loop={wide}#scaffold", f"--arm=C={wide}#large"]
    result = invoke(
        "--out", out, "--benchmark", "demo", "--id", "item", "--cluster", "family", *arms, "--total", "L=40%"
    )
    assert result.exit_code == 0, result.output
    assert "L: 30 outcomes, mean 40.00%, equal to the published 40%." in result.output
    assert "29 outcomes, mean 58.62%, 1 missing." in result.output
    (found,) = analyze(read_columns(out)).benchmarks
    by_label = {arm.label: arm for arm in found.arms}
    assert len(set(found.clusters)) == 10
    assert by_label["S loop"].rows == 29
    assert by_label["S loop"].missing == 1
    assert by_label["L"].usd_per_sample is None
    (contrast,) = found.contrasts
    assert contrast.n == 29
    assert round(contrast.lift.value, 6) == round(6 / 29, 6)


def test_a_page_of_imported_arms_speaks_of_what_was_published_and_of_no_run(wide: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["--benchmark", "demo", "--id", "item", f"--arm=L={wide}#small", f"--arm=S={wide}#scaffold"]
    assert invoke("--out", out, *words).exit_code == 0
    done = CliRunner().invoke(gap, ["report", str(out)])
    page = (out / "report.html").read_text("utf-8")

    assert "S: 1 item is missing in what was published, and not counted as wrong." in page
    assert "Published outcomes, paired by item; nothing was run here." in page
    assert "29 rows have no known price" in page
    for text in (page, done.output):
        assert "The same command" not in text
        assert "interleaved" not in text


def test_a_page_of_imported_arms_is_titled_by_their_labels_and_states_no_time_that_nobody_took(
    wide: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    arms = [f"--arm=L:Vote(n=5)={wide}#small", f"--arm=S:best of 9={wide}#scaffold", f"--arm=C:big={wide}#large"]
    words = ["--benchmark", "demo", "--id", "item", *arms, "--oracle", "best of 9"]
    assert invoke("--out", out, *words).exit_code == 0
    done = CliRunner().invoke(gap, ["report", str(out)])
    page = (out / "report.html").read_text("utf-8")

    assert 'carry <span class="small-model">Vote(n=5)</span> toward <span class="large-model">big</span>?' in page
    assert "Asked:" not in page
    assert "<code>best of 9 (oracle bound)</code>" in page
    assert "best of 9 (oracle bound)" in " ".join(done.output.split())
    assert "A cell is one arm on one sample." in page
    for text in (page, done.output):
        assert "0.0 ms" not in text
        assert "0→0" not in text


def test_arms_of_one_cost_are_not_said_to_cost_more(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,a,b,usd\n" + "".join(f"i{n},{n % 2},{n % 2},0.01\n" for n in range(40)), encoding="utf-8")
    out = tmp_path / "run"
    invoke("--out", out, "--benchmark", "b", "--usd", "usd", f"--arm=L={path}#a", f"--arm=S:other={path}#b")
    said = " ".join(CliRunner().invoke(gap, ["report", str(out)]).output.split())
    assert "costs more than" not in said


def test_importing_twice_adds_nothing_and_another_arm_joins(wide: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    common = ["--out", out, "--benchmark", "demo", "--id", "item"]
    assert "30 rows written" in invoke(*common, "--arm", f"L={wide}#small").output
    assert "0 rows written" in invoke(*common, "--arm", f"L={wide}#small").output
    assert "30 rows written" in invoke(*common, "--arm", f"C={wide}#large", "--usd", "usd").output
    (found,) = analyze(read_columns(out)).benchmarks
    costs = {arm.label: arm.usd_per_sample for arm in found.arms}
    assert costs["L"] is None
    assert costs["C"] == pytest.approx(0.01)


def test_items_that_do_not_add_up_to_the_published_total_are_refused(wide: Path, tmp_path: Path) -> None:
    arguments = ["--out", tmp_path / "run", "--benchmark", "b", "--id", "item", "--arm", f"C:big={wide}#large"]
    result = invoke(*arguments, "--total", "big=52.8%")
    assert result.exit_code == 1
    assert "The items of big add up to 24 of 30 (80.00%), and 52.8% is published" in result.output
    assert not (tmp_path / "run").exists()


def test_a_total_that_counts_missing_items_as_wrong_is_said_and_they_stay_missing(wide: Path) -> None:
    source = parse_source(f"S={wide}#scaffold")
    imported = read_source(replace(source, total="17/30"), Names(id="item"))
    assert len(imported.present) == 29
    assert "counts 1 missing items as wrong" in imported.notes[0]
    with pytest.raises(TotalsDiffer):
        read_source(replace(source, total="18/30"), Names(id="item"))


def test_a_choice_made_with_the_hidden_grade_is_an_oracle_bound_in_the_report(wide: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arms = [f"--arm=L={wide}#small", f"--arm=S:union={wide}#scaffold"]
    invoke("--out", out, "--benchmark", "b", "--id", "item", *arms, "--oracle", "union")
    report = CliRunner().invoke(gap, ["report", str(out), "--format", "terminal"])
    assert "it is an oracle bound, not a result" in " ".join(report.output.split())
    markdown = CliRunner().invoke(gap, ["export", str(out), "--to", "markdown"])
    assert "union (oracle bound)" in markdown.output


def test_json_lines_of_many_models_are_chosen_by_a_condition_and_repeated_by_a_column(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    rows = [
        {"task": f"t{n}", "model": model, "run": run, "ok": (n + run) % 2 == 0, "score": 50 * (n % 3)}
        for n in range(10)
        for model in ("small", "big")
        for run in (0, 1)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    names = Names(id="task", epoch="run")
    imported = read_source(parse_source(f"L={path}#ok?model=small"), names)
    assert len(imported.present) == 20
    assert {outcome.epoch for outcome in imported.present} == {0, 1}
    assert imported.mean == 0.5
    scaled = read_source(parse_source(f"L={path}#score?model=big"), Names(id="task", epoch="run", scale=100))
    assert {outcome.score for outcome in scaled.present} == {0.0, 0.5, 1.0}
    with pytest.raises(SettingsError, match=r"stands twice .* --epoch"):
        read_source(parse_source(f"L={path}#ok"), Names(id="task"))


@pytest.mark.parametrize(
    ("content", "arm", "said"),
    [
        pytest.param("id,score\na,1\n", "X={path}", "is not KIND", id="unknown kind"),
        pytest.param("id,score\na,1\n", "L", "is not KIND", id="no path"),
        pytest.param(
            "id,score\na,1\n", "L={path}#passed", ":2: there is no column 'passed' (there are: id, score)", id="column"
        ),
        pytest.param("name,score\na,1\n", "L={path}", "column of the item is not clear: name it with --id", id="no id"),
        pytest.param(
            "task_id,doc_id,score\na,1,1\n", "L={path}", "of the item could be task_id or doc_id", id="two ids"
        ),
        pytest.param("id,a,b\nx,1,0\n", "L={path}", "column of the score is not clear: name it with #", id="no score"),
        pytest.param("id,passed,acc\nx,1,0\n", "L={path}", "of the score could be passed or acc", id="two scores"),
        pytest.param("id,score\n,1\n", "L={path}", "the item's id is '', neither a text nor", id="an empty id"),
        pytest.param("id,score\na,1,2\n", "L={path}", "has another number of fields", id="a ragged line"),
        pytest.param("id,score\na\n", "L={path}", "has another number of fields", id="a short line"),
        pytest.param("id,score\na,maybe\n", "L={path}", "the score 'maybe' is neither", id="a word"),
        pytest.param("id,score\na,85\n", "L={path}", "outside 0 to 1. Give --scale", id="percent without scale"),
        pytest.param("id,score\na,1\na,0\n", "L={path}", "item 'a' stands twice", id="twice"),
        pytest.param("id,score\n", "L={path}", "holds no outcome", id="empty"),
        pytest.param(
            'id,score\na,"' + "x" * (1 << 24) + 'x"\n', "L={path}", "not CSV that can be read", id="huge field"
        ),
        pytest.param("id,score\na,1\n", "L={path}?model=x", "there is no column 'model'", id="condition"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(tmp_path: Path, content: str, arm: str, said: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(content, encoding="utf-8")
    result = invoke("--out", tmp_path / "run", "--benchmark", "b", "--arm", arm.format(path=path))
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--total", "L"], "is not LABEL=TOTAL", id="half a total"),
        pytest.param(["--total", "Q=5%"], "No arm is labelled 'Q'", id="total of nobody"),
        pytest.param(["--oracle", "Q"], "No arm is labelled 'Q'", id="oracle of nobody"),
        pytest.param(["--total", "L=much"], "is no share", id="a word as total"),
    ],
)
def test_labels_and_totals_are_checked(wide: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    common = ["--out", tmp_path / "run", "--benchmark", "b", "--id", "item", "--arm", f"L={wide}#small"]
    result = invoke(*common, *arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_two_arms_of_one_label_are_refused(wide: Path, tmp_path: Path) -> None:
    common = ["--out", tmp_path / "run", "--benchmark", "b", "--id", "item"]
    result = invoke(*common, "--arm", f"S={wide}#small", "--arm", f"S={wide}#large")
    assert "Two arms have the same label" in result.output


@given(st.integers(0, 500), st.integers(1, 500), st.integers(0, 4))
def test_a_total_holds_for_every_share_that_is_printed_as_it(right: int, items: int, digits: int) -> None:
    share = min(right, items) / items
    for printed in (f"{share:.{digits}f}", f"{100 * share:.{digits}f}%"):
        low, high = total_range(printed)
        assert low <= share <= high
    low, high = total_range(f"{min(right, items)}/{items}")
    assert low <= share <= high
    assert high - low < 1e-8


def test_a_printed_total_is_as_precise_as_its_digits() -> None:
    low, high = total_range("85.7%")
    assert low == pytest.approx(0.8565)
    assert high == pytest.approx(0.8575)
    assert total_range("0.857") == pytest.approx((0.8565, 0.8575))
