"""A matrix with two classes of alike indices leaves one question: which subset S of the other side's indices it gets.

With off-diagonal values alpha (in S, in S), beta (in, out), beta' (out, in) and gamma (out, out) for M, and M' the other
matrix, row and column sums r, c taken off its diagonal, the objective of every permutation that gives S to the class is

    (alpha - beta - beta' + gamma) M'(S, S) + (beta - gamma) r(S) + (beta' - gamma) c(S) + gamma M'(all) + diagonal
      = sum_{i,j in S} Q_ij / 2 + w(S) + constant,         Q symmetric with an empty diagonal                    (1)

which has C(n, k) solutions instead of n!, and k (n - k) swaps instead of n (n - 1) / 2 (grey patterns: Taillard 1995).
"""

from typing import Any

import numpy as np

from ...buckets import bucket
from ...pack import Array
from ..problem import QAP
from ..structure import Structure, class_values, two_classes

INT32_REACH = 2**26
"""Gains below this leave room in int32 for the penalties that rank moves."""


def collapse(problem: QAP, structure: Structure, size: int | None = None) -> dict[str, Array]:
    """The subset problem (1), zero-padded to ``size`` (default: the bucket m).

    Returns:
        ``Q`` (m, m), ``w`` (m,), scalars ``constant`` and ``reach`` in the kernel dtype; ``n`` and ``k`` int32. The
        dtype is int32 when every objective and gain is proved to fit, int64 for other integers, float64 for real data.
        ``reach`` bounds every ``g_i + w_i`` and every entry of Q.
    """
    M, other = (problem.A, problem.B) if structure.matrix == "A" else (problem.B, problem.A)
    u, n = _members(problem, structure), problem.size
    alpha, beta, back, gamma = class_values(M, u)
    kept, own = np.diagonal(other), np.diagonal(M)
    off = other - np.diag(kept)
    rows, columns = off.sum(1), off.sum(0)
    factor = alpha - beta - back + gamma
    Q = factor * (off + off.T)
    w = (beta - gamma) * rows + (back - gamma) * columns
    constant = gamma * off.sum()
    if (kept == kept[0]).all():
        constant += kept[0] * own.sum()
    else:
        w = w + (own[u][0] - own[~u][0]) * kept
        constant += own[~u][0] * kept.sum()
    size = bucket(n) if size is None else size
    k = int(u.sum())
    magnitude = np.abs(Q.astype(np.float64)).sum(1).max() + np.abs(w.astype(np.float64)).max()
    kind: type[np.generic] = np.float64
    if Q.dtype.kind == w.dtype.kind == "i":
        fits = magnitude < INT32_REACH and 2 * k * magnitude + abs(float(constant)) < 2**31
        kind = np.int32 if fits else np.int64
    padded_Q, padded_w = np.zeros((size, size), kind), np.zeros(size, kind)
    padded_Q[:n, :n], padded_w[:n] = Q, w
    # In Python integers: as a float the bound itself could round down.
    reach = int(magnitude * (1 + 1e-9)) + 1 if kind is not np.float64 else magnitude
    a: dict[str, Any] = {
        "Q": padded_Q,
        "w": padded_w,
        "constant": np.array(constant).astype(kind),
        "reach": np.array(reach).astype(kind),
        "n": np.int32(n),
        "k": np.int32(k),
    }
    return a


def subset_of(problem: QAP, structure: Structure, p: Array) -> Array:
    """Boolean (n,): the indices of the other side that permutation ``p`` gives to the smaller class."""
    u = _members(problem, structure)
    if structure.matrix == "B":
        return np.asarray(u[p])
    S = np.zeros(len(p), bool)
    S[p[u]] = True
    return S


def permutation_of(problem: QAP, structure: Structure, S: Array) -> Array:
    """A permutation that gives the subset to the smaller class, both in ascending order."""
    u = _members(problem, structure)
    from_, to = (u, S) if structure.matrix == "A" else (S, u)
    p = np.empty(len(u), np.int64)
    p[from_], p[~from_] = np.flatnonzero(to), np.flatnonzero(~to)
    return p


def _members(problem: QAP, structure: Structure) -> Array:
    u: Any = two_classes(*((problem.A, problem.B) if structure.matrix == "A" else (problem.B, problem.A)))
    return np.asarray(u)
