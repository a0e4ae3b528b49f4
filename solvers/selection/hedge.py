"""Three ways to foretell losses, weighed by how well each has: exponentially weighted average forecasting.

Cesa-Bianchi and Lugosi, Prediction, Learning, and Games (2006), section 3.3: squared error on [0, 1] is exp-concave with
eta = 1/2, so that the average with weights ``exp(-eta L)`` of forecasters with cumulative errors L is worse than the best of N by
2 ln N at most, over any number of outcomes. Every forecaster says what the chosen solver will lose before it is known, so that all
are judged on all that was seen, whoever chose. The forecasters: solvers' means, `linear`, and `gaussian`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from .choices import eligible
from .learned import grid, instance, most_promising, without_features
from .models.shelf import fitted
from .policy import Candidate, Choice
from .standings import Standings

ETA = 0.5
FORECASTERS = ("means", "linear", "gaussian")


def weights(errors: Sequence[float]) -> list[float]:
    """``exp(-eta L)``, normalised, as multiples of 2^-24."""
    least = min(errors)
    raw = [math.exp(-ETA * (error - least)) for error in errors]
    total = math.fsum(raw)
    return [grid(weight / total) for weight in raw]


@dataclass(frozen=True, slots=True)
class Hedge:
    """Scores are ``1 - (m - beta s)``, m the weighted average and s the error of the process; equal ones: catalogue order."""

    learns: ClassVar[bool] = True
    name: str = "hedge"
    version: str = "4"
    beta: float = 0.6

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        able = eligible(candidates)
        values = instance(standings, features)
        if isinstance(values, str):
            return without_features(standings, features, candidates, key, values)
        from .models.linear import linear  # here, so that reading what is folded stays quick to start
        from .models.surrogate import Tally, shrunk, surrogate

        process = fitted(standings.examples, surrogate)
        regression = fitted(standings.examples, linear)
        trust = weights([process.plain_error, regression.error, process.error])
        mean = process.mean
        plain = [shrunk(process.tallies.get(candidate.solver, Tally()), mean) for candidate in able]
        by_line = regression.expected(values, able)[0]
        foretold = process.expected(values, able)
        by_process, errors = foretold.losses.tolist(), foretold.errors.tolist()
        losses = [
            trust[0] * a + trust[1] * b + trust[2] * c for a, b, c in zip(plain, by_line, by_process, strict=True)
        ]
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in zip(FORECASTERS, trust, strict=True))

        def reason(best: int, score: float) -> str:
            return (
                f"{able[best].solver} has the highest score, {score:.4g}: expected to lose {losses[best]:.4g} on this instance "
                f"({shares})"
            )

        least = [loss - self.beta * error for loss, error in zip(losses, errors, strict=True)]
        return most_promising(able, losses, errors, least, candidates, reason)
