"""The Gilmore-Lawler bound (Gilmore 1962; Lawler 1963): a linear assignment over best-case row products.

If facility i is at location q, its flows meet that location's distances; the least that this row can cost pairs the
largest flows with the smallest distances (the rearrangement inequality, true for entries of any sign):

    l_iq = A_ii B_qq + <A_i off-diagonal ascending, B_q off-diagonal descending>,   bound = min over p of sum_i l_{i,p_i}
"""

import math

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..pack import Array
from ..problem import Bound
from .matrices import objective_bound
from .problem import QAP


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
    value = max(values)
    if problem.A.dtype.kind == problem.B.dtype.kind == "i":
        # Every pair of places counts twice where both are symmetric; one empty diagonal leaves nothing else.
        hollow = not (np.diagonal(A).any() and np.diagonal(B).any())
        unit = 2 if symmetric_A and symmetric_B and hollow else 1
        value = float(unit * math.ceil(value / unit))
    else:
        value -= 1e-12 * objective_bound(A, B)
    return Bound(value, "gilmore-lawler")


def _bound(A: Array, B: Array) -> float:
    a, b = _off_diagonal(A), _off_diagonal(B)
    least = np.sort(a, axis=1) @ np.sort(b, axis=1)[:, ::-1].T + np.outer(np.diagonal(A), np.diagonal(B))
    rows, columns = linear_sum_assignment(least)
    return float(least[rows, columns].sum())


def _off_diagonal(M: Array) -> Array:
    n = len(M)
    return M[~np.eye(n, dtype=bool)].reshape(n, n - 1)
