"""A Gaussian process over instances and solvers at once: what each outcome says about every solver on every instance.

Krause and Ong, "Contextual Gaussian Process Bandit Optimization" (NIPS 2011), with the kernel

    k((x, a), (x', a')) = c0 + ch K(x, x') + R(a, a') (ca + ci K(x, x')),
    K = 0.7 / (1 + |x - x'|_1 / (2 l))^2 + 0.3 T(x, x')                                                                 (1)

The four parts are: how hard the family is, how hard instances near x are for every solver, how good solver a is, and how good
it is near x. How large they are is a hypothesis (`Parts`). R is 1 for the same solver in the same version, `KINSHIP` for another version of it, and 0 for another solver, so
that outcomes of an older version count less. `K` is a mixture of Laplacian kernels, and so positive definite
(Rasmussen and Williams, Gaussian Processes for Machine Learning, 4.2.1); l is the median distance, here 1.

Kernel and noise are in units of a variance, on which the mean does not depend; times follow the same process in units of their own. Everything is made of IEEE
sums, products, quotients and NumPy's own reductions, without a BLAS and without transcendental functions: the inverse of the
kernel matrix grows row by row (bordering; Golub and Van Loan, Matrix Computations, 2.1.4), O(n^2) each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINSHIP = 0.7
LENGTH = 0.7
TOGETHER = 0.3
"""What being in the same leaves counts, once there are trees."""


def distances(points: Floats, x: Floats) -> Floats:
    """The mean absolute differences [n] of ``x`` [d] from ``points`` [n, d]; 0 when there is no dimension."""
    if not points.shape[1]:
        return np.zeros(len(points))
    total: Floats = np.add.reduce(np.abs(points - x), axis=1)
    mean: Floats = total / points.shape[1]
    return mean


def kernel(distance: Floats) -> Floats:
    """The first part of K, alone."""
    base = 1.0 + distance / (2.0 * LENGTH)
    near: Floats = 1.0 / (base * base)
    return near


def nearness(points: Floats, x: Floats, trees: int = 0) -> Floats:
    """K of (1) [n] of ``x`` [d + trees] with ``points`` [n, d + trees]; the last columns are numbers of leaves."""
    if not trees:
        return kernel(distances(points, x))
    d = len(x) - trees
    together = np.add.reduce(points[:, d:] == x[d:], axis=1, dtype=np.int64) / trees
    near: Floats = (1.0 - TOGETHER) * kernel(distances(points[:, :d], x[:d])) + TOGETHER * together
    return near


class Parts(NamedTuple):
    """c0, ch, ca and ci of (1), and the variance of the noise."""

    family: float
    hardness: float
    solver: float
    interaction: float
    noise: float

    @property
    def variance(self) -> float:
        """Of a loss before anything is known, without noise."""
        return self.family + self.hardness + self.solver + self.interaction

    @property
    def choice(self) -> float:
        """What of a loss is the solver's own."""
        return self.solver + self.interaction + self.noise


APART = Parts(0.5, 0.25, 0.15, 1.5, 0.25)
"""Solvers differ by as much as instances do, as where one solves what another does not."""
ALIKE = Parts(0.5, 1.5, 0.15e-3, 1.5e-3, 0.25e-3)
"""Solvers differ by a thirtieth of what instances do, as where losses are distances from bounds that are weak."""


class Outcome(NamedTuple):
    """``loss`` of a ``solver`` in a ``version`` on an instance at ``x`` [d]; before it, anything was expected to lose ``mean``.

    ``time`` it took, in any unit. ``judges``: it counts as evidence.
    """

    x: Floats
    solver: int
    version: int
    loss: float
    mean: float
    time: float = 0.0
    judges: bool = False


