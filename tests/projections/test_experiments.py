"""A/B tests folded from the log: who was assigned, what counts, when it is over, and the same from a dump."""

import random

import pytest
from histories import record

from mezan.engine import events as ev
from mezan.projections.experiments import ABTests, due, running

BUDGET = ev.BudgetSpec(time_limit=1.0)
ARMS = ("elo_ucb", "thompson")


def started(name="spring", **changes):
    """A test's first event."""
    told = {
        "experiment": name, "family": "qap", "arms": {arm: arm for arm in reversed(ARMS)},
        "shares": {"thompson": 0.5, "elo_ucb": 0.5}, "alpha": 0.05, "maximum": 400, "seed": 1,
    }  # fmt: skip
    return f"experiment/{name}", ev.ExperimentStarted(**told | changes)


def chosen(run, arm, *, name="spring", task="main", attempt=1):
    """A card that a test has assigned."""
    return run, ev.SolverChosen(
        task=task, attempt=attempt, family="qap", policy=arm, policy_version="1", solver="qap.a", version="1",
        propensity=1.0, cluster="qap/0", as_of=0, key=1, reason="drawn", candidates=(), experiment=name, arm=arm,
    )  # fmt: skip


def ended(run, kind="AttemptSucceeded", loss=0.5, task="main", **changes):
    """The end of an attempt."""
    told = {
        "task": task, "attempt": 1, "solver": "qap.a", "version": "1", "family": "qap", "instance": "i", "cluster": "qap/0",
        "budget": BUDGET, "seconds": 1.0,
    }  # fmt: skip
    if kind == "AttemptSucceeded":
        told |= {
            "sense": "min", "objective": 1.0, "solution": "s", "bound": None, "proved_optimal": False, "loss": loss,
            "stopped": "time", "iterations": 1, "compile_seconds": 0.0,
        }  # fmt: skip
    if kind == "AttemptFailed":
        told |= {"error": "e", "message": "m", "transient": False}
    return run, getattr(ev, kind)(**told | changes)


OVER = ev.RunCompleted(objectives={}, seconds=1.0)
CANCELLED = ev.RunCancelled(reason="asked to", seconds=1.0)


def folded(pairs, state=None):
    """The state after (stream, event) pairs."""
    fold = ABTests()
    state = fold.initial() if state is None else state
    for event in record(iter(pairs)):
        if event.type in fold.handles:
            state = fold.apply(state, event)
    return state


def story(seed, runs, better="thompson"):
    """A test with runs that overlap, some cancelled, failed or retried; one arm loses less."""
    rng = random.Random(seed)
    out, going = [started()], []
    for i in range(runs):
        arm = rng.choice(ARMS)
        out.append(chosen(f"run-{i}", arm))
        going.append((f"run-{i}", arm))
        if len(going) > 3:
            run, arm = going.pop(rng.randrange(len(going)))
            fate = rng.random()
            if fate < 0.05:
                out.append((run, CANCELLED))
                continue
            if fate < 0.1:
                out.append(ended(run, "AttemptFailed", transient=True, retry_in=0.1))
            loss = rng.random() * (0.4 if arm == better else 1.0)
            out.append(ended(run, "AttemptFailed") if fate > 0.95 else ended(run, loss=loss))
            out.append((run, OVER))
    return out


def test_the_better_arm_wins_and_the_test_takes_no_more_runs():
    """Decided by the fold alone; the event that says so is due once, with the figures of that moment."""
    state = folded(story(1, 300))
    test = state.tests["spring"]
    assert (test.reached, list(test.arms)) == ("decided", ["thompson", "elo_ucb"])
    assert running({"experiments": state}) == []
    (make,) = due({"experiments": state})
    stopped = make()
    assert (stopped.winner, stopped.reason) == ("thompson", "decided")
    assert stopped.upper < 0 <= 0.05 - stopped.p_value
    assert stopped.lower <= stopped.difference <= stopped.upper
    assert stopped.outcomes == {name: arm.outcomes for name, arm in test.arms.items()}
    after = folded([*story(1, 300), ("experiment/spring", stopped)])
    assert due({"experiments": after}) == []
    assert after.tests["spring"].stopped["winner"] == "thompson"


def test_the_fold_freezes_the_test_at_its_verdict():
    """Outcomes that arrive afterwards are counted, and do not change what was decided."""
    at_verdict = next(s for n in range(50, 300) if (s := folded(story(1, n))).tests["spring"].reached)
    later = folded(story(1, 300)).tests["spring"]
    assert later.test == at_verdict.tests["spring"].test
    assert later.arms["thompson"].outcomes > at_verdict.tests["spring"].arms["thompson"].outcomes


