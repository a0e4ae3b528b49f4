"""Extremely randomised trees: as good as scikit-learn's, exact, and equal everywhere."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_friedman1
from sklearn.ensemble import ExtraTreesRegressor

from mezan.solvers.errors import BadInput
from mezan.solvers.selection.models import forests


def friedman(n: int, d: int, q: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Friedman's first function, and with several outputs linear ones of the same features added to it."""
    X, y = make_friedman1(n, n_features=d, noise=1.0, random_state=seed)
    rng = np.random.default_rng(seed)
    return X, y[:, None] * rng.normal(size=q) + 5 * X[:, rng.integers(5, size=q)] * rng.normal(size=q)


@pytest.mark.parametrize(("d", "q", "min_leaf", "max_features"), [(10, 1, 1, 1.0), (60, 1, 3, 0.5), (30, 24, 3, 0.5)])
def test_it_predicts_as_well_as_scikit_learn(d, q, min_leaf, max_features) -> None:
    """Mean squared error on fresh samples is within 4 % (6 % with splits chosen on random sums), over six samples of the data, with one or many outputs."""
    ours = theirs = 0.0
    for seed in range(6):
        X, Y = friedman(800, d, q, seed)
        mine = forests.fit(X[:400], Y[:400], trees=60, max_features=max_features, min_leaf=min_leaf, seed=seed)
        other = ExtraTreesRegressor(60, max_features=max_features, min_samples_leaf=min_leaf, random_state=seed)
        other.fit(X[:400], Y[:400] if q > 1 else Y[:400, 0])
        ours += float(((mine.predict(X[400:]) - Y[400:]) ** 2).mean())
        theirs += float(((other.predict(X[400:]).reshape(400, -1) - Y[400:]) ** 2).mean())
    assert ours <= (1.04 if q <= 8 else 1.06) * theirs


def test_importance_finds_the_features_that_matter() -> None:
    """Friedman's five informative features come first, with about the shares that scikit-learn gives."""
    X, Y = friedman(600, 12, 1)
    mine = forests.fit(X, Y, trees=100, max_features=1.0, seed=5).importance
    theirs = ExtraTreesRegressor(100, random_state=5).fit(X, Y[:, 0]).feature_importances_
    assert set(np.argsort(-mine)[:4]) <= set(range(5))
    assert np.abs(mine - theirs).max() < 0.03
    assert mine.sum() == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_bits() -> None:
    """The digest of a forest is fixed here: a new NumPy, BLAS or machine must not change it."""
    X = np.arange(240.0).reshape(40, 6) * 37 % 101
    Y = np.stack([X[:, 0] * 2 - X[:, 1], X[:, 2] > 50], axis=1)
    made = forests.fit(X, Y, trees=5, min_leaf=2, seed=2**63 + 5, bootstrap=True, weights=1 + X[:, 5] % 3)
    digest = hashlib.sha256()
    for array in (made.feature, made.threshold, made.left, made.value):
        digest.update(np.ascontiguousarray(array).tobytes())
    assert digest.hexdigest() == "c17cbb51bbbae66c4479310cc36e3e5fec75e5999fccc4270b430e10766eef03"
    assert not np.array_equal(
        made.threshold, forests.fit(X, Y, trees=5, min_leaf=2, seed=1).threshold[: len(made.threshold)]
    )


def test_the_order_of_summation_does_not_matter() -> None:
    """Sums of targets with many digits are exact: turning the samples round leaves the root's split as it is."""
    rng = np.random.default_rng(3)
    X, Y = rng.normal(size=(300, 4)), rng.normal(size=(300, 20)) / 3
    there = forests.fit(X, Y, trees=20, max_features=1.0, min_leaf=100, seed=9)
    back = forests.fit(X[::-1], Y[::-1], trees=20, max_features=1.0, min_leaf=100, seed=9)
    for one, other in ((there.feature, back.feature), (there.threshold, back.threshold), (there.value, back.value)):
        assert np.array_equal(one, other)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 60),
    d=st.integers(1, 6),
    q=st.integers(1, 11),
    min_leaf=st.integers(1, 6),
    levels=st.integers(1, 8),
    seed=st.integers(0, 2**64 - 1),
)
def test_leaves_hold_means_of_their_samples(n, d, q, min_leaf, levels, seed) -> None:
    """Every leaf has the mean of the samples that reach it, at least ``min_leaf`` of them, with ties and constants too."""
    rng = np.random.default_rng(seed)
    X, Y = rng.integers(levels, size=(n, d)).astype(float), rng.integers(-5, 6, size=(n, q)) / 4
    made = forests.fit(X, Y, trees=4, max_features=0.6, min_leaf=min_leaf, seed=seed)
    leaves = made.leaves(X)
    assert (made.left[leaves] == leaves).all()
    assert len(set(leaves.ravel())) == (made.left == np.arange(len(made.left))).sum()
    for tree in leaves.T:
        for leaf in set(tree):
            assert (tree == leaf).sum() >= min(min_leaf, n)
            assert made.value[leaf] == pytest.approx(Y[tree == leaf].mean(axis=0), abs=1e-7)
    mean, spread = made.predict_spread(X)
    assert np.array_equal(mean, made.predict(X))
    assert (spread >= 0).all()


