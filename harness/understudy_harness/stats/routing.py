"""Scaffolds that call the large model for some samples: what they gain over flipping a coin."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, kw_only=True)
class Routing:
    """A router's curve in two numbers."""

    apgr: float
    """Average performance gap recovered over the share of large-model calls; a random router has 0.5."""
    cpt: float | None
    """Smallest share of large-model calls that recovers the asked part of the gap; None when none does."""


def routing(
    shares: Sequence[float], scores: Sequence[float], *, weak: float, strong: float, recover: float = 0.8
) -> Routing:
    """APGR by trapezoids and CPT by first crossing (RouteLLM, arXiv 2406.18665; theirs needs monotone scores).

    Args:
        shares: Shares of large-model calls, ascending, both ends (0 and 1) included.
        scores: The score at each share.
        weak: The small model's score.
        strong: The large model's score.
        recover: The part of the gap that CPT asks for.

    Raises:
        ValueError: The shares are not ascending, or there is no gap.
    """
    if len(shares) != len(scores) or len(shares) < 2:
        raise ValueError(f"{len(shares)} shares and {len(scores)} scores make no curve; give at least two of each")
    if any(later <= earlier for earlier, later in pairwise(shares)):
        raise ValueError("the shares of large-model calls must ascend")
    if strong == weak:
        raise ValueError("both models score the same, so there is no gap to recover")
    recovered = [(score - weak) / (strong - weak) for score in scores]
    steps = range(len(shares) - 1)
    area = sum((shares[i + 1] - shares[i]) * (recovered[i + 1] + recovered[i]) / 2 for i in steps)
    return Routing(apgr=area, cpt=_first_crossing(shares, recovered, recover))


def chord(share: float, *, weak: float, strong: float) -> float:
    """The score that a coin flip reaches which sends `share` of the samples to the large model."""
    return (1 - share) * weak + share * strong


def gain_over_chord(score: float, share: float, *, weak: float, strong: float) -> float:
    """How far a router lies above the coin flip with the same share of large-model calls."""
    return score - chord(share, weak=weak, strong=strong)


def _first_crossing(shares: Sequence[float], recovered: Sequence[float], wanted: float) -> float | None:
    for index, value in enumerate(recovered):
        if value >= wanted:
            if index == 0:
                return shares[0]
            before = recovered[index - 1]
            part = (wanted - before) / (value - before)
            return shares[index - 1] + part * (shares[index] - shares[index - 1])
    return None
