"""Who is charged with what: runs under way, and seconds of attempts, on the day of their end."""

from collections import Counter, defaultdict

import pytest
from histories import START, History, record

from mezan.engine import events as ev
from mezan.engine.events import TERMINAL
from mezan.projections.usage import DAY, DAYS, Usage

COMMON = {"task": "main", "attempt": 1, "solver": "qap.tabu", "version": "1"}
ABOUT = {**COMMON, "family": "qap", "instance": "i", "cluster": "qap/0", "budget": ev.BudgetSpec(time_limit=9.0)}
OVER = ev.RunCancelled(reason="enough", seconds=1.0)


def requested(*tasks, purpose="request", pans=()):
    specs = tuple(ev.TaskSpec(task=task, family="qap", sense="min", problem="p", size=3) for task in tasks or ("main",))
    return ev.RunRequested(tasks=specs, budget=ev.BudgetSpec(time_limit=9.0), seed=1, purpose=purpose, pans=pans)


def started(task="main", **more):
    return ev.AttemptStarted(**COMMON | {"task": task}, seed=1, worker="w", device="cpu", **more)


def timed_out(seconds, task="main"):
    return ev.AttemptTimedOut(**ABOUT | {"task": task}, seconds=seconds)


def folded(*streams, step=250_000):
    projection, state = Usage(), Usage().initial()
    log = record(((f"run-{i}", event) for i, events in enumerate(streams) for event in events), step=step)
    for event in log:
        if event.type in projection.handles:
            state = projection.apply(state, event)
    assert projection.load(projection.dump(state)) == state
    return state


def seconds(state):
    return sum(sum(actors.values()) for actors in state.days.values()) / 1e6


def test_runs_under_way_are_those_without_an_end_at_every_event():
    """And their limits together are what they may still use; seconds are those of the attempts' events."""
    usage, state = Usage(), Usage().initial()
    going, expected, starts = {}, Counter(), {}
    ends = {"AttemptSucceeded", "AttemptFailed", "AttemptTimedOut"}
    carried = defaultdict(float)
    for event in History(5, imports=0.1).log(1_500, at_once=12):
        if event.type in usage.handles:
            state = usage.apply(state, event)
        if event.type == "RunRequested":
            going[event.stream] = event.data["budget"]["time_limit"] * len(event.data["tasks"])
        elif event.type in TERMINAL:
            del going[event.stream]
        elif event.type == "AttemptStarted":
            place = event.stream, event.data["task"]
            starts[place] = event.recorded_at
            if event.data["resumed_from"] is None:
                carried.pop(place, None)
        elif event.type in ends:
            place = event.stream, event.data["task"]
            expected[event.recorded_at // DAY] += round(
                max(0, event.data["seconds"] - event.data.get("compile_seconds", 0) - carried[place]) * 1e6
            )
        elif event.type == "AttemptCancelled":
            expected[event.recorded_at // DAY] += event.recorded_at - starts[event.stream, event.data["task"]]
        elif event.type == "AttemptAbandoned":
            place = event.stream, event.data["task"]
            expected[event.recorded_at // DAY] += round(event.data["seconds"] * 1e6)
            carried[place] = event.data["seconds"]
        assert sum(state.runs.values()) == len(state.going) == len(going)
        assert sum(state.limits.values()) == sum(going.values()) * 1e6
    assert {day: sum(actors.values()) for day, actors in state.days.items()} == pytest.approx(expected, abs=100)
    assert len(going) > 0


def test_who_requested_it_pays_whoever_carries_it_on():
    """An adopting worker appends in nobody's name."""
    projection, state = Usage(), Usage().initial()
    log = record(iter([("run-0", requested()), ("run-0", started()), ("run-0", timed_out(2.0)), ("run-0", OVER)]))
    for event, actor in zip(log, ["user_ann", "local", "local", "local"], strict=True):
        event.actor = actor
        state = projection.apply(state, event)
    assert state.days == {START // DAY: {"user_ann": 2_000_000}}
    assert state.runs == state.limits == {}


def test_shadow_runs_are_nobodys():
    """A user's own tournament and benchmark are charged."""
    runs = [
        [requested(purpose=purpose), started(), timed_out(2.0)] for purpose in ("shadow", "tournament", "benchmark")
    ]
    assert seconds(folded(*runs)) == 4.0


def test_a_cancelled_attempt_is_charged_from_its_start():
    """By the clock of the log: its event says how far the search had come."""
    cancelled = ev.AttemptCancelled(task="main", attempt=1, reason="enough", iterations=0, seconds=0.0)
    assert seconds(folded([requested(), started(), cancelled, OVER], step=3_000_000)) == 3.0


def test_what_a_resumed_attempt_repeats_is_charged_once():
    """Its seconds include those before the checkpoint; one that begins again has to pay for it."""
    lost = ev.AttemptAbandoned(
        task="main", attempt=1, lost_worker="w", worker="v", checkpoint="c", iterations=5, seconds=2.0
    )
    again = started(resumed_from="c")
    assert seconds(folded([requested(), started(), lost, again, timed_out(5.0)])) == 5.0
    assert seconds(folded([requested(), started(), lost, again, lost, again, timed_out(5.0)])) == 5.0
    assert seconds(folded([requested(), started(), lost, started(), timed_out(5.0)])) == 7.0


def test_the_pans_of_a_race_share_their_seconds():
    """They take turns on one thread, and their time limit is one."""
    race = [requested("a", "b", pans=("a", "b")), started("a"), started("b"), timed_out(9.0, "a"), timed_out(9.0, "b")]
    state = folded(race)
    assert seconds(state) == 9.0
    assert state.limits == {"local": 9_000_000}


def test_old_days_are_forgotten():
    """So that a state stays small."""
    runs = [[requested(), started(), timed_out(1.0), OVER] for _ in range(30)]
    state = folded(*runs, step=DAY)
    assert len(state.days) <= DAYS
    assert max(state.days) == START // DAY + 119
    assert min(state.days) > max(state.days) - DAYS
