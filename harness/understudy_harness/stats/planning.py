"""How many samples and epochs a question needs, before they are paid for."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import mean
from statistics import variance as sample_variance

from understudy_harness.stats.intervals import normal_quantile

BETWEEN_VARIANCE = 0.08  # of u - theta v per sample, with endless epochs
WITHIN_VARIANCE = 0.18  # of one epoch; both fit simulations where one epoch gives .25 to .28 and five .10 to .12


@dataclass(frozen=True, kw_only=True)
class SamplesNeeded:
    """Samples for one number of epochs."""

    epochs: int
    samples: int

    @property
    def rows(self) -> int:
        """Rows per arm."""
        return self.epochs * self.samples


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one half-width costs, for several numbers of epochs."""

    half_width: float
    gap: float
    needs: tuple[SamplesNeeded, ...]


def samples_needed(*, variance: float, gap: float, half_width: float, level: float = 0.95) -> int:
    """Samples until the interval of the recovered share is about plus or minus `half_width`.

    Args:
        variance: Of u - theta v per sample, with u the lift and v the gap on that sample.
        gap: The expected gap, as a share (0.4 = 40 points).
        half_width: Of the recovered share (0.1 = 10 % of the gap).
        level: Of the interval.
    """
    _positive(variance=variance, gap=gap, half_width=half_width)
    return ceil(normal_quantile(0.5 + level / 2) ** 2 * variance / (gap * half_width) ** 2)


def half_width(*, variance: float, gap: float, samples: int, level: float = 0.95) -> float:
    """The half-width of the recovered share that `samples` buy: the inverse of `samples_needed`."""
    _positive(variance=variance, gap=gap, samples=samples)
    return normal_quantile(0.5 + level / 2) * sqrt(variance / samples) / gap


def samples_for_lift(*, paired_sd: float, lift: float, level: float = 0.95, power: float = 0.8) -> int:
    """Samples that show a lift of this size with this power (arXiv 2411.00640)."""
    _positive(paired_sd=paired_sd, lift=lift)
    z = normal_quantile(0.5 + level / 2) + normal_quantile(power)
    return ceil((z * paired_sd / lift) ** 2)


def plan(
    *,
    gap: float,
    half_width: float,
    between: float = BETWEEN_VARIANCE,
    within: float = WITHIN_VARIANCE,
    epochs: Sequence[int] = (1, 2, 3, 5, 10),
    design_effect: float = 1.0,
    level: float = 0.95,
) -> Plan:
    """Weigh samples against epochs.

    Args:
        gap: The expected gap, as a share.
        half_width: Of the recovered share.
        between: Variance of u - theta v between samples, which epochs do not lower.
        within: Variance of one epoch, which epochs divide.
        epochs: The numbers of epochs to price.
        design_effect: How many dependent samples are worth one independent one: 1 + (cluster size - 1) * correlation.
        level: Of the interval.
    """
    _positive(design_effect=design_effect)
    needs = [
        SamplesNeeded(
            epochs=count,
            samples=samples_needed(
                variance=(between + within / count) * design_effect, gap=gap, half_width=half_width, level=level
            ),
        )
        for count in epochs
    ]
    return Plan(half_width=half_width, gap=gap, needs=tuple(needs))


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, got {value!r}")


@dataclass(frozen=True, kw_only=True)
class Variances:
    """Of u - theta v, split into what epochs divide and what they do not."""

    between: float
    within: float


def variances(
    scaffold: Sequence[Sequence[float]], local: Sequence[Sequence[float]], cloud: Sequence[Sequence[float]]
) -> Variances:
    """Estimate the variances of planning from a pilot: scores by sample and epoch, at least two epochs each.

    With w = u - theta v = S - (1 - theta) L - theta C, the variance inside a sample is that of its epochs, and what the
    means of samples vary beyond it lies between samples.

    Raises:
        ValueError: There are fewer than two samples, or a sample has fewer than two epochs.
    """
    if len(scaffold) < 2 or min(len(row) for arm in (scaffold, local, cloud) for row in arm) < 2:
        raise ValueError("a pilot needs at least two samples and two epochs of each")
    means = [[mean(row) for row in arm] for arm in (scaffold, local, cloud)]
    lift, gap = mean(means[0]) - mean(means[1]), mean(means[2]) - mean(means[1])
    theta = lift / gap if gap else 0.0
    weights = (1.0, -(1 - theta), -theta)
    arms = list(zip(weights, (scaffold, local, cloud), strict=True))
    within = mean(sum(w * w * sample_variance(arm[i]) for w, arm in arms) for i in range(len(scaffold)))
    noise = mean(sum(w * w * sample_variance(arm[i]) / len(arm[i]) for w, arm in arms) for i in range(len(scaffold)))
    weighted = [sum(w * row[i] for w, row in zip(weights, means, strict=True)) for i in range(len(scaffold))]
    return Variances(between=max(sample_variance(weighted) - noise, 0.0), within=within)
