"""The convex quadratic programming bound (Anstreicher and Brixius 2001, "A new bound for the quadratic assignment problem
based on convex quadratic programming", Mathematical Programming 89).

In the notation of :mod:`.projection`, with eigenvalues lambda of A^ ascending and mu of B^ descending and
``Z = W^T V^T X V U`` in their eigenbases, every permutation has

    <A^, Y B^ Y^T> = sum_ij lambda_i mu_j Z_ij^2 = sum_ij K_ij Z_ij^2 + sum_i s_i + sum_j t_j,   K_ij = lambda_i mu_j - s_i - t_j,

since Z is orthogonal. Where K >= 0 the right side is convex in X. With s and t the dual solution of the assignment of
eigenvalues it is no less than the projection bound, and its minimum over doubly stochastic X is this bound. Frank and
Wolfe's method approaches that minimum; what is proved at each iterate is the minimum of its linearisation, over
assignments. One step takes three products of matrices and one assignment.

Percent below the best known value: the better quick bound, then this one from both splits that ``tighten`` tries.

    nug12  nug15  nug18  nug21  nug25  nug27  nug30 | had12  had16  had18  had20 | rou12  rou20 | tai12a tai20a tai25a
    14.5   14.8   12.8   16.2   13.7   12.3   12.3  |  4.7    4.0    4.4    4.0  | 14.1   17.3  | 12.7   17.5   17.6
    13.5   12.0   10.5   11.8   10.8    9.4   10.1  |  2.7    2.9    3.2    2.8  | 12.7   16.3  | 10.9   16.8   17.2

    kra30a tho30 | tai12b tai20b tai25b tai30b | chr*, els19, scr*, lipa*, most esc16*: nothing; the Gilmore-Lawler bound is better
    23.1   17.9  | 38.6   45.9   34.6   29.1   |
    18.7   13.2  | 13.8   30.5   21.9   14.4   |
"""

import numpy as np

from ...pack import Array
from .projection import Split, basis
from .rounding import EPS, assigned


def convex_quadratic(split: Split, iterations: int) -> tuple[float, float]:
    """The best value within ``iterations`` steps, and by how much rounding may have raised it; real matrices only.

    Both in units of the instance's objective.
    """
    A, B = split.A, split.B
    n, V = len(A), basis(len(A))
    lam, W = np.linalg.eigh(V.T @ A @ V)
    mu, U = np.linalg.eigh(V.T @ B @ V)
    mu, U = mu[::-1], U[:, ::-1]
    s, t = _dual(lam, mu)
    P, Q = V @ W, V @ U
    K = np.maximum(np.multiply.outer(lam, mu) - s[:, None] - t, 0.0)
    r_A, r_B = A.sum(1), B.sum(1)
    L = (2 / n) * np.multiply.outer(r_A, r_B) + sum(np.multiply.outer(u, v) for u, v in split.linear)
    constant = float(s.sum() + t.sum() - r_A.sum() * r_B.sum() / n**2)

    Z, linear, best, rows = np.zeros_like(K), float(L.sum()) / n, -np.inf, np.arange(n)  # the barycentre
    largest = 0.0
    for _ in range(iterations):
        KZ = K * Z
        gradient = 2 * (P @ KZ @ Q.T) + L
        p = assigned(gradient)
        towards, linear_there = P.T @ Q[p], float(L[rows, p].sum())
        step = towards - Z
        slope = 2 * float((KZ * step).sum()) + linear_there - linear
        value = float((KZ * Z).sum()) + linear + constant
        best = max(best, value + slope)
        largest = max(largest, float(np.abs(gradient).max()))
        curve = float((K * step * step).sum())
        if slope >= 0:
            break
        alpha = min(1.0, -slope / (2 * curve)) if curve > 0 else 1.0
        Z, linear = Z + alpha * step, linear + alpha * (linear_there - linear)
    # Eigenvectors are orthonormal within n EPS; assignments and sums of n^2 terms are within the rest.
    size = float(np.linalg.norm(A) * np.linalg.norm(B) + np.abs(s).max() + np.abs(t).max()) + largest
    return best * split.scale, 64 * n**2 * EPS * size * split.scale


def _dual(lam: Array, mu: Array) -> tuple[Array, Array]:
    """Vectors s and t with ``s_i + t_j <= lambda_i mu_j`` and equality where i = j, in the middle of what is possible.

    ``s_{i+1} - s_i`` may be anything from ``mu_{i+1}`` to ``mu_i`` times ``lambda_{i+1} - lambda_i``.
    """
    s = np.concatenate([[0.0], np.cumsum(np.diff(lam) * (mu[1:] + mu[:-1]) / 2)])
    return s, lam * mu - s
