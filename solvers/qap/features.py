"""Named numbers that describe an instance: what the literature on QAP difficulty uses, and exact structure.

Dominance is the coefficient of variation in percent (Vollmann and Buffa 1966): about 60 for uniform random entries,
several hundred for real-life instances. Sparsity is the share of zeros off the diagonal. Structures are found by
comparing the whole matrix with the one its first row generates.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

from ..pack import Array
from .problem import QAP


def features(problem: QAP) -> Mapping[str, float]:
    """The features of an instance, O(n^2 log n), the same names for every instance; "flow" is A, "distance" is B."""
    named = {"size": float(problem.size), "log_size": float(np.log(problem.size))}
    for prefix, M in (("flow", problem.A), ("distance", problem.B)):
        named |= {f"{prefix}_{name}": value for name, value in _of(M).items()}
    low, high = sorted((named["flow_dominance"], named["distance_dominance"]))
    return named | {"dominance_min": low, "dominance_max": high}


def _of(M: Array) -> dict[str, float]:
    n = len(M)
    scale = float(np.abs(M).max()) or 1.0
    real = M / scale
    off = real[~np.eye(n, dtype=bool)]
    mean, std = float(off.mean()), float(off.std())
    rows = real.sum(axis=1)
    spread = float(np.abs(real).sum())
    return {
        "dominance": 100 * std / abs(mean) if abs(mean) > 1e-12 else 0.0,
        "sparsity": float((off == 0).mean()),
        "asymmetry": float(np.abs(real - real.T).sum()) / (2 * spread) if spread else 0.0,
        "skew": float((((off - mean) / std) ** 3).mean()) if std > 1e-12 else 0.0,
        "row_dominance": 100 * float(rows.std() / abs(rows.mean())) if abs(rows.mean()) > 1e-12 else 0.0,
        "distinct": _distinct(off) / len(off),
        "diagonal": float(np.diagonal(M).any()),
        "grid": float(_any_shape(M, _grid)),
        "torus": float(_any_shape(M, _torus)),
        "xor": float(n & (n - 1) == 0 and _generated(M, np.arange(n)[:, None] ^ np.arange(n))),
    }


def _distinct(values: Array) -> int:
    ordered = np.sort(values)
    return 1 + int(np.count_nonzero(ordered[1:] != ordered[:-1]))


def _any_shape(M: Array, generator: Callable[[int, int, Array, Array], Array]) -> bool:
    n, k = len(M), np.arange(len(M))
    shapes, probes = _shapes(n, generator)
    # One later row is a cheap test that nearly every shape fails.
    possible = (M[0][probes] == M[n // 2]).all(axis=1)
    return any(_generated(M, generator(*shapes[i], k[:, None], k)) for i in np.flatnonzero(possible))


@lru_cache(maxsize=64)
def _shapes(n: int, generator: Callable[[int, int, Array, Array], Array]) -> tuple[list[tuple[int, int]], Array]:
    """The shapes (r, c) of n places, and for each of them the index row of place n // 2: (shapes, n)."""
    shapes = [(r, n // r) for r in range(1, n + 1) if n % r == 0]
    middle = np.array([[n // 2]])
    return shapes, np.concatenate([generator(r, c, middle, np.arange(n)) for r, c in shapes])


def _grid(r: int, c: int, i: Array, j: Array) -> Array:
    """Entries depend on the row distance and the column distance in an r x c grid only."""
    return np.asarray(np.abs(i // c - j // c) * c + np.abs(i % c - j % c))


def _torus(r: int, c: int, i: Array, j: Array) -> Array:
    """Entries depend on the difference of places modulo an r x c torus only."""
    return np.asarray((j // c - i // c) % r * c + (j % c - i % c) % c)


def _generated(M: Array, index: Array) -> bool:
    return np.array_equal(M, M[0][index])
