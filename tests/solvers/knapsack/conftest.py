"""Independent oracles and a way to run the dynamic program to its end."""

from itertools import product

import pytest

from mezan.solvers.driver import Drive
from mezan.solvers.knapsack.family import FAMILY

DP = FAMILY.solvers[0]


def enumerated(problem):
    """The optimum by trying every subset (a thousand of them for 10 items)."""
    items = list(zip(problem.values.tolist(), problem.weights.tolist(), strict=True))
    best = 0
    for chosen in product((False, True), repeat=len(items)):
        taken = [item for item, take in zip(items, chosen, strict=True) if take]
        if sum(w for _, w in taken) <= problem.capacity:
            best = max(best, sum(v for v, _ in taken))
    return best


def tabulated(problem):
    """The optimum by a dictionary from weight to value: exact, no sorting, no reduction, no fixed width."""
    reach = {0: 0}
    for v, w in zip(problem.values.tolist(), problem.weights.tolist(), strict=True):
        for used, value in list(reach.items()):
            if used + w <= problem.capacity:
                reach[used + w] = max(reach.get(used + w, 0), value + v) if w else value + v
    return max(reach.values())


def driven(problem, chunk=64):
    """What the dynamic program ends with: every incumbent's objective, and the last solution."""
    drive, objectives, solution = Drive(FAMILY, DP, [problem], [0]), [], None
    for _ in range(10_000):
        report = drive.advance(chunk)[0]
        if report.incumbent is not None:
            objectives.append(report.incumbent.objective)
            solution = report.incumbent.solution
        if report.done:
            return objectives, solution
    raise AssertionError("the dynamic program did not end")


@pytest.fixture(scope="session")
def oracle():
    """The optimum by an independent exact method."""
    return lambda problem: enumerated(problem) if problem.size <= 10 else tabulated(problem)


@pytest.fixture(scope="session")
def run_dp():
    """Runs the dynamic program to its end."""
    return driven
