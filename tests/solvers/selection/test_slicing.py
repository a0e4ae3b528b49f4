"""When the chosen solver gets a slice of the time instead of all of it."""

from dataclasses import replace

import pytest

from mezan.solvers.selection.choices import certain
from mezan.solvers.selection.default import DEFAULT
from mezan.solvers.selection.policy import Candidate
from mezan.solvers.selection.slicing import sliced
from mezan.solvers.selection.standings import Record, Standings

A, B, C = (Candidate(solver, "1") for solver in "abc")
FAILS = Record(outcomes=10, failures=3, loss_sum=3.2)
FINDS = Record(outcomes=10, loss_sum=4.0)


def share_of(*candidates, pick="a", share=0.65, **records):
    """Of the time that the pick gets."""
    standings = Standings("toy", 1, "toy/0", overall=records)
    choice = certain(next(c for c in candidates if c.solver == pick), candidates, {}, "it is the first")
    made = sliced(choice, standings, candidates, share)
    assert (made.solver, made.scored) == (choice.solver, choice.scored)
    assert (made.reason == choice.reason) == (made.time_share is None)
    return made.time_share


def test_a_solver_that_loses_by_failing_is_sliced():
    """And one that loses by what it finds is not, whoever else fails."""
    assert share_of(A, B, a=FAILS, b=FINDS) == 0.65
    assert share_of(A, B, a=FINDS, b=FAILS) is None
    assert share_of(A, B, a=FAILS._replace(loss_sum=6.0)) == 0.65
    assert share_of(A, B, a=FAILS._replace(loss_sum=6.1)) is None


def test_of_a_new_solver_the_others_tell():
    """Nobody has failed yet: no slice; where most of what all have lost was lost by failing: one."""
    assert share_of(A, B) is None
    assert share_of(A, B, b=FAILS) == 0.65
    assert share_of(A, B, C, b=FINDS, c=FAILS) is None


@pytest.mark.parametrize(
    "others",
    [(), (B._replace(refused="too large"),), (B._replace(refused="it failed", tried=True), C)],
    ids=["alone", "the other refuses", "the second try"],
)
def test_somebody_must_be_left_and_a_task_is_sliced_once(others):
    """The only solver has all the time; so has the second on a task."""
    assert share_of(A, *others, a=FAILS) is None


def test_slices_can_be_turned_off():
    """By the policy's own parameter."""
    assert share_of(A, B, share=None, a=FAILS) is None
    standings = Standings("toy", 1, "toy/0", overall={"a": FAILS, "b": FAILS})
    whole = replace(DEFAULT, time_share=None)
    assert DEFAULT.choose(standings, {}, [A, B], 1).time_share == DEFAULT.time_share
    assert whole.choose(standings, {}, [A, B], 1).time_share is None
