"""Structure of a matrix, proved by exact comparison of every entry: what transforms and collapses may rely on.

A translation-invariant matrix is diagonalised by the Fourier transform of its group: of a torus by the 2-D discrete
Fourier transform, of the hypercube (``xor``) by that of Walsh and Hadamard. Rectilinear distances of a grid are a
Kronecker sum. A flow matrix with two classes of alike facilities leaves only the choice of a subset of locations.

Each test first looks at a row or two, which turns away nearly every matrix without structure in O(n) per shape; only
what passes is compared whole. Index order matters: a permuted torus is not recognised.
"""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from ..pack import Array
from .problem import QAP

Kind = Literal["subset", "xor", "torus", "grid"]
ROWS = 256
"""Rows compared at a time, so that a proof at n = 2000 needs no copy of the matrix."""


@dataclass(frozen=True, slots=True)
class Structure:
    """One proved property of one matrix M.

    Attributes:
        matrix: which of the two it is.
        kind: ``subset``: M[i, j], i != j, depends only on the classes of i and j, of which there are two;
            ``xor``: M[i, j] = f(i xor j); ``torus``: M[i, j] = f((j - i) on an r x c torus, row by row);
            ``grid``: M = P (x) 1 + 1 (x) Q, the sum of a term for grid rows and one for grid columns (1: all ones).
        shape: (r, c) of a torus or grid; (k, n - k), the class sizes, of a subset; (n,) of xor.
    """

    matrix: Literal["A", "B"]
    kind: Kind
    shape: tuple[int, ...]

    def __str__(self) -> str:
        r, c = self.shape[0], self.shape[-1]
        return {
            "subset": f"{self.matrix} has two classes of {r} and {c} alike indices",
            "xor": f"{self.matrix} is invariant under xor",
            "torus": f"{self.matrix} is invariant on a {r} x {c} torus",
            "grid": f"{self.matrix} is a sum over the rows and columns of a {r} x {c} grid",
        }[self.kind]


def structure_of(problem: QAP) -> Structure | None:
    """The strongest structure of the instance, or None; see :func:`structures_of`."""
    found = structures_of(problem)
    return found[0] if found else None


def structures_of(problem: QAP) -> tuple[Structure, ...]:
    """At most one collapse to a subset and one invariance, strongest first; remembered while the instance lives."""
    return _remembered(_Same(problem))


def two_classes(M: Array, other: Array) -> Array | None:
    """Boolean (n,): the smaller of two classes whose members are alike in ``M``, or None.

    Off the diagonal entries depend on the two classes only; on it they are equal within each, unless ``other``, the
    other matrix, has a constant diagonal: then that of ``M`` adds the same to every objective.
    """
    free = _constant(np.diagonal(other))
    for u in _candidates(M):
        if (free or all(_constant(np.diagonal(M)[v]) for v in (u, ~u))) and _depends_on(M, u):
            smaller: Array = u if 2 * u.sum() <= len(M) else ~u
            return smaller
    return None


def class_values(M: Array, u: Array) -> tuple[Array, Array, Array, Array]:
    """Off-diagonal entries of ``M`` (in u, in u), (in, out), (out, in), (out, out); a pair that does not exist repeats another."""
    inside, outside = np.flatnonzero(u), np.flatnonzero(~u)
    across, back = M[inside[0], outside[0]], M[outside[0], inside[0]]
    within = M[inside[0], inside[1]] if len(inside) > 1 else across
    without = M[outside[0], outside[1]] if len(outside) > 1 else back
    return within, across, back, without


def grid_factors(M: Array, r: int, c: int) -> tuple[Array, Array]:
    """P (r, r) and Q (c, c) with M[(a, b), (d, e)] = P[a, d] + Q[b, e], if M has any."""
    return M[::c, ::c] - M[0, 0], M[:c, :c]


class _Same:
    """An instance as a cache key: by identity, and without keeping it alive."""

    def __init__(self, problem: QAP) -> None:
        self._id, self.ref = id(problem), weakref.ref(problem)

    def __hash__(self) -> int:
        return self._id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.ref() is not None and self.ref() is other.ref()


@lru_cache(maxsize=256)
def _remembered(key: _Same) -> tuple[Structure, ...]:
    problem = key.ref()
    if problem is None:
        return ()
    return tuple(found for found in (_collapse(problem), _invariance(problem)) if found)


