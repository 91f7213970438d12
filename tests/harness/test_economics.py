"""Costs: published figures reproduced, break-even in closed form, laws of the options, the command in use."""

import json
import re
from dataclasses import replace
from math import inf, isclose
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from understudy.budget import TokenPrice
from understudy_harness.commands import gap
from understudy_harness.economics import first_principles, plot
from understudy_harness.economics.breakeven import break_even, crossing, decide
from understudy_harness.economics.commands import costs
from understudy_harness.economics.costs import (
    Both,
    Cloud,
    Local,
    Reserved,
    Subscription,
    Workload,
    energy_usd,
    energy_usd_per_mtok,
    usd_per_solved,
)
from understudy_harness.economics.hardware import BOXES, Box
from understudy_harness.ledger import Ledger, Row, Spend

BOX = Box(name="box", output_per_s=50, input_per_s=1000, watts=300, price_usd=2000)
WORK = Workload(samples=10_000, input_tokens=10_000, output_tokens=1_000)
SONNET = Cloud(name="sonnet", price=TokenPrice(input=3, output=15))
HAIKU = Cloud(name="haiku", price=TokenPrice(input=0.1, output=0.5))


def test_the_published_first_principles_figures_come_out_of_their_formulas() -> None:
    cluster = first_principles.ALDERSON
    assert cluster.passes_per_s == 45
    assert cluster.input_tokens_per_hour == 46.656e9
    assert round(cluster.usd_per_mtok_in, 5) == 0.00309
    assert cluster.output_tokens_per_hour == 46.656e6
    assert round(cluster.usd_per_mtok_out, 2) == 3.09
    assert isclose(first_principles.monthly_usd(10, 0.1, 0.003, 3.08), 10.14)
    assert isclose(first_principles.monthly_usd(10, 0.1, 0.005, 5.13), 16.89)
    assert round(first_principles.monthly_usd(2, 0.03, 0.005, 5.13), 2) == 4.92
    assert isclose(first_principles.monthly_usd(10, 0.1, 0.003, 3.078, efficiency=0.6), 16.89)


def test_what_does_not_fit_in_them_is_worked_out_too() -> None:
    cluster = first_principles.ALDERSON
    assert round(cluster.prefill_over_peak, 1) == 13.5
    assert round(cluster.usd_per_mtok_in_at_peak, 3) == 0.042
    cost_in = first_principles.service_cost(first_principles.DEEPSEEK_INPUT_PER_S)
    cost_out = first_principles.service_cost(first_principles.DEEPSEEK_OUTPUT_PER_S)
    assert (round(cost_in, 2), round(cost_out, 2)) == (0.06, 0.30)
    assert round(first_principles.monthly_usd(10, 0.1, cost_in, cost_out), 1) == 19.0
    assert len(first_principles.INCONSISTENCIES) == 7


@pytest.mark.parametrize(
    ("box", "kwh", "usd"),
    [
        pytest.param("rtx4090-14b", 0.18, 0.25, id="RTX 4090, 14B"),
        pytest.param("strix-halo-gpt-oss-20b", 0.18, 0.08, id="Strix Halo, 20b"),
        pytest.param("strix-halo-70b", 0.18, 1.33, id="Strix Halo, dense 70B"),
        pytest.param("m4-mini-3b", 0.40, 0.08, id="M4 mini"),
        pytest.param("raspberry-pi5-3b", 0.40, 0.27, id="Raspberry Pi 5"),
    ],
)
def test_electricity_for_a_million_tokens_is_what_the_sources_figures_give(box: str, kwh: float, usd: float) -> None:
    known = BOXES[box]
    assert round(energy_usd_per_mtok(known.watts, known.output_per_s, kwh), 2) == usd


def test_a_minute_of_a_three_hundred_watt_box_costs_a_sixth_of_a_cent() -> None:
    assert isclose(energy_usd(300, 60, 0.30), 0.0015)


def test_a_box_breaks_even_where_the_closed_form_says() -> None:
    # $2,000 against $0.030 a task in the cloud and $0.002 of energy: 2000 / 0.028 = 71,429 tasks.
    box = Box(name="b", output_per_s=1, input_per_s=1e9, watts=3.6e6 * 0.002 / 0.25 / 1000, price_usd=2000)
    work = Workload(samples=1000, input_tokens=0, output_tokens=1000)
    cloud = Cloud(name="c", price=TokenPrice(output=30))
    point = break_even(Local(box=box, usd_per_kwh=0.25), cloud, work)
    assert isclose(point.energy_usd, 0.002)
    assert round(point.samples) == 71_429
    assert round(point.months, 1) == 71.4
    assert round(point.tokens / 1e6, 1) == 71.4
    cheap = Cloud(name="cheap", price=TokenPrice(output=1.5))
    assert not break_even(Local(box=box, usd_per_kwh=0.5), cheap, work).ever


