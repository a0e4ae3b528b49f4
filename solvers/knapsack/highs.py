"""HiGHS, branch and cut, through SciPy.

Huangfu & Hall (2018), Parallelizing the dual revised simplex method, Mathematical Programming Computation 10(1).
HiGHS solves in doubles and takes x within 1e-6 of a whole number as whole. The relaxation's one fractional variable
is a multiple of 1 / weight, so below a weight of 1e6 it cannot be mistaken for a whole one; above, an answer is
still checked in integers, but HiGHS's proof of optimality is not passed on.
"""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from ..budget import Budget
from ..errors import SolverFailed
from ..pack import Array
from ..solver import Answer
from .bounds import by_efficiency
from .problem import Knapsack

PROVABLE = 10**6


def solve(problem: Knapsack, budget: Budget, seed: int) -> Answer:
    """Solve to optimality or to the time limit; ``iterations`` and ``target`` have no counterpart here.

    Raises:
        SolverFailed: HiGHS stopped without a feasible answer.
    """
    v, w = problem.values.astype(float), problem.weights.astype(float)
    result = milp(
        -v,
        integrality=np.ones(problem.size),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(w[np.newaxis, :], -np.inf, float(problem.capacity)),
        options={"time_limit": budget.time_limit, "mip_rel_gap": 0.0},
    )
    if result.x is None:
        msg = f"HiGHS found no feasible answer in {budget.time_limit:g} seconds: {result.message}"
        raise SolverFailed(msg)
    taken, dropped = _feasible(problem, result.x > 0.5)
    largest = max(int(problem.weights.max()), int(problem.values.max()))
    proved = result.status == 0 and not dropped and largest < PROVABLE
    return Answer(taken.astype(np.int8), proved, {"nodes": int(result.mip_node_count or 0)})


def _feasible(problem: Knapsack, taken: Array) -> tuple[Array, int]:
    """Within its tolerance HiGHS may overfill by some units: drop the least efficient items until it fits."""
    dropped = 0
    weight = int(problem.weights[taken].sum())
    for i in by_efficiency(problem.values, problem.weights)[::-1]:
        if weight <= problem.capacity:
            break
        if taken[i]:
            taken[i], dropped = False, dropped + 1
            weight -= int(problem.weights[i])
    return taken, dropped
