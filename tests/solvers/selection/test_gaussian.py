"""The process against its definition, solved densely; the line against scikit-learn's; the encoding against the clusters'."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge as Oracle

from mezan.projections.clusters import compress as compressed
from mezan.solvers.selection.examples import Examples, Row, Table
from mezan.solvers.selection.models.encoding import Encoding, compress
from mezan.solvers.selection.models.gaussian import (
    ALIKE,
    APART,
    KINSHIP,
    Gaussian,
    Outcome,
    distances,
    kernel,
    nearness,
)
from mezan.solvers.selection.models.likeness import Likeness
from mezan.solvers.selection.models.linear import ALONG_GRID, Linear, linear
from mezan.solvers.selection.models.surrogate import Surrogate, generation, pooled, surrogate
from mezan.solvers.selection.policy import Candidate


def drawn(seed, n, d):
    rng = np.random.default_rng(seed)
    return [
        Outcome(
            rng.normal(size=d), int(s := rng.integers(4)), int(10 * s + rng.integers(2)), float(rng.random()), 0.4,
            time=float(rng.random()), judges=bool(rng.integers(2)),
        )
        for _ in range(n)
    ]  # fmt: skip


either = pytest.mark.parametrize("parts", [APART, ALIKE], ids=["apart", "alike"])


def with_leaves(outcomes, seed, trees):
    """The outcomes with the numbers of leaves behind their points."""
    rng = np.random.default_rng(seed)
    return [o._replace(x=np.append(o.x, rng.integers(0, 3, size=trees))) for o in outcomes]


def likeness(x, z, trees):
    """K of (1) by its definition."""
    if not trees:
        return float(kernel(distances(x[None], z))[0])
    points = float(kernel(distances(x[None, :-trees], z[:-trees]))[0])
    return 0.7 * points + 0.3 * np.mean(x[-trees:] == z[-trees:])


def dense(a, b, parts=APART, trees=0):
    """(1) for two lists of (x, solver, version)."""
    return np.array(
        [
            [
                parts.family
                + parts.hardness * (near := likeness(x, z, trees))
                + (s == t) * (1 if v == w else KINSHIP) * (parts.solver + parts.interaction * near)
                for z, t, w in b
            ]
            for x, s, v in a
        ]
    )


@either
@pytest.mark.parametrize(("n", "d", "trees"), [(1, 3, 0), (25, 0, 0), (40, 5, 0), (40, 5, 7), (25, 1, 30)])
def test_predictions_are_those_of_the_dense_solution(n, d, trees, parts):
    """Losses, times and variances for solvers seen, in another version and never seen, with prior means of their own, to 1e-6."""
    outcomes = with_leaves(drawn(1, n, d), 2, trees)
    process = Gaussian.empty(d + trees, parts, trees).extended(outcomes)
    x = np.append(np.full(d, 0.3), np.ones(trees))
    asked = [(x, 0, 0), (x, 1, 99), (x, 7, 70), (x, 2, 20)]
    means = np.array([0.4, 0.3, 0.5, 0.4])
    found = process.predict(x, [s for _, s, _ in asked], [v for _, _, v in asked], means, 0.4, 0.6)
    seen = [(o.x, o.solver, o.version) for o in outcomes]
    prior = np.array([{0: 0.4, 1: 0.3, 7: 0.5, 2: 0.4}.get(o.solver, 0.4) for o in outcomes])
    K, k = dense(seen, seen, parts, trees) + parts.noise * np.eye(n), dense(seen, asked, parts, trees)
    times = np.array([o.time for o in outcomes])
    assert found.losses == pytest.approx(means + k.T @ np.linalg.solve(K, process.losses - prior), abs=1e-6)
    assert found.times == pytest.approx(0.6 + k.T @ np.linalg.solve(K, times - 0.6), abs=1e-6)
    variances = np.diag(dense(asked, asked, parts, trees) - k.T @ np.linalg.solve(K, k))
    assert found.variances == pytest.approx(variances, abs=1e-6)


@either
def test_what_is_judged_is_how_far_it_was_from_what_was_foretold(parts):
    """Of the judged outcomes among thirty, the squared errors given the dense solution of all before, plain and by variance."""
    outcomes = drawn(7, 30, 3)
    process = Gaussian.empty(3, parts).extended(outcomes)
    seen = [(o.x, o.solver, o.version) for o in outcomes]
    K = dense(seen, seen, parts) + parts.noise * np.eye(30)
    losses = np.array([o.loss for o in outcomes]) - 0.4
    strain = missed = 0.0
    for i, outcome in enumerate(outcomes):
        if outcome.judges:
            k = K[:i, i]
            mean, variance = k @ np.linalg.solve(K[:i, :i], losses[:i]), K[i, i] - k @ np.linalg.solve(K[:i, :i], k)
            strain += (losses[i] - mean) ** 2 / variance
            missed += (losses[i] - mean) ** 2
    judged = sum(o.judges for o in outcomes)
    assert process.judged == judged
    assert process.missed == pytest.approx(missed, rel=1e-6)
    assert process.scale(0.1) == pytest.approx((strain + 2 * 0.1) / (judged + 2), rel=1e-6)


def test_what_was_predicted_is_what_the_process_before_would_have_said():
    """Each entry of ``predicted`` is the mean given the outcomes before it alone."""
    outcomes = drawn(2, 30, 3)
    process = Gaussian.empty(3).extended(outcomes)
    for i in (0, 1, 7, 29):
        before = Gaussian.empty(3).extended(outcomes[:i])
        said = before.predict(outcomes[i].x, [outcomes[i].solver], [outcomes[i].version], np.array([0.4]), 0.4)
        assert process.predicted[i] == pytest.approx(said.losses[0], abs=1e-12)


@given(st.integers(0, 2**32), st.integers(0, 30))
@settings(max_examples=25)
def test_outcomes_may_come_in_any_portions(seed, cut):
    """To the bit: the process is the same, given thirty outcomes at once or in two calls or one by one."""
    outcomes = drawn(seed, 30, 4)
    once = Gaussian.empty(4).extended(outcomes)
    twice = Gaussian.empty(4).extended(outcomes[:cut]).extended(outcomes[cut:])
    single = Gaussian.empty(4)
    for outcome in outcomes:
        single = single.extended([outcome])
    for other in (twice, single):
        assert np.array_equal(once.inverse, other.inverse)
        assert np.array_equal(once.predicted, other.predicted)
        assert (once.judged, once.strain, once.missed) == (other.judged, other.strain, other.missed)


@given(st.integers(0, 2**32), st.integers(2, 40), st.sampled_from([APART, ALIKE]), st.integers(0, 5))
@settings(max_examples=25)
def test_the_kernel_is_positive_definite(seed, n, parts, trees):
    """No eigenvalue is below that of the noise, whatever solvers, versions, points and leaves."""
    seen = [(o.x, o.solver, o.version) for o in with_leaves(drawn(seed, n, 3), seed, trees)]
    assert np.linalg.eigvalsh(dense(seen, seen, parts, trees) + parts.noise * np.eye(n)).min() >= parts.noise - 1e-9


def test_instances_are_alike_in_what_matters():
    """Of twenty features one decides who solves what: by trees those of its side are nearer, however far they are in the others."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(200, 20))
    rows = [
        Row(f"i{i}", tuple(x.tolist()), f"s{i % 2}", "1", float((x[4] > 0) == (i % 2)), 1.0) for i, x in enumerate(X)
    ]
    few, found = Likeness.fitted(rows[:20]), Likeness.fitted(rows)
    assert (few.trees, found.trees) == (0, 32)
    assert Likeness.fitted([row._replace(loss=0.5) for row in rows]).trees == 0
    points = found.points(rng.normal(size=(300, 20)).tolist())
    above = points[:, 4] > points[:, 4].mean()
    near = np.array([nearness(points, x, found.trees) for x in points])
    plain = np.array([nearness(points[:, :20], x[:20]) for x in points])
    same = above[:, None] == above
    apart = ~np.eye(300, dtype=bool)
    assert near[same & apart].mean() > near[~same].mean() + 0.05
    assert plain[same & apart].mean() < plain[~same].mean() + 0.03


