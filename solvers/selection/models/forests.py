"""Extremely randomised trees in NumPy, equal to the bit on every machine.

Geurts, Ernst and Wehenkel, "Extremely randomized trees" (Machine Learning 63, 2006): at each node some features are drawn, one
threshold for each is drawn uniformly between the node's least and greatest value, and the candidate with the greatest decrease
of variance, summed over the outputs, splits the node. With many outputs the decrease is taken on random sums of them, drawn
for each tree (Joly, Geurts and Wehenkel, "Random forests with random projections of the output space", ECML 2014).

Targets are rounded to whole multiples of 2^-26 of their greatest deviation, so that every sum is exact in double precision: the
order of summation, and with it the BLAS, the number of threads and the vector unit, cannot change a split. Randomness is the
raw stream of Philox (Salmon et al., SC 2011), which NumPy promises to keep, under the caller's seed.

Missing values are the caller's: impute before `fit` and before descending.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import BadInput
from .growing import Grower, Uniform

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNIT = 2.0**26
MOST_TARGETS = 2**26
"""Sums of so many numbers below `UNIT` are exact."""


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees in flat arrays over all their nodes. A leaf points at itself, so that all descend together for `depth` steps.

    ``feature``, ``threshold``, ``left`` [nodes]: ``x[feature] <= threshold`` goes to ``left``, else to ``left + 1``.
    ``value`` [nodes, q]: the weighted mean of the targets at a leaf. ``roots`` [trees]. ``importance`` [d]: each feature's
    share of the decrease of variance (sums to 1, or is all 0).
    """

    feature: Ints
    threshold: Floats
    left: Ints
    value: Floats
    roots: Ints
    depth: int
    importance: Floats

    @property
    def trees(self) -> int:
        """How many."""
        return len(self.roots)

    def leaves(self, X: ArrayLike) -> Ints:
        """The node [n, trees] that each row of ``X`` [n, d] ends in; numbers are unique over trees. NaN goes left."""
        rows = np.asarray(X, dtype=np.float64)
        flat, width = np.ascontiguousarray(rows).ravel(), rows.shape[1]
        first = (np.arange(len(rows)) * width)[:, None]
        node = np.broadcast_to(self.roots, (len(rows), len(self.roots)))
        for _ in range(self.depth):
            node = self.left[node] + (flat[first + self.feature[node]] > self.threshold[node])
        return node

    def tree_values(self, X: ArrayLike) -> Floats:
        """What each tree predicts, [n, trees, q]."""
        return self.value[self.leaves(X)]

    def predict(self, X: ArrayLike) -> Floats:
        """The mean over the trees, [n, q]."""
        mean: Floats = np.add.reduce(self.tree_values(X), axis=1) / self.trees
        return mean

    def predict_spread(self, X: ArrayLike) -> tuple[Floats, Floats]:
        """The mean over the trees and their standard deviation, each [n, q]."""
        values = self.tree_values(X)
        mean = np.add.reduce(values, axis=1) / self.trees
        variance = np.add.reduce((values - mean[:, None]) ** 2, axis=1) / self.trees
        return mean, np.sqrt(variance)

    def arrays(self) -> dict[str, Any]:
        """For saving; `Forest(**arrays)` is the forest again."""
        return {name: getattr(self, name) for name in self.__slots__}


def fit(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    trees: int = 100,
    max_features: float = 0.5,
    min_leaf: int = 1,
    seed: int = 0,
    weights: ArrayLike | None = None,
    bootstrap: bool = False,
    samples: ArrayLike | None = None,
    projections: int = 8,
) -> Forest:
    """A forest of ``trees`` on features ``X`` [n, d] and targets ``Y`` [n] or [n, q].

    Args:
        X: finite features.
        Y: finite targets; scale outputs alike, for the decrease of variance is summed over them.
        trees: how many.
        max_features: the share of the features that a node looks at (at least one).
        min_leaf: samples at a leaf, at least.
        seed: the key of all randomness, 64 bits.
        weights: of the samples [n], not negative; None weighs all alike.
        bootstrap: draw ``n`` samples with replacement for each tree; else each sees all.
        samples: the numbers of those that each tree sees [trees, k], drawn by the caller; see :func:`draw`.
        projections: outputs above this number are summed with random signs to so many for the choice of splits.

    Raises:
        BadInput: shapes do not fit, or a value is not finite.
    """
    features, targets = np.ascontiguousarray(X, dtype=np.float64), np.asarray(Y, dtype=np.float64)
    targets = targets[:, None] if targets.ndim == 1 else targets
    weight = np.ones(len(features)) if weights is None else np.asarray(weights, dtype=np.float64)
    _check(features, targets, weight, trees, max_features, min_leaf)
    uniform = Uniform(seed)
    middle = (targets.max(axis=0) + targets.min(axis=0)) / 2
    scale = float(np.abs(targets - middle).max()) or 1.0
    weight = np.rint(weight / weight.max() * UNIT) / UNIT
    whole = np.rint(np.rint((targets - middle) / scale * UNIT) * weight[:, None])
    known = np.flatnonzero(weight)
    entries = np.broadcast_to(known, (trees, len(known)))
    if samples is not None:
        entries = np.asarray(samples, dtype=np.int64)
        if entries.ndim != 2 or len(entries) != trees or not entries.size or weights is not None or bootstrap:
            raise BadInput("drawn samples must be [trees, k], without weights and without bootstrap")
    elif bootstrap:
        entries = known[np.sort((uniform(entries.shape) * len(known)).astype(np.int64), axis=1)]
    projected = _projected(whole, trees, projections, uniform)
    grown = Grower(features, projected, weight, entries, max_features, min_leaf, uniform).grow()
    value = _values(whole, weight, grown.members, grown.owners, len(grown.feature))
    total = float(np.add.reduce(grown.importance))
    return Forest(
        feature=grown.feature,
        threshold=grown.threshold,
        left=grown.left,
        value=middle + value * (scale / UNIT),
        roots=np.arange(trees),
        depth=grown.depth,
        importance=grown.importance / total if total > 0 else grown.importance,
    )


