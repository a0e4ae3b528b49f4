"""The always-valid test of two arms: its error under peeking, its power, and its confidence sequence."""

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.solvers.selection.evaluation.sequential import STAKES, Comparison, comparison, interval

LOSSES = {
    "coin": lambda rng: float(rng.random() < 0.3),
    "rare": lambda rng: float(rng.random() < 0.03),
    "uniform": lambda rng: rng.random(),
    "small": lambda rng: 1.0 if rng.random() < 0.05 else 0.02 * rng.random(),
}


def run(seed: int, first, second, n: int, **options) -> tuple[int | None, Comparison]:
    """Looks after every one of ``n`` outcomes; the outcome at which something was certain, if any."""
    rng, test = random.Random(seed), comparison(options.pop("alpha", 0.05), **options)
    for i in range(n):
        arm = int(rng.random() > 0.5)
        test.add(arm, (first, second)[arm](rng))
        if test.verdict is not None:
            return i + 1, test
    return None, test


@pytest.mark.parametrize("name", LOSSES)
def test_equal_arms_are_rarely_told_apart_however_often_one_looks(name):
    """At most alpha of 300 tests with a look after each of 800 outcomes."""
    alpha, runs = 0.1, 300
    wrong = sum(run(seed, LOSSES[name], LOSSES[name], 800, alpha=alpha)[0] is not None for seed in range(runs))
    assert wrong / runs <= alpha, wrong


@pytest.mark.parametrize(
    "chance", [lambda i: 0.6 - 0.5 * i / 800, lambda i: 0.6 if i // 100 % 2 else 0.2], ids=["falls", "season"]
)
def test_drift_that_both_arms_see_is_no_difference(chance):
    """Losses that fall with time, or come in seasons, as they do where policies learn and problems change."""
    wrong = 0
    for seed in range(150):
        rng, test = random.Random(seed), comparison(0.1)
        for i in range(800):
            test.add(int(rng.random() < 0.5), float(rng.random() < chance(i)))
        wrong += test.verdict is not None
    assert wrong / 150 <= 0.1


def test_peeking_with_a_t_test_is_wrong_far_more_often():
    """The same 300 streams: what the always-valid test is for. Looks at every tenth outcome from the twentieth."""
    wrong = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        D = (rng.random(400) < 0.3).astype(float) - (rng.random(400) < 0.3)
        n = np.arange(1, 401)
        means = np.cumsum(D) / n
        errors = np.sqrt(np.maximum(np.cumsum(D * D) / n - means**2, 1e-12) / n)
        wrong += bool((np.abs(means / errors)[20::10] > 1.96).any())
    assert wrong / 300 > 0.2


@pytest.mark.parametrize(("gap", "within"), [(0.4, 150), (0.2, 600), (0.1, 2_400)])
def test_a_real_difference_is_found(gap, within):
    """At least four of five tests decide, for the right arm, within about twice what a fixed t-test at 80 % power needs."""
    found = [run(seed, LOSSES["coin"], lambda rng: float(rng.random() < 0.3 + gap), within) for seed in range(40)]
    assert sum(at is not None for at, _ in found) >= 32
    assert sum(test.better == 1 for _, test in found) <= 1


def test_the_interval_holds_at_all_times_together():
    """Of 80 sequences with a true difference of -0.2, at most alpha ever leave it out, looked at eight times."""
    left_out = 0
    for seed in range(80):
        rng = np.random.default_rng(seed)
        D = (rng.random(250) < 0.3).astype(float) - (rng.random(250) < 0.5)
        bounds = [interval(D[:n], 0.1) for n in range(30, 251, 30)]
        left_out += any(not low <= -0.2 <= high for low, high in bounds)
        assert all(b[0] >= a[0] - 1e-6 and b[1] <= a[1] + 1e-6 for a, b in pairwise(bounds))
    assert left_out / 80 <= 0.1


@settings(max_examples=60, deadline=None)
@given(
    blocks=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40),
    alpha=st.sampled_from([0.01, 0.05, 0.3]),
)
def test_the_verdict_and_the_interval_agree(blocks, alpha):
    """Decided for an arm exactly when the interval leaves out zero on its side, and the estimate is inside unless it is bare."""
    test = comparison(alpha)
    for first, second in blocks:
        test.add(1, second)
        test.add(0, first)
    low, high = interval(test.differences, alpha)
    assert test.differences == [first - second for first, second in blocks]
    if abs(test.p_value / alpha - 1) > 1e-6:
        assert (test.better is not None) == (low > 1e-8 or high < -1e-8 or test.p_value <= alpha)
        assert (test.better == 1) == (test.p_value <= alpha and test.above.most > test.below.most)
        assert (low > 1e-7) <= (test.better == 1)
        assert (high < -1e-7) <= (test.better == 0)
    assert low >= -1
    assert high <= 1


def test_capital_is_the_product_of_the_paper():
    """Against (1) and (2), written out once more."""
    test = comparison(0.05, least=0.1)
    D = [0.3, -0.2, 0.7, 0.0, 0.9]
    for d in D:
        test.add(0, max(d, 0.0))
        test.add(1, max(-d, 0.0))
    for bets, m, sign in [
        (test.above, 0.0, 1),
        (test.below, 0.0, -1),
        (test.not_below, -0.1, 1),
        (test.not_above, 0.1, -1),
    ]:
        assert bets is not None
        wanted = [math.prod(1 + c * sign * (d - m) / (1 + sign * m) for d in D) for c in STAKES]
        assert bets.capitals == pytest.approx(wanted)


def test_arms_that_do_not_differ_enough_are_equivalent():
    """With a least difference that matters, a test of equal arms ends; without one it never does."""
    at, test = run(1, LOSSES["coin"], LOSSES["coin"], 4_000, least=0.15)
    assert at is not None
    assert (test.verdict, test.better) == ("equivalent", None)
    low, high = interval(test.differences, 0.05)
    assert -0.15 <= low < high <= 0.15
    assert run(1, LOSSES["coin"], LOSSES["coin"], 2_000)[0] is None


@pytest.mark.parametrize(
    ("shares", "sizes"),
    [((0.5, 0.5), (1, 1)), ((0.8, 0.2), (4, 1)), ((0.1, 0.9), (1, 9)), ((0.6, 0.4), (1, 1)), ((0.99, 0.01), (20, 1))],
)
def test_blocks_follow_the_shares(shares, sizes):
    """So that outcomes of the larger arm do not wait for ever; a block is the difference of its means."""
    test = comparison(0.05, shares=shares)
    assert test.sizes == sizes
    for _ in range(sizes[0]):
        test.add(0, 0.5)
    for _ in range(sizes[1]):
        assert test.differences == []
        test.add(1, 0.25)
    assert test.differences == [0.25]
    assert test.waiting == ([], [])


def test_the_order_between_the_arms_does_not_count():
    """Outcomes that arrive late are matched within their arm: a slow arm gets the same test."""
    rng = random.Random(4)
    first, second = [rng.random() for _ in range(50)], [rng.random() for _ in range(50)]
    together, apart = comparison(0.05), comparison(0.05)
    for a, b in zip(first, second, strict=True):
        together.add(0, a)
        together.add(1, b)
    for a in first:
        apart.add(0, a)
    for b in second:
        apart.add(1, b)
    assert apart == together


def test_nothing_is_known_before_the_first_block():
    """The widest interval, and no estimate."""
    test = comparison(0.05)
    test.add(0, 1.0)
    assert (test.estimate, test.p_value, test.verdict, interval([], 0.05)) == (None, 1.0, None, (-1.0, 1.0))
