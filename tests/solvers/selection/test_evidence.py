"""What known instances say about learning from them."""

import numpy as np
import pytest

from mezan.solvers.selection.models import forest_kernel
from mezan.solvers.selection.models.evidence import Evidence, gathered
from mezan.solvers.selection.models.labels import Labels
from mezan.solvers.selection.models.preparing import Preparation


def evidence(X: np.ndarray, quality: np.ndarray, seed: int) -> Evidence:
    """The evidence of losses that are already in [0, 1]."""
    labels = Labels.of(quality, cutoff=None, maximize=False, solved=None)
    prepared = Preparation.of(X)(X)
    kernel = forest_kernel.fit(prepared, labels.targets(), trees=40, max_features=0.8, min_leaf=4, seed=seed)
    return gathered(kernel, prepared, labels, np.zeros(len(X)), 1, seed)


@pytest.mark.parametrize("seed", range(8))
def test_two_solvers_nearly_as_good_are_no_reason_to_pick(seed) -> None:
    """Each of two solvers fails on its own 15 of 90 instances: leaving one out must not make its failing solver the single best.

    It did: whichever instance was judged, the solver that fails on it looked better without it, and noise looked worth picking by.
    """
    quality = np.zeros((90, 2))
    quality[:15, 0] = quality[15:30, 1] = 1.0
    found = evidence(np.random.default_rng(seed).normal(size=(90, 5)), quality, seed)
    assert found.single_best == pytest.approx(15 / 90)
    assert found.rule == "single_best"


@pytest.mark.parametrize("seed", range(4))
def test_features_that_tell_are_picked_by(seed) -> None:
    """The same failures, told by one of the features: picks are better beyond doubt."""
    quality = np.zeros((90, 2))
    quality[:15, 0] = quality[15:30, 1] = 1.0
    X = np.random.default_rng(seed).normal(size=(90, 5))
    X[:15, 2] -= 5.0
    X[15:30, 2] += 5.0
    found = evidence(X, quality, seed)
    assert found.rule == "pick"
    assert found.pick < 0.3 * found.single_best
