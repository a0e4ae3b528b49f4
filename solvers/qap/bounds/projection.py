"""The projection bound (Hadley, Rendl and Wolkowicz 1992, "A new lower bound via projection for the quadratic assignment
problem", Mathematics of Operations Research 17), over the best of a few ways to split off a linear term.

A permutation matrix is ``X = E / n + V Y V^T`` with V an orthonormal basis of what is orthogonal to (1, ..., 1) and Y
orthogonal. With ``A^ = V^T A V``, row sums r and totals s,

    <A, X B X^T> = <A^, Y B^ Y^T> + (2 / n) r_A^T X r_B - s_A s_B / n^2,

whose first term is at least the least scalar product of the eigenvalues of A^ and B^, whose second is at least
its linear assignment.

- **Diagonals.** Only the entries off the diagonal are tied to each other: another diagonal d for A costs a linear term,
  ``(a - d) b^T``, and moves weight between the two terms above (the parametric bound of Rendl and Wolkowicz 1992). Here
  d goes from a some way towards equal row sums, for one matrix or the other. The bound is concave along that way, so
  the first step that is no better ends it. Large sums in few rows (tai*b, ste, els) gain most: tai100b from 34 % below the best
  known value to 18 %, nug30 from 14 % to 12 %.
- **Asymmetry.** Where one matrix is symmetric the other is replaced by its symmetric part. Where neither is, both become
  Hermitian, ``(M + M^T) / 2 + i (M - M^T) / 2``, which leaves the objective as it is (Hadley, Rendl and Wolkowicz 1990).
"""

import math
from dataclasses import dataclass

import numpy as np

from ...pack import Array
from ...problem import Bound
from ..problem import QAP
from .rounding import EPS, assignment, proved

STEPS = (0.25, 0.5, 0.75, 1.0)
"""How far row sums are levelled, tried in this order."""


@dataclass(frozen=True)
class Split:
    """The objective as ``scale`` times ``<A, X B X^T> + <C, X>``, ``C = sum of u v^T``, and its computed projection bound.

    Attributes:
        A: (n, n) Hermitian, real where the data allow it; entries within about one, diagonal shifted.
        B: as A.
        linear: the pairs (u, v) of C.
        own: the diagonals of A and B before they were shifted.
        scale: a power of two.
        value: the bound in units of ``scale``, wrong by at most ``margin``.
        margin: see ``value``.
    """

    A: Array
    B: Array
    linear: tuple[tuple[Array, Array], ...]
    own: tuple[Array, Array]
    scale: float
    value: float
    margin: float


def projection(problem: QAP, *, levels: bool = True, assign: bool = True) -> Bound:
    """The bound in O(n^3), rounded up where data are integers.

    Args:
        problem: any instance.
        levels: also try other diagonals.
        assign: bound the linear term by an assignment; otherwise each of its rank-one terms by itself, which is
            weaker only where there are several (both matrices with a diagonal, or asymmetric).
    """
    best = split(problem, levels=levels, assign=assign)
    return proved(best.value * best.scale, best.margin * best.scale, problem, "projection")


def split(problem: QAP, *, levels: bool = True, assign: bool = True) -> Split:
    """The best split found; see :func:`projection`."""
    A, B, scale = _hermitian(problem)
    own = a, b = np.diagonal(A).real, np.diagonal(B).real
    base_A, base_B = _spectrum(A), _spectrum(B)

    def of(A: Array, spectrum_A: Array, B: Array, spectrum_B: Array, linear: tuple[tuple[Array, Array], ...]) -> Split:
        value, margin = _value(A, spectrum_A, B, spectrum_B, linear, assign=assign)
        return Split(A, B, linear, own, scale, value, margin)

    best = base = of(A, base_A, B, base_B, ())
    if not levels:
        return best
    tilt_A, tilt_B = _tilt(A), _tilt(B)
    for t in STEPS:
        level = _shifted(B, t * tilt_B)
        found = of(A, base_A, level, _spectrum(level), ((a, t * tilt_B),))
        if found.value <= best.value:
            break
        best = found
    along = base
    for t in STEPS:
        level = _shifted(A, t * tilt_A)
        found = of(level, _spectrum(level), B, base_B, ((t * tilt_A, b),))
        if found.value <= along.value:
            break
        along = found
    return max(best, along, key=lambda s: s.value)


