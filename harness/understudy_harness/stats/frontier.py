"""Score against cost: what is dominated, what is on the frontier for sure, and what a budget buys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from understudy_harness.stats.differences import Difference, Labels, difference, mean_score


@dataclass(frozen=True, kw_only=True)
class FrontierPoint:
    """An undominated arm and its advantage over the next cheaper undominated one."""

    name: str
    cost: float
    score: float
    advantage: Difference | None
    """None for the cheapest."""

    @property
    def significant(self) -> bool:
        """The cheapest, or better than the next cheaper one with an interval above 0."""
        return self.advantage is None or self.advantage.interval.low > 0


@dataclass(frozen=True, kw_only=True)
class BudgetPoint:
    """The best arm that a budget per sample buys, chosen on one set of samples and scored on another."""

    budget: float
    name: str
    score: float


def cost_of_pass(cost: float, score: float) -> float | None:
    """Mean cost per sample divided by the share solved (arXiv 2504.13359); None when nothing was solved."""
    return cost / score if score > 0 else None


def pareto(points: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    """Names of the (cost, score) points that no other point beats, cheapest first."""
    kept = [name for name, point in points.items() if not any(_beats(other, point) for other in points.values())]
    return tuple(sorted(kept, key=lambda name: points[name]))


def significant_frontier(
    costs: Mapping[str, float], scores: Mapping[str, ArrayLike], clusters: Labels, *, level: float = 0.95
) -> tuple[FrontierPoint, ...]:
    """Walk the undominated arms from cheap to dear and test each against the one before, paired."""
    means = {name: mean_score(values, clusters, level=level).value for name, values in scores.items()}
    found: list[FrontierPoint] = []
    for name in pareto({name: (costs[name], means[name]) for name in scores}):
        before = found[-1].name if found else None
        ahead = None if before is None else difference(scores[name], scores[before], clusters, level=level)
        found.append(FrontierPoint(name=name, cost=costs[name], score=means[name], advantage=ahead))
    return tuple(found)


def best_within_budget(
    dev: Mapping[str, tuple[float, float]], test: Mapping[str, tuple[float, float]], budgets: Sequence[float]
) -> tuple[BudgetPoint, ...]:
    """For each budget per sample, choose the best arm on dev and report its score on test.

    Args:
        dev: Arm -> (mean cost, mean score) on the samples that choose.
        test: The same on the samples that count.
        budgets: In the unit of the costs. Budgets that buy nothing are left out.
    """
    curve = []
    for budget in budgets:
        affordable = {name: score for name, (cost, score) in dev.items() if cost <= budget and name in test}
        if affordable:
            name = max(affordable, key=lambda arm: (affordable[arm], -dev[arm][0]))
            curve.append(BudgetPoint(budget=budget, name=name, score=test[name][1]))
    return tuple(curve)


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[0] and one[1] >= other[1] and one != other
