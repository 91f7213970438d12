"""What must hold for any data, not only for worked examples."""

from math import isclose, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from understudy_harness import stats
from understudy_harness.stats.intervals import binomial_p_value, t_quantile

SHARES = st.floats(0, 1).map(lambda value: round(value, 3))
TABLES = st.integers(6, 40).flatmap(
    lambda n: st.tuples(
        *[st.lists(SHARES, min_size=n, max_size=n) for _ in range(3)],
        st.lists(st.integers(0, 5), min_size=n, max_size=n).filter(lambda labels: len(set(labels)) > 1),
    )
)


@given(TABLES)
def test_the_ends_of_a_fieller_interval_are_where_the_paired_test_meets_its_critical_value(
    table: tuple[list[float], list[float], list[float], list[int]],
) -> None:
    scaffold, local, cloud, clusters = table
    gap = stats.gap_closed(scaffold, local, cloud, clusters)
    if not isinstance(gap.fieller, stats.Interval) or gap.fieller_g > 0.99:
        return

    for theta in gap.fieller:
        weighted = (np.array(scaffold) - local) - theta * (np.array(cloud) - local)
        tested = stats.mean_score(weighted, clusters)
        assert isclose(abs(tested.value), gap.critical * tested.se, rel_tol=1e-6, abs_tol=1e-7)


@given(TABLES)
def test_the_set_is_bounded_exactly_when_the_gap_is_significant(
    table: tuple[list[float], list[float], list[float], list[int]],
) -> None:
    gap = stats.gap_closed(*table)
    significant = abs(gap.gap) > gap.critical * gap.se_gap

    assert isinstance(gap.fieller, stats.Interval) == significant


@given(TABLES)
def test_the_ratio_lies_in_its_own_interval_and_names_of_clusters_do_not_matter(
    table: tuple[list[float], list[float], list[float], list[int]],
) -> None:
    scaffold, local, cloud, clusters = table
    gap = stats.gap_closed(scaffold, local, cloud, clusters)

    if isinstance(gap.fieller, stats.Interval) and gap.theta is not None:
        assert gap.fieller.low - 1e-9 <= gap.theta <= gap.fieller.high + 1e-9
    renamed = stats.gap_closed(scaffold, local, cloud, [f"cluster {9 - label}" for label in clusters])
    assert renamed.se_lift == pytest.approx(gap.se_lift)


def test_one_sample_per_cluster_is_the_usual_standard_error() -> None:
    values = [0.0, 1.0, 1.0, 0.5, 0.25, 1.0]

    found = stats.mean_score(values, range(6))

    assert found.se == pytest.approx(np.std(values, ddof=1) / sqrt(6))
    assert found.p == pytest.approx(reference.ttest_1samp(values, 0).pvalue)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial_test(gained: int, lost: int) -> None:
    expected = reference.binomtest(min(gained, lost), gained + lost, 0.5).pvalue if gained + lost else 1.0

    assert stats.mcnemar(gained, lost) == pytest.approx(expected, abs=1e-12)
    if gained + lost:
        assert binomial_p_value(gained, gained + lost) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = stats.holm(p_values)

    assert all(after >= min(1.0, before) for before, after in zip(p_values, adjusted, strict=True))
    ranked = [after for _, after in sorted(zip(p_values, adjusted, strict=True))]
    assert ranked == sorted(ranked)


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_counts_subsets(case: tuple[int, int, int]) -> None:
    n, correct, k = case

    assert stats.pass_at_k(n=n, correct=correct, k=k) == pytest.approx(
        1 - reference.hypergeom.pmf(0, n, correct, k), abs=1e-9
    )
    assert stats.pass_hat_k(n=n, correct=correct, k=k) == pytest.approx(
        reference.hypergeom.pmf(k, n, correct, k), abs=1e-9
    )


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.tuples(SHARES, SHARES), min_size=1))
def test_nothing_on_the_frontier_is_beaten_and_everything_off_it_is(points: dict[str, tuple[float, float]]) -> None:
    kept = stats.pareto(points)

    for name, (cost, score) in points.items():
        beaten = any(
            other != name and c <= cost and s >= score and (c, s) != (cost, score) for other, (c, s) in points.items()
        )
        assert (name in kept) != beaten


@given(st.integers(1, 200))
def test_the_t_quantile_is_the_known_one(df: int) -> None:
    assert t_quantile(0.95, df) == pytest.approx(float(reference.t.ppf(0.975, df)), rel=1e-9)


def test_the_minimum_rule_speaks_in_words() -> None:
    few = stats.gap_closed([1.0] * 9 + [0.0], [0.0] * 10, [1.0] * 10, [0, 1] * 5)
    rng = np.random.default_rng(7)
    local = (rng.random(400) < 0.5).astype(float)
    cloud = np.maximum(local, (rng.random(400) < 0.02).astype(float))
    small = stats.gap_closed(cloud, local, cloud, range(400))
    worse = stats.gap_closed(cloud, local, np.zeros(400), range(400))

    assert stats.refusals(few) == ("10 samples are fewer than 100", "2 clusters are fewer than 20")
    assert "points is under 5.0 points" in stats.refusals(small)[0]
    assert stats.refusals(worse) == ("there is no gap to close: the large model does not score above the small one",)


