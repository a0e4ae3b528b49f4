"""The reference evaluator: plain NumPy, exact for integers, the only authority on objectives."""

import numpy as np

from ..pack import Array
from ..problem import Evaluation
from .problem import QAP
from .qaplib import objective


def evaluate(problem: QAP, solution: Array) -> Evaluation:
    """Check that ``solution`` is a 0-based permutation of n integers and compute its objective."""
    p, n = np.asarray(solution), problem.size
    if p.shape != (n,) or p.dtype.kind not in "iu":
        why = f"a solution must be {n} integers; got shape {p.shape} of {p.dtype}"
        return Evaluation(float("inf"), feasible=False, why=why)
    if not np.array_equal(np.sort(p), np.arange(n)):
        why = f"a solution must use each location 0..{n - 1} exactly once"
        return Evaluation(float("inf"), feasible=False, why=why)
    return Evaluation(objective(problem.A, problem.B, p), feasible=True)
