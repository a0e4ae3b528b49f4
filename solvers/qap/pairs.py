"""Unordered pairs of facilities, each once, as a dense (m, m/2) array: half the memory traffic of a symmetric matrix.

With ``h = m/2`` facilities are low (below h) or high. Cell (a, b) holds

    {a, h + b}        for a < h          one low, one high
    {a - h, b}        for a - h < b      both low, an upper triangle
    {a, h + b}        for a - h > b      both high, a lower triangle

and the cells with ``a - h = b`` hold no pair.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np


def fold(M: Any) -> Any:
    """The pairs of a symmetric matrix: (m, m) -> (m, m/2)."""
    m = M.shape[0]
    a, b = np.arange(m)[:, None], np.arange(m // 2)
    low = _both_low(a, b, m)
    return M[np.where(low, a - m // 2, a), np.where(low, b, m // 2 + b)]


def empty(m: int) -> Any:
    """Which cells hold no pair: (m, m/2) bool."""
    return np.arange(m)[:, None] - m // 2 == np.arange(m // 2)


def differences(v: Any) -> Any:
    """``v[i] - v[j]`` for each pair, up to a sign that depends on the pair only: (m,) -> (m, m/2)."""
    m = v.shape[0]
    h = m // 2
    low = _both_low(jnp.arange(m, dtype=jnp.int32)[:, None], jnp.arange(h, dtype=jnp.int32), m)
    left = jnp.where(low, jnp.concatenate([v[:h], v[:h]])[:, None], v[:, None])
    return left - jnp.where(low, v[:h], v[h:])


def cell(i: Any, j: Any, m: int) -> tuple[Any, Any]:
    """Where the pair {i, j} is; outside the array for i = j."""
    h = m // 2
    low, high = jnp.minimum(i, j), jnp.maximum(i, j)
    a = jnp.where(high < h, h + low, jnp.where(low < h, low, high))
    b = jnp.where(high < h, high, jnp.where(low < h, high - h, low - h))
    return jnp.where(i == j, m, a), b


def pair(a: Any, b: Any, m: int) -> tuple[Any, Any]:
    """The pair that cell (a, b) holds, the smaller index first, whatever m is."""
    h = m // 2
    low = _both_low(a, b, m)
    i, j = jnp.where(low, a - h, a), jnp.where(low, b, h + b)
    return jnp.minimum(i, j), jnp.maximum(i, j)


def _both_low(a: Any, b: Any, m: int) -> Any:
    return (a >= m // 2) & (b > a - m // 2)
