"""Elo as the value of an arm, UCB1 as the bonus, per instance cluster.

Ratings: Elo, "The Rating of Chessplayers" (1978). Bonus: Auer, Cesa-Bianchi and Fischer, "Finite-time Analysis of the
Multiarmed Bandit Problem" (Machine Learning 47, 2002), UCB1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .choices import certain, eligible
from .policy import Candidate, Choice
from .standings import Record, Standings

GLOBAL_WEIGHT = 0.5
EXPLORATION = 1.4
LEAST_TRIALS = 0.5
LEAST_TOTAL = 2
PRIOR_TRIALS = 10
"""Trials after which a prior has lost half of its weight."""


def trials(standings: Standings) -> int:
    """Of all solvers in the cluster, as the bonus counts them."""
    return max(sum(record.trials for record in standings.in_cluster.values()), LEAST_TOTAL)


@dataclass(frozen=True, slots=True)
class EloUCB:
    """``0.5 * global Elo + 0.5 * cluster Elo + 1.4 * sqrt(ln N / n)``, with ``n`` of ``N`` trials in the cluster.

    A trial is an outcome (a checked result, a failure or a timeout) or an unrated search from a known result. Solvers that
    the whole family has not tried go first, in catalogue order, and have no score. One that only this cluster has not tried is scored with ``n = 0.5``
    (and ``N`` is at least 2), so that a refit of the clusters does not send every solver round again.
    Where a family's solvers have priors nobody goes first: a prior is added to the score, and fades with the solver's ``n``
    trials as ``10 / (10 + n)``. Equal scores: catalogue order.
    """

    exploration: float = EXPLORATION
    name: str = "elo_ucb_strict"
    version: str = "3"

    def bonus(self, local: Record, total: int) -> float:
        """The last term of the formula, from the record in the cluster and the trials of all solvers there."""
        return self.exploration * math.sqrt(math.log(total) / max(local.trials, LEAST_TRIALS))

    def score(self, standings: Standings, solver: str, prior: float = 0.0, total: int | None = None) -> float:
        """The formula above for one solver; ``total`` is :func:`trials`, for who has it already."""
        total = trials(standings) if total is None else total
        local = standings.cluster_record(solver)
        value = GLOBAL_WEIGHT * standings.record(solver).rating + (1.0 - GLOBAL_WEIGHT) * local.rating
        value += prior * PRIOR_TRIALS / (PRIOR_TRIALS + standings.record(solver).trials)
        return value + self.bonus(local, total)

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        able = eligible(candidates)
        expected = any(candidate.prior is not None for candidate in candidates)
        total = trials(standings)
        scores = {
            candidate.solver: self.score(standings, candidate.solver, candidate.prior or 0.0, total)
            for candidate in able
            if expected or standings.record(candidate.solver).trials
        }
        for candidate in able:
            if candidate.solver not in scores:
                reason = f"{candidate.solver} has never been tried on {standings.family}, and untried solvers go first"
                return certain(candidate, candidates, scores, reason)
        pick = max(able, key=lambda candidate: scores[candidate.solver])
        rating = standings.record(pick.solver).rating
        local = standings.cluster_record(pick.solver)
        reason = (
            f"{pick.solver} has the highest score, {scores[pick.solver]:.1f}: Elo {rating:.0f} overall, "
            f"{local.rating:.0f} in cluster {standings.cluster} with {local.trials} trials there"
        )
        if pick.prior:
            reason += f", and its author expects {pick.prior:+.0f}"
        return certain(pick, candidates, scores, reason)
