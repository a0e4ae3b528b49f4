"""LinUCB with disjoint linear models (Li, Chu, Langford and Schapire, WWW 2010, algorithm 1), for losses.

The score is ``1 - (z'theta - alpha s)`` with ``s^2 = v z'A^-1 z`` and v the variance of losses within solvers, so that alpha
has no unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from .choices import eligible
from .learned import instance, most_promising, without_features
from .models.shelf import fitted
from .policy import Candidate, Choice
from .standings import Standings


@dataclass(frozen=True, slots=True)
class LinUCB:
    """The highest score; equal ones: catalogue order."""

    learns: ClassVar[bool] = True
    name: str = "linucb"
    version: str = "3"
    alpha: float = 0.6

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        able = eligible(candidates)
        values = instance(standings, features)
        if isinstance(values, str):
            return without_features(standings, features, candidates, key, values)
        from .models.linear import linear  # here, so that reading what is folded stays quick to start

        model = fitted(standings.examples, linear)
        losses, errors = model.expected(values, able)

        def reason(best: int, score: float) -> str:
            return (
                f"{able[best].solver} has the highest score, {score:.4g}: by its linear model it loses {losses[best]:.4g} ± "
                f"{errors[best]:.2g} on this instance"
            )

        least = [loss - self.alpha * error for loss, error in zip(losses, errors, strict=True)]
        return most_promising(able, losses, errors, least, candidates, reason)
