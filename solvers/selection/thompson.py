"""Each solver as often as it is likely to be the best (Thompson, Biometrika 25, 1933).

What a solver is expected to lose is uncertain: ``m + s T`` with m and s of `losses` and T of Student's t distribution with
four degrees of freedom. With ``u = t / sqrt(4 + t^2)`` its distribution function is a polynomial,

    F(t) = 1/2 + 3/4 u - 1/4 u^3,    dF = 3/4 (1 - u^2) du,    t = 2 u / sqrt(1 - u^2)                             (1)

so that the chance of being best, the integral of the product of the others' ``1 - F``, takes square roots and products only,
which every machine rounds alike. The solver is drawn by exactly these chances, and they are its propensities.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .choices import drawn, eligible
from .losses import expected_losses, scores_of
from .policy import Candidate, Choice
from .standings import Standings

NODES = 32


def chances(expected: Sequence[tuple[float, float]]) -> list[float]:
    """From (loss, error) of each: its probability to have the least loss, by the midpoint rule in u; they sum to about one."""
    import numpy as np  # here, so that reading what is folded stays quick to start

    u = (2 * np.arange(NODES) + 1) / NODES - 1
    t = 2 * u / np.sqrt(1 - u * u)
    means, errors = np.array(expected).T
    # [m others, m, nodes]: d = a point less the other's mean, then u = d / sqrt(4 e^2 + d^2); single precision does for chances
    v = (means - means[:, None]).astype(np.float32)[:, :, None] + (errors[:, None] * t).astype(np.float32)
    above = v * v
    above += (4 * errors * errors).astype(np.float32)[:, None, None]
    v /= np.sqrt(above, out=above)
    np.multiply(v, v, out=above)
    above *= 0.25
    above -= 0.75
    above *= v
    above += 0.5
    own = np.arange(len(means))
    above[own, own] = 0.75 * (1 - u * u) * (2 / NODES)
    return [math.fsum(row) for row in np.multiply.reduce(above, axis=0, dtype=np.float64).tolist()]


@dataclass(frozen=True, slots=True)
class Thompson:
    """Scores are ``1 - expected loss``; propensities are the chances of being best, from :func:`chances`."""

    name: str = "thompson"
    version: str = "3"

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
