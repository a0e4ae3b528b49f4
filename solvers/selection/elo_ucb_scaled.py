"""Elo-UCB with a bonus on the scale of Elo.

The bonus of `elo_ucb`, ``1.4 sqrt(ln N / n)``, is one or two Elo points where ratings are uncertain by a hundred: it never
explores. Here it is in proportion to the rating's standard error, as the confidence radius of UCB is (Auer, Cesa-Bianchi and
Fischer, Machine Learning 47, 2002).
"""

import math
from dataclasses import dataclass

from .elo_ucb import LEAST_TRIALS, EloUCB
from .standings import Record


@dataclass(frozen=True, slots=True)
class EloUCBScaled(EloUCB):
    """As `EloUCB` with another bonus: ``0.15 sd sqrt(ln N)``, and sd as in (1).

    (1) is ``sd = 173.7 / sqrt(n p (1 - p) + (173.7 / 350)^2)``, the standard error after ``n`` of the ``N`` trials in the cluster:
    ``p`` is the solver's score there, shrunk to a half by two games, and 350 the standard error before any game.
    """

    exploration: float = 0.15
    name: str = "elo_ucb_scaled"
    version: str = "1"

    def bonus(self, local: Record, total: int) -> float:
        """See the class."""
        sd = local.error_after(max(local.trials, LEAST_TRIALS))
        return self.exploration * sd * math.sqrt(math.log(total))
