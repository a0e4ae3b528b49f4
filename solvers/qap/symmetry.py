"""Turns and mirrorings of a grid that leave a matrix as it is: solutions that differ by one are the same solution.

For sigma with ``A[sigma, sigma] = A`` the permutations p and p o sigma have the same objective, and so have p and
sigma o p for one of B. Two parents that agree up to such a sigma should be crossed as they agree: of eight orientations of
a square grid seven would make a child that is little better than random.
"""

import numpy as np

from ..pack import Array

MOST = 8
"""Symmetries of a square; a rectangle has four of them."""


def symmetries(M: Array, size: int) -> Array:
    """The symmetries of a grid, of any shape r x c in the order of indices, that M has: (8, size) int32, the identity first.

    Fewer than eight are filled up with identities; so is the padding of each, to ``size``.
    """
    n = len(M)
    shapes = [(r, n // r) for r in range(1, int(n**0.5) + 1) if n % r == 0]
    kept: list[Array] = max(([sigma for sigma in _of_grid(r, c) if _keeps(M, sigma)] for r, c in shapes), key=len)
    found = np.tile(np.arange(size, dtype=np.int32), (MOST, 1))
    found[: len(kept), :n] = kept
    return found


def _of_grid(r: int, c: int) -> list[Array]:
    k = np.arange(r * c).reshape(r, c)
    turned = [k, k[::-1], k[:, ::-1], k[::-1, ::-1]] if r > 1 else [k, k[:, ::-1]]
    if r == c:
        turned += [grid.T for grid in turned]
    return [grid.ravel() for grid in turned]


def _keeps(M: Array, sigma: Array) -> bool:
    probe = len(M) // 3
    return np.array_equal(M[sigma[probe]][sigma], M[probe]) and np.array_equal(M[sigma][:, sigma], M)