def test_a_forest_with_single_samples_at_the_leaves_remembers_distinct_ones() -> None:
    """With ``min_leaf`` 1 and distinct features every training target comes back."""
    X, Y = friedman(200, 5, 3)
    assert forests.fit(X, Y, trees=7, seed=1).predict(X) == pytest.approx(Y, abs=1e-5)


def test_weights_count_as_repetitions() -> None:
    """Doubling a sample's weight gives the leaf means of the sample twice, and weight 0 leaves it out."""
    X, Y = np.zeros((3, 1)), np.array([1.0, 2.0, 4.0])
    assert forests.fit(X, Y, trees=1, weights=[2, 1, 1]).predict(X)[0, 0] == pytest.approx(2.0)
    assert forests.fit(X, Y, trees=1, weights=[0, 0.5, 0.5]).predict(X)[0, 0] == pytest.approx(3.0)
    X, Y = friedman(300, 6, 1)
    weights = np.where(X[:, 0] < 0.5, 0.0, 1.0)
    kept = weights > 0
    one = forests.fit(X, Y, trees=9, seed=4, weights=weights, max_features=1.0)
    other = forests.fit(X[kept], Y[kept], trees=9, seed=4, max_features=1.0)
    assert one.predict(X[kept]) == pytest.approx(other.predict(X[kept]), abs=1e-4)


def test_trees_learn_from_the_samples_drawn_for_them() -> None:
    """Each tree's share is drawn without replacement, and samples that a tree has not seen do not count at its leaves."""
    seen = forests.draw(50, 7, 0.8, 3)
    assert seen.shape == (7, 40)
    assert all(len(set(row)) == 40 and list(row) == sorted(row) for row in seen)
    assert not np.array_equal(seen[0], seen[1])
    Y = np.zeros(50)
    Y[9] = 1.0
    X = np.arange(50.0)[:, None]
    made = forests.fit(X, Y, trees=7, seed=1, samples=seen).tree_values(X[9:10])[0, :, 0]
    assert [bool(value == 1) for value in np.round(made, 6)] == [9 in row for row in seen]
    with pytest.raises(BadInput, match="drawn samples"):
        forests.fit(X, Y, trees=3, samples=seen)


def test_stacked_forests_descend_as_each_alone() -> None:
    """Forests of different depths in one descent give the values of each."""
    X, Y = friedman(120, 8, 3)
    several = [forests.fit(X, Y[:, j], trees=6, min_leaf=1 + 10 * j, seed=j) for j in range(3)]
    values = forests.stack(several).tree_values(X).reshape(120, 3, 6)
    for j, one in enumerate(several):
        assert np.array_equal(values[:, j], one.tree_values(X)[..., 0])
    with pytest.raises(BadInput, match="as many outputs"):
        forests.stack([several[0], forests.fit(X, Y, trees=6)])


def test_huge_features_are_split_like_any_other() -> None:
    """Values near the end of the range of doubles neither warn nor stop a split."""
    X = np.array([[-1.7e308], [1.7e308], [1.0], [2.0]])
    made = forests.fit(X, [0.0, 1.0, 2.0, 3.0], trees=20, seed=2)
    assert made.predict(X)[:, 0] == pytest.approx([0, 1, 2, 3], abs=1e-6)


@pytest.mark.parametrize(
    ("X", "Y", "options", "said"),
    [
        (np.zeros((2, 1)), [1.0], {}, "needs X"),
        (np.zeros((0, 1)), [], {}, "needs X"),
        ([[np.nan]], [1.0], {}, "impute"),
        ([[1.0]], [np.inf], {}, "finite"),
        ([[1.0]], [1.0], {"trees": 0}, "at least 1"),
        ([[1.0]], [1.0], {"max_features": 1.5}, "max_features"),
        ([[1.0]], [1.0], {"weights": [-1.0]}, "weights"),
        ([[1.0]], [1.0], {"weights": [0.0]}, "positive"),
    ],
)
def test_what_cannot_be_fitted_is_refused(X, Y, options, said) -> None:
    """Each refusal names the rule."""
    with pytest.raises(BadInput, match=said):
        forests.fit(X, Y, **options)