def _collapse(problem: QAP) -> Structure | None:
    both: tuple[tuple[Literal["A", "B"], Array, Array], ...] = (
        ("A", problem.A, problem.B),
        ("B", problem.B, problem.A),
    )
    for name, M, other in both:
        if (u := two_classes(M, other)) is not None:
            k = int(u.sum())
            return Structure(name, "subset", (k, len(M) - k))
    return None


def _candidates(M: Array) -> Iterator[Array]:
    """The only divisions into two classes, neither empty, that can be the one of :func:`two_classes`.

    A row (or column) with two values off the diagonal tells them apart, up to where its own index belongs. If there is
    none, all entries are equal, and the diagonal decides; if that is constant too, any division will do.
    """
    n = len(M)
    for rows in (M, M.T):
        i = _first_uneven(rows)
        if i is None:
            continue
        differs = rows[i] != rows[i][1 if i == 0 else 0]
        differs[i] = False
        if len(set(rows[i][differs].tolist())) > 1:
            return
        own = np.arange(n) == i
        yield from (u for u in (differs, differs | own) if 0 < u.sum() < n)
        return
    by_diagonal = np.diagonal(M) != M[0, 0]
    if by_diagonal.any():
        yield by_diagonal
    yield np.arange(n) == 0


def _invariance(problem: QAP) -> Structure | None:
    both: tuple[tuple[Literal["A", "B"], Array], ...] = (("B", problem.B), ("A", problem.A))
    for name, M in both:
        if _is_xor(M):
            return Structure(name, "xor", (len(M),))
    for name, M in both:
        if shape := next((shape for shape in _shapes(len(M), least=1) if _is_torus(M, *shape)), None):
            return Structure(name, "torus", shape)
    for name, M in both:
        if shape := next((shape for shape in _shapes(len(M), least=2) if _is_grid(M, *shape)), None):
            return Structure(name, "grid", shape)
    return None


def _shapes(n: int, least: int) -> Iterator[tuple[int, int]]:
    """Factorisations with at least ``least`` rows and 2 columns, the squarest first (n x 1 is 1 x n)."""
    shapes = [(r, n // r) for r in range(least, n // 2 + 1) if n % r == 0]
    return iter(sorted(shapes, key=lambda shape: abs(shape[0] - shape[1])))


def _is_xor(M: Array) -> bool:
    n, k = len(M), np.arange(len(M))
    if n & (n - 1) or not all(np.array_equal(M[i], M[0][i ^ k]) for i in (1, n - 1)):
        return False
    return all(np.array_equal(M[i : i + ROWS], M[0][k[i : i + ROWS, None] ^ k]) for i in range(0, n, ROWS))


def _is_torus(M: Array, r: int, c: int) -> bool:
    f = M[0].reshape(r, c)

    def row(i: int) -> bool:
        return np.array_equal(M[i], np.roll(f, (i // c, i % c), (0, 1)).ravel())

    return M[1, 1] == M[0, 0] and row(1) and row(len(M) - 1) and all(map(row, range(len(M))))


def _is_grid(M: Array, r: int, c: int) -> bool:
    P, Q = grid_factors(M, r, c)

    def rows(a: int) -> bool:
        """The c rows of M that belong to grid row a."""
        return np.array_equal(M[a * c : a * c + c].reshape(c, r, c), P[a][None, :, None] + Q[:, None, :])

    return bool(M[1, c] == P[0, 1] + Q[1, 0]) and rows(0) and rows(r - 1) and all(map(rows, range(r)))


def _first_uneven(M: Array) -> int | None:
    """The first row whose off-diagonal entries are not all equal."""
    for i in range(len(M)):
        row = np.delete(M[i], i)
        if (row != row[0]).any():
            return i
    return None


def _depends_on(M: Array, u: Array) -> bool:
    within, across, back, without = class_values(M, u)
    for i in range(0, len(M), ROWS):
        block = M[i : i + ROWS].copy()
        expected = np.where(u[i : i + ROWS, None], np.where(u, within, across), np.where(u, back, without))
        own = np.arange(len(block))
        block[own, i + own] = expected[own, i + own]
        if not np.array_equal(block, expected):
            return False
    return True


def _constant(values: Array) -> bool:
    return bool((values == values[0]).all())
