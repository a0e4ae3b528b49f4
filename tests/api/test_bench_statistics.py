"""Tests over many instances against published figures, SciPy, and counting by hand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mezan.api.bench.paired import EXACT, holm, pairwise, wilcoxon
from mezan.api.bench.ranks import cliques, friedman, nemenyi, ranks_of

# Demsar (JMLR 2006), table 6: areas under the curve of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on fourteen data sets. On
# "voting" he ranks by more digits than he prints: 0.9751 stands for the third of 0.972, 0.981, 0.975, 0.975.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967], [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931], [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875], [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
    ]
).T  # fmt: skip


def test_demsars_example_comes_out_as_published() -> None:
    """Mean ranks, chi squared 9.28 (without his missing correction for ties), F 3.69 and the critical difference 1.25."""
    found = friedman(1 - DEMSAR)
    assert found is not None
    np.testing.assert_allclose(found.mean_ranks, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    plain = found.chi2 * found.correction
    assert plain == pytest.approx(9.28, abs=0.005)
    assert 13 * plain / (14 * 3 - plain) == pytest.approx(3.69, abs=0.005)
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert friedman(1 - DEMSAR, alpha=0.1).critical_difference == pytest.approx(1.12, abs=0.005)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("k", "q"),
    [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (8, 3.031), (9, 3.102), (10, 3.164)],
)
def test_critical_values_are_those_of_demsars_table(k: int, q: float) -> None:
    """Table 5 (a), at 0.05; SciPy's third digit differs by one here and there."""
    assert nemenyi(k, 20) / math.sqrt(k * (k + 1) / 120) == pytest.approx(q, abs=1.5e-3)


@given(st.integers(0, 2**32 - 1), st.integers(3, 6), st.integers(3, 20), st.booleans())
def test_friedman_agrees_with_scipy(seed: int, k: int, n: int, ties: bool) -> None:
    """Statistic and p, with and without ties."""
    values = np.random.default_rng(seed).integers(0, 4 if ties else 10**9, (k, n)).astype(float)
    found = friedman(values)
    assert found is not None
    if (values == values[0]).all():
        assert (found.chi2, found.p) == (0.0, 1.0)
        return
    expected = stats.friedmanchisquare(*values)
    assert found.chi2 == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)


def test_solvers_that_agree_everywhere_are_told_apart_without_doubt() -> None:
    """The same order on each of many instances: F is infinite; all equal: nothing is told."""
    ordered = np.tile([[1.0], [2.0], [3.0]], (1, 30))
    found = friedman(ordered)
    assert found is not None
    assert (found.f, found.f_p) == (math.inf, 0.0)
    assert found.p < 1e-12
    assert friedman(np.zeros((3, 5))).p == 1.0  # type: ignore[union-attr]
    assert friedman(np.zeros((1, 5))) is None
    assert friedman(np.zeros((3, 1))) is None


def test_ranks_take_failures_last_and_hair_breadths_as_equal() -> None:
    """Infinity is the worst; a difference in the ninth digit is a tie."""
    values = np.array([[1.0, 5.0], [1.0 + 1e-9, math.inf], [0.0, 7.0]])
    assert ranks_of(values).T.tolist() == [[2.5, 2.5, 1.0], [1.0, 3.0, 2.0]]


def test_cliques_join_what_is_within_the_difference() -> None:
    """Largest groups only, none inside another, none of one."""
    assert cliques(np.array([3.0, 1.0, 1.5, 2.2]), 1.0) == [[1, 2], [2, 3], [3, 0]]
    assert cliques(np.array([1.0, 1.2, 1.4]), 1.0) == [[0, 1, 2]]
    assert cliques(np.array([1.0, 3.0]), 1.0) == []


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_wilcoxon_without_ties_is_scipys_exact_test(seed: int, n: int) -> None:
    """To rounding."""
    d = np.random.default_rng(seed).normal(0.3, 1, n)
    assert wilcoxon(d).p == pytest.approx(stats.wilcoxon(d, method="exact").pvalue, rel=1e-9)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_wilcoxon_with_ties_and_zeros_counts_every_pattern_of_signs(given_d: list[int]) -> None:
    """By hand: the share of sign patterns whose rank sum is at least as far from the middle."""
    d = np.array(given_d, float)
    ranks = stats.rankdata(np.abs(d))[d != 0]
    signs = np.sign(d[d != 0])
    observed = abs((ranks * signs).sum())
    patterns = itertools.product((-1, 1), repeat=len(ranks))
    share = np.mean([abs((ranks * pattern).sum()) >= observed - 1e-9 for pattern in patterns])
    assert wilcoxon(d).p == pytest.approx(share, abs=1e-12)


def test_wilcoxon_for_many_pairs_meets_the_exact_one() -> None:
    """Where counting ends, the normal approximation is within a percent."""
    d = np.random.default_rng(1).normal(0.1, 1, EXACT + 1)
    assert wilcoxon(d).p == pytest.approx(stats.wilcoxon(d, method="exact").pvalue, rel=0.01)


def test_the_effect_is_the_share_of_ranks_for_less_those_against() -> None:
    """Rank-biserial: 1 when all are positive, 0 in balance, and lost results are the largest differences."""
    assert wilcoxon([1.0, 2.0, math.inf]).effect == 1.0
    assert wilcoxon([1.0, -1.0]).effect == 0.0
    assert wilcoxon([-1.0, -2.0, 3.0]).effect == pytest.approx(0.0)
    assert wilcoxon([0.0, 0.0]) == wilcoxon([])


def test_holm_steps_down() -> None:
    """Holm's own scheme: 0.01 x 4, 0.013 x 3, 0.02 x 2, 0.04 x 1, never below an earlier one, never above 1."""
    assert holm([0.01, 0.04, 0.013, 0.02]) == pytest.approx([0.04, 0.04, 0.04, 0.04])
    assert holm([0.001, 0.02, 0.6]) == pytest.approx([0.003, 0.04, 0.6])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_pairs_name_the_better_one() -> None:
    """A solver that is better on all of ten instances, where the other failed on one."""
    values = np.array([np.arange(10.0), np.arange(10.0) + 1, np.arange(10.0)])
    values[1, 3] = math.inf
    first, same, second = pairwise(values)
    assert (first.wins, first.losses, first.effect) == (10, 0, -1.0)
    assert first.p == pytest.approx(2 / 2**10)
    assert first.adjusted == pytest.approx(3 * first.p)
    assert (same.p, same.difference) == (1.0, 0.0)
    assert second.effect == 1.0
