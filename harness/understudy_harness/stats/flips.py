"""Samples whose outcome changed between two runs or arms: totals hide churn, flips show it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from understudy_harness.stats.intervals import binomial_p_value


@dataclass(frozen=True, kw_only=True)
class Flips:
    """How many samples got better, got worse and stayed."""

    gained: int
    lost: int
    same: int

    @property
    def share(self) -> float:
        """Share of samples that changed, from 0 to 1."""
        total = self.gained + self.lost + self.same
        return (self.gained + self.lost) / total if total else 0.0

    @property
    def p(self) -> float:
        """McNemar's exact two-sided p-value: are gains and losses a fair coin's?"""
        return mcnemar(self.gained, self.lost)


def flips(before: ArrayLike, after: ArrayLike) -> Flips:
    """Count the samples whose score rose, fell or stayed from `before` to `after`."""
    change = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    gained, lost = int((change > 0).sum()), int((change < 0).sum())
    return Flips(gained=gained, lost=lost, same=len(change) - gained - lost)


def mcnemar(gained: int, lost: int) -> float:
    """McNemar's exact two-sided p-value. It ignores clusters: use it for single samples, not for templates."""
    return 1.0 if gained + lost == 0 else binomial_p_value(min(gained, lost), gained + lost)
