"""Simulate how often the 95 % intervals hold the truth, in six designs that know their clusters.

A sample has a latent difficulty that the arms share, partly by cluster; an arm solves it when its skill, its own taste
for the cluster and chance together exceed that (probit). Skills are set in closed form, so that the true ratio is 0.5.

Run: python tests/harness/stats/interval_coverage.py [REPLICATES]
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from understudy_harness import stats

BAND = (0.935, 0.965)
REPLICATES = 4000


@dataclass(frozen=True, kw_only=True)
class Design:
    """One way in which samples, clusters and arms vary."""

    name: str
    clusters: int
    per_cluster: int
    gap: float
    """Expected points between C and L, as a share."""
    shared: float = 0.0
    """Variance of difficulty between clusters."""
    own: float = 0.7
    """Variance of difficulty between samples."""
    taste: float = 0.2
    """Variance of an arm's taste for a cluster: the scaffold's effect differs by family."""
    runs: int = 1


DESIGNS = (
    Design(name="200 samples, gap 40", clusters=200, per_cluster=1, gap=0.40),
    Design(name="200 samples, gap 10", clusters=200, per_cluster=1, gap=0.10),
    Design(name="200 samples, gap 3", clusters=200, per_cluster=1, gap=0.03),
    Design(name="8 clusters of 25, gap 40", clusters=8, per_cluster=25, gap=0.40, shared=0.25, own=0.45),
    Design(
        name="12 families of 20, effect differs", clusters=12, per_cluster=20, gap=0.40, shared=0.3, own=0.4, taste=0.3
    ),
    Design(name="13 ideas of 2, 50 runs", clusters=13, per_cluster=2, gap=0.40, shared=0.5, own=0.4, runs=50),
)


def skills(design: Design) -> tuple[float, float, float]:
    """Skills of L, S and C such that L solves 40 %, C the gap more, and S half of the gap more."""
    spread = sqrt(1 + design.shared + design.own + design.taste)

    def solve(share: float) -> float:
        return float(special.ndtri(share)) * spread

    return solve(0.40), solve(0.40 + design.gap / 2), solve(0.40 + design.gap)


def draw(
    design: Design, rng: np.random.Generator, count: int
) -> Iterator[tuple[list[NDArray[np.float64]], NDArray[np.intp]]]:
    """Draw the scores of L, S and C, `count` times."""
    labels = np.repeat(np.arange(design.clusters), design.per_cluster)
    skill = skills(design)
    n = len(labels)
    for _ in range(count):
        hard = rng.normal(0, sqrt(design.shared), design.clusters)[labels] + rng.normal(0, sqrt(design.own), n)
        scores = []
        for arm in skill:
            liking = arm - hard + rng.normal(0, sqrt(design.taste), design.clusters)[labels]
            scores.append(rng.binomial(design.runs, special.ndtr(liking)) / design.runs)
        yield scores, labels


def coverage(design: Design, replicates: int, seed: int = 20261122) -> dict[str, float]:
    """Share of replicates whose interval holds the truth, for the ratio and for the lift."""
    rng, held, lift_held = np.random.default_rng(seed), 0, 0
    for (local, scaffold, cloud), labels in draw(design, rng, replicates):
        gap = stats.gap_closed(scaffold, local, cloud, labels)
        held += holds(gap.fieller, 0.5)
        lift_held += stats.difference(scaffold, local, labels).interval.holds(design.gap / 2)
    return {"ratio": held / replicates, "lift": lift_held / replicates}


def holds(found: stats.FiellerSet, truth: float) -> bool:
    """Whether a confidence set holds a number."""
    match found:
        case stats.Interval():
            return found.holds(truth)
        case stats.Complement(upto, start):
            return truth <= upto or truth >= start
        case _:
            return True


def main() -> None:
    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else REPLICATES
    inside = True
    for design in DESIGNS:
        found = coverage(design, replicates)
        inside = inside and BAND[0] <= found["ratio"] <= BAND[1]
        sys.stdout.write(f"{design.name:36} ratio {found['ratio']:.4f}  lift {found['lift']:.4f}\n")
    sys.stdout.write(f"{replicates} replicates; all ratios within {BAND}: {inside}\n")


if __name__ == "__main__":
    main()
