"""The projection bound raised over the diagonals of both matrices (Rendl and Wolkowicz 1992, "Applications of parametric
programming and eigenvalue maximization to the quadratic assignment problem", Mathematical Programming 53).

The bound of :mod:`.projection` is concave in either diagonal while the other is fixed. Supergradient steps on both at
once climb it; after several without a better bound they go on, shorter, from the best diagonals so far.
"""

from dataclasses import replace

import numpy as np

from ...pack import Array
from .projection import Split, basis
from .rounding import assigned

FIRST, SHRINK, PATIENCE = 0.3, 0.6, 8
"""Length of the first steps in units of the matrices' norms, the factor that shortens them, and after how many."""


def climb(start: Split, iterations: int) -> Split:
    """The best split on the way from ``start``; O(n^3) per iteration.

    Real matrices only. The value ranks splits; its margin is infinite, since it proves nothing.
    """
    a, b = start.own
    n, V = len(a), basis(len(a))
    A, B = start.A.copy(), start.B.copy()
    size_A, size_B = (float(np.linalg.norm(M)) for M in (A, B))
    best, value = (np.diagonal(A).copy(), np.diagonal(B).copy()), -np.inf
    (d, e), step, idle, slope = best, FIRST / np.sqrt(n), 0, best
    for _ in range(iterations):
        np.fill_diagonal(A, d)
        np.fill_diagonal(B, e)
        found, up_d, up_e = _supergradient(A, B, a, b, V)
        if found > value:
            best, value, idle, slope = (d, e), found, 0, (up_d, up_e)
        else:
            idle += 1
        if idle >= PATIENCE:
            step, idle, (d, e), (up_d, up_e) = step * SHRINK, 0, best, slope
        # Each diagonal in units of its own matrix.
        up_d, up_e = size_A * up_d, size_B * up_e
        length = float(np.hypot(np.linalg.norm(up_d), np.linalg.norm(up_e)))
        if length <= 1e-12 * size_A * size_B:
            break
        d, e = d + (step * size_A) * (up_d / length), e + (step * size_B) * (up_e / length)
    d, e = best
    np.fill_diagonal(A, d)
    np.fill_diagonal(B, e)
    return replace(start, A=A, B=B, linear=((a, b), (-d, e)), value=value, margin=np.inf)


def _supergradient(A: Array, B: Array, a: Array, b: Array, V: Array) -> tuple[float, Array, Array]:
    """The bound with the diagonals that A and B have now, and a supergradient in each of them."""
    n, d, e = len(a), np.diagonal(A), np.diagonal(B)
    lam, W = np.linalg.eigh(V.T @ A @ V)
    mu, U = np.linalg.eigh(V.T @ B @ V)
    mu, U = mu[::-1], U[:, ::-1]
    r_A, r_B = A.sum(1), B.sum(1)
    s_A, s_B = r_A.sum(), r_B.sum()
    C = np.multiply.outer(a, b) - np.multiply.outer(d, e) + (2 / n) * np.multiply.outer(r_A, r_B)
    p = assigned(C)
    facility = np.argsort(p)
    value = float(lam @ mu + C[np.arange(n), p].sum() - s_A * s_B / n**2)
    up_d = (V @ W) ** 2 @ mu - e[p] + (2 / n) * r_B[p] - s_B / n**2
    up_e = (V @ U) ** 2 @ lam - d[facility] + (2 / n) * r_A[facility] - s_A / n**2
    return value, up_d, up_e
