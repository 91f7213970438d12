"""Statistics of paired, clustered comparisons: points first, ratio last.

Every formula is that of `docs/harness/statistics.md`, where its source and its traps are. Scores lie in [0, 1], arrays
hold one mean score per sample (the mean over its epochs), and `clusters` holds one label per sample.
"""

from understudy_harness.stats.differences import (
    Difference,
    NonInferiority,
    cluster_covariance,
    difference,
    difference_in_differences,
    mean_score,
    non_inferiority,
)
from understudy_harness.stats.flips import Flips, flips, mcnemar
from understudy_harness.stats.frontier import (
    BudgetPoint,
    FrontierPoint,
    best_within_budget,
    cost_of_pass,
    pareto,
    significant_frontier,
)
from understudy_harness.stats.gap import (
    Complement,
    FiellerSet,
    Gap,
    Line,
    exact_cluster_bootstrap,
    fieller,
    gap_closed,
    in_words,
    refusals,
)
from understudy_harness.stats.intervals import Interval, wilson
from understudy_harness.stats.multiplicity import holm
from understudy_harness.stats.planning import Plan, SamplesNeeded, half_width, plan, samples_for_lift, samples_needed
from understudy_harness.stats.repeats import pass_at_k, pass_hat_k
from understudy_harness.stats.routing import Routing, chord, gain_over_chord, routing
from understudy_harness.stats.verifier import AcceptPrecision, accept_precision, resample_until_accepted

__all__ = [
    "AcceptPrecision",
    "BudgetPoint",
    "Complement",
    "Difference",
    "FiellerSet",
    "Flips",
    "FrontierPoint",
    "Gap",
    "Interval",
    "Line",
    "NonInferiority",
    "Plan",
    "Routing",
    "SamplesNeeded",
    "accept_precision",
    "best_within_budget",
    "chord",
    "cluster_covariance",
    "cost_of_pass",
    "difference",
    "difference_in_differences",
    "exact_cluster_bootstrap",
    "fieller",
    "flips",
    "gain_over_chord",
    "gap_closed",
    "half_width",
    "holm",
    "in_words",
    "mcnemar",
    "mean_score",
    "non_inferiority",
    "pareto",
    "pass_at_k",
    "pass_hat_k",
    "plan",
    "refusals",
    "resample_until_accepted",
    "routing",
    "samples_for_lift",
    "samples_needed",
    "significant_frontier",
    "wilson",
]