def test_the_maximum_ends_it_undecided():
    """After so many outcomes of both arms together."""
    pairs = [started(maximum=10)]
    for i in range(12):
        pairs += [chosen(f"run-{i}", ARMS[i % 2]), ended(f"run-{i}", loss=0.5), (f"run-{i}", OVER)]
    assert folded(pairs[: 1 + 3 * 9]).tests["spring"].reached is None
    test = folded(pairs).tests["spring"]
    assert test.reached == "maximum"
    (make,) = due({"experiments": folded(pairs)})
    assert (make().winner, make().reason, make().difference) == (None, "maximum", 0.0)


@pytest.mark.parametrize(
    ("happened", "counted"),
    [
        ([ended("r", loss=0.25)], (1, 0.25, 0)),
        ([ended("r", "AttemptTimedOut")], (1, 1.0, 0)),
        ([ended("r", "AttemptFailed")], (1, 1.0, 0)),
        ([ended("r", "AttemptFailed", transient=True, retry_in=0.1), ended("r", loss=0.25)], (1, 0.25, 0)),
        (
            [ended("r", "AttemptFailed", final=False), chosen("r", "elo_ucb", attempt=2), ended("r", loss=0.25)],
            (1, 1.0, 0),
        ),
        (
            [ended("r", "AttemptTimedOut", final=False), chosen("r", "elo_ucb", attempt=2), ended("r", loss=0.25)],
            (1, 0.25, 0),
        ),
        ([ended("r", "AttemptTimedOut", final=False)], (0, 0.0, 1)),
        (
            [ended("r", loss=0.25), chosen("r", "elo_ucb", task="next"), ended("r", loss=0.75, task="next")],
            (1, 0.25, 0),
        ),
        ([ended("r", loss=0.75, task="other")], (0, 0.0, 1)),
        ([], (0, 0.0, 1)),
        ([ended("r", loss=0.25, seeded_from=ev.SeedSpec(run="q", objective=1.0, solution="s"))], (1, 0.25, 0)),
    ],
)
def test_a_run_counts_once_with_its_first_decided_task(happened, counted):
    """Retries are waited for, later tasks and choices do not count again, and an end without an outcome is dropped."""
    state = folded([started(), chosen("r", "elo_ucb"), *happened, ("r", CANCELLED)])
    arm = state.tests["spring"].arms["elo_ucb"]
    assert (arm.outcomes, arm.loss_sum, arm.dropped, arm.assigned) == (*counted, 1)
    assert (state.waiting, state.tests["spring"].open) == ({}, {})


def test_cards_of_no_experiment_and_of_unknown_ones_are_left_alone():
    """So are outcomes of runs that nobody assigned, and a second start under the same name."""
    pairs = [started(), chosen("r", "elo_ucb", name="summer"), chosen("q", "odd"), ended("p")]
    state = folded([*pairs, ("elsewhere", started(maximum=7)[1])])
    assert folded([started()]) == state
    assert state.tests["spring"].started["maximum"] == 400


@pytest.mark.parametrize("cut", [1, 10, 100, 333, 600])
def test_a_dump_goes_on_as_if_it_had_never_been_saved(cut):
    """In the middle of blocks, retries and open runs; the order of the arms survives canonical JSON."""
    events = [e for e in record(iter(story(3, 300))) if e.type in ABTests.handles]
    fold = ABTests()

    def feed(state, some):
        for event in some:
            state = fold.apply(state, event)
        return state

    straight = feed(fold.initial(), events)
    before = fold.load(fold.dump(feed(fold.initial(), events[:cut])))
    assert before == feed(fold.initial(), events[:cut])
    resumed = feed(before, events[cut:])
    assert resumed == straight
    assert fold.dump(resumed) == fold.dump(straight)
    assert list(resumed.tests["spring"].arms) == ["thompson", "elo_ucb"]


def test_runs_that_never_end_are_forgotten(monkeypatch):
    """At most so many are waited for; the oldest counts as dropped."""
    monkeypatch.setattr("mezan.projections.experiments.LARGEST_OPEN", 3)
    state = folded([started(), *(chosen(f"run-{i}", "elo_ucb") for i in range(5))])
    assert list(state.tests["spring"].open) == list(state.waiting) == ["run-2", "run-3", "run-4"]
    assert state.tests["spring"].arms["elo_ucb"].dropped == 2
