"""Solutions from outside: worked into a running search, and only what is better counts as found there."""

import numpy as np
import pytest

from mezan.solvers.driver import Drive, Incumbent
from mezan.solvers.errors import BadInput
from mezan.solvers.qap import QAP
from mezan.solvers.qap.evaluate import evaluate
from mezan.solvers.qap.family import FAMILY

# qap.fft refuses instances without structure: structured/test_fft.py gives it solutions from outside.
SEEDABLE = [solver for solver in FAMILY.solvers if solver.seedable and solver.name != "qap.fft"]


def instance(n=14, seed=3):
    rng = np.random.default_rng(seed)
    A, B = rng.integers(0, 20, (2, n, n))
    return QAP(A=np.triu(A, 1) + np.triu(A, 1).T, B=np.triu(B, 1) + np.triu(B, 1).T)


def good(problem):
    """A solution that a long search found."""
    drive = Drive(FAMILY, FAMILY.solvers[0], [problem], [99])
    drive.advance(0)
    best = None
    for _ in range(8):
        best = drive.advance(500)[0].incumbent or best
    return best


@pytest.mark.parametrize("solver", SEEDABLE, ids=lambda solver: solver.name)
def test_a_solution_from_outside_is_not_reported_as_found_here(solver):
    """After an injection nothing that is equal or worse is an incumbent of this search."""
    problem = instance()
    known = good(problem)
    drive = Drive(FAMILY, solver, [problem], [1])
    drive.inject({0: known})
    for _ in range(4):
        report = drive.advance(50)[0]
        assert report.incumbent is None or report.incumbent.objective < known.objective


@pytest.mark.parametrize("solver", SEEDABLE, ids=lambda solver: solver.name)
def test_a_search_holds_what_it_was_given(solver):
    """The kernel's own best is at least as good as the injected solution, and is that solution or a better one."""
    problem = instance()
    known = good(problem)
    drive = Drive(FAMILY, solver, [problem, instance(seed=4)], [1, 2])
    drive.advance(5)
    drive.inject({0: known})
    drive._best, drive._outside = [None, None], [None, None]
    first, second = drive.advance(0)
    assert first.incumbent.objective <= known.objective
    assert evaluate(problem, first.incumbent.solution).objective == first.incumbent.objective
    assert second.incumbent is not None


@pytest.mark.parametrize("solver", SEEDABLE, ids=lambda solver: solver.name)
def test_only_the_lane_that_was_given_one_changes(solver):
    """The neighbour in the batch goes on as if nothing had happened."""
    problem, other = instance(), instance(seed=4)
    drives = [Drive(FAMILY, solver, [problem, other], [1, 2]) for _ in range(2)]
    for drive in drives:
        drive.advance(5)
    drives[0].inject({0: good(problem)})
    for drive in drives:
        drive.advance(20)
    assert drives[0].checkpoint(1) == drives[1].checkpoint(1)
    assert drives[0].checkpoint(0) != drives[1].checkpoint(0)


@pytest.mark.parametrize("solver", SEEDABLE, ids=lambda solver: solver.name)
def test_a_checkpoint_remembers_what_came_from_outside(solver):
    """After a restart, too, the injected solution is not reported as found here."""
    problem = instance()
    known = good(problem)
    drive = Drive(FAMILY, solver, [problem], [1])
    drive.inject({0: Incumbent(known.objective, known.solution)})
    drive.advance(10)
    again = Drive(FAMILY, solver, [problem], [1])
    again.restore(drive.checkpoint())
    report = again.advance(10)[0]
    assert report.incumbent is None or report.incumbent.objective < known.objective


def test_a_solver_that_takes_none_says_so():
    """Injecting into a kernel without that ability is an error that names the solver."""
    solver = next(s for s in FAMILY.solvers if not s.seedable and s.runs_in == "kernel")
    drive = Drive(FAMILY, solver, [instance()], [1])
    with pytest.raises(BadInput, match=solver.name):
        drive.inject({0: Incumbent(1.0, np.arange(14))})
