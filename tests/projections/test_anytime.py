"""Anytime profiles: mean losses at fixed times, computed by hand."""

import pytest
from histories import record

from mezan.engine import events as ev
from mezan.projections.anytime import TIMES, Anytime

ANYTIME = Anytime()


def incumbent(seconds, objective, attempt=1):
    return ev.IncumbentFound(
        task="main", attempt=attempt, objective=objective, solution="s", iterations=1, seconds=seconds
    )


def ended(kind=ev.AttemptSucceeded, *, limit=10.0, seconds=10.0, **more):
    common = {
        "task": "main", "attempt": 1, "solver": "a", "version": "1", "family": "qap", "instance": "i",
        "cluster": "qap/0", "budget": ev.BudgetSpec(time_limit=limit), "seconds": seconds,
    }  # fmt: skip
    if kind is ev.AttemptSucceeded:
        common |= {
            "sense": "min", "objective": 100.0, "solution": "s", "bound": ev.BoundSpec(value=80.0, method="m"),
            "proved_optimal": False, "loss": 0.2, "stopped": "time", "iterations": 1, "compile_seconds": 0.0,
        }  # fmt: skip
    return kind(**common | more)


def fold(*attempts):
    """Each attempt in a stream of its own."""
    state = ANYTIME.initial()
    for event in record((f"run-{i}", event) for i, attempt in enumerate(attempts) for event in attempt):
        if event.type in ANYTIME.handles:
            state = ANYTIME.apply(state, event)
    return state


def means(*attempts):
    found = fold(*attempts).profiles["qap"]["a"].means()
    return {at: mean for at, mean in zip(TIMES, found, strict=True) if mean is not None}


def test_the_loss_falls_with_each_incumbent_and_ends_at_the_time_limit():
    """Nothing until 0.03 s, objectives 400, 160 and 100 at 0.02, 0.5 and 9.9 s, against a bound of 80."""
    course = (incumbent(0.02, 500.0), incumbent(0.025, 400.0), incumbent(0.5, 160.0), ended(seconds=9.9))
    assert means(course) == pytest.approx({0.01: 1, 0.03: 0.8, 0.1: 0.8, 0.3: 0.8, 1: 0.5, 3: 0.5, 10: 0.2})


def test_what_an_attempt_had_at_its_end_stays_until_its_limit():
    """Whether it was proved or stopped by its iterations: both count at 0.5 s and at 10 s, and at nothing later."""
    proved = (incumbent(0.5, 100.0), ended(seconds=0.5, proved_optimal=True, bound=ev.BoundSpec(value=100, method="m")))
    found = means(proved)
    assert found == dict.fromkeys((0.01, 0.03, 0.1, 0.3), 1.0) | dict.fromkeys((1.0, 3.0, 10.0), 0.0)
    assert means((incumbent(0.5, 100.0), ended(seconds=0.5, stopped="iterations")))[10.0] == pytest.approx(0.2)


def test_without_a_bound_the_best_known_objective_is_the_reference():
    """Of two attempts on one instance the second is better: it is the reference from then on."""
    first = (incumbent(0.005, 200.0), ended(objective=200.0, bound=None))
    second = (incumbent(0.005, 100.0), ended(objective=100.0, bound=None))
    assert means(first, second)[10.0] == 0.0
    assert means(second, first)[10.0] == pytest.approx(0.25)


def test_failures_and_timeouts_lose_everything_up_to_their_limit():
    """What will be tried again and what was handed over do not count."""
    assert means((ended(ev.AttemptTimedOut, limit=1.0, seconds=1.0),)) == dict.fromkeys(
        (0.01, 0.03, 0.1, 0.3, 1.0), 1.0
    )
    failed = {"error": "solver-failed", "message": "it broke", "seconds": 0.1, "limit": 0.1}
    assert means((ended(ev.AttemptFailed, transient=False, **failed),)) == dict.fromkeys((0.01, 0.03, 0.1), 1.0)
    seed = ev.SeedSpec(run="r", objective=5.0, solution="s")
    assert fold((ended(ev.AttemptFailed, transient=True, retry_in=0.1, **failed),)).profiles == {}
    assert fold((incumbent(0.1, 5.0), ended(seeded_from=seed))) == ANYTIME.initial()


def test_attempts_under_way_are_forgotten_beyond_the_limit(monkeypatch):
    """A process that died leaves attempts without an end."""
    monkeypatch.setattr("mezan.projections.anytime.UNDER_WAY", 3)
    state = fold(*((incumbent(0.1, 5.0),) for _ in range(9)))
    assert list(state.under_way) == ["run-6/main/1", "run-7/main/1", "run-8/main/1"]
    cancelled = ev.AttemptCancelled(task="main", attempt=1, reason="asked to", iterations=1, seconds=1.0)
    assert fold((incumbent(0.1, 5.0), cancelled)) == ANYTIME.initial()
