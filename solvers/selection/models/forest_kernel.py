"""Which known instances an instance is like, by how often trees put them into the same leaf.

The weight of a known instance is its share of the leaf that the new one falls into, averaged over the trees (Lin and Jeon,
"Random forests and adaptive nearest neighbors", JASA 101, 2006). The trees split on what solvers lose, so that instances are
alike when solvers do alike on them, and anything that is known about them can be averaged: losses, times, schedules.

All other instances have a little weight too, as if ten of them at random were alike: with few instances, leaves are small samples.

Each tree sees four fifths of the instances; for the rest it is as good as fresh, which gives weights for the known instances
themselves without their own outcomes (out of bag, Breiman, "Random forests", Machine Learning 45, 2001).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import forests
from .forests import Forest
from .schedules import WEIGHT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHARE = 0.8
ALIKE = 10.0
MOST_BACKGROUND = 128
"""Instances, drawn at random, that stand for all of them."""


@dataclass(frozen=True, slots=True)
class ForestKernel:
    """A forest with the known instances at its leaves: those of node `v` are ``members[start[v] : start[v] + size[v]]``.

    ``seen`` [trees, k]: the instances that each tree was grown on, of ``known`` altogether. ``background``: those that stand
    for all.
    """

    forest: Forest
    seen: Ints
    known: int
    members: Ints
    start: Ints
    size: Ints
    background: Ints

    def weights(self, x: Floats) -> Floats:
        """The weights [known] of the known instances for features ``x`` [d]: whole numbers, `WEIGHT` in sum but for rounding."""
        return self._shared(self.forest.leaves(x[None])[0])

    def out_of_bag(self, X: Floats, which: Ints) -> list[Floats]:
        """For known instances ``which`` the weights of the others, from the trees that have not seen them; ``X`` [known, d]."""
        leaves = self.forest.leaves(X[which])
        fresh = np.ones((self.known, self.forest.trees), dtype=bool)
        fresh[self.seen, np.arange(self.forest.trees)[:, None]] = False
        found = []
        for i, row in zip(which, leaves, strict=True):
            weights = self._shared(row[fresh[i]])
            weights[i] = 0.0  # it may be in the background
            found.append(weights)
        return found

    def _shared(self, leaves: Ints) -> Floats:
        size = self.size[leaves]
        ends = np.cumsum(size)
        within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - size, size)
        members = self.members[np.repeat(self.start[leaves], size) + within]
        others = ALIKE / (self.known + ALIKE)
        shares = np.repeat(np.rint(WEIGHT * (1.0 - others) / (len(leaves) * size)), size)
        weights = np.bincount(members, weights=shares, minlength=self.known).astype(np.float64)
        weights[self.background] += np.rint(WEIGHT * others / len(self.background))
        return weights


def fit(
    X: Floats, targets: Floats, *, trees: int, max_features: float, min_leaf: int, seed: int, share: float = SHARE
) -> ForestKernel:
    """The kernel of instances with features ``X`` [n, d], alike where ``targets`` [n, q] are."""
    seen = forests.draw(len(X), trees, share, seed ^ 0x5EED)
    forest = forests.fit(X, targets, trees=trees, max_features=max_features, min_leaf=min_leaf, seed=seed, samples=seen)
    leaves = np.take_along_axis(forest.leaves(X).T, seen, axis=1).ravel()
    order = np.argsort(leaves, kind="stable")
    size = np.bincount(leaves, minlength=len(forest.feature))
    background = forests.draw(len(X), 1, min(1.0, MOST_BACKGROUND / len(X)), seed ^ 0xBAC)[0]
    return ForestKernel(forest, seen, len(X), seen.ravel()[order], np.cumsum(size) - size, size, background)