def test_a_box_that_is_there_anyway_pays_from_the_first_sample_or_never() -> None:
    owned = Local(box=BOX.at_price(0))
    assert break_even(owned, SONNET, WORK).samples == 0
    assert break_even(owned, Cloud(name="free", price=TokenPrice()), WORK).samples == inf


def test_a_box_without_a_known_price_says_how_to_give_one() -> None:
    with pytest.raises(ValueError, match="--box-price USD, or --owned"):
        Local(box=Box(name="b", output_per_s=1, watts=1)).monthly_usd(WORK)


@pytest.mark.parametrize("field", ["output_per_s", "life_months", "parallel"])
def test_a_box_that_cannot_be_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} of 'b' is 0"):
        replace(BOX, name="b", **{field: 0})  # type: ignore[arg-type]


SHARES = st.floats(0.01, 1.0)
AMOUNTS = st.floats(1, 1e5)


@given(AMOUNTS, AMOUNTS, AMOUNTS, SHARES)
def test_the_cost_of_a_solved_sample_is_the_cost_of_a_sample_over_the_solved_share(
    samples: float, read: float, written: float, solved: float
) -> None:
    work = Workload(samples=samples, input_tokens=read, output_tokens=written)
    sure, rare = Cloud(name="a", price=SONNET.price), Cloud(name="b", price=SONNET.price, solved=solved)
    assert isclose(usd_per_solved(rare, work), usd_per_solved(sure, work) / solved)


@given(AMOUNTS, SHARES, SHARES, SHARES)
def test_local_first_costs_the_box_and_the_refused_share_of_the_cloud(
    samples: float, accepted: float, precision: float, solved: float
) -> None:
    work = Workload(samples=samples, input_tokens=100, output_tokens=100)
    local, cloud = Local(box=BOX, solved=0.5), Cloud(name="c", price=SONNET.price, solved=solved)
    both = Both(local=local, cloud=cloud, accepted=accepted, precision=precision)
    expected = local.monthly_usd(work) + (1 - accepted) * cloud.monthly_usd(work)
    assert isclose(both.monthly_usd(work), expected)
    assert isclose(both.solved, accepted * precision + (1 - accepted) * solved)


@given(st.floats(1, 1e8))
def test_more_samples_never_cost_less_in_all_nor_more_each(samples: float) -> None:
    options = (Local(box=BOX), SONNET, Subscription(name="s", usd_per_month=20, tokens_per_month=3e7))
    less = Workload(samples=samples, input_tokens=1000, output_tokens=100)
    more = Workload(samples=2 * samples, input_tokens=1000, output_tokens=100)
    for option in options:
        assert option.monthly_usd(more) >= option.monthly_usd(less) * (1 - 1e-9)
        assert option.monthly_usd(more) <= 2 * option.monthly_usd(less) * (1 + 1e-9)


def test_a_cached_share_is_paid_at_its_own_price() -> None:
    cloud = Cloud(name="c", price=TokenPrice(input=3, output=15, cache_read=0.3))
    cached = Workload(samples=1, input_tokens=10_000, output_tokens=1_000, cached=0.9)
    assert isclose(cloud.usd_per_sample(cached), (1_000 * 3 + 9_000 * 0.3 + 1_000 * 15) / 1e6)


def test_a_month_that_one_box_cannot_do_needs_more_boxes() -> None:
    slow = Local(box=Box(name="b", output_per_s=1, input_per_s=1e9, watts=100, price_usd=100))
    work = Workload(samples=10_000, input_tokens=0, output_tokens=1_000)
    assert slow.boxes(work) == 4
    assert slow.hardware_usd(work) == 400


def test_idle_watts_count_where_the_box_is_always_on() -> None:
    box = Box(name="b", output_per_s=1e9, watts=100, idle_watts=50, price_usd=0)
    always = Local(box=box, always_on=True, usd_per_kwh=0.2)
    assert isclose(always.monthly_usd(WORK), 0.05 * 730 * 0.2, rel_tol=1e-3)


def test_a_half_used_subscription_costs_double_a_token() -> None:
    plan = Subscription(name="s", usd_per_month=20, tokens_per_month=2e6)
    full, half = (Workload(samples=n, input_tokens=1000, output_tokens=0) for n in (2000, 1000))
    assert plan.usd_per_mtok(full) == 10
    assert plan.usd_per_mtok(half) == 20
    assert plan.plans(Workload(samples=2001, input_tokens=1000, output_tokens=0)) == 2


