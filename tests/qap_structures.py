"""Matrices with a structure, built entry by entry from its definition."""

import numpy as np


def torus(r, c, f):
    """M[i, j] = f[(j - i) on an r x c torus]."""
    n = r * c
    return np.array(
        [[f[((j // c - i // c) % r) * c + (j % c - i % c) % c] for j in range(n)] for i in range(n)], f.dtype
    )


def xor(f):
    """M[i, j] = f[i ^ j]."""
    return np.array([[f[i ^ j] for j in range(len(f))] for i in range(len(f))], f.dtype)


def grid(P, Q):
    """M[(a, b), (d, e)] = P[a, d] + Q[b, e]."""
    r, c = len(P), len(Q)
    return np.array([[P[i // c, j // c] + Q[i % c, j % c] for j in range(r * c)] for i in range(r * c)])


def classes(u, values, diagonal=(0, 0)):
    """Off the diagonal one of four values by the classes of i and j; on it one of two."""
    within, across, back, without = values
    M = np.where(u[:, None], np.where(u, within, across), np.where(u, back, without))
    np.fill_diagonal(M, np.where(u, *diagonal))
    return M


def flows(n, seed):
    """A symmetric matrix without structure."""
    M = np.random.default_rng(seed).integers(1, 50, (n, n))
    return np.triu(M, 1) + np.triu(M, 1).T


def torus_distances(r, c):
    """Shortest paths on the torus, squared by axis."""
    d = [[min(x, r - x) ** 2 + min(y, c - y) ** 2 for y in range(c)] for x in range(r)]
    return torus(r, c, np.array(d).ravel())


def manhattan(r, c):
    """Rectilinear distances on a grid."""
    return grid(*(np.abs(np.subtract.outer(np.arange(k), np.arange(k))) for k in (r, c)))
