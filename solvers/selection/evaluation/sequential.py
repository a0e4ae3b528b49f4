"""Whether two arms lose differently, by a test that may be looked at after every outcome.

Outcomes are in [0, 1]. Those of the two arms are matched in blocks, in the order in which they arrive within each arm, and a
block's difference of means ``D`` in [-1, 1] has the mean ``delta`` given all that came before. The test bets against every
value ``m`` of ``delta`` (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86, 2024):

    K+(m) = mean_j prod_i (1 - c_j + c_j (1 + D_i) / (1 + m)),    bets that delta > m                                 (1)
    K-(m) = mean_j prod_i (1 - c_j + c_j (1 - D_i) / (1 - m)),    bets that delta < m                                 (2)

Each is a nonnegative martingale of mean one where ``delta = m``, so by Ville's inequality it ever reaches ``2 / alpha`` with a
probability of at most ``alpha / 2``, however often one looks. The confidence sequence is every ``m`` that neither has ruled out; its
ends are exact, since (1) falls and (2) rises in ``m``. Nothing is assumed about the losses' distribution, nor that a share of the
outcomes arrives from each arm. Where losses drift, partners in a block are from about the same time, since arms get their runs by lot.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

STAKES = (*(2.0**-k for k in range(8, 0, -1)), 0.75, 0.875, 0.9375, 0.96875)
"""The shares ``c_j`` of the capital that are put at risk: some of them suit whatever difference there is."""
LARGEST_BLOCK = 20
STEPS = 32
"""Of a bisection."""

Verdict = Literal["decided", "equivalent"]


@dataclass(slots=True)
class Bets:
    """The products of one of (1) and (2) at one ``m``, per stake; ``most`` is the largest capital so far."""

    m: float
    sign: float
    capitals: list[float] = field(default_factory=lambda: [1.0] * len(STAKES))
    most: float = 1.0

    def add(self, difference: float) -> None:
        """One more block; products only, so that every machine rounds alike."""
        pays = (1.0 + self.sign * difference) / (1.0 + self.sign * self.m)
        self.capitals = [
            capital * (1.0 - stake + stake * pays) for stake, capital in zip(STAKES, self.capitals, strict=True)
        ]
        self.most = max(self.most, sum(self.capitals) / len(STAKES))


@dataclass(slots=True)
class Comparison:
    """The test as far as it has come; ``delta`` is the first arm's mean loss less the second's.

    ``sizes`` are the outcomes of each arm in a block, ``waiting`` those that have no partner yet. Differences of less than ``least``
    do not matter: when it is certain that ``delta`` is that small, the arms are equivalent (never, with 0).
    """

    alpha: float
    least: float
    sizes: tuple[int, int]
    waiting: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    differences: list[float] = field(default_factory=list)
    above: Bets = field(default_factory=lambda: Bets(0.0, 1.0))
    below: Bets = field(default_factory=lambda: Bets(0.0, -1.0))
    not_below: Bets | None = None
    not_above: Bets | None = None

    def add(self, arm: int, loss: float) -> None:
        """An outcome of the first arm (0) or the second (1)."""
        self.waiting[arm].append(loss)
        first, second = self.sizes
        if len(self.waiting[0]) < first or len(self.waiting[1]) < second:
            return
        difference = math.fsum(self.waiting[0][:first]) / first - math.fsum(self.waiting[1][:second]) / second
        del self.waiting[0][:first], self.waiting[1][:second]
        self.differences.append(difference)
        for bets in (self.above, self.below, self.not_below, self.not_above):
            if bets is not None:
                bets.add(difference)

    @property
    def estimate(self) -> float | None:
        """The mean difference; None before the first block."""
        return math.fsum(self.differences) / len(self.differences) if self.differences else None

    @property
    def p_value(self) -> float:
        """Always valid: below any level with at most that probability, at whatever time one looks, where ``delta = 0``."""
        return min(1.0, 2.0 / max(self.above.most, self.below.most))

    @property
    def better(self) -> int | None:
        """The arm that loses less, once that is certain."""
        if self.p_value > self.alpha:
            return None
        return 1 if self.above.most > self.below.most else 0

    @property
    def verdict(self) -> Verdict | None:
        """What is certain; None as long as nothing is."""
        if self.better is not None:
            return "decided"
        if self.not_below is None or self.not_above is None:
            return None
        return "equivalent" if min(self.not_below.most, self.not_above.most) >= 2.0 / self.alpha else None


def comparison(alpha: float, least: float = 0.0, shares: Sequence[float] = (0.5, 0.5)) -> Comparison:
    """A test before the first outcome; blocks are as the arms' ``shares`` of the traffic, so that few outcomes wait."""
    most, fewest = max(shares), min(shares)
    size = max(1, min(LARGEST_BLOCK, math.floor(most / fewest + 1e-9)))
    sizes = (size, 1) if shares[0] >= shares[1] else (1, size)
    if least <= 0.0:
        return Comparison(alpha, 0.0, sizes)
    return Comparison(alpha, least, sizes, not_below=Bets(-least, 1.0), not_above=Bets(least, -1.0))


def interval(differences: Sequence[float], alpha: float) -> tuple[float, float]:
    """The confidence sequence for ``delta`` after these blocks: it holds at all times together with probability ``1 - alpha``."""
    if len(differences) == 0:
        return -1.0, 1.0
    import numpy as np  # here, so that reading what is folded stays quick to start

    D = np.asarray(differences)
    return _lower(D, alpha), -_lower(-D, alpha)


def _lower(D: "np.ndarray[tuple[int], np.dtype[np.float64]]", alpha: float) -> float:
    """The least ``m`` that (1) has never ruled out, by bisection: every smaller one is ruled out."""
    import numpy as np

    stakes = np.array(STAKES)[:, None]
    wanted = math.log(2.0 / alpha * len(STAKES))
    low, high = -1.0, 1.0
    for _ in range(STEPS):
        m = (low + high) / 2
        logs = np.cumsum(np.log1p(stakes * ((1.0 + D) / (1.0 + m) - 1.0)), axis=1)
        out = bool(np.max(np.logaddexp.reduce(logs, axis=0)) >= wanted)
        low, high = (m, high) if out else (low, m)
    return low
