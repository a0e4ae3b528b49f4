"""A race as a state machine: who may be told what, and when one result is enough."""

import pytest

from mezan.engine import events as ev
from mezan.engine.errors import InvalidTransition
from mezan.engine.run import NOTHING, Cancel, decide, evolve, fold

BUDGET = ev.BudgetSpec(time_limit=1.0)
DIGEST = "0" * 64


def spec(task, sense):
    return ev.TaskSpec(task=task, family="toy", sense=sense, problem=DIGEST, size=3, solver=f"toy.{task}")


def about(task):
    return {
        "task": task, "attempt": 1, "solver": f"toy.{task}", "version": "1", "family": "toy", "instance": DIGEST,
        "cluster": "toy/0", "budget": BUDGET,
    }  # fmt: skip


def found(task, objective):
    return ev.IncumbentFound(task=task, attempt=1, objective=objective, solution=DIGEST, iterations=1, seconds=0.1)


def told(task, source, objective):
    return ev.IncumbentShared(
        task=task, attempt=1, source_task=source, source_attempt=1, objective=objective, solution=DIGEST, iterations=1,
        source_iterations=1, seconds=0.1,
    )  # fmt: skip


def succeeded(task, objective):
    return ev.AttemptSucceeded(
        **about(task), sense="min", objective=objective, solution=DIGEST, bound=None, proved_optimal=False, loss=0.5,
        stopped="time", iterations=1, seconds=0.1, compile_seconds=0.0,
    )  # fmt: skip


def failed(task):
    return ev.AttemptFailed(**about(task), error="e", message="m", transient=False, final=True, seconds=0.1)


def abandoned(task):
    return ev.AttemptAbandoned(
        task=task, attempt=1, lost_worker="w1", worker="w2", checkpoint=None, iterations=0, seconds=0.1
    )


def timed_out(task):
    return ev.AttemptTimedOut(**about(task), seconds=1.0)


def running(*commands, pans=("a", "b"), sense="min"):
    """A run of two tasks in their attempts, after some commands; and the events of the last of these."""
    request = ev.RunRequested(
        tasks=(spec("a", sense), spec("b", sense)), budget=BUDGET, seed=1, policy="elo_ucb", worker="w1", pans=pans
    )
    state, events = fold(decide(request, NOTHING)), ()
    for task in ("a", "b"):
        profile = ev.ProblemProfiled(task=task, family="toy", instance=DIGEST, size=3, features={}, seconds=0.0)
        card = ev.SolverChosen(
            task=task, attempt=1, family="toy", policy="forced", policy_version="1", solver=f"toy.{task}", version="1",
            propensity=1.0, cluster="toy/0", as_of=0, key=1, reason="r", candidates=(), forced=True,
        )  # fmt: skip
        started = ev.AttemptStarted(
            task=task, attempt=1, solver=f"toy.{task}", version="1", seed=1, worker="w1", device="cpu"
        )
        for event in (profile, card, started):
            state = evolve(state, event)
    for command in commands:
        events = decide(command, state)
        for event in events:
            state = evolve(state, event)
    return state, events


@pytest.mark.parametrize(("sense", "better", "worse"), [("min", 5.0, 7.0), ("max", 7.0, 5.0)])
def test_a_pan_is_told_what_its_rival_found_and_is_better(sense, better, worse):
    """Anything else does not fit: what is no better, what nobody found, and what comes from oneself or nowhere."""
    state, _ = running(found("a", better), found("b", worse), sense=sense)
    assert decide(told("b", "a", better), state) == (told("b", "a", better),)
    for wrong in (told("a", "b", worse), told("b", "a", worse), told("b", "b", worse), told("b", "c", better)):
        with pytest.raises(InvalidTransition):
            decide(wrong, state)


def test_after_being_told_only_what_is_better_is_an_incumbent():
    """Equal is not better, and what was told is not the pan's own."""
    state, _ = running(found("a", 5.0), found("b", 7.0), told("b", "a", 5.0))
    assert (state.tasks["b"].best, state.tasks["b"].shared) == (7.0, 5.0)
    for objective in (6.0, 5.0):
        with pytest.raises(InvalidTransition, match="does not improve"):
            decide(found("b", objective), state)
    assert decide(found("b", 4.0), state) == (found("b", 4.0),)


def test_outside_a_race_nothing_is_shared():
    """Two tasks of an ordinary run do not know each other."""
    state, _ = running(found("a", 5.0), found("b", 7.0), pans=())
    with pytest.raises(InvalidTransition, match="race"):
        decide(told("b", "a", 5.0), state)


@pytest.mark.parametrize("lost", [failed, timed_out])
def test_a_pan_that_is_lost_does_not_end_the_race(lost):
    """The other's result completes it, whichever comes first."""
    state, events = running(lost("a"))
    assert events == (lost("a"),)
    assert not state.over
    events = decide(succeeded("b", 3.0), state)
    assert events[1:] == (ev.RunCompleted(objectives={"b": 3.0}, seconds=0.0),)
    state, events = running(succeeded("b", 3.0))
    assert events == (succeeded("b", 3.0),)
    assert decide(lost("a"), state)[1:] == (ev.RunCompleted(objectives={"b": 3.0}, seconds=0.0),)


@pytest.mark.parametrize("lost", [failed, timed_out])
def test_when_both_are_lost_the_run_fails(lost):
    """With the last one's error; nothing is running any more."""
    state, _ = running(failed("a"))
    events = decide(lost("b"), state)
    assert [type(event) for event in events[1:]] == [ev.RunFailed]
    assert events[1].task == "b"


def test_a_task_that_is_lost_outside_a_race_ends_the_run():
    """The exception is for races alone."""
    _, events = running(failed("a"), pans=())
    assert [type(event) for event in events] == [ev.AttemptFailed, ev.AttemptCancelled, ev.RunFailed]


def test_both_results_complete_the_race():
    """With both objectives."""
    _, events = running(succeeded("a", 4.0), succeeded("b", 3.0))
    assert events[1:] == (ev.RunCompleted(objectives={"a": 4.0, "b": 3.0}, seconds=0.0),)


def test_an_abandoned_pan_finds_again_what_it_had_found_and_was_told():
    """What came after the last checkpoint is lost, so it must fit a second time."""
    state, _ = running(found("a", 5.0), found("b", 7.0), told("b", "a", 5.0), abandoned("a"), abandoned("b"))
    for task in ("a", "b"):
        started = ev.AttemptStarted(
            task=task, attempt=2, solver=f"toy.{task}", version="1", seed=1, worker="w2", device="cpu"
        )
        for event in decide(started, state):
            state = evolve(state, event)
    for command in (found("a", 5.0), found("b", 7.0), told("b", "a", 5.0)):
        for event in decide(command, state):
            state = evolve(state, event)
    assert state.tasks["b"].shared == 5.0


def test_cancelling_a_race_cancels_both_attempts():
    """And then the run."""
    state, _ = running()
    events = decide(Cancel("why"), state)
    assert [type(event) for event in events] == [ev.AttemptCancelled, ev.AttemptCancelled, ev.RunCancelled]
