"""Reports on ledgers: points first, ratio last or refused in words, pages that stand alone and run no foreign code."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console
from tests.benchmarks.bench_harness_report import row_of, transcript_of, write_run

from understudy_harness.analysis import Analysis, analyze
from understudy_harness.arms import Arm, build_arms
from understudy_harness.budgets import curve
from understudy_harness.cli import understudy
from understudy_harness.columns import read_columns
from understudy_harness.ledger import Ledger, Row, RowKey, Spend
from understudy_harness.news import FIXTURE_BANNER, about_benchmark, about_run
from understudy_harness.progress import Progress, duration
from understudy_harness.report.data import as_data
from understudy_harness.report.page import write_page
from understudy_harness.report.terminal import show
from understudy_harness.sample import in_dev
from understudy_harness.wording import money, points, seconds


def gap(*words: object) -> Result:
    return CliRunner().invoke(understudy, ["gap", *map(str, words)])


def analyzed(folder: Path) -> Analysis:
    return analyze(read_columns(folder))


def text_of(analysis: Analysis) -> str:
    stream = io.StringIO()
    show(analysis, Console(file=stream, width=110))
    return stream.getvalue()


def write_rows(folder: Path, scores: dict[str, list[float]], *, scaffold: str = "Retry()", **changes: Any) -> Analysis:
    """Write a run whose arms have these scores, by kind; a NaN is a row that failed."""
    arms: dict[str, Arm] = {
        arm.kind: arm
        for arm in build_arms(benchmark="b", local="l", cloud="c", scaffolds=[scaffold], controls=["Vote()"])
    }
    about = {"name": "b", "samples": len(next(iter(scores.values()))), "statement": changes.pop("statement", {})}
    with Ledger(folder) as ledger:
        header = ledger.header(
            {"arms": [arms[kind].described() for kind in scores], "benchmarks": [about], "epochs": 1, "split": "test"}
        )
        for kind, values in scores.items():
            for index, score in enumerate(values):
                key = RowKey(arms[kind].id, f"s{index}", 0)
                if score != score:
                    ledger.write_error(key, header, {"error": "ModelUnavailable", "message": "no answer came"})
                    continue
                spend = {"local": Spend(model="l", calls=1, usd=0.01, **changes.get("spend", {}))}
                if scaffold.startswith("Escalate") and kind == "S":
                    spend["cloud"] = Spend(model="c", calls=index % 2, usd=0.1)
                row = Row(
                    arm=key.arm, benchmark="b", sample=key.sample, epoch=0, cluster=f"c{index % 40}", score=score,
                    grade="right" if score else "wrong", spend=spend, truncated=changes.get("truncated", False),
                )  # fmt: skip
                ledger.write(row, header, transcript_of(arms[kind], index))
    return analyzed(folder)


def steps(right: int, total: int = 120) -> list[float]:
    return [1.0] * right + [0.0] * (total - right)


def test_points_come_first_and_the_ratio_last_with_both_readings_of_the_gap(tmp_path: Path) -> None:
    found = write_rows(tmp_path, {"L": steps(40), "C": steps(100), "S": steps(80), "CS": steps(110)})

    text = " ".join(text_of(found).split())

    assert "S Retry(): 33.3 % → 66.7 % (large model 83.3 %). Lift +33.3" in text
    assert text.index("Lift +33.3") < text.index("Remaining +16.7") < text.index("Closes 67 % [")
    assert "57 % [" in text
    assert "when the large model has the scaffold too" in text


def test_a_gap_that_cannot_be_divided_by_is_refused_in_words(tmp_path: Path) -> None:
    found = write_rows(tmp_path, {"L": steps(40), "C": steps(43), "S": steps(80)})

    text = " ".join(text_of(found).split())

    assert "Share of the gap: not printed, because the gap of 2.5 points is under 5.0 points" in text
    assert "Closes" not in text


def test_a_scaffold_that_hurts_and_a_control_that_helps_are_bad_news(tmp_path: Path) -> None:
    found = write_rows(
        tmp_path, {"L": steps(60), "C": steps(119), "S": steps(20), "CS": steps(119), "control": steps(90)}
    )

    news = " ".join(about_benchmark(found.benchmarks[0]))

    assert "S Retry() hurts: −33.3" in news
    assert "The control Vote() lifts too" in news
    assert "near its ceiling" in news


def test_failed_rows_are_missing_and_never_wrong(tmp_path: Path) -> None:
    found = write_rows(tmp_path, {"L": steps(60), "S": [float("nan")] * 20 + steps(80, 100)})

    scaffold = found.benchmarks[0].arms[1]

    assert (scaffold.rows, scaffold.errors.total(), scaffold.mean) == (100, 20, 0.8)
    assert found.benchmarks[0].contrasts[0].n == 100
    assert "20 rows failed and count as missing. 20 said: no answer came" in " ".join(
        about_benchmark(found.benchmarks[0])
    )


def test_an_unknown_price_is_unpriced_and_never_free(tmp_path: Path) -> None:
    found = write_rows(tmp_path, {"L": steps(60), "C": steps(90)}, spend={"unpriced_calls": 1})

    assert found.benchmarks[0].arms[0].usd_per_sample is None
    assert "unpriced" in text_of(found)
    assert "no known price" in " ".join(about_benchmark(found.benchmarks[0]))


def test_a_router_gets_its_gain_over_the_chord_and_no_share_of_the_gap(tmp_path: Path) -> None:
    scaffold = 'Escalate(Vote(), On("cloud", Direct()))'
    found = write_rows(tmp_path, {"L": steps(40), "C": steps(100), "S": steps(80)}, scaffold=scaffold)

    contrast = found.benchmarks[0].contrasts[0]

    assert contrast.arm.cloud_share == pytest.approx(1 / 3)
    assert contrast.over_chord == pytest.approx(80 / 120 - (40 / 120 + 1 / 3 * 60 / 120))
    assert contrast.refusals == ("the scaffold calls the large model itself: see its gain over the chord",)
    assert "over the chord" in text_of(found)
    # Recovered (80 - 40) / (100 - 40) = 2/3 at a third of the calls: two trapezoids, and 80 % on the way to all calls.
    assert contrast.routing is not None
    assert contrast.routing.apgr == pytest.approx((1 / 3) * (2 / 3) / 2 + (2 / 3) * (2 / 3 + 1) / 2)
    assert contrast.routing.cpt == pytest.approx(1 / 3 + (0.8 - 2 / 3) / (1 / 3) * 2 / 3)
    assert "APGR 0.67 (a coin flip: 0.50), 80 % of the gap from 60.0 % of the calls." in " ".join(
        text_of(found).split()
    )
    assert "APGR 0.67" in write_page(found).read_text()
    assert as_data(found)["benchmarks"][0]["contrasts"][0]["apgr"] == contrast.routing.apgr


def test_cut_prompts_disqualify_a_run_until_that_is_overridden(tmp_path: Path) -> None:
    write_rows(tmp_path / "run", {"L": steps(60), "S": steps(80)}, truncated=True)

    refused = gap("report", tmp_path / "run")
    shown = gap("report", tmp_path / "run", "--allow-truncated")

    assert "disqualifies the run" in " ".join(refused.output.split())
    assert "Lift" not in refused.output
    assert "Lift" in shown.output
    assert "score against cost" not in (tmp_path / "run/report.html").read_text().lower() or shown.exit_code == 0


def test_a_benchmark_whose_check_is_its_grade_says_so(tmp_path: Path) -> None:
    found = write_rows(
        tmp_path, {"L": steps(60), "S": steps(80)}, statement={"check_is_grade": True, "check": "x", "grade": "x"}
    )

    assert "check = grade" in " ".join(about_benchmark(found.benchmarks[0]))


def test_an_arm_without_any_row_is_shown_with_what_went_wrong(tmp_path: Path) -> None:
    found = write_rows(tmp_path, {"L": steps(60), "C": [float("nan")] * 120})

    assert [arm.rows for arm in found.benchmarks[0].arms] == [120, 0]
    assert "–" in text_of(found)
    assert write_page(found).exists()


def test_the_page_stands_alone_and_lets_no_foreign_code_run(tmp_path: Path) -> None:
    attack = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    arms = build_arms(benchmark=attack, local="l", cloud="c", scaffolds=["Vote()"])
    with Ledger(tmp_path) as ledger:
        header = ledger.header(
            {
                "arms": [arm.described() for arm in arms],
                "benchmarks": [{"name": attack, "samples": 3}],
                "command": attack,
            }
        )
        for arm in arms:
            for index in range(3):
                row = Row(arm=arm.id, benchmark=attack, sample=f"{attack}{index}", epoch=0, cluster=f"{attack}{index}",
                          score=index / 2, grade=attack)  # fmt: skip
                said = [{"kind": "generate", "name": attack, "detail": {"text": attack, "messages": []}}]
                ledger.write(row, header, said)

    page = write_page(analyzed(tmp_path)).read_text()

    assert "<script>alert" not in page
    assert "<img" not in page
    assert "default-src 'none'" in page
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert len(re.findall(r"<script>", page)) == 1


def test_few_transcripts_stand_in_the_page_and_many_in_linked_pages(tmp_path: Path) -> None:
    write_run(tmp_path / "few", 20, epochs=1)
    write_run(tmp_path / "many", 70, epochs=2)

    few = write_page(analyzed(tmp_path / "few")).read_text()
    many = write_page(analyzed(tmp_path / "many")).read_text()
    inside = {name: _embedded(page, "transcripts") for name, page in (("few", few), ("many", many))}

    assert len(inside["few"]["0"]) == 100
    assert not (tmp_path / "few/transcripts").exists()
    assert len(inside["many"]["0"]) <= 500
    pages = sorted((tmp_path / "many/transcripts/1").iterdir())
    assert [page.name for page in pages] == ["0001.html", "0002.html"]
    assert sum(page.read_text().count("data-record=") for page in pages) == 700
    assert _embedded(many, "grid-data")[0]["pages"] == 2


def _embedded(page: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])


def test_every_page_about_bundled_models_says_that_gains_are_by_design(tmp_path: Path) -> None:
    for run in ("one", "two"):
        write_run(tmp_path / run, 120, epochs=1, models=("fixture:nano", "fixture:ref"))
        assert gap("report", tmp_path / run).exit_code == 0
    compared = gap("compare", tmp_path / "one", tmp_path / "two")

    pages = [*tmp_path.rglob("*.html")]
    assert compared.exit_code == 0, compared.output
    assert len(pages) == 2 * (1 + 2) + 1
    assert all(FIXTURE_BANNER in page.read_text() for page in pages)


def test_a_comparison_pairs_arms_and_counts_flips_of_runs_in_which_nothing_changed(tmp_path: Path) -> None:
    write_rows(tmp_path / "before", {"L": steps(60), "S": steps(80)})
    write_rows(tmp_path / "after", {"L": [0.0] * 5 + steps(60, 115), "S": steps(40)})

    done = gap("compare", tmp_path / "before", tmp_path / "after")

    text = " ".join(done.output.split())
    assert "b, S Retry(): 66.7 % (before) → 33.3 % (after), −33.3" in text
    assert "Nothing about the arm changed: 8.3 % of the samples flipped by chance or drift." in text
    assert Path(done.output.splitlines()[-1]).name == "compare.html"


def test_runs_that_share_nothing_cannot_be_compared(tmp_path: Path) -> None:
    write_rows(tmp_path / "a", {"L": steps(60)})
    write_run(tmp_path / "b", 5, epochs=1)

    assert gap("compare", tmp_path / "a", tmp_path / "b").exit_code == 2
    assert gap("compare", tmp_path / "a").exit_code == 2
    assert gap("report", tmp_path / "nowhere").exit_code == 2


def test_the_table_without_timing_is_the_same_for_the_same_rows_in_any_order(tmp_path: Path) -> None:
    arms = build_arms(benchmark="synthetic", local="l", cloud="c", scaffolds=["Vote()"])
    header = {
        "arms": [arm.described() for arm in arms],
        "benchmarks": [{"name": "synthetic", "samples": 30}],
        "epochs": 2,
    }
    work = [(arm, sample, epoch) for arm in arms for sample in range(30) for epoch in range(2)]
    for name, order in (("forward", work), ("backward", work[::-1])):
        with Ledger(tmp_path / name) as ledger:
            kept = ledger.header(header)
            for arm, sample, epoch in order:
                ledger.write(row_of(arm, sample, epoch), kept)

    tables = [json.dumps(as_data(analyzed(tmp_path / name), timing=False)) for name in ("forward", "backward")]

    assert tables[0] == tables[1]


def test_looks_at_test_samples_are_counted_and_the_same_rows_only_once(tmp_path: Path) -> None:
    write_rows(tmp_path / "one", {"L": steps(60), "S": steps(80)})
    write_rows(tmp_path / "two", {"L": steps(60), "S": steps(80)})

    assert "This is look" not in gap("report", tmp_path / "one").output
    assert "This is look" not in gap("report", tmp_path / "one").output
    assert "This is look 2 at these test samples" in gap("report", tmp_path / "two").output


def test_json_holds_every_number_and_no_text_is_needed(tmp_path: Path) -> None:
    write_rows(tmp_path / "run", {"L": steps(40), "C": steps(100), "S": steps(80)})

    found = json.loads(gap("report", tmp_path / "run", "--format", "json").output)

    assert found["benchmarks"][0]["contrasts"][0]["gap_closed"]["value"] == pytest.approx(2 / 3)


def test_rows_of_several_versions_and_calls_in_flight_are_said(tmp_path: Path) -> None:
    write_rows(tmp_path, {"L": steps(60)})
    with Ledger(tmp_path) as ledger:
        ledger.header({"git": "b" * 40, "arms": [], "benchmarks": []})
        ledger.resumed(3)

    news = " ".join(about_run(analyzed(tmp_path)))

    assert "3 calls may have been made twice" in news
    assert "2 versions of the code" in news


def test_a_plan_prices_epochs_and_clusters_before_they_are_paid_for(tmp_path: Path) -> None:
    plain = gap("plan", "--gap", "0.4", "--half-width", "0.1", "--lift", "0.05")
    clustered = gap("plan", "--cluster-size", "5", "--correlation", "0.2")
    write_run(tmp_path, 60, epochs=3)
    pilot = gap("plan", "--pilot", tmp_path)

    assert "1 epoch:     625 samples" in plain.output
    assert "785 samples" in plain.output
    assert "0.56 independent ones" in clustered.output
    assert "between samples" in pilot.output
    assert pilot.exit_code == 0, pilot.output


def test_a_pilot_of_one_epoch_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path, 10, epochs=1)

    assert "two to tell samples from chance" in gap("plan", "--pilot", tmp_path).output


def test_progress_is_plain_lines_where_no_terminal_is() -> None:
    stream = io.StringIO()
    progress = Progress(stream=stream)
    progress.lane("a", "L")
    progress.lanes["a"].total = 2
    with progress.shown():
        progress.begun("a")
        progress.ended("a", usd=0.5, error=False)
        progress.ended("a", usd=0.0, error=True)
        progress.lanes["a"].errors = 1
        progress.tick()

    assert stream.getvalue().startswith("1/2 rows, after 0 s")
    assert stream.getvalue().strip().endswith("$0.5000, 1 errors")


def test_progress_on_a_terminal_shows_rate_time_left_and_spend() -> None:
    progress = Progress()
    progress.lane("a", "S [Vote()]")
    lane = progress.lanes["a"]
    lane.total, lane.done, lane.fresh, lane.first, lane.last, lane.usd = 100, 60, 50, 0.0, 10.0, 0.25
    console = Console(file=io.StringIO(), width=100, record=True)

    console.print(progress.table())

    text = console.export_text()
    assert "S [Vote()]" in text
    assert "60/100" in text
    assert "5.0" in text
    assert "8 s" in text
    assert "$0.2500" in text


def test_words_for_numbers() -> None:
    assert [money(value) for value in (None, 0.0, 0.00123, 0.5, 1234.5)] == [
        "unpriced",
        "$0",
        "$0.0012",
        "$0.50",
        "$1,234.50",
    ]
    assert [points(value) for value in (0.05, -0.05, 0.0, -0.0001)] == ["+5.0", "−5.0", "0.0", "0.0"]
    assert [seconds(value) for value in (0.001, 0.5, 75.0)] == ["1.0 ms", "0.5 s", "1 min 15 s"]
    assert [duration(value) for value in (None, 5.0, 7265.0)] == ["", "5 s", "2 h 01 min"]


def test_several_epochs_show_flips_without_a_change_and_what_any_and_all_of_them_solve(tmp_path: Path) -> None:
    (arm,) = build_arms(benchmark="b", local="l", cloud="c", scaffolds=[])[:1]
    scores = {"a": (1.0, 1.0), "b": (1.0, 0.0), "c": (0.0, 1.0), "d": (0.0, 0.0)}
    with Ledger(tmp_path) as ledger:
        header = ledger.header({"arms": [arm.described()], "benchmarks": [{"name": "b", "samples": 4}], "epochs": 2})
        for name, values in scores.items():
            for epoch, score in enumerate(values):
                row = Row(arm=arm.id, benchmark="b", sample=name, epoch=epoch, cluster=name, score=score, grade="x")
                ledger.write(row, header)

    repeats = analyzed(tmp_path).benchmarks[0].arms[0].repeats

    assert repeats is not None
    assert (repeats.epochs, repeats.pass_at, repeats.pass_all) == (2, 0.75, 0.25)
    assert (repeats.flips.gained, repeats.flips.lost, repeats.flips.same) == (1, 1, 2)
    assert "pass@2" in write_page(analyzed(tmp_path)).read_text()


def test_the_table_of_the_page_has_a_heading_for_every_cell(tmp_path: Path) -> None:
    page = write_page(write_rows(tmp_path, {"L": steps(40), "C": steps(100), "S": steps(80)})).read_text()

    table = page[page.index("<h3>Every arm</h3>") :]
    table = table[: table.index("</table>")]

    assert table.count("<th>") * (table.count("<tr>") - 1) == table.count("<td>")


def test_a_budget_buys_the_arm_that_was_best_on_other_clusters(tmp_path: Path) -> None:
    write_run(tmp_path, 400, epochs=1)

    analysis = analyzed(tmp_path)
    found = as_data(analysis)["benchmarks"][0]
    kinds = {arm["id"]: arm["kind"] for arm in found["arms"]}

    assert [kinds[point["arm"]] for point in found["budgets"]][:3] == ["L", "S", "C"]
    assert [point["usd"] for point in found["budgets"]] == sorted(point["usd"] for point in found["budgets"])
    assert "What a budget buys" in write_page(analysis).read_text()


@pytest.mark.parametrize("of_dev", [True, False])
def test_either_split_alone_has_clusters_to_choose_by_and_others_to_score(tmp_path: Path, of_dev: bool) -> None:
    analysis = write_rows(tmp_path, {"L": steps(40, 400), "C": steps(300, 400)})
    result = analysis.benchmarks[0]
    clusters = [name for name in (f"c{number}" for number in range(400)) if in_dev(name) == of_dev]
    result.clusters = tuple(clusters[index % len(clusters)] for index in range(400))

    assert [point.score for point in curve(result)]


def test_fewer_than_thirty_samples_are_shown_one_by_one_and_nothing_is_made_of_them(tmp_path: Path) -> None:
    few = {"L": steps(40)[:12], "C": steps(100)[:12], "S": steps(80)[:12]}
    write_rows(tmp_path / "few", few)
    write_rows(tmp_path / "many", {"L": steps(40), "C": steps(100), "S": steps(80)})
    pages = {}
    for name in ("few", "many"):
        assert gap("report", tmp_path / name, "--format", "html").exit_code == 0
        pages[name] = (tmp_path / name / "report.html").read_text("utf-8")

    assert "12 samples, one by one" in pages["few"]
    assert pages["few"].count('<circle class="dot ') == 36
    assert "Score against cost" not in pages["few"]
    assert 'class="headline"' not in pages["few"]
    assert "one by one" not in pages["many"]
    assert 'class="headline"' in pages["many"]


def test_looks_survive_a_broken_count_and_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    write_rows(tmp_path / "one", {"L": steps(60), "S": steps(80)})
    write_rows(tmp_path / "two", {"L": steps(60), "S": steps(80)})
    assert gap("report", tmp_path / "one").exit_code == 0
    looks = tmp_path / "looks.jsonl"
    looks.write_text("{torn\n[1]\n" + looks.read_text("utf-8"), encoding="utf-8")

    assert "This is look 2 at these test samples" in " ".join(gap("report", tmp_path / "two").output.split())

    looks.unlink()
    looks.mkdir()
    done = gap("report", tmp_path / "two")
    assert done.exit_code == 0
    assert "This is look" not in done.output
