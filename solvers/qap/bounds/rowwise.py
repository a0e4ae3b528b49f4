"""The Gilmore-Lawler bound (Gilmore 1962; Lawler 1963): a linear assignment over best-case row products.

If facility i is at location q, its flows meet that location's distances; the least that this row can cost pairs the
largest flows with the smallest distances (the rearrangement inequality, true for entries of any sign):

    l_iq = A_ii B_qq + <A_i off-diagonal ascending, B_q off-diagonal descending>,   bound = min over p of sum_i l_{i,p_i}

The same inequality over whole matrices is weaker, in O(n^2 log n).
"""

import numpy as np

from ...pack import Array
from ...problem import Bound
from ..matrices import objective_bound
from ..problem import QAP
from .rounding import EPS, assignment, proved


def rearrangement(problem: QAP) -> Bound:
    """All flows ascending against all distances descending, diagonals apart: a lower bound in O(n^2 log n)."""
    A, B = problem.A.astype(np.float64), problem.B.astype(np.float64)
    value = _least_product(_off_diagonal(A).ravel(), _off_diagonal(B).ravel())
    value += _least_product(np.diagonal(A), np.diagonal(B))
    integral = problem.A.dtype.kind == problem.B.dtype.kind == "i"  # then every partial sum is exact
    margin = 0.0 if integral else 2 * problem.size**2 * EPS * objective_bound(A, B)
    return proved(value, margin, problem, "rearrangement")


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
        # <A, Bp> = <(A + A^T) / 2, Bp> where B is symmetric, and the other way round.
        values.append(_bound(A, (B + B.T) / 2) if symmetric_A else _bound((A + A.T) / 2, B))
    value, margin = max(values)
    return proved(value, margin, problem, "gilmore-lawler")


def _least_product(a: Array, b: Array) -> float:
    return float(np.sort(a) @ np.sort(b)[::-1])


def _bound(A: Array, B: Array) -> tuple[float, float]:
    a, b = _off_diagonal(A), _off_diagonal(B)
    least = np.sort(a, axis=1) @ np.sort(b, axis=1)[:, ::-1].T + np.outer(np.diagonal(A), np.diagonal(B))
    value, margin = assignment(least)
    row_products = float(np.abs(A).sum(1).max() * np.abs(B).max())
    return value, margin + 2 * len(A) ** 2 * EPS * row_products


def _off_diagonal(M: Array) -> Array:
    n = len(M)
    return M[~np.eye(n, dtype=bool)].reshape(n, n - 1)