def draw(n: int, trees: int, share: float, seed: int) -> Ints:
    """For each tree a share of ``n`` samples without replacement, in order: [trees, k] for :func:`fit`."""
    lots = Uniform(seed)((trees, n))
    return np.sort(np.argsort(lots, axis=1, kind="stable")[:, : max(1, round(share * n))], axis=1)


def stack(forests: Sequence[Forest]) -> Forest:
    """The trees of all forests in order, to be descended at once; all must have as many outputs and features.

    Of `S` forests with `T` trees each, ``tree_values(X).reshape(n, S, T, q)`` are the values by forest.
    """
    shapes = {(forest.value.shape[1], len(forest.importance)) for forest in forests}
    if len(shapes) != 1:
        msg = f"stacked forests must have as many outputs and features; got {sorted(shapes)} as (outputs, features)"
        raise BadInput(msg)
    starts = np.cumsum([0, *(len(forest.feature) for forest in forests)])[:-1]
    return Forest(
        feature=np.concatenate([forest.feature for forest in forests]),
        threshold=np.concatenate([forest.threshold for forest in forests]),
        left=np.concatenate([forest.left + start for forest, start in zip(forests, starts, strict=True)]),
        value=np.concatenate([forest.value for forest in forests]),
        roots=np.concatenate([forest.roots + start for forest, start in zip(forests, starts, strict=True)]),
        depth=max(forest.depth for forest in forests),
        importance=np.add.reduce([forest.importance for forest in forests]) / len(forests),
    )


def _check(X: Floats, Y: Floats, weight: Floats, trees: int, max_features: float, min_leaf: int) -> None:
    if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y) or not X.size or not Y.size or weight.shape != (len(X),):
        msg = f"a forest needs X [n, d], Y [n] or [n, q] and weights [n]; got {X.shape}, {Y.shape} and {weight.shape}"
        raise BadInput(msg)
    if Y.size > MOST_TARGETS:
        msg = f"a forest takes at most {MOST_TARGETS} targets; got {Y.size}: fit it to a part of the samples"
        raise BadInput(msg)
    if trees < 1 or not 0 < max_features <= 1 or min_leaf < 1:
        msg = f"trees and min_leaf must be at least 1, and max_features in (0, 1]; got {trees}, {min_leaf}, {max_features}"
        raise BadInput(msg)
    if not (np.isfinite(X).all() and np.isfinite(Y).all()):
        raise BadInput("a forest needs finite features and targets; impute missing values first")
    if not (np.isfinite(weight).all() and weight.min() >= 0 and weight.max() > 0):
        raise BadInput("the weights of a forest's samples must be finite and not negative, and one of them positive")


def _projected(whole: Floats, trees: int, projections: int, uniform: Uniform) -> Floats:
    """[trees or 1, n, min(q, projections)]: sums with random signs of each tree's own, exact as the targets are whole."""
    if whole.shape[1] <= projections:
        return whole[None]
    signs = np.where(uniform((trees, whole.shape[1], projections)) < 0.5, -1.0, 1.0)
    sums: Floats = np.matmul(whole[None], signs)
    return sums


def _values(whole: Floats, weight: Floats, members: Ints, owners: Ints, nodes: int) -> Floats:
    """The weighted mean at every leaf, and 0 at every other node, [nodes, q]."""
    total = np.bincount(owners, weights=weight[members], minlength=nodes)
    sums = [np.bincount(owners, weights=column[members], minlength=nodes) for column in whole.T]
    means: Floats = np.stack(sums, axis=1) / np.where(total > 0, total, 1.0)[:, None]
    return means