@dataclass(frozen=True, slots=True)
class Gaussian:
    """The process given n outcomes. Immutable: `extended` makes the next.

    ``points`` [n, d + trees] as of `Likeness.points`; ``solvers``, ``versions`` [n]: numbers of the reader's own; ``losses``,
    ``times`` [n]; ``inverse`` [n, n] of the kernel matrix with noise. ``predicted`` [n]: what each loss was expected to be before it was known.
    Over the ``judged`` outcomes that count as evidence, ``strain`` sums the squares of how far they were from that, in units of the variance
    expected then, and ``missed`` the plain squares.
    """

    points: Floats
    solvers: Ints
    versions: Ints
    losses: Floats
    times: Floats
    inverse: Floats
    predicted: Floats
    parts: Parts = APART
    judged: int = 0
    strain: float = 0.0
    missed: float = 0.0
    trees: int = 0

    @classmethod
    def empty(cls, width: int, parts: Parts = APART, trees: int = 0) -> "Gaussian":
        """Before the first outcome, of points with so many columns."""
        none, number = np.zeros(0), np.zeros(0, dtype=np.int64)
        return cls(np.zeros((0, width)), number, number, none, none, np.zeros((0, 0)), none, parts, trees=trees)

    def __len__(self) -> int:
        return len(self.losses)

    def scale(self, prior: float) -> float:
        """The variance that is the unit, as the judged outcomes tell, and a ``prior`` one that counts as two of them."""
        return (self.strain + 2.0 * prior) / (self.judged + 2.0)

    def extended(self, outcomes: Sequence[Outcome]) -> "Gaussian":
        """With more outcomes, one after another: the same to the bit however they are divided among calls."""
        if not outcomes:
            return self
        n, total = len(self), len(self) + len(outcomes)
        points = np.concatenate([self.points, np.array([outcome.x for outcome in outcomes])])
        solvers = np.append(self.solvers, [outcome.solver for outcome in outcomes])
        versions = np.append(self.versions, [outcome.version for outcome in outcomes])
        losses = np.append(self.losses, [outcome.loss for outcome in outcomes])
        times = np.append(self.times, [outcome.time for outcome in outcomes])
        predicted = np.append(self.predicted, np.zeros(len(outcomes)))
        inverse, work = np.empty((total, total)), np.empty((total, total))
        inverse[:n, :n] = self.inverse
        parts, judged, strain, missed = self.parts, self.judged, self.strain, self.missed
        for i, outcome in enumerate(outcomes, n):
            near = nearness(points[:i], outcome.x, self.trees)
            related = np.where(versions[:i] == outcome.version, 1.0, KINSHIP)
            own = np.where(solvers[:i] == outcome.solver, (parts.solver + parts.interaction * near) * related, 0.0)
            k = parts.family + parts.hardness * near + own
            before, product = inverse[:i, :i], work[:i, :i]
            u = np.add.reduce(np.multiply(before, k, out=product), axis=1)
            schur = parts.variance + parts.noise - float(np.add.reduce(k * u))
            step = u / schur
            predicted[i] = outcome.mean + float(np.add.reduce(u * (losses[:i] - outcome.mean)))
            error = outcome.loss - float(predicted[i])
            if outcome.judges:
                judged, strain, missed = judged + 1, strain + error * error / schur, missed + error * error
            before += np.multiply(u[:, None], step, out=product)
            inverse[:i, i] = inverse[i, :i] = -step
            inverse[i, i] = 1.0 / schur
        return Gaussian(
            points,
            solvers,
            versions,
            losses,
            times,
            inverse,
            predicted,
            parts,
            judged,
            strain,
            missed,
            self.trees,
        )

    def predict(
        self, x: Floats, solvers: Sequence[int], versions: Sequence[int], means: Floats, mean: float, time: float = 0.0
    ) -> "Prediction":
        """Of m ``solvers`` on ``x``.

        ``means`` [m] are their prior expectations, ``mean`` that of the other solvers, ``time`` how long anything is expected to take.
        """
        near, parts = nearness(self.points, x, self.trees), self.parts
        shared, own = parts.family + parts.hardness * near, parts.solver + parts.interaction * near
        prior = np.full(len(self), mean)
        groups = []
        for solver, version, expected in zip(solvers, versions, means.tolist(), strict=True):
            rows = np.flatnonzero(self.solvers == solver)
            prior[rows] = expected
            groups.append((rows, own[rows] * np.where(self.versions[rows] == version, 1.0, KINSHIP)))
        weights = np.add.reduce(self.inverse * (self.losses - prior), axis=1)
        lasting = np.add.reduce(self.inverse * (self.times - time), axis=1)
        spread = np.add.reduce(self.inverse * shared, axis=1)
        common, gain = float(np.add.reduce(shared * weights)), float(np.add.reduce(shared * spread))
        all_take = time + float(np.add.reduce(shared * lasting))
        losses, times, variances = np.empty(len(groups)), np.empty(len(groups)), np.empty(len(groups))
        for i, (rows, k) in enumerate(groups):
            within = np.add.reduce(np.add.reduce(self.inverse[rows[:, None], rows] * k, axis=1) * k)
            losses[i] = means[i] + common + float(np.add.reduce(k * weights[rows]))
            times[i] = all_take + float(np.add.reduce(k * lasting[rows]))
            variances[i] = parts.variance - gain - 2.0 * float(np.add.reduce(k * spread[rows])) - float(within)
        return Prediction(losses, times, np.maximum(variances, 0.0))


class Prediction(NamedTuple):
    """Losses and times expected of m solvers, and the variances [m] of both, in units of either's own."""

    losses: Floats
    times: Floats
    variances: Floats