def test_reserved_throughput_is_paid_used_or_not() -> None:
    rented = Reserved(name="gpu", usd_per_hour=2, output_per_s=1000, input_per_s=10_000)
    assert rented.monthly_usd(Workload(samples=1, input_tokens=1, output_tokens=1)) == 1460
    assert rented.units(Workload(samples=2_628_001, input_tokens=0, output_tokens=1000)) == 2


def test_the_cheapest_option_per_solved_sample_that_solves_enough_is_chosen() -> None:
    local = Local(box=BOX, solved=0.5)
    cloud = Cloud(name="cloud", price=SONNET.price, solved=0.9)
    assert decide([local, cloud], WORK).best.option is local  # type: ignore[union-attr]
    assert decide([local, cloud], WORK, need=0.8).best.option is cloud  # type: ignore[union-attr]
    assert decide([local, cloud], WORK, need=0.95).best is None
    assert "solves 90% instead of 50%" in decide([local, cloud], WORK).reason
    dominated = decide([cloud, Cloud(name="dear", price=TokenPrice(input=9, output=45), solved=0.9)], WORK)
    assert dominated.lines[1].dominated_by == "cloud"


def test_time_counts_in_money_where_waiting_has_a_price() -> None:
    patient = Workload(samples=1000, input_tokens=0, output_tokens=5000)
    hurried = Workload(samples=1000, input_tokens=0, output_tokens=5000, seconds_worth_usd=50 / 3600)
    slow, quick = Local(box=BOX.at_price(0)), Cloud(name="quick", price=TokenPrice(output=10), call_seconds=5)
    assert decide([slow, quick], patient).best.option is slow  # type: ignore[union-attr]
    assert decide([slow, quick], hurried).best.option is quick  # type: ignore[union-attr]


def test_the_volume_where_the_cheaper_option_changes_is_found() -> None:
    local = Local(box=Box(name="b", output_per_s=1e9, watts=0, price_usd=3600, life_months=36))
    found = crossing(local, SONNET, WORK)
    assert found is not None
    assert isclose(found, 100 / 0.045, rel_tol=1e-3)
    assert crossing(SONNET, HAIKU, WORK) is None


def test_the_plot_is_a_picture_in_characters_and_in_svg() -> None:
    lines = plot.series([Local(box=BOX), SONNET, HAIKU], WORK)
    text = plot.as_text(lines)
    assert len(text.splitlines()) == 1 + 14 + 2 + 3
    assert "L  box" in text
    svg = plot.as_svg([("<a> & b", lines[0][1])], "t")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "&lt;a&gt; &amp; b" in svg
    assert "<script" not in plot.as_html(svg, ["<script>alert(1)</script>"])
    assert plot.as_text([("none", [])]).startswith("Nothing to plot")


def test_the_command_answers_in_words_and_with_a_plot(tmp_path: Path) -> None:
    svg, html = tmp_path / "plot.svg", tmp_path / "page.html"
    arguments = [
        "--cloud",
        "deepseek:deepseek-chat",
        "--local-solved",
        "0.6",
        "--cloud-solved",
        "0.8",
        "--accepted",
        "0.6",
    ]
    result = CliRunner().invoke(costs, [*arguments, "--svg", str(svg), "--html", str(html), "--subscription", "20:30"])
    assert result.exit_code == 0, result.output
    assert "Cloud. deepseek:deepseek-chat costs $" in result.output
    assert re.search(r"paid for itself after [\d,]+ samples, [\d,.]+ months, [\d,]+ million tokens", result.output)
    ElementTree.fromstring(svg.read_text("utf-8"))
    assert "http" not in html.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")


