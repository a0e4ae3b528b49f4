"""Bradley-Terry ratings from counts of paired comparisons: order-free, with standard errors.

Bradley and Terry, "Rank Analysis of Incomplete Block Designs: I. The Method of Paired Comparisons" (Biometrika 39, 1952):

    P(a beats b) = 1 / (1 + exp(theta_b - theta_a)),        rating = 1500 + (400 / ln 10) theta                       (1)

A draw is half a win for each. With a normal prior ``theta_i ~ N(mu_i, sd_i^2)`` the log-posterior is concave and its maximum
finite, whatever was won; Newton's method finds it. The inverse of the negative Hessian there is the covariance (2).

Without given priors every rating has prior 1500 with sd 350. The level of all ratings together is then no question that games
answer, so errors are those of the deviation from the mean of the solvers that are connected by games.

Plain Python in one fixed order, and ratings on a grid of 2^-20: equal counts give equal ratings on every machine.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

SCALE = 400.0 / math.log(10.0)
"""Elo points in one unit of theta."""
CENTRE = 1500.0
PRIOR_SD = 350.0
CLUSTER_SD = 110.0
"""Of a cluster's rating around the family's, in Elo points: the family's rating weighs as much as ten even games."""
GAME = 2**32
"""A whole game in the integers that counts are kept in."""
LEAST_MATCHES = 5
Z = 1.959963984540054
"""The normal quantile at 0.975."""
GRID = 2.0**20
CONVERGED = 1e-11
MOST_STEPS = 200

Games = Mapping[tuple[str, str], tuple[int, int]]
"""(a, b) with a < b, to the weight of their games and a's score in it (a win 1, a draw 1/2), both in units of 1 / GAME."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Games between solvers, and for each solver the number of instances (with a budget) on which it met another."""

    games: Games = field(default_factory=dict)
    matches: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Strength:
    """A rating with its standard error, both in Elo points.

    ``ranked`` is False with fewer than five matches, or when no chain of games leads to the largest group of solvers: then
    the rating says little.
    """

    rating: float = CENTRE
    error: float = PRIOR_SD
    matches: int = 0
    ranked: bool = False

    @property
    def low(self) -> float:
        """The lower end of the 95 % interval."""
        return self.rating - Z * self.error

    @property
    def high(self) -> float:
        """The upper end of the 95 % interval."""
        return self.rating + Z * self.error


NO_STRENGTH = Strength()


def ratings(counts: Counts, priors: Mapping[str, Strength] | None = None) -> dict[str, Strength]:
    """The ratings of every solver in ``counts`` or ``priors``, by (1) and (2), in order of name; O(k^3) for k solvers.

    ``priors`` gives means and errors, for a cluster those of its family; errors are then not relative to the mean.
    """
    names = sorted({name for pair in counts.games for name in pair} | set(counts.matches) | set(priors or ()))
    if not names:
        return {}
    index = {name: i for i, name in enumerate(names)}
    pairs = [
        (index[a], index[b], weight / GAME, score / GAME) for (a, b), (weight, score) in sorted(counts.games.items())
    ]
    before = [(priors or {}).get(name, NO_STRENGTH) for name in names]
    means = [(prior.rating - CENTRE) / SCALE for prior in before]
    precisions = [(SCALE / prior.error) ** 2 for prior in before]
    theta, factor = _maximum(pairs, means, precisions)
    covariance = _inverse(factor)
    groups = _connected(len(names), pairs)
    main = max(groups, key=len)
    errors = [math.sqrt(covariance[i][i]) for i in range(len(names))]
    if priors is None and len(main) > 1:
        for i, error in zip(main, _centred(covariance, main), strict=True):
            errors[i] = error
    joined = set(main) if len(main) > 1 else set()
    return {
        name: Strength(
            math.floor((CENTRE + SCALE * theta[i]) * GRID + 0.5) / GRID,
            math.floor(SCALE * errors[i] * GRID + 0.5) / GRID,
            counts.matches.get(name, 0),
            i in joined and counts.matches.get(name, 0) >= LEAST_MATCHES,
        )
        for i, name in enumerate(names)
    }


@dataclass(frozen=True)
class Strengths:
    """The ratings of a family's solvers, and those inside one cluster, which are shrunk towards the family's.

    The counts are those of one log position; the ratings are computed when they are first read.
    """

    family: Counts = field(default_factory=Counts)
    cluster: Counts = field(default_factory=Counts)

    @cached_property
    def overall(self) -> dict[str, Strength]:
        """By solver, over all clusters."""
        return ratings(self.family)

    @cached_property
    def in_cluster(self) -> dict[str, Strength]:
        """By solver, in the cluster; one without games there stands at its family rating, less sure."""
        priors = {
            name: Strength(one.rating, math.hypot(one.error, CLUSTER_SD), one.matches)
            for name, one in self.overall.items()
        }
        return ratings(self.cluster, priors)


