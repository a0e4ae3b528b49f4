"""Weights of known instances by the trees' leaves."""

import numpy as np
import pytest

from mezan.solvers.selection.models import forest_kernel
from mezan.solvers.selection.models.forest_kernel import ALIKE
from mezan.solvers.selection.models.schedules import WEIGHT

RNG = np.random.default_rng(5)
X = RNG.uniform(-1, 1, size=(200, 3))
Y = np.where(X[:, :1] > 0, 1.0, 0.0) + 0.01 * RNG.normal(size=(200, 2))
KERNEL = forest_kernel.fit(X, Y, trees=60, max_features=1.0, min_leaf=5, seed=3)


def test_weights_are_shares_of_leaves() -> None:
    """They equal what a loop over trees and their leaves gives, the background included."""
    x = np.array([0.4, -0.2, 0.9])
    expected = np.zeros(200)
    here, known = KERNEL.forest.leaves(x[None])[0], KERNEL.forest.leaves(X)
    for tree in range(60):
        alike = [i for i in KERNEL.seen[tree] if known[i, tree] == here[tree]]
        expected[alike] += 1 / len(alike) / 60
    expected *= 200 / (200 + ALIKE)
    expected[KERNEL.background] += ALIKE / (200 + ALIKE) / len(KERNEL.background)
    assert KERNEL.weights(x) / WEIGHT == pytest.approx(expected, abs=1e-6)
    assert KERNEL.weights(x).sum() == pytest.approx(WEIGHT, rel=1e-4)


def test_weights_go_to_those_that_are_alike_in_what_matters() -> None:
    """The first feature decides the targets: the weight beyond the background lies on its side."""
    weights = KERNEL.weights(np.array([0.5, 0.0, 0.0]))
    assert weights[X[:, 0] > 0].sum() / weights.sum() > 0.9


def test_a_known_instance_has_no_weight_of_its_own() -> None:
    """Out of bag, only trees that have not seen an instance speak for it, and it never counts for itself."""
    which = np.flatnonzero(np.abs(X[:, 0]) > 0.4)[:5]
    known = KERNEL.forest.leaves(X)
    for i, weights in zip(which, KERNEL.out_of_bag(X, which), strict=True):
        assert weights[i] == 0
        fresh = [tree for tree in range(60) if i not in KERNEL.seen[tree]]
        met = {j for tree in fresh for j in KERNEL.seen[tree] if known[j, tree] == known[i, tree]}
        assert set(np.flatnonzero(weights)) == (met | set(KERNEL.background)) - {i}
        side = (X[:, 0] > 0) == (X[i, 0] > 0)
        assert weights[side].sum() / weights.sum() > 0.85
