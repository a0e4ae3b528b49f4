"""Islands: the same iterations give the same results, what one finds reaches the others, and a checkpoint continues."""

import numpy as np
import pytest

from mezan.solvers.driver import Drive, Incumbent
from mezan.solvers.islands import Archipelago, drive_for
from mezan.solvers.qap import QAP
from mezan.solvers.qap.family import FAMILY
from mezan.solvers.qap.rules import OFTEN as EXCHANGE

SOLVERS = {solver.name: solver for solver in FAMILY.solvers}
AGGRESSIVE = SOLVERS["qap.aggressive"]


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(5)
    A, B = rng.integers(0, 50, (2, 20, 20))
    return QAP(A=A + A.T, B=B + B.T)


def course(drive, counts):
    """Every reported objective, with the iteration of its report."""
    found = []
    for count in counts:
        report = drive.advance(count)[0]
        if report.incumbent is not None:
            found.append((drive.iterations, report.incumbent.objective, report.incumbent.solution.tolist()))
    return found


def test_chunks_do_not_matter(problem):
    """Exchanges depend on iterations alone: any chunks lead to the same state."""
    drives = [Archipelago(FAMILY, AGGRESSIVE, problem, 3, islands=2) for _ in range(2)]
    course(drives[0], [2 * EXCHANGE + 40])
    course(drives[1], [0, 1, EXCHANGE - 1, 100, EXCHANGE - 60])
    assert drives[0].checkpoint() == drives[1].checkpoint()


def test_a_checkpoint_continues_to_the_bit(problem):
    """Restored, also into a drive of another number of islands, the search goes on as if nothing had happened."""
    whole = Archipelago(FAMILY, AGGRESSIVE, problem, 3, islands=2)
    course(whole, [EXCHANGE + 100])
    again = Archipelago(FAMILY, AGGRESSIVE, problem, 3, islands=1)
    again.restore(whole.checkpoint())
    assert again.lanes == 2
    later = course(whole, [EXCHANGE])
    assert course(again, [0, EXCHANGE])[-1][1:] == (
        later[-1][1:] if later else (whole._best.objective, whole._best.solution.tolist())
    )
    assert again.checkpoint() == whole.checkpoint()


def test_what_one_island_finds_reaches_the_next(problem):
    """After an exchange each island holds something at least as good as what its neighbour had found."""
    drive = Archipelago(FAMILY, AGGRESSIVE, problem, 3, islands=2)
    alone = [Drive(FAMILY, AGGRESSIVE, [problem], [seed]) for seed in (3, 4)]
    known = min((d.advance(3000)[0].incumbent for d in alone), key=lambda incumbent: incumbent.objective)
    drive.advance(1)
    drive._drives[0].inject({0: known})
    drive._drives[0]._outside = [None]
    drive.advance(EXCHANGE)
    assert drive._drives[1]._outside[0] <= known.objective


def test_each_island_searches_elsewhere(problem):
    """Two islands begin from different seeds, the first from that of the run."""
    drive = Archipelago(FAMILY, AGGRESSIVE, problem, 3, islands=2)
    drive.advance(20)
    lone = Drive(FAMILY, AGGRESSIVE, [problem], [3])
    lone.advance(20)
    assert drive._drives[0].checkpoint() == lone.checkpoint()
    assert drive._drives[1].checkpoint() != lone.checkpoint()


def test_an_injected_solution_is_not_reported_as_found(problem):
    """What came from outside is no incumbent of the archipelago."""
    best = Drive(FAMILY, AGGRESSIVE, [problem], [9]).advance(4000)[0].incumbent
    drive = drive_for(FAMILY, AGGRESSIVE, [problem], [1], lanes=2)
    drive.inject({0: Incumbent(best.objective, best.solution)})
    assert all(objective < best.objective for _, objective, _ in course(drive, [1, 100, EXCHANGE]))


def test_only_island_solvers_are_driven_as_islands(problem):
    """Every other solver gets an ordinary drive."""
    assert isinstance(drive_for(FAMILY, SOLVERS["qap.tabu"], [problem], [1]), Drive)
    assert isinstance(drive_for(FAMILY, AGGRESSIVE, [problem], [1], lanes=2), Archipelago)
