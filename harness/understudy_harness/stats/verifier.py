"""What a visible check is worth: how often what it accepts is right, and the ceiling that sets for loops."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from understudy_harness.stats.intervals import Interval, wilson


@dataclass(frozen=True, kw_only=True)
class AcceptPrecision:
    """Among the answers that the visible check accepted, the share that the hidden grade found right."""

    accepted: int
    right: float
    """Sum of their scores."""
    share: float | None
    """None when nothing was accepted."""
    interval: Interval | None
    """Wilson's; it ignores clusters."""


class Resampled(NamedTuple):
    """Outcome of sampling until the check accepts."""

    right: float
    """Chance that the answer is right."""
    accepted: float
    """Chance that any answer was accepted."""


def accept_precision(accepted: ArrayLike, scores: ArrayLike) -> AcceptPrecision:
    """Compare the visible check's verdicts with the hidden grade, row by row."""
    chosen = np.asarray(scores, dtype=np.float64)[np.asarray(accepted, dtype=bool)]
    count, right = len(chosen), float(chosen.sum())
    if count == 0:
        return AcceptPrecision(accepted=0, right=0.0, share=None, interval=None)
    return AcceptPrecision(accepted=count, right=right, share=right / count, interval=wilson(right, count))


def resample_until_accepted(p_right: float, p_wrong_accepted: float, tries: int | None = None) -> Resampled:
    """Accuracy of sampling until acceptance on one sample, by a check that accepts every right answer.

    With p the chance of a right answer and f that of a wrong but accepted one, no number of tries passes p / (p + f)
    (arXiv 2411.17501).

    Args:
        p_right: Chance that one try is right.
        p_wrong_accepted: Chance that one try is wrong and accepted.
        tries: None is without end.
    """
    accepted = p_right + p_wrong_accepted
    if accepted <= 0:
        return Resampled(0.0, 0.0)
    reached = 1.0 if tries is None else 1 - (1 - accepted) ** tries
    return Resampled(reached * p_right / accepted, reached)
