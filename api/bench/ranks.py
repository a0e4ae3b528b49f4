"""Do several solvers differ over many instances? Ranks, the Friedman test and Nemenyi's critical difference.

Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7 (2006), section 3.2. With ``R_j`` the mean
rank of solver ``j`` of ``k`` over ``N`` instances,

    chi2 = 12 N / (k (k + 1)) (sum_j R_j^2 - k (k + 1)^2 / 4) / c                                                  (1)
    F = (N - 1) chi2 / (N (k - 1) - chi2)          (Iman and Davenport 1980)                                       (2)
    CD = q_alpha sqrt(k (k + 1) / (6 N))                                                                           (3)

where ``c = 1 - sum (t^3 - t) / (N (k^3 - k))`` over the sizes ``t`` of groups of equal values in an instance corrects for ties
(Demsar leaves it out), and ``q_alpha`` is the studentized range over infinite degrees of freedom divided by sqrt(2).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DECIMALS = 7
"""Gaps that agree to so many decimals are equal."""


@dataclass(frozen=True, slots=True)
class Friedman:
    """The outcome of the test.

    Attributes:
        mean_ranks: per solver, 1 is best.
        blocks: how many instances speak.
        chi2: statistic (1), with ``p`` its probability under equal solvers.
        correction: ``c`` of (1).
        f: statistic (2), infinite where the ranks agree on every instance, with ``f_p``.
        critical_difference: (3): mean ranks that differ by less do not tell two solvers apart.
    """

    mean_ranks: Floats
    blocks: int
    chi2: float
    p: float
    correction: float
    f: float
    f_p: float
    alpha: float
    critical_difference: float


def ranks_of(values: Floats) -> Floats:
    """Ranks down the columns of solvers x instances: 1 for the least value, means for equal ones."""
    from scipy.stats import rankdata

    ranks: Floats = np.asarray(rankdata(np.round(values, DECIMALS), axis=0), dtype=float)
    return ranks


def nemenyi(k: int, blocks: int, alpha: float = 0.05) -> float:
    """The critical difference (3) of ``k`` mean ranks over so many blocks."""
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(1 - alpha, k, math.inf)) / math.sqrt(2)
    return q * math.sqrt(k * (k + 1) / (6 * blocks))


def friedman(values: Floats, alpha: float = 0.05) -> Friedman | None:
    """The test on solvers x instances, smaller values being better; None below two solvers or two instances."""
    k, n = values.shape
    if k < 2 or n < 2:
        return None
    from scipy.stats import chi2 as chi2_of
    from scipy.stats import f as f_of

    ranks = ranks_of(values)
    means = ranks.mean(axis=1)
    sizes = [np.unique(column, return_counts=True)[1] for column in ranks.T]
    correction = 1 - float(sum((t**3 - t).sum() for t in sizes)) / (n * (k**3 - k))
    raw = 12 * n / (k * (k + 1)) * (float((means**2).sum()) - k * (k + 1) ** 2 / 4)
    if correction < 1e-12:  # all equal everywhere
        chi2, p, f, f_p = 0.0, 1.0, 0.0, 1.0
    else:
        chi2 = max(0.0, raw / correction)
        p = float(chi2_of.sf(chi2, k - 1))
        rest = n * (k - 1) - chi2
        f = (n - 1) * chi2 / rest if rest > 1e-9 else math.inf
        f_p = float(f_of.sf(f, k - 1, (k - 1) * (n - 1)))
    return Friedman(means, n, chi2, p, correction, f, f_p, alpha, nemenyi(k, n, alpha))


def cliques(mean_ranks: Floats, critical_difference: float) -> list[list[int]]:
    """Largest groups of two or more solvers whose mean ranks are within the critical difference, by rank."""
    order = [int(i) for i in np.argsort(mean_ranks, kind="stable")]
    found: list[list[int]] = []
    last = -1
    for start in range(len(order)):
        end = max(
            i for i in range(len(order)) if mean_ranks[order[i]] - mean_ranks[order[start]] <= critical_difference
        )
        if end > start and end > last:
            found.append(order[start : end + 1])
            last = end
    return found
