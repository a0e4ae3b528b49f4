"""Schedules of solvers against brute force and against themselves."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.solvers.selection.models.schedules import SLICES, UNIT, Step, best_schedule, loss_of, units

CUTOFF = 1024.0


def mean_loss(steps: list[Step], seconds: np.ndarray, weights: np.ndarray, spent: float) -> float:
    """The weighted mean of what a schedule loses, as a share of 10 x cutoff, by running it."""
    losses = [loss_of(steps, row, CUTOFF, spent) for row in seconds]
    return float(np.average(losses, weights=weights)) / (10 * CUTOFF)


@st.composite
def tables(draw) -> tuple[np.ndarray, np.ndarray, float]:
    """Seconds [k, m] with failures, weights [k], and seconds gone by."""
    k, m = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    seconds = np.rint(np.exp(rng.uniform(0, 8, size=(k, m)))) + 0.37  # no sum of them meets a slice or the cutoff
    return (
        np.where(seconds > CUTOFF, math.inf, seconds),
        rng.integers(1, 9, size=k).astype(float),
        float(draw(st.sampled_from([0, 0, 50, 900, 1024]))),
    )


@settings(max_examples=150, deadline=None)
@given(table=tables())
def test_the_expected_loss_is_what_the_schedule_loses(table) -> None:
    """Whatever schedule comes out, running it on the known instances gives the loss that it was said to have."""
    seconds, weights, spent = table
    begin = float(units(np.array(spent), CUTOFF))
    steps, expected = best_schedule(weights, units(seconds, CUTOFF), CUTOFF, begin)
    assert expected == pytest.approx(mean_loss(steps, seconds, weights, spent), abs=2e-6)
    assert steps[-1].seconds is None
    assert all(step.seconds is not None and step.seconds > 0 for step in steps[:-1])


@settings(max_examples=100, deadline=None)
@given(table=tables())
def test_no_pair_on_the_grid_is_much_better(table) -> None:
    """Brute force over "a for t, then b" and over single solvers finds nothing that is better by more than what has to pay."""
    seconds, weights, spent = table
    begin = float(units(np.array(spent), CUTOFF))
    _, expected = best_schedule(weights, units(seconds, CUTOFF), CUTOFF, begin, longest=2)
    m = seconds.shape[1]
    every = [[Step(a, None)] for a in range(m)]
    if spent < CUTOFF:
        slices = [
            (float(np.rint(share * (CUTOFF - spent) * UNIT / 10 / CUTOFF)) + 0.5) * 10 * CUTOFF / UNIT
            for share in SLICES
        ]
        every += [[Step(a, t), Step(b, None)] for a in range(m) for b in range(m) for t in slices]
    least = min(mean_loss(steps, seconds, weights, spent) for steps in every)
    assert least - 2e-6 <= expected <= least / (1 - 0.03) + 2e-6


def test_three_complementary_solvers_get_a_slice_each() -> None:
    """Where each of three solvers takes a second on its third of the instances, all are solved by a schedule of all three."""
    seconds = np.full((30, 3), math.inf)
    seconds[np.arange(30), np.arange(30) % 3] = 1.0
    steps, expected = best_schedule(np.ones(30), units(seconds, CUTOFF), CUTOFF)
    assert {step.solver for step in steps} == {0, 1, 2}
    assert all(loss_of(steps, row, CUTOFF) <= 2 * CUTOFF / 128 + 1.01 for row in seconds)
    assert expected < 0.002
    [only], alone = best_schedule(np.ones(30), units(seconds, CUTOFF), CUTOFF, longest=1)
    assert only.seconds is None
    assert alone == pytest.approx(2 / 3, abs=1e-3)


@given(seed=st.integers(0, 2**32))
def test_order_does_not_change_a_schedule(seed) -> None:
    """Known instances in any order, and each weight split in two, give the same schedule and the same bits of the loss."""
    rng = np.random.default_rng(seed)
    times = units(np.where(rng.random((40, 5)) < 0.4, math.inf, rng.exponential(300, size=(40, 5))), CUTOFF)
    weights = rng.integers(2, 2**20, size=40).astype(float)
    order = rng.permutation(40)
    once = best_schedule(weights, times, CUTOFF)
    assert best_schedule(weights[order], times[order], CUTOFF) == once
    part = np.floor(weights / 3)
    assert best_schedule(np.concatenate([part, weights - part]), np.concatenate([times, times]), CUTOFF) == once


def test_a_schedule_runs_step_by_step() -> None:
    """A slice counts from when it starts, the last step has the rest, and nothing runs beyond the cutoff."""
    steps = [Step(0, 10.0), Step(1, 20.0), Step(0, None)]
    assert loss_of(steps, np.array([10.0, 5.0]), 100.0) == 10.0
    assert loss_of(steps, np.array([11.0, 20.0]), 100.0) == 30.0
    assert loss_of(steps, np.array([70.0, 21.0]), 100.0) == 100.0
    assert loss_of(steps, np.array([70.0, 21.0]), 100.0, 0.5) == 1000.0
    assert loss_of(steps, np.array([math.inf, 15.0]), 100.0, 80.0) == 1000.0
    assert loss_of(steps, np.array([5.0, 15.0]), 100.0, 96.0) == 1000.0
