"""Each scaffold meets its closed form on simulated models whose chances are known.

p: right; f: wrong but accepted by the check. Sources: research on imperfect verifiers, Stroebl et al. 2024
(https://arxiv.org/abs/2411.17501); the rest is the multinomial distribution. Seeds are fixed, so a test that passes
passes again. The small sizes run always, 100,000 problems each with the slow tests.
"""

from collections.abc import Sequence
from itertools import product
from math import factorial, prod, sqrt

import pytest

from understudy import BestOf, Direct, Escalate, Retry, Scaffold, Vote
from understudy.testing import SIMULATED, SimulatedModel, ask, context_for, simulated_tests

SIZES = [pytest.param(2_000, id="small"), pytest.param(100_000, id="large", marks=pytest.mark.slow)]
UNCHECKED = ask("?", max_tokens=8)


async def outcomes(
    scaffold: Scaffold, problems: int, *, p: float, f: float = 0.0, wrong_texts: int = 0, checked: bool = True
) -> tuple[float, float]:
    """Share of right answers, and mean number of calls."""
    model = SimulatedModel(right=p, fooled=f, wrong_texts=wrong_texts)
    servers = {"testing": simulated_tests()}
    right = 0
    for seed in range(problems):
        context = context_for(model, servers=servers, seed=seed)
        right += (await scaffold(SIMULATED if checked else UNCHECKED, context)).text == "right"
    return right / problems, model.calls / problems


def standard_error(chance: float, problems: int) -> float:
    return sqrt(chance * (1 - chance) / problems)


def first_accepted(p: float, f: float, tries: int) -> float:
    """Chance that the first accepted one of `tries` draws is right."""
    return (1 - (1 - p - f) ** tries) * p / (p + f)


def majority(p: float, wrong: Sequence[float], n: int) -> float:
    """Chance that the right answer wins a vote of n, ties going to the answer drawn first."""
    chances = (p, *wrong)
    won = 0.0
    for counts in product(range(n + 1), repeat=len(chances)):
        if sum(counts) != n:
            continue
        weight = factorial(n) / prod(map(factorial, counts)) * prod(c**k for c, k in zip(chances, counts, strict=True))
        best = max(counts)
        if counts[0] == best:
            # Of the answers that tie, each is equally likely to have been drawn first.
            won += weight / counts.count(best)
    return won


@pytest.mark.parametrize(
    ("tries", "problems"),
    [
        pytest.param(1, 2_000, id="one try"),
        pytest.param(3, 2_000, id="three tries"),
        pytest.param(5, 2_000, id="five tries"),
        pytest.param(5, 100_000, id="five tries, large", marks=pytest.mark.slow),
    ],
)
async def test_retry_with_a_perfect_check_is_one_minus_all_failures(tries: int, problems: int) -> None:
    expected = 1 - (1 - 0.3) ** tries

    share, calls = await outcomes(Retry(tries=tries, stale=0, show="nothing"), problems, p=0.3)

    assert abs(share - expected) <= 3 * standard_error(expected, problems)
    assert calls == pytest.approx((1 - 0.7**tries) / 0.3, rel=0.05)


@pytest.mark.parametrize("problems", SIZES)
async def test_retry_with_a_check_that_can_be_fooled_stays_below_its_ceiling(problems: int) -> None:
    expected = first_accepted(0.30, 0.06, 5)
    assert expected == pytest.approx(0.744, abs=0.001)

    share, _ = await outcomes(Retry(tries=5, stale=0, show="nothing"), problems, p=0.30, f=0.06)

    assert abs(share - expected) <= 3 * standard_error(expected, problems)
    assert share < 0.30 / 0.36


@pytest.mark.parametrize("problems", SIZES)
async def test_the_best_of_n_by_verdict_meets_the_same_law_as_retry(problems: int) -> None:
    expected = first_accepted(0.30, 0.06, 3)

    share, calls = await outcomes(BestOf(n=3), problems, p=0.30, f=0.06)

    assert abs(share - expected) <= 3 * standard_error(expected, problems)
    assert calls == 3


@pytest.mark.parametrize("problems", SIZES)
@pytest.mark.parametrize(
    ("p", "wrong"),
    [pytest.param(0.5, 1, id="one wrong answer"), pytest.param(0.4, 3, id="three wrong answers")],
)
async def test_a_vote_meets_the_multinomial_majority(p: float, wrong: int, problems: int) -> None:
    expected = majority(p, [(1 - p) / wrong] * wrong, 3)

    share, calls = await outcomes(Vote(n=3), problems, p=p, wrong_texts=wrong, checked=False)

    assert abs(share - expected) <= 3 * standard_error(expected, problems)
    assert calls == 3


@pytest.mark.parametrize("problems", SIZES)
async def test_escalation_costs_one_call_and_another_for_every_refusal(problems: int) -> None:
    accepted = 0.3 + 0.06
    expected = 0.3 + (1 - accepted) * 0.3

    share, calls = await outcomes(Escalate(Direct(), Direct()), problems, p=0.30, f=0.06)

    assert abs(share - expected) <= 3 * standard_error(expected, problems)
    assert abs(calls - (1 + (1 - accepted))) <= 3 * standard_error(accepted, problems)


@pytest.mark.parametrize("problems", SIZES)
async def test_one_more_sample_without_a_check_changes_nothing(problems: int) -> None:
    share, _ = await outcomes(Direct(temperature=0.8), problems, p=0.3)

    assert abs(share - 0.3) <= 3 * standard_error(0.3, problems)
