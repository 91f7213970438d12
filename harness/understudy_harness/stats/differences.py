"""Means and paired differences with cluster-robust errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from understudy_harness.stats.intervals import Interval, around, t_p_value, t_quantile

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Labels = Sequence[Any] | NDArray[Any]


class Covariance(NamedTuple):
    """Means of the columns and the cluster-robust covariance of those means."""

    means: Floats
    matrix: Floats
    clusters: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A mean, or a mean difference, with its cluster-robust interval."""

    value: float
    se: float
    interval: Interval
    n: int
    clusters: int
    p: float
    """Two-sided p-value of the hypothesis that the true value is 0."""

    @property
    def z(self) -> float:
        """The value in standard errors."""
        return in_standard_errors(self.value, self.se)


@dataclass(frozen=True, kw_only=True)
class NonInferiority:
    """Whether an arm falls short of another by less than a margin that was stated in advance."""

    shortfall: Difference
    """Reference minus arm: positive when the arm is worse."""
    margin: float
    shown: bool
    """The upper end of the interval lies below the margin."""


def encode(clusters: Labels) -> Codes:
    """Number the clusters from 0, whatever their labels are."""
    return np.unique(np.asarray(clusters), return_inverse=True)[1].reshape(-1)


def cluster_covariance(columns: Sequence[ArrayLike], clusters: Labels) -> Covariance:
    """Estimate the covariance of the column means, robust to any dependence inside clusters.

    V = G/(G-1) * sum over clusters of s s' / n^2, where s sums a cluster's residuals. With one sample per cluster it is
    exactly the sample covariance divided by n.

    Raises:
        ValueError: There are fewer than two clusters, so nothing varies between them.
    """
    values = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
    codes = encode(clusters)
    if len(codes) != len(values):
        raise ValueError(f"{len(values)} samples have {len(codes)} cluster labels; give one label per sample")
    count = int(codes.max()) + 1 if len(codes) else 0
    if count < 2:
        raise ValueError(f"{count} cluster(s) cannot show how much clusters vary; give samples from at least 2")
    means = values.mean(axis=0)
    residuals = values - means
    sums = np.column_stack([np.bincount(codes, weights=column, minlength=count) for column in residuals.T])
    return Covariance(means, count / (count - 1) * (sums.T @ sums) / len(values) ** 2, count)


def mean_score(scores: ArrayLike, clusters: Labels, *, level: float = 0.95) -> Difference:
    """The mean of one arm with its interval, t(G-1)."""
    covariance = cluster_covariance([scores], clusters)
    n = int(np.asarray(scores).size)
    value, se = float(covariance.means[0]), sqrt(max(float(covariance.matrix[0, 0]), 0.0))
    degrees = covariance.clusters - 1
    return Difference(
        value=value,
        se=se,
        interval=around(value, se, t_quantile(level, degrees)),
        n=n,
        clusters=covariance.clusters,
        p=t_p_value(in_standard_errors(value, se), degrees),
    )


def difference(a: ArrayLike, b: ArrayLike, clusters: Labels, *, level: float = 0.95) -> Difference:
    """The paired mean difference a - b with its interval, t(G-1)."""
    return mean_score(_floats(a) - _floats(b), clusters, level=level)


def difference_in_differences(
    scaffold: ArrayLike,
    local: ArrayLike,
    cloud_scaffold: ArrayLike,
    cloud: ArrayLike,
    clusters: Labels,
    *,
    level: float = 0.95,
) -> Difference:
    """(S - L) - (CS - C): does the scaffold help the small model more than the large one?"""
    lifts = _floats(scaffold) - _floats(local)
    return difference(lifts, _floats(cloud_scaffold) - _floats(cloud), clusters, level=level)


def non_inferiority(
    arm: ArrayLike, reference: ArrayLike, clusters: Labels, *, margin: float = 0.03, level: float = 0.95
) -> NonInferiority:
    """Say whether `arm` is shown to fall short of `reference` by less than `margin` (0.03 = 3 points).

    Raises:
        ValueError: The margin is not positive.
    """
    if not margin > 0:
        raise ValueError(f"a margin of {margin!r} leaves nothing to be shown; give a positive one, such as 0.03")
    shortfall = difference(reference, arm, clusters, level=level)
    return NonInferiority(shortfall=shortfall, margin=margin, shown=shortfall.interval.high < margin)


def in_standard_errors(value: float, se: float) -> float:
    """Divide a value by its standard error; a value that never varies is infinitely far from 0, or 0."""
    if se > 0:
        return value / se
    return 0.0 if value == 0 else inf * (1 if value > 0 else -1)


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)
