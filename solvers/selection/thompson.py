"""Each solver as often as it is likely to be the best (Thompson, Biometrika 25, 1933).

What a solver is expected to lose is uncertain: ``m + s T`` with m and s of `losses` and T of Student's t distribution with
four degrees of freedom. With ``u = t / sqrt(4 + t^2)`` its distribution function is a polynomial,

    F(t) = 1/2 + 3/4 u - 1/4 u^3,    1 - F(t) = (1 - u)^2 (2 + u) / 4,    t = 2 u / sqrt(1 - u^2)                  (1)

so that the chance of being best, the integral of the product of the others' ``1 - F`` over its own F, takes square roots and
products only, which every machine rounds alike. It is summed by the trapezoid rule between all solvers' quantiles, where no F grows
by much. The solver is drawn by these chances, and they are its propensities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .choices import drawn, eligible
from .losses import expected_losses, scores_of
from .policy import Candidate, Choice
from .standings import Standings

QUANTILES = 8
"""Of each solver."""
SURE = 1e-12
"""The error of what has none."""
LEAST = 1e-30
"""No ``1 - F`` is below, so that a product can be divided by it."""


def chances(expected: Sequence[tuple[float, float]]) -> list[float]:
    """From (loss, error) of each: its probability to have the least loss."""
    import numpy as np  # here, so that reading what is folded stays quick to start

    if len(expected) == 1:
        return [1.0]
    means, errors = np.array(expected).T
    errors = np.maximum(errors, SURE)
    points = (means + errors * _quantiles()).ravel()
    points.sort()
    above = np.zeros((len(means), len(points) + 2))  # 1 - F of each solver, from minus to plus infinity
    above[:, 0] = 1.0
    u = points - means[:, None]  # d, and then d / sqrt(4 e^2 + d^2)
    part = u * u
    part += (4.0 * errors * errors)[:, None]
    u /= np.sqrt(part, out=part)
    np.subtract(1.0, u, out=part)
    part *= part
    u += 2.0
    u *= 0.25
    part *= u
    np.maximum(part, LEAST, out=above[:, 1:-1])
    others = np.multiply.reduce(above, axis=0)[:-1] / above[:, :-1]
    others[:, :-1] += others[:, 1:]
    others *= above[:, :-1] - above[:, 1:]
    sums = np.add.reduce(others, axis=1)
    found: list[float] = (sums / np.add.reduce(sums)).tolist()
    return found


@lru_cache(maxsize=1)
def _quantiles() -> Any:
    """T's [quantiles, 1]."""
    import numpy as np

    u = (2 * np.arange(QUANTILES)[:, None] + 1) / QUANTILES - 1
    return 2 * u / np.sqrt(1 - u * u)


@dataclass(frozen=True, slots=True)
class Thompson:
    """Scores are ``1 - expected loss``; propensities are the chances of being best, from :func:`chances`."""

    name: str = "thompson"
    version: str = "4"

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        expected = expected_losses(standings, eligible(candidates))
        likely = dict(zip(expected, chances([(one.loss, one.error) for one in expected.values()]), strict=True))
        scores = scores_of(expected)

        def reason(pick: str) -> str:
            one = expected[pick]
            return (
                f"{pick} was drawn, with a chance of {100 * likely[pick]:.0f} % to be the best in cluster {standings.cluster}: "
                f"expected loss {one.loss:.4g} ± {one.error:.2g} ({one.in_cluster} outcomes there, {one.outcomes} in all)"
            )

        return drawn(likely, candidates, scores, key, reason, expected)
