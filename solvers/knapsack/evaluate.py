"""The reference evaluator: exact integers, no solver's arithmetic."""

import numpy as np

from ..pack import Array
from ..problem import Evaluation
from .problem import Knapsack


def evaluate(problem: Knapsack, solution: Array) -> Evaluation:
    """Check a 0/1 vector of length n (booleans or integers; 1 = taken) and add up what it takes.

    A vector of another shape or with other entries has no objective: NaN.
    """
    x = np.asarray(solution)
    if x.shape != (problem.size,):
        return Evaluation(float("nan"), False, f"a solution must have shape ({problem.size},); got {x.shape}")
    if x.dtype.kind not in "biu" or not ((x == 0) | (x == 1)).all():
        return Evaluation(float("nan"), False, "a solution must hold only the integers 0 and 1")
    taken = x == 1
    value, weight = int(problem.values[taken].sum()), int(problem.weights[taken].sum())
    if weight > problem.capacity:
        return Evaluation(
            float(value), False, f"the items taken must weigh at most {problem.capacity}; they weigh {weight}"
        )
    return Evaluation(float(value), True)
