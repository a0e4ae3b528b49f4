"""The Gilmore-Lawler bound (Gilmore 1962; Lawler 1963): a linear assignment over best-case row products.

If facility i is at location q, its flows meet that location's distances; the least that this row can cost pairs the
largest flows with the smallest distances (the rearrangement inequality, true for entries of any sign):

    l_iq = A_ii B_qq + <A_i off-diagonal ascending, B_q off-diagonal descending>,   bound = min over p of sum_i l_{i,p_i}

Above :data:`LARGEST` facilities the same inequality over whole matrices has to do: weaker, in O(n^2 log n).
"""

import math

import numpy as np

from ..pack import Array
from ..problem import Bound
from .matrices import objective_bound
from .problem import QAP

LARGEST = 600
"""Facilities up to which the Gilmore-Lawler bound takes well below a second."""


def bound(problem: QAP) -> Bound:
    """The best bound that fits in a second or so."""
    return gilmore_lawler(problem) if problem.size <= LARGEST else rearrangement(problem)


def rearrangement(problem: QAP) -> Bound:
    """All flows ascending against all distances descending, diagonals apart: a lower bound in O(n^2 log n)."""
    A, B = problem.A.astype(np.float64), problem.B.astype(np.float64)
    value = _least_product(_off_diagonal(A).ravel(), _off_diagonal(B).ravel())
    value += _least_product(np.diagonal(A), np.diagonal(B))
    return Bound(_lifted(value, problem, A, B), "rearrangement")


def gilmore_lawler(problem: QAP) -> Bound:
    """A lower bound in O(n^3): the best of rows, columns and symmetrised matrices, rounded up where data are integers.

    Real data lose a rounding margin, so that the bound holds in exact arithmetic.
    """
    A, B = problem.A.astype(np.float64), problem.B.astype(np.float64)
    symmetric_A, symmetric_B = bool((A == A.T).all()), bool((B == B.T).all())
    values = [_bound(A, B)]
    if not (symmetric_A and symmetric_B):
        values.append(_bound(A.T, B.T))
    if symmetric_A != symmetric_B:
        # <A, Bp> = <A + A^T, Bp> / 2 where B is symmetric, and the other way round.
        values.append((_bound(A, B + B.T) if symmetric_A else _bound(A + A.T, B)) / 2)
    return Bound(_lifted(max(values), problem, A, B), "gilmore-lawler")


def _lifted(value: float, problem: QAP, A: Array, B: Array) -> float:
    """Rounded up to what an objective can be where data are integers, less a rounding margin where they are not."""
    if not problem.A.dtype.kind == problem.B.dtype.kind == "i":
        return value - 1e-12 * objective_bound(A, B)
    # Every pair of places counts twice where both are symmetric; one empty diagonal leaves nothing else.
    hollow = not (np.diagonal(A).any() and np.diagonal(B).any())
    unit = 2 if hollow and bool((A == A.T).all()) and bool((B == B.T).all()) else 1
    return float(unit * math.ceil(value / unit))


def _least_product(a: Array, b: Array) -> float:
    return float(np.sort(a) @ np.sort(b)[::-1])


def _bound(A: Array, B: Array) -> float:
    from scipy.optimize import linear_sum_assignment  # here: 0.3 s that a family's name and files do not need

    a, b = _off_diagonal(A), _off_diagonal(B)
    least = np.sort(a, axis=1) @ np.sort(b, axis=1)[:, ::-1].T + np.outer(np.diagonal(A), np.diagonal(B))
    rows, columns = linear_sum_assignment(least)
    return float(least[rows, columns].sum())


def _off_diagonal(M: Array) -> Array:
    n = len(M)
    return M[~np.eye(n, dtype=bool)].reshape(n, n - 1)