def test_a_clear_gap_may_be_divided_by() -> None:
    local, cloud = [0.0] * 200, [1.0] * 150 + [0.0] * 50

    assert stats.refusals(stats.gap_closed(cloud, local, cloud, range(200))) == ()


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        pytest.param(lambda: stats.mean_score([1.0, 0.0], ["a", "a"]), "1 cluster", id="one cluster"),
        pytest.param(lambda: stats.mean_score([1.0, 0.0], ["a"]), "one label per sample", id="labels missing"),
        pytest.param(lambda: stats.wilson(0, 0), "0 trials", id="no trials"),
        pytest.param(lambda: stats.pass_at_k(n=2, correct=1, k=3), "k=3", id="k above n"),
        pytest.param(lambda: stats.pass_hat_k(n=2, correct=3, k=1), "3 right out of 2", id="more right than epochs"),
        pytest.param(lambda: stats.non_inferiority([1], [1], [0], margin=0), "margin", id="no margin"),
        pytest.param(lambda: stats.samples_needed(variance=1, gap=0, half_width=1), "gap", id="no gap to plan for"),
        pytest.param(lambda: stats.routing([0, 0], [1, 1], weak=0, strong=1), "ascend", id="shares stand still"),
        pytest.param(lambda: stats.routing([0], [1], weak=0, strong=1), "no curve", id="one point"),
        pytest.param(lambda: stats.routing([0, 1], [1, 1], weak=1, strong=1), "no gap", id="equal models"),
        pytest.param(
            lambda: stats.exact_cluster_bootstrap(range(7), range(7), range(7), range(7)), "7 clusters", id="too many"
        ),
    ],
)
def test_what_cannot_be_computed_is_refused_with_the_value(wrong: object, match: str) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match=match):
        wrong()


def test_non_inferiority_needs_the_whole_interval_inside_the_margin() -> None:
    reference_scores = np.array([1.0] * 300 + [0.0] * 100)
    near = reference_scores.copy()
    near[:2] = 0.0
    far = reference_scores.copy()
    far[:30] = 0.0

    assert stats.non_inferiority(near, reference_scores, range(400)).shown
    assert not stats.non_inferiority(far, reference_scores, range(400)).shown


def test_the_frontier_is_significant_only_where_the_paired_advantage_is() -> None:
    cheap = np.array([1.0] * 100 + [0.0] * 100)
    slightly = cheap.copy()
    slightly[100] = 1.0
    dear = np.array([1.0] * 180 + [0.0] * 20)
    scores = {"cheap": cheap, "slightly": slightly, "dear": dear}

    points = stats.significant_frontier({"cheap": 0.1, "slightly": 0.2, "dear": 0.3}, scores, range(200))

    assert [(point.name, point.significant) for point in points] == [
        ("cheap", True),
        ("slightly", False),
        ("dear", True),
    ]


def test_a_budget_buys_the_arm_that_was_best_on_dev_and_pays_with_its_test_score() -> None:
    dev = {"small": (1.0, 0.5), "lucky": (2.0, 0.9), "large": (9.0, 0.8)}
    test = {"small": (1.0, 0.5), "lucky": (2.0, 0.4), "large": (9.0, 0.8)}

    curve = stats.best_within_budget(dev, test, [0.5, 1.0, 2.0, 10.0])

    assert [(point.budget, point.name, point.score) for point in curve] == [
        (1.0, "small", 0.5),
        (2.0, "lucky", 0.4),
        (10.0, "lucky", 0.4),
    ]


def test_accept_precision_compares_verdict_and_grade() -> None:
    found = stats.accept_precision([True, True, True, False], [1.0, 0.0, 1.0, 1.0])

    assert (found.accepted, found.right) == (3, 2.0)
    assert found.share == pytest.approx(2 / 3)
    assert stats.accept_precision([False], [1.0]).share is None


def test_epochs_buy_less_than_samples_once_samples_differ() -> None:
    planned = stats.plan(gap=0.4, half_width=0.1)

    assert [need.samples for need in planned.needs] == sorted((need.samples for need in planned.needs), reverse=True)
    assert planned.needs[0].rows < planned.needs[-1].rows
    variance = stats.planning.BETWEEN_VARIANCE + stats.planning.WITHIN_VARIANCE
    assert stats.half_width(variance=variance, gap=0.4, samples=planned.needs[0].samples) == pytest.approx(
        0.1, abs=1e-3
    )
    assert stats.samples_for_lift(paired_sd=0.5, lift=0.05) == 785
    assert stats.samples_for_lift(paired_sd=0.5, lift=0.10) == 197


def test_a_coin_flip_gains_nothing_over_the_chord() -> None:
    score = stats.chord(0.3, weak=0.4, strong=0.8)

    assert score == pytest.approx(0.52)
    assert stats.gain_over_chord(score, 0.3, weak=0.4, strong=0.8) == pytest.approx(0.0)
