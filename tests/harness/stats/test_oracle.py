"""Every number of the reference calculation, to 1e-6.

`oracle.json` was printed by an independent script (numpy and scipy, no random numbers); the examples are built here
again from the same bits, counts and congruential generator.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from understudy_harness import stats

ORACLE: dict[str, Any] = json.loads(Path(__file__).with_name("oracle.json").read_text("utf-8"))
WITHIN = 1e-6

A_CLUSTERS = [cluster for cluster in "abcde" for _ in range(4)]
A_BITS = {
    "L": ("1000 1100 0100 1000 1010", "1000 1000 0110 1000 1110"),
    "S": ("1010 1110 0110 1100 1011", "1000 1110 1110 1100 1111"),
    "C": ("1110 1111 0110 1110 1111", "1010 1111 1110 1101 1111"),
    "CS": ("1110 1111 1110 1111 1111", "1110 1111 1110 1101 1111"),
}
FORGE = {
    "L": [0, 50, 0, 0, 50, 50, 0, 0, 34, 0, 1, 1, 50, 0, 50, 0, 0, 50, 50, 0, 0, 39, 1, 2, 1, 0],
    "S": [50, 50, 50, 50, 50, 50, 50, 50, 50, 15, 0, 2, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 34, 0, 2, 50],
    "C": [50, 50, 50, 50, 50, 50, 50, 0, 50, 50, 49, 50, 50, 50, 50, 50, 50, 50, 50, 50, 0, 50, 50, 50, 50, 0],
    "CS": [50] * 26,
}
FORGE_IDEAS = list(range(13)) * 2
FORGE_DEAD = (7, 20, 25)


def example_a() -> dict[str, np.ndarray[Any, Any]]:
    epochs = {arm: [[int(bit) for bit in row.replace(" ", "")] for row in rows] for arm, rows in A_BITS.items()}
    return {arm: np.mean(np.array(rows, dtype=float), axis=0) for arm, rows in epochs.items()}


def congruential(seed: int) -> Iterator[float]:
    state = seed
    while True:
        state = (1103515245 * state + 12345) % 2**31
        yield state / 2**31


def example_b() -> tuple[dict[str, list[float]], list[int]]:
    draw = congruential(20261121)
    arms: dict[str, list[float]] = {"L": [], "S": [], "C": []}
    clusters = []
    for cluster in range(40):
        shared = next(draw)
        for _ in range(5):
            ease = 0.6 * shared + 0.4 * next(draw)
            clusters.append(cluster)
            arms["L"].append(float(next(draw) < 0.10 + 0.60 * ease))
            arms["S"].append(float(next(draw) < 0.25 + 0.65 * ease))
            arms["C"].append(float(next(draw) < 0.45 + 0.55 * ease))
    return arms, clusters


def forge(keep: tuple[int, ...] = tuple(range(26))) -> dict[str, np.ndarray[Any, Any]]:
    return {arm: np.array(counts, dtype=float)[list(keep)] / 50 for arm, counts in FORGE.items()}


def assert_set(found: stats.FiellerSet, expected: dict[str, Any]) -> None:
    if expected["kind"] == "interval":
        assert isinstance(found, stats.Interval)
        assert found == pytest.approx((expected["lo"], expected["hi"]), abs=WITHIN)
    elif expected["kind"] == "complement":
        assert isinstance(found, stats.Complement)
        assert found == pytest.approx((expected["upto"], expected["from"]), abs=WITHIN)
    else:
        assert isinstance(found, stats.Line)


def assert_gap(gap: stats.Gap, expected: dict[str, Any]) -> None:
    assert (gap.n, gap.clusters) == (expected["n"], expected["clusters"])
    ours = {
        "crit_t": gap.critical,
        "lift": gap.lift,
        "se_lift": gap.se_lift,
        "gap": gap.gap,
        "se_gap": gap.se_gap,
        "cov": gap.covariance,
        "z_gap": gap.z_gap,
        "fieller_g": gap.fieller_g,
        "theta": gap.theta,
        "se_delta": gap.se_theta,
    }
    assert ours == {name: pytest.approx(expected[name], abs=WITHIN) for name in ours}
    assert gap.delta == pytest.approx(tuple(expected["delta_ci"]), abs=WITHIN)
    assert_set(gap.fieller, expected["fieller"])


@pytest.mark.parametrize(
    ("name", "cloud", "clusters"),
    [
        pytest.param("clustered", "C", A_CLUSTERS, id="five clusters"),
        pytest.param("unclustered", "C", list(range(20)), id="every sample its own cluster"),
        pytest.param("fair", "CS", A_CLUSTERS, id="the cloud model has the scaffold too"),
    ],
)
def test_the_worked_example_of_twenty_samples(name: str, cloud: str, clusters: list[Any]) -> None:
    arms = example_a()

    assert_gap(stats.gap_closed(arms["S"], arms["L"], arms[cloud], clusters), ORACLE["A"][name])


def test_the_neighbours_of_the_ratio_in_the_worked_example() -> None:
    arms, expected = example_a(), ORACLE["A"]

    means = {arm: stats.mean_score(scores, A_CLUSTERS).value for arm, scores in arms.items()}
    bootstrap = stats.exact_cluster_bootstrap(arms["S"], arms["L"], arms["C"], A_CLUSTERS)
    did = stats.difference_in_differences(arms["S"], arms["L"], arms["CS"], arms["C"], A_CLUSTERS)

    assert means == pytest.approx(expected["means"], abs=WITHIN)
    assert bootstrap == pytest.approx(tuple(expected["bootstrap"]["percentile_ci"]), abs=WITHIN)
    assert (did.value, did.se) == pytest.approx((expected["did"]["value"], expected["did"]["se"]), abs=WITHIN)
    assert did.interval == pytest.approx(tuple(expected["did"]["ci"]), abs=WITHIN)
    assert means["S"] / means["C"] == pytest.approx(expected["retention_S_over_C"], abs=WITHIN)


def test_the_example_of_two_hundred_samples() -> None:
    (arms, clusters), expected = example_b(), ORACLE["B"]

    churn = stats.flips(arms["L"], arms["S"])

    assert {arm: int(sum(scores)) for arm, scores in arms.items()} == expected["sums"]
    assert_gap(stats.gap_closed(arms["S"], arms["L"], arms["C"], clusters), expected["clustered"])
    assert_gap(stats.gap_closed(arms["S"], arms["L"], arms["C"], list(range(200))), expected["unclustered"])
    assert (churn.gained, churn.lost) == (expected["mcnemar_S_vs_L"]["gained"], expected["mcnemar_S_vs_L"]["lost"])
    assert churn.p == pytest.approx(expected["mcnemar_S_vs_L"]["p"], abs=WITHIN)


def test_the_published_counts_of_a_real_suite() -> None:
    arms, expected = forge(), ORACLE["C_forge"]
    alive = tuple(index for index in range(26) if index not in FORGE_DEAD)
    living = forge(alive)

    did = stats.difference_in_differences(arms["S"], arms["L"], arms["CS"], arms["C"], FORGE_IDEAS)

    assert {arm: float(scores.mean()) for arm, scores in arms.items()} == pytest.approx(expected["means"], abs=WITHIN)
    assert_gap(stats.gap_closed(arms["S"], arms["L"], arms["C"], list(range(26))), expected["by_scenario"])
    assert_gap(stats.gap_closed(arms["S"], arms["L"], arms["C"], FORGE_IDEAS), expected["by_idea"])
    assert_gap(stats.gap_closed(arms["S"], arms["L"], arms["CS"], FORGE_IDEAS), expected["cloud_has_scaffold_too"])
    ideas = [FORGE_IDEAS[index] for index in alive]
    assert_gap(stats.gap_closed(living["S"], living["L"], living["C"], ideas), expected["without_dead_scenarios"])
    assert (did.value, *did.interval) == pytest.approx((expected["did"]["value"], *expected["did"]["ci"]), abs=WITHIN)


def test_the_naive_reading_of_the_real_suite_is_what_we_say_it_is() -> None:
    arms = forge()
    variance = {arm: float(scores.mean() * (1 - scores.mean()) / 1300) for arm, scores in arms.items()}
    lift, gap = float(arms["S"].mean() - arms["L"].mean()), float(arms["C"].mean() - arms["L"].mean())

    found = stats.fieller(
        lift, gap, variance["S"] + variance["L"], variance["L"], variance["C"] + variance["L"], critical=1.96
    )

    assert_set(found, ORACLE["C_forge"]["naive_1300_runs"])


@pytest.mark.parametrize(
    ("name", "gained"), [pytest.param("D_no_gap", 10, id="complement"), pytest.param("D_line", 1, id="whole line")]
)
def test_without_a_gap_the_set_is_no_interval(name: str, gained: int) -> None:
    local = [1.0] * 30 + [0.0] * 30
    cloud = [1.0] * 27 + [0.0] * 3 + [1.0] * 5 + [0.0] * 25
    scaffold = [1.0] * 30 + [1.0] * gained + [0.0] * (30 - gained)

    gap = stats.gap_closed(scaffold, local, cloud, list(range(60)))

    assert_gap(gap, ORACLE[name])
    assert stats.in_words(gap.fieller).startswith("not bounded")


def test_small_formulas() -> None:
    assert {
        "n10_c3_k1": stats.pass_at_k(n=10, correct=3, k=1),
        "n10_c3_k5": stats.pass_at_k(n=10, correct=3, k=5),
        "n10_c0_k5": stats.pass_at_k(n=10, correct=0, k=5),
        "n5_c4_k2": stats.pass_at_k(n=5, correct=4, k=2),
        "biased_n10_c3_k5": 1 - (1 - 0.3) ** 5,
        "hat_n10_c7_k3": stats.pass_hat_k(n=10, correct=7, k=3),
    } == pytest.approx(ORACLE["pass_at_k"], abs=WITHIN)
    assert stats.wilson(8, 10) == pytest.approx(tuple(ORACLE["wilson"]["8_of_10"]), abs=WITHIN)
    assert stats.wilson(0, 30) == pytest.approx(tuple(ORACLE["wilson"]["0_of_30"]), abs=WITHIN)
    assert stats.holm([0.010, 0.040, 0.030, 0.005]) == pytest.approx(tuple(ORACLE["holm"]), abs=WITHIN)
    assert stats.resample_until_accepted(0.30, 0.06) == pytest.approx(
        tuple(ORACLE["resample"]["unlimited_p.30_f.06"]), abs=WITHIN
    )
    assert stats.resample_until_accepted(0.30, 0.06, 5) == pytest.approx(
        tuple(ORACLE["resample"]["k5_p.30_f.06"]), abs=WITHIN
    )
    assert stats.resample_until_accepted(0.30, 0.0, 5) == pytest.approx(
        tuple(ORACLE["resample"]["perfect_verifier_k5"]), abs=WITHIN
    )


def test_routers_frontiers_costs_and_plans() -> None:
    curve = stats.routing([0, 0.25, 0.5, 0.75, 1], [0.50, 0.65, 0.72, 0.77, 0.80], weak=0.50, strong=0.80)
    coin = stats.routing([0, 1], [0.5, 0.8], weak=0.5, strong=0.8, recover=0.5)
    points = {
        "local": (0.0, 0.40),
        "sc5": (0.0, 0.52),
        "cascade": (0.004, 0.70),
        "planner": (0.006, 0.66),
        "cloud": (0.020, 0.80),
        "cloud+sc5": (0.100, 0.80),
    }

    assert (curve.apgr, curve.cpt) == pytest.approx((ORACLE["apgr"]["apgr"], ORACLE["apgr"]["cpt80"]), abs=WITHIN)
    assert (coin.apgr, coin.cpt) == pytest.approx(tuple(ORACLE["apgr"]["random_router"]), abs=WITHIN)
    assert list(stats.pareto(points)) == ORACLE["pareto"]
    assert stats.cost_of_pass(0.002, 0.40) == pytest.approx(ORACLE["cost_of_pass"]["local"], abs=WITHIN)
    assert stats.cost_of_pass(0.020, 0.80) == pytest.approx(ORACLE["cost_of_pass"]["cloud"], abs=WITHIN)
    for name, expected in ORACLE["items_needed"].items():
        variance, gap, half = (float(part.lstrip("varghp_")) for part in name.split("_"))
        assert stats.samples_needed(variance=variance, gap=gap, half_width=half) == expected


def test_signs_and_macro_averages() -> None:
    def theta(scaffold: float, local: float, cloud: float) -> float | None:
        return stats.gap_closed([scaffold] * 4, [local] * 4, [cloud] * 4, list(range(4))).theta

    assert theta(0.90, 0.40, 0.80) == pytest.approx(ORACLE["signs"]["over_100"], abs=WITHIN)
    assert theta(0.35, 0.40, 0.80) == pytest.approx(ORACLE["signs"]["negative"], abs=WITHIN)
    assert theta(0.50, 0.40, 0.38) == pytest.approx(ORACLE["signs"]["cloud_worse_than_local"], abs=WITHIN)
    two_benchmarks = stats.gap_closed([0.60, 0.72], [0.40, 0.70], [0.80, 0.71], [0, 1])
    assert two_benchmarks.theta == pytest.approx(ORACLE["macro"]["ratio_of_means"], abs=WITHIN)