def _value(
    A: Array, spectrum_A: Array, B: Array, spectrum_B: Array, linear: tuple[tuple[Array, Array], ...], *, assign: bool
) -> tuple[float, float]:
    n = len(A)
    r_A, r_B = A.sum(1), B.sum(1)
    terms = [*linear, ((2 / n) * r_A.real, r_B.real)]
    if np.iscomplexobj(A):
        terms.append(((2 / n) * r_A.imag, r_B.imag))
    least, margin = _least(terms, assign=assign)
    value = float(spectrum_A @ spectrum_B[::-1]) + least - float(r_A.real.sum() * r_B.real.sum()) / n**2
    # Hoffman and Wielandt: eigenvalues of a matrix wrong by E are wrong by at most |E|_F; |r|^2 <= n |A|_F^2.
    return value, margin + 32 * n * EPS * float(np.linalg.norm(A) * np.linalg.norm(B))


def basis(n: int) -> Array:
    """V, (n, n - 1): all but the first column of the reflection that takes (1, ..., 1) to an axis."""
    v = _reflector(n)
    return np.asarray((np.eye(n) - 2 * np.multiply.outer(v, v))[:, 1:])


def symmetrisable(problem: QAP) -> bool:
    """Whether at least one matrix is symmetric, so that both may be."""
    return any(bool((M == M.T).all()) for M in (problem.A, problem.B))


def _hermitian(problem: QAP) -> tuple[Array, Array, float]:
    real = symmetrisable(problem)
    matrices, scale = [], 1.0
    for M in (problem.A, problem.B):
        unit = float(np.ldexp(1.0, np.frexp(np.abs(M).max())[1] - 1))  # a power of two: nothing is rounded
        scale *= unit
        N = M / unit
        matrices.append((N + N.T) / 2 if real else (N + N.T) / 2 + 0.5j * (N - N.T))
    return matrices[0], matrices[1], scale


def _tilt(M: Array) -> Array:
    """What, taken from the diagonal, makes all row sums equal."""
    r = M.sum(1).real
    return np.asarray(r - r.mean())


def _shifted(M: Array, tilt: Array) -> Array:
    M = M.copy()
    M.flat[:: len(M) + 1] -= tilt
    return M


def _spectrum(M: Array) -> Array:
    """Eigenvalues of ``V^T M V``, ascending."""
    v = _reflector(len(M))
    w = M @ v
    k = float((v @ w).real)
    u = 2 * (w - k * v)  # (I - 2 v v^T) M (I - 2 v v^T) = M - u v^T - v u^*
    reflected = M - np.multiply.outer(u, v) - np.multiply.outer(v, u.conj())
    return np.asarray(np.linalg.eigvalsh(reflected[1:, 1:]))


def _reflector(n: int) -> Array:
    v = np.ones(n)
    v[0] += np.sqrt(n)
    return np.asarray(v / np.linalg.norm(v))


def _least(terms: list[tuple[Array, Array]], *, assign: bool) -> tuple[float, float]:
    """At most ``sum of u^T X v`` for every permutation X, and the error; exact for one term, which takes two sorts."""
    terms = [(u, v) for u, v in terms if u.any() and v.any()]
    if assign and len(terms) > 1:
        return assignment(np.asarray(sum(np.multiply.outer(u, v) for u, v in terms)))
    # Errors of a scalar product are within the margin for the spectra.
    return math.fsum(float(np.sort(u) @ np.sort(v)[::-1]) for u, v in terms), 0.0
