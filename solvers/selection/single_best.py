"""The solver with the lowest mean loss over the whole family: the baseline that a selector must beat.

Means of few outcomes are shrunk towards the pooled mean: ``(sum_i + k0 * mean) / (n_i + k0)`` with ``k0 = 2``, as in
the "single best solver" of algorithm selection (Kotthoff, AI Magazine 2014), made safe for small ``n``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from .choices import certain, eligible
from .policy import Candidate, Choice
from .standings import Standings

PRIOR_WEIGHT = 2.0


def shrunk_losses(standings: Standings, candidates: Sequence[Candidate]) -> dict[str, float]:
    """Shrunk mean loss of each candidate that has at least one outcome."""
    records = {candidate.solver: standings.record(candidate.solver) for candidate in candidates}
    tried = {solver: record for solver, record in records.items() if record.outcomes}
    outcomes = sum(record.outcomes for record in tried.values())
    pooled = math.fsum(record.loss_sum for record in tried.values()) / outcomes if outcomes else 0.0
    return {
        solver: (record.loss_sum + PRIOR_WEIGHT * pooled) / (record.outcomes + PRIOR_WEIGHT)
        for solver, record in tried.items()
    }


@dataclass(frozen=True, slots=True)
class SingleBest:
    """Each untried solver once, in catalogue order; then always the lowest shrunk mean loss (ties: catalogue order).

    A search that started from a known result counts as tried, though it has no rated loss.

    The score is ``1 - loss``, so that more is better, as for every policy.
    """

    uses_features: ClassVar[bool] = False
    name: str = "single_best"
    version: str = "3"

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        able = eligible(candidates)
        losses = shrunk_losses(standings, able)
        scores = {solver: 1.0 - loss for solver, loss in losses.items()}
        for candidate in able:
            if candidate.solver not in losses and not standings.record(candidate.solver).seeded:
                reason = f"{candidate.solver} has no outcome yet, and untried solvers go first in catalogue order"
                return certain(candidate, candidates, scores, reason)
        rated = [candidate for candidate in able if candidate.solver in losses]
        if not rated:
            reason = f"{able[0].solver} is the first in catalogue order, and no solver has a rated outcome yet"
            return certain(able[0], candidates, scores, reason)
        pick = min(rated, key=lambda candidate: losses[candidate.solver])
        reason = f"{pick.solver} has the lowest mean loss of the family: {losses[pick.solver]:.4g} (shrunk)"
        return certain(pick, candidates, scores, reason)
