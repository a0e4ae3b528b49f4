"""Which solvers to run one after another, and for how long, when it is not sure which one solves the instance in time.

Given weighted known instances, the expected loss of "a for t, then b until the cutoff" is a sum over them; all pairs and a
geometric grid of slices t are looked at, and the tail b is then replaced in the same way, given that a has failed, as long as
that pays. Schedules go back to Gomes and Selman, "Algorithm portfolios" (Artificial Intelligence 126, 2001); choosing them
by similar instances to Amadini, Gabbrielli and Mauro, "SUNNY" (TPLP 14, 2014).

Times count in whole multiples of 10 x cutoff / 2^26 and weights in multiples of 2^-25, so that every expected loss is an
exact sum and no choice hangs on the order of summation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

UNIT = 2.0**26
"""The loss of an instance that is not solved in time: 10 x cutoff."""
WEIGHT = 2.0**25
SLICES = np.array([1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2])
PAYS = 0.03
"""A longer schedule must expect to lose so much less, as a share."""


@dataclass(frozen=True, slots=True)
class Step:
    """Run solver number ``solver`` for ``seconds`` at most; None: until the cutoff."""

    solver: int
    seconds: float | None


def units(seconds: NDArray[np.float64], cutoff: float) -> Floats:
    """Times [...] as whole numbers of units; infinity stays."""
    return np.rint(seconds * (UNIT / (10.0 * cutoff)))


def best_schedule(
    weights: Floats, times: Floats, cutoff: float, spent: float = 0.0, longest: int = 4
) -> tuple[list[Step], float]:
    """The schedule of least expected loss, and that loss in units of `UNIT` (0 to 1), feature time included.

    Args:
        weights: of the known instances [k], whole numbers.
        times: how long each solver takes on them [k, m], in units, infinity where it fails.
        cutoff: in seconds.
        spent: units of time gone by when the schedule starts.
        longest: steps at most.
    """
    scale = 10.0 * cutoff / UNIT
    steps: list[Step] = []
    sure, open_weights = 0.0, weights
    everything = float(weights.sum())
    while True:
        alone = _lost(times, spent)
        first = open_weights @ alone
        tail = int(first.argmin())
        found = _first_slice(open_weights, times, spent) if len(steps) + 1 < longest else None
        if found is None or found[0] >= first[tail] * (1 - PAYS):
            steps.append(Step(tail, None))
            return steps, (sure + float(first[tail])) / everything / UNIT
        _, solver, slice_ = found
        steps.append(Step(solver, (slice_ + 0.5) * scale))  # all that round to the slice fit in it
        solved = times[:, solver] <= slice_
        sure += float(open_weights @ np.where(solved, times[:, solver] + spent, 0.0))
        open_weights = np.where(solved, 0.0, open_weights)
        spent += slice_


def _lost(times: Floats, spent: float) -> Floats:
    total = times + spent
    return np.where(total <= UNIT / 10, total, UNIT)


def _first_slice(weights: Floats, times: Floats, spent: float) -> tuple[float, int, float] | None:
    """(expected loss, solver, units) of the best first slice when one other solver follows it; None when no time is left."""
    left = UNIT / 10 - spent
    if left < UNIT / 10 / 64:
        return None
    m = times.shape[1]
    slices = np.rint(SLICES * left)
    solved = times[None] <= slices[:, None, None]
    first = np.where(solved, (times + spent)[None], 0.0)
    total = times[None] + (spent + slices)[:, None, None]
    second = np.where(total <= UNIT / 10, total, UNIT)
    weighted = np.where(solved, 0.0, weights[None, :, None])
    expected = np.matmul(weights, first)[:, :, None] + np.matmul(weighted.transpose(0, 2, 1), second)
    best = int(expected.argmin())
    return float(expected.ravel()[best]), best // m % m, float(slices[best // (m * m)])


def loss_of(steps: Sequence[Step], times: Floats, cutoff: float, spent: float = 0.0) -> float:
    """Seconds until a schedule solves an instance, or 10 x cutoff; ``times`` [m] seconds, infinity where a solver fails."""
    gone = spent
    for step in steps:
        slice_ = cutoff - gone if step.seconds is None else min(step.seconds, cutoff - gone)
        if times[step.solver] <= slice_:
            return gone + float(times[step.solver])
        gone += max(0.0, slice_)
    return 10.0 * cutoff
