"""From a computed value to a proved one: a margin for what rounding may have added, and the lift to the next objective."""

import math

import numpy as np

from ...pack import Array
from ...problem import Bound
from ..problem import QAP

EPS = float(np.finfo(np.float64).eps)


def proved(value: float, margin: float, problem: QAP, method: str) -> Bound:
    """The bound that a computed ``value``, wrong by at most ``margin``, proves: rounded up where data are integers."""
    value -= margin
    if not problem.A.dtype.kind == problem.B.dtype.kind == "i":
        return Bound(value, method)
    unit = 2 if _counts_pairs_twice(problem) else 1
    return Bound(float(unit * math.ceil(value / unit)), method)


def assigned(C: Array) -> Array:
    """The column of each row in an assignment of least cost."""
    from scipy.optimize import linear_sum_assignment  # here: 0.3 s that a family's name and files do not need

    return np.asarray(linear_sum_assignment(C)[1])


def assignment(C: Array) -> tuple[float, float]:
    """The least cost of a linear assignment, and how far the computed one may be above it."""
    n = len(C)
    # n shortest paths of at most n sums each, all of them within n largest entries.
    return float(C[np.arange(n), assigned(C)].sum()), 4 * n**2 * EPS * float(np.abs(C).max())


def _counts_pairs_twice(problem: QAP) -> bool:
    """Every pair of places counts twice where both are symmetric; one empty diagonal leaves nothing else."""
    A, B = problem.A, problem.B
    hollow = not (np.diagonal(A).any() and np.diagonal(B).any())
    return hollow and bool((A == A.T).all()) and bool((B == B.T).all())
