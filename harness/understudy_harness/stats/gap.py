"""The performance gap recovered: a ratio of paired means, its Fieller set, and when not to print it.

theta = (S - L) / (C - L). The ratio has a noisy denominator, so its confidence set need not be an interval: it is one
exactly when the gap itself is significant. Fieller's set says so; the delta method and the bootstrap do not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from understudy_harness.stats.differences import Labels, cluster_covariance, encode, in_standard_errors
from understudy_harness.stats.intervals import Interval, around, t_quantile

LEAST_Z = 3.0  # below, the gap is too uncertain to divide by
LEAST_GAP = 0.05  # five points: below, theta explodes with every flipped sample
LEAST_CLUSTERS = 20
LEAST_SAMPLES = 100
MOST_BOOTSTRAP_CLUSTERS = 6  # 6**6 = 46,656 resamples; 7 clusters would take 823,543


class Complement(NamedTuple):
    """Everything up to one number and everything from another: the gap is not significant, the lift is."""

    upto: float
    start: float


class Line(NamedTuple):
    """Every number: the data say nothing about the ratio."""


FiellerSet = Interval | Complement | Line


@dataclass(frozen=True, kw_only=True)
class Gap:
    """All that is known about one gap and how much of it closed."""

    n: int
    clusters: int
    critical: float
    """Two-sided critical value of t with clusters - 1 degrees of freedom."""
    lift: float
    se_lift: float
    gap: float
    se_gap: float
    covariance: float
    """Of lift and gap."""
    theta: float | None
    """Lift divided by gap; None when the gap is exactly 0."""
    se_theta: float | None
    """By the delta method; for comparison only."""
    delta: Interval | None
    """By the delta method; for comparison only."""
    fieller: FiellerSet

    @property
    def z_gap(self) -> float:
        """The gap in standard errors."""
        return in_standard_errors(self.gap, self.se_gap)

    @property
    def fieller_g(self) -> float:
        """Fieller's g: below 1 exactly when the set is an interval."""
        return self.critical**2 * self.se_gap**2 / self.gap**2 if self.gap else float("inf")


def fieller(numerator: float, denominator: float, v_nn: float, v_nd: float, v_dd: float, critical: float) -> FiellerSet:
    """All ratios that the data do not refute: those theta for which |N - theta D| is within `critical` errors."""
    a = denominator**2 - critical**2 * v_dd
    b = numerator * denominator - critical**2 * v_nd
    c = numerator**2 - critical**2 * v_nn
    root = b * b - a * c
    if a > 0:
        half = sqrt(max(root, 0.0))
        return Interval((b - half) / a, (b + half) / a)
    if a < 0 and root > 0:
        half = sqrt(root)
        low, high = sorted([(b - half) / a, (b + half) / a])
        return Complement(low, high)
    return Line()


def gap_closed(
    scaffold: ArrayLike, local: ArrayLike, cloud: ArrayLike, clusters: Labels, *, level: float = 0.95
) -> Gap:
    """Compute how much of the gap between `local` and `cloud` the arm `scaffold` closes. Always computes.

    Args:
        scaffold: One mean score per sample, of the small model in the scaffold.
        local: The same of the small model alone.
        cloud: The same of the large model, alone or in the same scaffold.
        clusters: One label per sample.
        level: Of the confidence set.
    """
    bare = np.asarray(local, dtype=np.float64)
    lifts, gaps = np.asarray(scaffold, dtype=np.float64) - bare, np.asarray(cloud, dtype=np.float64) - bare
    (lift, gap), matrix, count = cluster_covariance([lifts, gaps], clusters)
    v_nn, v_nd, v_dd = float(matrix[0, 0]), float(matrix[0, 1]), float(matrix[1, 1])
    critical = t_quantile(level, count - 1)
    theta = float(lift / gap) if gap != 0 else None
    se_theta = None
    if theta is not None:
        se_theta = sqrt(max(v_nn - 2 * theta * v_nd + theta**2 * v_dd, 0.0)) / abs(float(gap))
    return Gap(
        n=len(lifts),
        clusters=count,
        critical=critical,
        lift=float(lift),
        se_lift=sqrt(max(v_nn, 0.0)),
        gap=float(gap),
        se_gap=sqrt(max(v_dd, 0.0)),
        covariance=v_nd,
        theta=theta,
        se_theta=se_theta,
        delta=around(theta, se_theta, critical) if theta is not None and se_theta is not None else None,
        fieller=fieller(float(lift), float(gap), v_nn, v_nd, v_dd, critical),
    )


def refusals(gap: Gap) -> tuple[str, ...]:
    """Why the ratio must not be printed, in words; empty when it may."""
    return tuple(_refusals(gap))


def _refusals(gap: Gap) -> Iterator[str]:
    if gap.n < LEAST_SAMPLES:
        yield f"{gap.n} samples are fewer than {LEAST_SAMPLES}"
    if gap.clusters < LEAST_CLUSTERS:
        yield f"{gap.clusters} clusters are fewer than {LEAST_CLUSTERS}"
    if gap.gap <= 0:
        yield "there is no gap to close: the large model does not score above the small one"
        return
    if gap.gap < LEAST_GAP:
        yield f"the gap of {_points(gap.gap)} is under {_points(LEAST_GAP)}, too small to divide by"
    if gap.z_gap < LEAST_Z:
        yield f"the gap is only {gap.z_gap:.1f} standard errors wide and {LEAST_Z:g} are asked for"


def in_words(found: FiellerSet) -> str:
    """Spell a confidence set for the ratio, in percent; a set that is no interval is said, not printed as numbers."""
    match found:
        case Interval(low, high):
            return f"[{100 * low:.0f}, {100 * high:.0f}] %"
        case Complement(upto, start):
            return f"not bounded: below {100 * upto:.0f} % or above {100 * start:.0f} %"
        case Line():
            return "not bounded: any share fits the data"


def exact_cluster_bootstrap(
    scaffold: ArrayLike, local: ArrayLike, cloud: ArrayLike, clusters: Labels, *, level: float = 0.95
) -> Interval:
    """Percentile interval of the ratio over every possible resample of few clusters: no random numbers, for checks.

    Raises:
        ValueError: There are more than six clusters, so there are too many resamples.
    """
    codes = encode(clusters)
    count = int(codes.max()) + 1
    if count > MOST_BOOTSTRAP_CLUSTERS:
        raise ValueError(f"{count} clusters have {count}**{count} resamples; at most {MOST_BOOTSTRAP_CLUSTERS} can be")
    bare = np.asarray(local, dtype=np.float64)
    lifts = np.bincount(codes, weights=np.asarray(scaffold, dtype=np.float64) - bare)
    gaps = np.bincount(codes, weights=np.asarray(cloud, dtype=np.float64) - bare)
    picks = np.array(list(product(range(count), repeat=count)))
    numerators, denominators = lifts[picks].sum(axis=1), gaps[picks].sum(axis=1)
    ratios = numerators[denominators > 0] / denominators[denominators > 0]
    tail = (1 - level) / 2
    return Interval(float(np.quantile(ratios, tail)), float(np.quantile(ratios, 1 - tail)))


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"
