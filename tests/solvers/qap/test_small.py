"""Small instances: what ninety-six iterations find is the optimum, by enumeration."""

from itertools import permutations

import numpy as np
import pytest

from mezan.solvers.driver import Drive
from mezan.solvers.qap.family import FAMILY
from mezan.solvers.qap.problem import QAP

TABU = next(solver for solver in FAMILY.solvers if solver.name == "qap.tabu")


@pytest.mark.parametrize("n", [5, 7, 8])
def test_tabu_solves_small_random_instances_to_optimality(n):
    """Four lanes of one call, symmetric and not, against all n! permutations."""
    rng = np.random.default_rng(n)
    pairs = [rng.integers(0, 100, (2, n, n)) for _ in range(4)]
    problems = [QAP(A=A + A.T, B=B + B.T) if i % 2 else QAP(A=A, B=B) for i, (A, B) in enumerate(pairs)]
    p = np.array(list(permutations(range(n))))
    for kind in (0, 1):
        some = problems[kind::2]
        reports = Drive(FAMILY, TABU, some, [1, 2]).advance(96)
        for problem, report in zip(some, reports, strict=True):
            costs = np.zeros(len(p), np.int64)
            for i in range(n):
                for j in range(n):
                    costs += problem.A[i, j] * problem.B[p[:, i], p[:, j]]
            assert report.incumbent is not None
            assert report.incumbent.objective == costs.min()