def test_the_command_speaks_json(tmp_path: Path) -> None:
    result = CliRunner().invoke(costs, ["--cloud", "deepseek:deepseek-chat", "--batch", "--owned", "--json"])
    if result.exit_code:  # the price table of this month has no batch price for it
        assert "batch price" in result.output
        return
    data = json.loads(result.output)
    assert {option["name"] for option in data["options"]} >= {"deepseek:deepseek-chat (batch)"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "--cloud SPEC", id="nothing to compare with"),
        pytest.param(
            ["--cloud", "openai:no-such-model"], "The price of 'openai:no-such-model' is unknown", id="unpriced"
        ),
        pytest.param(["--box", "toaster", "--cloud", "x"], "No box is called 'toaster'", id="unknown box"),
        pytest.param(["--box", "m3-ultra-14b", "--cloud", "x"], "Add --box-price USD, or --owned", id="price unknown"),
        pytest.param(
            ["--cloud", "deepseek:deepseek-chat", "--subscription", "20"], "is not USD:MTOK", id="half a subscription"
        ),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(costs, arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_boxes_are_listed_with_their_sources_and_the_published_analysis_with_its_faults() -> None:
    listed = CliRunner().invoke(costs, ["--boxes"])
    assert "raspberry-pi5" in listed.output.replace("\n", "")
    assert all(box.source for box in BOXES.values())
    published = CliRunner().invoke(costs, ["--published"])
    assert "published: $16.89" in published.output
    assert "do not fit into eight GPUs" in published.output


def test_local_calls_are_priced_by_their_electricity_in_a_report(tmp_path: Path) -> None:
    arms = [
        {"id": "l", "kind": "L", "label": "L", "models": {"local": "ollama:m"}, "benchmark": "b"},
        {"id": "c", "kind": "C", "label": "C", "models": {"cloud": "openai:m"}, "benchmark": "b"},
    ]
    with Ledger(tmp_path / "run") as ledger:
        name = ledger.header({"arms": arms, "benchmarks": [{"name": "b", "samples": 2}], "epochs": 1, "command": "x"})
        for sample in ("s1", "s2"):
            for arm, spend in (
                ("l", Spend(model="ollama:m", calls=1, seconds=60)),
                ("c", Spend(model="openai:m", calls=1, seconds=60, usd=0.01)),
            ):
                role = "local" if arm == "l" else "cloud"
                row = Row(
                    arm=arm,
                    benchmark="b",
                    sample=sample,
                    epoch=0,
                    cluster=sample,
                    score=1,
                    grade="right",
                    spend={role: spend},
                )
                ledger.write(row, name)
    arguments = ["report", str(tmp_path / "run"), "--format", "json", "--watts", "300", "--kwh", "0.30"]
    result = CliRunner().invoke(gap, arguments)
    assert result.exit_code == 0, result.output
    costs_of = {arm["label"]: arm["usd_per_sample"] for arm in json.loads(result.output)["benchmarks"][0]["arms"]}
    assert costs_of == {"L": pytest.approx(0.0015), "C": pytest.approx(0.01)}
    shown = CliRunner().invoke(gap, [*arguments[:2], "--format", "terminal", "--watts", "300"])
    assert "Local calls are priced by their electricity: 300 W" in " ".join(shown.output.split())


def test_costs_are_worked_out_from_what_a_run_measured(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    arms = [
        {"id": "s", "kind": "S", "label": "S Retry", "models": {"local": "ollama:m"}, "benchmark": "b"},
        {"id": "c", "kind": "C", "label": "C", "models": {"cloud": "openai:m"}, "benchmark": "b"},
    ]
    with Ledger(folder) as ledger:
        name = ledger.header({"arms": arms, "benchmarks": [{"name": "b", "samples": 10}], "epochs": 1, "command": "x"})
        for number in range(10):
            common = {"benchmark": "b", "sample": f"s{number}", "epoch": 0, "cluster": f"s{number}", "grade": "right"}
            local = Spend(model="ollama:m", calls=2, input_tokens=300, output_tokens=60, seconds=10)
            cloud = Spend(model="openai:m", calls=1, input_tokens=200, output_tokens=50, usd=0.02, seconds=3)
            right, taken = float(number < 6), number < 8
            ledger.write(Row(arm="s", score=right, accepted=taken, spend={"local": local}, **common), name)  # type: ignore[arg-type]
            ledger.write(Row(arm="c", score=float(number < 9), spend={"cloud": cloud}, **common), name)  # type: ignore[arg-type]
    result = CliRunner().invoke(costs, ["--run", str(folder), "--owned", "--watts", "360", "--kwh", "0.2", "--json"])
    assert result.exit_code == 0, result.output
    options = {option["name"]: option for option in json.loads(result.output)["options"]}
    box = next(name for name in options if name.startswith("Strix Halo") and "then" not in name)
    assert options[box]["solved"] == 0.6
    assert options[box]["seconds"] == 10
    assert options[box]["usd_per_solved"] == pytest.approx(360 * 10 / 3.6e6 * 0.2 / 0.6)
    assert options["openai:m"]["usd_per_solved"] == pytest.approx(0.02 / 0.9)
    both = options[f"{box}, then openai:m"]
    assert both["solved"] == pytest.approx(0.8 * 0.75 + 0.2 * 0.9)
    said = CliRunner().invoke(costs, ["--run", str(folder), "--owned"])
    assert "Measured: S Retry solves 60.0% in 10 s and 360 tokens per sample, C 90.0%." in said.output
    assert "is cheaper from the first sample" in said.output
    wrong = CliRunner().invoke(costs, ["--run", str(folder), "--local-arm", "S Vote"])
    assert "no arm for --local-arm 'S Vote'. Its arms: 'S Retry', 'C'." in wrong.output
