"""From features as they come to features that trees can split: missing ones imputed, great ones compressed, wild ones noticed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WILD = 1e100
GRID = 2.0**20


@dataclass(frozen=True, slots=True)
class Preparation:
    """The medians [d] of the known instances, which stand in for missing values."""

    medians: Floats

    @classmethod
    def of(cls, X: Floats) -> "Preparation":
        """From features [n, d]; a feature that is never known counts as 0."""
        known = np.where(np.isfinite(X) & (np.abs(X) < WILD), X, np.nan)
        there = ~np.isnan(known).all(axis=0)
        medians = np.zeros(X.shape[1])
        medians[there] = np.nanmedian(known[:, there], axis=0)
        return cls(medians)

    def poisoned(self, X: Floats) -> NDArray[np.bool_]:
        """Which rows [n] nothing can be concluded from: a value is infinite or beyond 1e100, or all are missing."""
        wild = np.isinf(X) | (np.abs(np.nan_to_num(X)) >= WILD)
        poisoned: NDArray[np.bool_] = np.logical_or(wild.any(axis=1), np.isnan(X).all(axis=1))
        return poisoned

    def __call__(self, X: Floats) -> Floats:
        """``sign(x) log2(1 + |x|)`` [n, d] on a grid of 2^-20, so that libraries that differ in last bits agree."""
        known = np.where(np.isfinite(X) & (np.abs(X) < WILD), X, self.medians)
        compressed: Floats = np.rint(np.sign(known) * np.log2(1.0 + np.abs(known)) * GRID) / GRID
        return compressed
