"""What a budget per sample buys: the best arm that it affords, chosen on some clusters and scored on the others."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from understudy_harness import stats
from understudy_harness.analysis import ArmResult, BenchmarkResult
from understudy_harness.sample import in_dev

LEAST = 30  # samples on either side; fewer choose and score by chance


def curve(result: BenchmarkResult) -> tuple[stats.BudgetPoint, ...]:
    """The curve at the cost of every arm; empty where costs are unknown or there are too few samples.

    The samples are split by a hash of their cluster, another one than that of dev and test, so that every split falls
    into two: an arm is chosen where it is not scored.
    """
    priced = {arm.id: arm for arm in result.arms if arm.usd_per_sample and arm.rows and arm.kind != "control"}
    chooses = np.array([in_dev(f"budget/{cluster}") for cluster in result.clusters], dtype=bool)
    if len(priced) < 2 or min(chooses.sum(), (~chooses).sum()) < LEAST:
        return ()
    dev, test = _means(priced, chooses), _means(priced, ~chooses)
    budgets = sorted({cost for cost, _ in dev.values()})
    return stats.best_within_budget(dev, test, budgets)


def _means(arms: Mapping[str, ArmResult], chosen: NDArray[np.bool_]) -> dict[str, tuple[float, float]]:
    """Mean cost and score per sample of each arm that has rows there."""
    found = {}
    for name, arm in arms.items():
        here = chosen & (arm.epochs > 0)
        if here.any():
            found[name] = (arm.usd_per_sample or 0.0, float(arm.means[here].mean()))
    return found
