"""Linear Thompson sampling (Agrawal and Goyal, ICML 2013), its chances by quadrature.

What a solver loses on this instance is uncertain as ``m + s T``, m and s of its linear model and T of Student's t distribution
with four degrees of freedom, as in `thompson`, so that the chance of each to be the best is known exactly and is its propensity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from .choices import drawn, eligible
from .learned import grid, instance, without_features
from .losses import Expected
from .models.shelf import fitted
from .policy import Candidate, Choice
from .standings import Standings
from .thompson import chances

LEAST_ERROR = 1e-6


@dataclass(frozen=True, slots=True)
class LinearThompson:
    """Scores are ``1 - expected loss``; ``width`` scales the errors."""

    learns: ClassVar[bool] = True
    name: str = "linear_thompson"
    version: str = "4"
    width: float = 0.5

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
        foretold = {
            candidate.solver: (grid(loss), max(LEAST_ERROR, grid(self.width * error)))
            for candidate, loss, error in zip(able, losses, errors, strict=True)
        }
        likely = dict(zip(foretold, chances(list(foretold.values())), strict=True))

        def reason(pick: str) -> str:
            loss, error = foretold[pick]
            return (
                f"{pick} was drawn, with a chance of {100 * likely[pick]:.0f} % to be the best on this instance: by its linear "
                f"model it loses {loss:.4g} ± {error:.2g}"
            )

        scores = {solver: 1.0 - loss for solver, (loss, _) in foretold.items()}
        shown = {solver: Expected(min(1.0, max(0.0, loss)), error, 0, 0) for solver, (loss, error) in foretold.items()}
        return drawn(likely, candidates, scores, key, reason, shown)
