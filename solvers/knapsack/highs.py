"""HiGHS, branch and cut, through SciPy, on what the bounds leave open.

Huangfu & Hall (2018), Parallelizing the dual revised simplex method, Mathematical Programming Computation 10(1).
HiGHS solves in doubles and takes x within 1e-6 of a whole number as whole. The relaxation's one fractional variable
is a multiple of 1 / weight, so below a weight of 1e6 it cannot be mistaken for a whole one; above, an answer is
still checked in integers, but HiGHS's proof of optimality is not passed on (on weights near 5e9 it has been false).

A call cannot be interrupted and releases the GIL; it runs in a process of its own so that it can be cancelled, and
because HiGHS writes debugging lines to the standard output of its process.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from ..budget import Budget
from ..errors import SolverFailed
from ..pack import Array
from ..solver import Answer
from .problem import Knapsack
from .reduce import Reduced, reduce

PROVABLE = 10**6


def solve(problem: Knapsack, budget: Budget, seed: int) -> Answer:
    """Solve to optimality or to the time limit; ``iterations`` and ``target`` have no counterpart here.

    The reduction keeps only what beats its greedy incumbent, so the better of the two is returned.

    Raises:
        SolverFailed: HiGHS stopped without a feasible answer to the open items.
    """
    reduced = reduce(problem)
    if not len(reduced.items):
        return _better(problem, reduced, reduced.fixed, proved=True, nodes=0)
    values, weights = problem.values[reduced.items], reduced.weights
    with _silent():
        result = milp(
            -values.astype(float),
            integrality=np.ones(len(values)),
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(weights.astype(float)[np.newaxis, :], -np.inf, float(reduced.capacity)),
            options={"time_limit": budget.time_limit, "mip_rel_gap": 0.0},
        )
    if result.x is None:
        msg = f"HiGHS found no feasible answer in {budget.time_limit:g} seconds: {result.message}"
        raise SolverFailed(msg)
    chosen = result.x > 0.5
    dropped = _drop_until_it_fits(chosen, weights, reduced.capacity)
    proved = result.status == 0 and not dropped and max(int(weights.max()), int(values.max())) < PROVABLE
    taken = reduced.fixed.copy()
    taken[reduced.items[chosen]] = True
    return _better(problem, reduced, taken, proved=proved, nodes=int(result.mip_node_count or 0))


def _better(problem: Knapsack, reduced: Reduced, taken: Array, *, proved: bool, nodes: int) -> Answer:
    if int(problem.values[taken].sum()) < reduced.value:
        taken = reduced.incumbent
    proved = proved or int(problem.values[taken].sum()) == reduced.upper
    return Answer(taken.astype(np.int8), proved, {"nodes": nodes})


def _drop_until_it_fits(chosen: Array, weights: Array, capacity: int) -> int:
    """Within its tolerance HiGHS may overfill by some units: drop the least efficient items (the last), count them."""
    dropped = 0
    weight = int(weights[chosen].sum())
    for i in np.flatnonzero(chosen)[::-1]:
        if weight <= capacity:
            break
        chosen[i], dropped = False, dropped + 1
        weight -= int(weights[i])
    return dropped


@contextmanager
def _silent() -> Iterator[None]:
    """File descriptor 1 is this process's only while HiGHS runs: its debugging lines are for nobody here."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # what C has buffered
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
