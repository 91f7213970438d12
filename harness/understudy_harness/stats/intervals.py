"""Intervals, and the quantiles they are made of.

`scipy.special` only: `scipy.stats` takes five times as long to import and adds nothing that is used here.
"""

from math import sqrt
from typing import NamedTuple

from scipy import special


class Interval(NamedTuple):
    """Both ends of an interval, in the unit of the estimate."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the distance between the ends."""
        return (self.high - self.low) / 2

    def holds(self, value: float) -> bool:
        """Say whether `value` lies inside, the ends included."""
        return self.low <= value <= self.high


def t_quantile(level: float, df: float) -> float:
    """Two-sided critical value of Student's t: `level` of the mass lies within plus or minus this."""
    return float(special.stdtrit(df, 0.5 + level / 2))


def t_p_value(t: float, df: float) -> float:
    """Two-sided p-value of a t statistic."""
    return float(2 * special.stdtr(df, -abs(t)))


def normal_quantile(probability: float) -> float:
    """The value below which `probability` of a standard normal lies."""
    return float(special.ndtri(probability))


def binomial_p_value(successes: int, trials: int) -> float:
    """Two-sided exact p-value of `successes` out of `trials` fair coin flips."""
    fewer = min(successes, trials - successes)
    if 2 * fewer == trials:
        return 1.0
    return min(1.0, float(2 * special.bdtr(fewer, trials, 0.5)))


def around(value: float, se: float, critical: float) -> Interval:
    """Put a symmetric interval around a value."""
    return Interval(value - critical * se, value + critical * se)


def wilson(successes: float, trials: float, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share: sound at 0 and 1 and for few trials, where the usual one is not.

    Raises:
        ValueError: There are no trials, so there is no share.
    """
    if trials <= 0:
        raise ValueError("a share of 0 trials has no interval; give at least one trial")
    z, share = normal_quantile(0.5 + level / 2), successes / trials
    scale = 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / scale
    half = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / scale
    return Interval(max(0.0, middle - half), min(1.0, middle + half))
