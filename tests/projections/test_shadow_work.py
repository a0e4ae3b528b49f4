"""The seconds that shadow runs have used: of shadows only, of the last 24 hours only."""

import pytest
from histories import START, record

from mezan.engine import events as ev
from mezan.projections.shadow_work import DAY, MINUTE, ShadowWork, shadow_seconds

COMMON = {
    "task": "main", "attempt": 1, "solver": "qap.tabu", "version": "1", "family": "qap", "instance": "i", "cluster": "qap/0",
    "budget": ev.BudgetSpec(time_limit=9.0),
}  # fmt: skip


def run(purpose, *ends):
    """A run's events from its request on."""
    spec = ev.TaskSpec(task="main", family="qap", sense="min", problem="p", size=3)
    requested = ev.RunRequested(
        tasks=(spec,), budget=ev.BudgetSpec(time_limit=9.0), seed=1, policy=None, purpose=purpose
    )
    started = ev.AttemptStarted(
        task="main", attempt=1, solver="qap.tabu", version="1", seed=1, worker="w", device="cpu"
    )
    return [requested, started, *ends]


def timed_out(seconds):
    return ev.AttemptTimedOut(**COMMON, seconds=seconds)


CANCELLED = ev.AttemptCancelled(task="main", attempt=1, reason="it gave way", iterations=0, seconds=0.0)
OVER = ev.RunCancelled(reason="it gave way", seconds=1.0)


def folded(*streams, step=250_000):
    """The state after some runs, one after another, with events ``step`` microseconds apart."""
    projection = ShadowWork()
    state = projection.initial()
    pairs = [(f"run-{i}", event) for i, events in enumerate(streams) for event in events]
    log = record(iter(pairs), step=step)
    for event in log:
        assert event.type in projection.handles
        state = projection.apply(state, event)
    assert projection.load(projection.dump(state)) == state
    return state, log


def test_only_the_attempts_of_shadows_count():
    """A user's own timeout is not charged."""
    state, log = folded(
        run("shadow", timed_out(2.5)), run("request", timed_out(9.0)), run("tournament", timed_out(9.0))
    )
    assert shadow_seconds({"shadow_work": state}, log[-1].recorded_at) == 2.5


def test_a_cancelled_attempt_is_charged_from_its_start_by_the_clock_of_the_log():
    """Its own event says how far the search had come, not how long it held the machine."""
    state, log = folded(run("shadow", CANCELLED, OVER), step=3_000_000)
    assert shadow_seconds({"shadow_work": state}, log[-1].recorded_at) == pytest.approx(3.0)
    assert state.going == {}


def test_what_is_a_day_old_is_forgotten():
    """Also from memory, with the next attempt that is charged."""
    state, log = folded(run("shadow", timed_out(2.0), OVER), run("shadow", timed_out(1.0), OVER), step=MINUTE)
    states, now = {"shadow_work": state}, log[-1].recorded_at
    assert shadow_seconds(states, now) == 3.0
    assert shadow_seconds(states, log[2].recorded_at + DAY * MINUTE) == 1.0
    assert shadow_seconds(states, now + DAY * MINUTE) == 0.0
    assert shadow_seconds(states, START) == 3.0
    later, _ = folded(run("shadow", timed_out(2.0)), run("shadow", timed_out(1.0)), step=DAY * MINUTE)
    assert len(later.minutes) == 1
