"""Optimism in the face of uncertainty: UCB1 on losses (Auer, Cesa-Bianchi and Fischer, Machine Learning 47, 2002)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .choices import certain, eligible
from .losses import expected_losses
from .policy import Candidate, Choice
from .standings import Standings

LEAST_TRIALS = 0.5


@dataclass(frozen=True, slots=True)
class UCB1:
    """``1 - expected loss + sqrt(2 ln N / n)``, with ``n`` of ``N`` outcomes in the cluster, at least 0.5 and 2.

    With losses in [0, 1] the bonus is that of the paper, and explores much: a baseline. Equal scores: catalogue order.
    """

    exploration: float = math.sqrt(2)
    name: str = "ucb1"
    version: str = "1"

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        able = eligible(candidates)
        expected = expected_losses(standings, able)
        log_total = math.log(max(2, sum(one.in_cluster for one in expected.values())))
        scores = {
            solver: 1 - one.loss + self.exploration * math.sqrt(log_total / max(one.in_cluster, LEAST_TRIALS))
            for solver, one in expected.items()
        }
        pick = max(able, key=lambda candidate: scores[candidate.solver])
        one = expected[pick.solver]
        reason = (
            f"{pick.solver} has the highest score, {scores[pick.solver]:.4g}: expected loss {one.loss:.4g}, "
            f"{one.in_cluster} outcomes in cluster {standings.cluster}"
        )
        return certain(pick, candidates, scores, reason, expected)
