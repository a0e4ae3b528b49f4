"""Are two paired samples alike? Wilcoxon's signed-rank test, exact with ties and zeros, and Holm's correction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EXACT = 300
"""Pairs up to which the distribution is counted out; beyond, it is normal to three digits."""


@dataclass(frozen=True, slots=True)
class Wilcoxon:
    """Two-sided.

    Attributes:
        pairs: how many differ.
        p: the probability of ranks at least this far apart when signs are fair coins.
        effect: the rank-biserial correlation in [-1, 1], positive when the differences are mostly positive (Kerby 2014).
    """

    pairs: int
    p: float
    effect: float


def wilcoxon(differences: Sequence[float] | Floats) -> Wilcoxon:
    """The test of paired differences against symmetry about zero (Wilcoxon 1945; zeros after Pratt 1959).

    Conditional on the ranks, the sum of those with a positive difference is a sum of independent fair coins' worth of ranks:
    its distribution is counted exactly by convolution, whatever is tied. Infinite differences are the largest; NaN is not allowed.
    """
    from scipy.stats import rankdata

    d = np.asarray(differences, float)
    ranks = rankdata(np.abs(d))[d != 0]
    signs = np.sign(d[d != 0])
    if not len(ranks):
        return Wilcoxon(0, 1.0, 0.0)
    plus, total = float(ranks[signs > 0].sum()), float(ranks.sum())
    effect = (2 * plus - total) / total
    if len(ranks) <= EXACT:
        return Wilcoxon(len(ranks), _exact(ranks, plus), effect)
    deviation = (plus - total / 2) / math.sqrt(float((ranks**2).sum()) / 4)
    return Wilcoxon(len(ranks), math.erfc(abs(deviation) / math.sqrt(2)), effect)


def _exact(ranks: Floats, plus: float) -> float:
    doubled = np.rint(2 * ranks).astype(int)  # ranks of ties are halves
    total = int(doubled.sum())
    chances = np.zeros(total + 1)
    chances[0] = 1.0
    for rank in doubled:
        shifted = np.zeros_like(chances)
        shifted[rank:] = chances[: total + 1 - rank]
        chances = (chances + shifted) / 2
    at = round(2 * plus)
    tail = min(at, total - at)
    return min(1.0, 2 * float(chances[: tail + 1].sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the given order: those at most alpha reject with a family-wise error of alpha (Holm 1979)."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for step, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - step) * p_values[i]))
        adjusted[i] = largest
    return adjusted


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows compared: ``difference`` is the median of the first minus the second, ``adjusted`` is after Holm."""

    first: int
    second: int
    wins: int
    losses: int
    difference: float
    p: float
    adjusted: float
    effect: float


def pairwise(values: Floats) -> list[Pair]:
    """Every two rows of solvers x instances, smaller values being better; an infinite value is worse than any other."""
    finite = values[np.isfinite(values)]
    worst = 2 * float(finite.max(initial=0.0)) + 1
    capped = np.round(np.where(np.isinf(values), worst, values), 7)
    couples = [(i, j) for i in range(len(values)) for j in range(i + 1, len(values))]
    tests = [wilcoxon(capped[i] - capped[j]) for i, j in couples]
    adjusted = holm([test.p for test in tests])
    return [
        Pair(
            first=i,
            second=j,
            wins=int((capped[i] < capped[j]).sum()),
            losses=int((capped[i] > capped[j]).sum()),
            difference=float(np.median(capped[i] - capped[j])) if capped.shape[1] else 0.0,
            p=test.p,
            adjusted=p,
            effect=test.effect,
        )
        for (i, j), test, p in zip(couples, tests, adjusted, strict=True)
    ]