NO_STRENGTHS = Strengths()

Pairs = Sequence[tuple[int, int, float, float]]
Matrix = list[list[float]]


def _maximum(pairs: Pairs, means: Sequence[float], precisions: Sequence[float]) -> tuple[list[float], Matrix]:
    """The posterior's mode, and the Cholesky factor of the negative Hessian there; a step that gains nothing is halved."""
    theta = list(means)
    value, gradient, hessian = _posterior(theta, pairs, means, precisions)
    factor = _cholesky(hessian)
    for _ in range(MOST_STEPS):
        step = _solve(factor, gradient)
        size = max(abs(change) for change in step)
        if size < CONVERGED:
            break
        for _ in range(60):
            moved = [x + change for x, change in zip(theta, step, strict=True)]
            reached, gradient, hessian = _posterior(moved, pairs, means, precisions)
            if reached >= value - 1e-12 * abs(value):
                break
            step = [0.5 * change for change in step]
        theta, value = moved, reached
        factor = _cholesky(hessian)
    return theta, factor


def _posterior(
    theta: Sequence[float], pairs: Pairs, means: Sequence[float], precisions: Sequence[float]
) -> tuple[float, list[float], Matrix]:
    """The log-posterior but for a constant, its gradient, and its negative Hessian (the lower triangle)."""
    away = [x - mean for x, mean in zip(theta, means, strict=True)]
    value = -0.5 * math.fsum(precision * x * x for precision, x in zip(precisions, away, strict=True))
    gradient = [-precision * x for precision, x in zip(precisions, away, strict=True)]
    hessian = [[0.0] * i + [precision] for i, precision in enumerate(precisions)]
    for i, j, weight, score in pairs:
        d = theta[i] - theta[j]
        small = math.exp(-abs(d))
        q = small / (1.0 + small)
        p = 1.0 - q if d >= 0 else q
        value += weight * (min(d, 0.0) - math.log1p(small)) - (weight - score) * d
        surprise = score - weight * p
        gradient[i] += surprise
        gradient[j] -= surprise
        information = weight * q * (1.0 - q)
        hessian[i][i] += information
        hessian[j][j] += information
        hessian[j][i] -= information
    return value, gradient, hessian


def _cholesky(a: Matrix) -> Matrix:
    """``L`` with ``L L' = a``, from the lower triangle of a positive definite matrix."""
    factor: Matrix = []
    for i, row in enumerate(a):
        own: list[float] = []
        for j in range(i):
            other = factor[j]
            own.append((row[j] - math.fsum(map(float.__mul__, own, other))) / other[j])
        own.append(math.sqrt(row[i] - math.fsum(x * x for x in own)))
        factor.append(own)
    return factor


def _solve(factor: Matrix, b: Sequence[float]) -> list[float]:
    """``x`` with ``L L' x = b``."""
    y: list[float] = []
    for row, value in zip(factor, b, strict=True):
        y.append((value - math.fsum(map(float.__mul__, y, row))) / row[-1])
    for i in range(len(y) - 1, -1, -1):
        row = factor[i]
        y[i] /= row[i]
        for j in range(i):
            y[j] -= row[j] * y[i]
    return y


def _inverse(factor: Matrix) -> Matrix:
    k = len(factor)
    return [_solve(factor, [float(i == j) for i in range(k)]) for j in range(k)]


def _centred(covariance: Matrix, group: Sequence[int]) -> list[float]:
    """The standard deviations of the deviations from a group's mean."""
    k = len(group)
    rows = [math.fsum(covariance[i][j] for j in group) / k for i in group]
    overall = math.fsum(rows) / k
    return [math.sqrt(max(0.0, covariance[i][i] - 2.0 * row + overall)) for i, row in zip(group, rows, strict=True)]


def _connected(k: int, pairs: Pairs) -> list[list[int]]:
    """The groups that games connect, each in order, the one with the first solver first."""
    parent = list(range(k))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j, _, _ in pairs:
        a, b = root(i), root(j)
        parent[max(a, b)] = min(a, b)
    groups: dict[int, list[int]] = {}
    for i in range(k):
        groups.setdefault(root(i), []).append(i)
    return list(groups.values())
