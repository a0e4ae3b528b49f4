"""The solver of least expected loss, and with probability epsilon any other one (Sutton and Barto, Reinforcement Learning, 2.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .choices import drawn, eligible
from .losses import expected_losses, scores_of
from .policy import Candidate, Choice
from .standings import Standings


@dataclass(frozen=True, slots=True)
class EpsilonGreedy:
    """Scores are ``1 - expected loss`` (see `losses`); equal ones: catalogue order. Every solver has at least ``epsilon / k``."""

    epsilon: float = 0.05
    name: str = "epsilon_greedy"
    version: str = "1"

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        able = eligible(candidates)
        expected = expected_losses(standings, able)
        best = min(expected, key=lambda solver: expected[solver].loss)
        weights = {solver: self.epsilon / len(able) for solver in expected}
        weights[best] += 1 - self.epsilon
        scores = scores_of(expected)

        def reason(pick: str) -> str:
            said = f"expected loss {expected[pick].loss:.4g} (outcomes: {expected[pick].outcomes})"
            if pick == best:
                return f"{pick} has the least {said}"
            return f"{pick} was drawn to be tried, {said}; the least has {best}, {expected[best].loss:.4g}"

        return drawn(weights, candidates, scores, key, reason, expected)