@given(st.integers(0, 50_000))
def test_generations_begin_at_fixed_counts(count):
    """Not after the count, at most half of it (or 128 rows) behind, and a generation's first count is its own."""
    begun = generation(count)
    assert begun <= count
    assert count - begun < max(1, min(128, begun // 2))
    assert generation(begun) == begun


def test_the_window_forgets_but_the_newest():
    """A table of 730 rows: the generation of 700 begins with its latest 512 rows, and 30 have been added."""
    rng = np.random.default_rng(3)
    rows = [
        Row(f"i{i}", tuple(rng.normal(size=3).tolist()), f"s{i % 3}", "1", float(rng.random()), 1.0) for i in range(730)
    ]
    begun = generation(730)
    model = surrogate(Examples(Table(("a", "b", "c"), 0, rows), 730), {})
    assert begun == 700
    assert len(model.process) == 542
    assert model.process.losses.tolist() == [row.loss for row in rows[begun - 512 :]]


@pytest.mark.parametrize(("own", "parts"), [(0.8, APART), (0.004, ALIKE)], ids=["apart", "alike"])
def test_instances_that_several_solvers_tried_tell_how_far_solvers_differ(own, parts):
    """Three solvers on forty instances that lose up to 0.2 of themselves: with up to 0.8 of the solvers' own, and with up to 0.004."""
    rng = np.random.default_rng(8)
    rows = []
    for i in range(40):
        x, hard = tuple(rng.normal(size=3).tolist()), 0.2 * float(rng.random())
        rows += [Row(f"i{i}", x, f"s{solver}", "1", hard + own * float(rng.random()), 1.0) for solver in range(3)]
    assert Surrogate.begun(rows).plus(rows).process.parts is parts


@pytest.mark.parametrize("seed", range(5))
def test_solvers_that_mostly_fail_together_are_apart_all_the_same(seed):
    """As with timeouts: a solver's outcome is the hard instance's or the easy one's, and in one of eight cases the other."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(60):
        x, hard = tuple(rng.normal(size=3).tolist()), rng.random() < 0.4
        fails = [hard != (rng.random() < 1 / 8) for _ in range(3)]
        rows += [
            Row(f"i{i}", x, f"s{solver}", "1", 1.0 if failed else 0.01, 1.0) for solver, failed in enumerate(fails)
        ]
    assert Surrogate.begun(rows).plus(rows).process.parts is APART


def test_pooled_variance_is_that_within_solvers():
    """Two solvers with constant losses: all that is left is what was put there beforehand; with spread, the sample's own."""
    rng = np.random.default_rng(4)
    rows = [
        Row(f"i{i}", (float(i),), f"s{i % 2}", "1", float(rng.normal(0.3 + 0.4 * (i % 2), 0.05)), 1.0)
        for i in range(400)
    ]
    mean, variance = pooled(Surrogate.begun(rows).plus(rows).tallies)
    assert mean == pytest.approx(np.mean([row.loss for row in rows]), abs=1e-12)
    assert variance == pytest.approx(0.05**2, rel=0.25)


def test_the_line_is_that_of_scikit_learn():
    """Ridge 1 on the same regressors, losses less their mean, rows of the older version weighing 0.7."""
    rng = np.random.default_rng(5)
    rows = [
        Row(f"i{i}", tuple(rng.normal(size=4).tolist()), "s", "1" if i < 20 else "2", float(rng.random()), 1.0)
        for i in range(47)
    ]
    model = linear(Examples(Table(("a", "b", "c", "d"), 0, rows), 47), {})
    Z = np.array([model.z(row.features) for row in rows])
    y = np.array([row.cost for row in rows])
    oracle = Oracle(alpha=1.0, fit_intercept=False)
    oracle.fit(Z, y - y.mean(), sample_weight=[0.7] * 20 + [1.0] * 27)
    for x in rng.normal(size=(5, 4)).tolist():
        loss, error = (numbers[0] for numbers in model.expected(x, [Candidate("s", "2")]))
        z = model.z(x)
        assert loss == pytest.approx(y.mean() + oracle.predict(z[None])[0], abs=1e-6)
        gram = Z.T @ (Z * np.array([0.7] * 20 + [1.0] * 27)[:, None]) + np.eye(5)
        assert error**2 == pytest.approx(pooled(model.tallies)[1] * (z @ np.linalg.solve(gram, z)), rel=1e-5)


def test_a_line_with_more_rows_leaves_the_one_before_as_it_was():
    """Models share memory: growing one, also by a new version that weighs all anew, changes no earlier one, and does so the same twice."""
    rng = np.random.default_rng(7)
    rows = [
        Row(f"i{i}", tuple(rng.normal(size=3).tolist()), f"s{i % 3}", "2" if i > 40 and not i % 3 else "1", float(rng.random()), 1.0)
        for i in range(70)
    ]  # fmt: skip
    asked = [Candidate(f"s{i}", "1") for i in range(4)]

    def says(model):
        return [numbers for x in ((0.3, -1.0, 0.5), (2.0, 0.1, -0.7)) for numbers in model.expected(x, asked)]

    models, said = [Linear.begun(rows)], []
    for row in rows:
        said.append(says(models[-1]))
        models.append(models[-1].plus(row))
    assert [says(model) for model in models[:-1]] == said
    assert [says(model.plus(row)) for model, row in zip(models[:-1], rows, strict=True)][:-1] == said[1:]
    assert [says(model) for model in models[:-1]] == said


def test_what_lines_sum_is_exact():
    """After as many rows as a model has, of wild features and losses that lines follow badly, no sum depends on its order."""
    rng = np.random.default_rng(11)
    X = np.where(rng.random((640, 40)) < 0.02, 1e9, rng.standard_cauchy((640, 40)))
    losses = (X[:, 0] > 0).astype(float)
    rows = [
        Row(f"i{i}", tuple(x), "s", "1", loss, 1.0) for i, (x, loss) in enumerate(zip(X.tolist(), losses, strict=True))
    ]
    model = Linear.begun(rows)
    for row in rows:
        model = model.plus(row)
    V = model.directions[: len(rows)]
    for x in X[:5].tolist():
        z = model.z(x)
        sums = [math.fsum(products) for products in (V * z).tolist()]
        assert np.einsum("ij,j->i", V, z).tolist() == sums
        assert (V[:, ::-1] @ z[::-1]).tolist() == sums  # a BLAS, in another order
        along = np.rint(np.einsum("ij,j->i", V, z) * ALONG_GRID) / ALONG_GRID
        sums = [math.fsum(products) for products in (V * along[:, None]).T.tolist()]
        assert np.einsum("ij,i->j", V, along).tolist() == sums == (along @ V).tolist()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_compression_is_that_of_the_clusters(values):
    """Value by value, to the bit, up to 2^1022."""
    modest = [x for x in values if abs(x) < 2.0**1022]
    assert compress(modest).tolist() == [compressed(x) for x in modest]
    assert np.isfinite(compress(values)).all()


def test_the_encoding_drops_constants_and_keeps_a_huge_value_to_its_column():
    """Points have mean 0 and deviation 1 before they are clipped at 5; another column is the same to the bit beside 1e300."""
    rng = np.random.default_rng(6)
    X = np.column_stack([rng.normal(size=50), np.full(50, 3.5), rng.normal(size=50)])
    encoding = Encoding.fitted(X)
    assert encoding.kept.tolist() == [0, 2]
    points = encoding.points(X)
    assert points.mean(axis=0) == pytest.approx([0, 0], abs=0.05)
    assert points.std(axis=0) == pytest.approx([1, 1], abs=0.05)
    poisoned = X.copy()
    poisoned[7, 2] = 1e300
    again = Encoding.fitted(poisoned).points(poisoned)
    assert np.array_equal(again[:, 0], points[:, 0])
    assert np.abs(again).max() <= 5
