"""A Gaussian process over instances and solvers at once: what each outcome says about every solver on every instance.

Krause and Ong, "Contextual Gaussian Process Bandit Optimization" (NIPS 2011), with the kernel

    k((x, a), (x', a')) = c0 + ch K(x, x') + R(a, a') (ca + ci K(x, x')),      K = 1 / (1 + |x - x'|_1 / (2 l))^2        (1)

The four parts are: how hard the family is, how hard instances near x are for every solver, how good solver a is, and how good
it is near x. R is 1 for the same solver in the same version, `KINSHIP` for another version of it, and 0 for another solver, so
that outcomes of an older version count less. `K` is a mixture of Laplacian kernels, and so positive definite
(Rasmussen and Williams, Gaussian Processes for Machine Learning, 4.2.1); l is the median distance, here 1.

Kernel and noise are in units of the variance of losses, so the mean does not depend on it. Everything is made of IEEE
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

FAMILY, HARDNESS, SOLVER, INTERACTION, NOISE = 0.5, 0.25, 0.15, 1.5, 0.25
"""c0, ch, ca, ci and the variance of the noise."""
KINSHIP = 0.7
LENGTH = 0.7
VARIANCE = FAMILY + HARDNESS + SOLVER + INTERACTION


def distances(points: Floats, x: Floats) -> Floats:
    """The mean absolute differences [n] of ``x`` [d] from ``points`` [n, d]; 0 when there is no dimension."""
    if not points.shape[1]:
        return np.zeros(len(points))
    total: Floats = np.add.reduce(np.abs(points - x), axis=1)
    mean: Floats = total / points.shape[1]
    return mean


def kernel(distance: Floats) -> Floats:
    """K of (1)."""
    base = 1.0 + distance / (2.0 * LENGTH)
    near: Floats = 1.0 / (base * base)
    return near


class Outcome(NamedTuple):
    """``loss`` of a ``solver`` in a ``version`` on an instance at ``x`` [d]; before it, anything was expected to lose ``mean``."""

    x: Floats
    solver: int
    version: int
    loss: float
    mean: float


@dataclass(frozen=True, slots=True)
class Gaussian:
    """The process given n outcomes. Immutable: `extended` makes the next.

    ``points`` [n, d] in units of the median distance; ``solvers``, ``versions`` [n]: numbers of the reader's own; ``losses`` [n];
    ``inverse`` [n, n] of the kernel matrix with noise. ``predicted`` [n]: what each outcome was expected to be before it was known.
    """

    points: Floats
    solvers: Ints
    versions: Ints
    losses: Floats
    inverse: Floats
    predicted: Floats

    @classmethod
    def empty(cls, dimensions: int) -> "Gaussian":
        """Before the first outcome."""
        none, number = np.zeros(0), np.zeros(0, dtype=np.int64)
        return cls(np.zeros((0, dimensions)), number, number, none, np.zeros((0, 0)), none)

    def __len__(self) -> int:
        return len(self.losses)

    def extended(self, outcomes: Sequence[Outcome]) -> "Gaussian":
        """With more outcomes, one after another: the same to the bit however they are divided among calls."""
        if not outcomes:
            return self
        n, total = len(self), len(self) + len(outcomes)
        points = np.concatenate([self.points, np.array([outcome.x for outcome in outcomes])])
        solvers = np.append(self.solvers, [outcome.solver for outcome in outcomes])
        versions = np.append(self.versions, [outcome.version for outcome in outcomes])
        losses = np.append(self.losses, [outcome.loss for outcome in outcomes])
        predicted = np.append(self.predicted, np.zeros(len(outcomes)))
        inverse, work = np.empty((total, total)), np.empty((total, total))
        inverse[:n, :n] = self.inverse
        for i, outcome in enumerate(outcomes, n):
            near = kernel(distances(points[:i], outcome.x))
            related = np.where(versions[:i] == outcome.version, 1.0, KINSHIP)
            own = np.where(solvers[:i] == outcome.solver, (SOLVER + INTERACTION * near) * related, 0.0)
            k = FAMILY + HARDNESS * near + own
            before, product = inverse[:i, :i], work[:i, :i]
            u = np.add.reduce(np.multiply(before, k, out=product), axis=1)
            schur = VARIANCE + NOISE - float(np.add.reduce(k * u))
            step = u / schur
            predicted[i] = outcome.mean + float(np.add.reduce(u * (losses[:i] - outcome.mean)))
            before += np.multiply(u[:, None], step, out=product)
            inverse[:i, i] = inverse[i, :i] = -step
            inverse[i, i] = 1.0 / schur
        return Gaussian(points, solvers, versions, losses, inverse, predicted)

    def predict(
        self, x: Floats, solvers: Sequence[int], versions: Sequence[int], means: Floats, mean: float
    ) -> tuple[Floats, Floats]:
        """The losses expected of m ``solvers`` on ``x``, and their variances, each [m], the latter in units of the losses' variance.

        ``means`` [m] are their prior expectations, ``mean`` that of the other solvers.
        """
        near = kernel(distances(self.points, x))
        shared, own = FAMILY + HARDNESS * near, SOLVER + INTERACTION * near
        prior = np.full(len(self), mean)
        groups = []
        for solver, version, expected in zip(solvers, versions, means.tolist(), strict=True):
            rows = np.flatnonzero(self.solvers == solver)
            prior[rows] = expected
            groups.append((rows, own[rows] * np.where(self.versions[rows] == version, 1.0, KINSHIP)))
        weights = np.add.reduce(self.inverse * (self.losses - prior), axis=1)
        spread = np.add.reduce(self.inverse * shared, axis=1)
        common, gain = float(np.add.reduce(shared * weights)), float(np.add.reduce(shared * spread))
        expected_losses, variances = np.empty(len(groups)), np.empty(len(groups))
        for i, (rows, k) in enumerate(groups):
            within = np.add.reduce(np.add.reduce(self.inverse[rows[:, None], rows] * k, axis=1) * k)
            expected_losses[i] = means[i] + common + float(np.add.reduce(k * weights[rows]))
            variances[i] = VARIANCE - gain - 2.0 * float(np.add.reduce(k * spread[rows])) - float(within)
        return expected_losses, np.maximum(variances, 0.0)
