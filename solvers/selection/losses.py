"""What each solver is expected to lose on an instance, and how sure that is, from losses in [0, 1].

A solver's mean loss in the instance's cluster is shrunk towards its mean over the family, and that towards the mean of all:

    m_f = (sum_f + 2 m) / (n_f + 2),    m_c = (sum_c + 10 m_f) / (n_c + 10)                                        (1)

so that a cluster speaks for itself once it has more than ten outcomes. The standard error counts an outcome in the cluster
whole and all outcomes elsewhere as ten at most:

    s^2 = v / (1 + n_c + 10 n_e / (n_e + 10)),    n_e = n_f - n_c                                                  (2)

with v the variance of losses within solvers, pooled over the family. These are the estimates of normal means under a
hierarchical prior (Gelman et al., Bayesian Data Analysis, 3rd edition, chapter 5), with the weights given instead of learned.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .policy import Candidate
from .standings import Standings

FAMILY_WEIGHT = 2.0
CLUSTER_WEIGHT = 10.0
PRIOR_LOSS = 0.5
PRIOR_VARIANCE = 1 / 12
"""Of a loss that may be anything in [0, 1]; it counts as two outcomes."""


class Expected(NamedTuple):
    """An expected loss, its standard error, and the outcomes in the cluster and in the family that speak for it."""

    loss: float
    error: float
    in_cluster: int
    outcomes: int


def scores_of(expected: Mapping[str, Expected]) -> dict[str, float]:
    """``1 - loss`` by solver, so that more is better, as for every policy."""
    return {solver: 1 - one.loss for solver, one in expected.items()}


def expected_losses(standings: Standings, candidates: Sequence[Candidate]) -> dict[str, Expected]:
    """Every candidate's, by (1) and (2); one without an outcome is expected to lose what the others do on average."""
    records = {candidate.solver: standings.record(candidate.solver) for candidate in candidates}
    outcomes = sum(record.outcomes for record in records.values())
    total = math.fsum(record.loss_sum for record in records.values())
    mean = total / outcomes if outcomes else PRIOR_LOSS
    within = [
        max(0.0, record.loss_squares - record.loss_sum * record.loss_sum / record.outcomes)
        for record in records.values()
        if record.outcomes
    ]
    variance = (math.fsum(within) + 2 * PRIOR_VARIANCE) / (outcomes - len(within) + 2)
    found = {}
    for solver, record in records.items():
        local = standings.cluster_record(solver)
        in_family = (record.loss_sum + FAMILY_WEIGHT * mean) / (record.outcomes + FAMILY_WEIGHT)
        loss = (local.loss_sum + CLUSTER_WEIGHT * in_family) / (local.outcomes + CLUSTER_WEIGHT)
        elsewhere = max(0, record.outcomes - local.outcomes)
        worth = 1 + local.outcomes + CLUSTER_WEIGHT * elsewhere / (elsewhere + CLUSTER_WEIGHT)
        found[solver] = Expected(loss, math.sqrt(variance / worth), local.outcomes, record.outcomes)
    return found
