"""Features as points: compressed, standardised, clipped, and without what is constant.

Each value goes through ``sign(x) log2(1 + |x|)``, the logarithm linear between powers of two, which is exact arithmetic; then
mean 0 and standard deviation 1 over the instances that the encoding was fitted to, and no further out than 5. One huge value
moves its own column, and no other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..examples import Row

Floats = NDArray[np.float64]

CLIP = 5.0
CONSTANT = 1e-9
"""A standard deviation up to here, relative to the greatest value, is none."""


def compress(X: ArrayLike) -> Floats:
    """The piecewise linear ``sign(x) log2(1 + |x|)`` of every value."""
    values = np.asarray(X, dtype=np.float64)
    # beyond 2^1023 the sum would overflow
    mantissa, exponent = np.frexp(1.0 + np.minimum(np.abs(values), 2.0**1023))
    size: Floats = exponent - 2.0 + 2.0 * mantissa
    return np.copysign(size, values)


def instances(rows: Sequence[Row]) -> Floats:
    """The features [n, p] of the rows' instances, each once, in their order."""
    seen = list({row.instance: row.features for row in rows}.values())
    return np.array(seen, dtype=np.float64).reshape(len(seen), -1)


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """``kept`` [d]: which of the features vary; ``means``, ``scales`` [d] of their compressed values."""

    kept: NDArray[np.int64]
    means: Floats
    scales: Floats

    @classmethod
    def fitted(cls, X: ArrayLike) -> "Encoding":
        """To the instances ``X`` [n, p]."""
        values = compress(X)
        means = np.add.reduce(values, axis=0) / len(values)
        scales = np.sqrt(np.add.reduce((values - means) ** 2, axis=0) / len(values))
        kept = np.flatnonzero(scales > CONSTANT * np.maximum(1.0, np.abs(values).max(axis=0, initial=0.0)))
        return cls(kept, means[kept], scales[kept])

    def points(self, X: ArrayLike) -> Floats:
        """The points [n, d] of the instances ``X`` [n, p]."""
        values = compress(np.asarray(X, dtype=np.float64)[:, self.kept])
        return np.minimum(np.maximum((values - self.means) / self.scales, -CLIP), CLIP)
