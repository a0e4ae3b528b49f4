"""What a policy may know: how each solver has done, globally and in the instance's cluster, as of one log position."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .examples import NO_EXAMPLES, Examples
from .models.comparisons import NO_STRENGTHS, PRIOR_SD, SCALE, Strengths

START_RATING = 1500.0


class Record(NamedTuple):
    """A solver's record: Elo rating, rated games and their outcomes, outcomes with a loss in [0, 1], and failures.

    ``seeded`` counts searches that were handed solutions, at their start or by a rival in a race: tried, with no loss of
    their own. ``met`` of the games were against other solvers, on the same instance; the rest against par.
    ``settled`` is how many outcomes and races the rating rests on, a part of them when the solver's version has changed.
    """

    rating: float = START_RATING
    games: int = 0
    wins: int = 0
    draws: int = 0
    outcomes: int = 0
    loss_sum: float = 0.0
    loss_squares: float = 0.0
    failures: int = 0
    seeded: int = 0
    met: int = 0
    settled: int = 0

    @property
    def trials(self) -> int:
        """How often it was tried, rated or not."""
        return self.outcomes + self.seeded

    @property
    def mean_loss(self) -> float | None:
        """Mean loss over the outcomes (a failure counts 1.0); None before the first."""
        return self.loss_sum / self.outcomes if self.outcomes else None

    @property
    def error(self) -> float:
        """The rating's standard error in Elo points."""
        return self.error_after(min(self.settled, self.games))

    def error_after(self, games: float) -> float:
        """The standard error after so many games, from their Fisher information and a prior of 350.

        A game with an expected score p informs by ``p (1 - p)``; p is estimated by the score so far, shrunk by two draws.
        """
        p = (self.wins + 0.5 * self.draws + 1.0) / (self.games + 2.0)
        return SCALE / math.sqrt(games * p * (1.0 - p) + (SCALE / PRIOR_SD) ** 2)


NO_RECORD = Record()


@dataclass(frozen=True, slots=True)
class Standings:
    """The records of one family's solvers as of ``position``, the cluster that an instance falls into, the examples to learn from, and the Bradley-Terry ratings."""

    family: str
    position: int
    cluster: str
    overall: Mapping[str, Record] = field(default_factory=dict)
    in_cluster: Mapping[str, Record] = field(default_factory=dict)
    examples: Examples = NO_EXAMPLES
    strengths: Strengths = NO_STRENGTHS

    def record(self, solver: str) -> Record:
        """The solver's record over all clusters."""
        return self.overall.get(solver, NO_RECORD)

    def cluster_record(self, solver: str) -> Record:
        """The solver's record in this cluster."""
        return self.in_cluster.get(solver, NO_RECORD)
