"""What came of the choices of each policy, against a plain count of the log."""

from collections import Counter, defaultdict

import pytest
from histories import History, record
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.engine import events as ev
from mezan.engine.endings import rated
from mezan.projections import PolicyOutcomes
from mezan.projections.policy_outcomes import INSTANCES, LEVELS

POLICY_OUTCOMES = PolicyOutcomes()
BUDGET = ev.BudgetSpec(time_limit=1.0)


def fold(events):
    state = POLICY_OUTCOMES.initial()
    for event in events:
        if event.type in POLICY_OUTCOMES.handles:
            state = POLICY_OUTCOMES.apply(state, event)
    return state


def chosen(policy, solver="a", *, forced=False):
    return ev.SolverChosen(
        task="main", attempt=1, family="qap", policy=policy, policy_version="1", solver=solver, version="1",
        propensity=1.0, cluster="qap/0", as_of=0, key=1, reason="", candidates=(), forced=forced,
    )  # fmt: skip


def ended(loss, *, instance="i", solver="a"):
    return ev.AttemptSucceeded(
        task="main", attempt=1, solver=solver, version="1", family="qap", sense="min", instance=instance,
        cluster="qap/0", budget=BUDGET, objective=1.0, solution="s", bound=None, proved_optimal=False, loss=loss,
        stopped="time", iterations=1, seconds=2.0, compile_seconds=0.0,
    )  # fmt: skip


def runs(*given):
    """(choice, end) pairs, a stream each."""
    return record((f"run-{i}", event) for i, pair in enumerate(given) for event in pair)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), at_once=st.integers(1, 8))
def test_counts_are_those_of_the_log(seed, at_once):
    """Choices, rated and unrated outcomes, failures and losses equal a join of choices with ends by stream and task."""
    events = History(seed, instances=10).log(1_500, at_once=at_once)
    tallies = fold(events).tallies
    choices, outcomes, losses = Counter(), Counter(), defaultdict(float)
    decided = {}
    for event in events:
        data = event.data
        if event.type == "SolverChosen":
            decided[event.stream, data["task"]] = data["policy"]
            choices[data["family"], data["solver"]] += 1
        elif event.type in {"AttemptSucceeded", "AttemptFailed", "AttemptTimedOut"}:
            assert decided[event.stream, data["task"]] == "elo_ucb"
            kind = "unrated" if not rated(event.type, data) else "failed" if event.type != "AttemptSucceeded" else "ok"
            outcomes[data["family"], kind] += 1
            losses[data["family"]] += {"ok": data.get("loss"), "failed": 1.0, "unrated": 0.0}[kind]
    assert {(family, s): n for family, policies in tallies.items() for s, n in policies["elo_ucb"].choices.items()} == choices  # fmt: skip
    for family, policies in tallies.items():
        tally = policies["elo_ucb"]
        assert tally.unrated == outcomes[family, "unrated"]
        assert tally.failures == outcomes[family, "failed"]
        assert tally.outcomes == outcomes[family, "failed"] + outcomes[family, "ok"]
        assert tally.losses == pytest.approx(losses[family])
        assert sum(tally.levels) == tally.outcomes


def test_the_distribution_at_its_levels():
    """Losses 0, 1e-6, 0.05 and 1 are at most 0, 1e-6, the next level and 1."""
    state = fold(runs(*((chosen("p"), ended(loss)) for loss in (0.0, 1e-6, 0.05, 1.0))))
    tally = state.tallies["qap"]["p"]
    shares = dict(zip(LEVELS, tally.distribution(), strict=True))
    assert (shares[0.0], shares[LEVELS[1]], shares[1.0]) == (0.25, 0.5, 1.0)
    assert next(level for level, share in shares.items() if share >= 0.75) == min(x for x in LEVELS if x >= 0.05)
    assert tally.mean_loss == pytest.approx((1e-6 + 0.05 + 1) / 4)
    assert tally.seconds == 8.0


def test_forced_choices_are_nobodys():
    """A solver that was asked for, also after a choice of the same task, leaves the policy's tally alone."""
    state = fold(runs((chosen("p", forced=True), ended(0.5)), (chosen("p"), chosen("p", forced=True), ended(0.5))))
    tally = state.tallies["qap"]["p"]
    assert (sum(tally.choices.values()), tally.outcomes) == (1, 0)


def test_instances_are_the_latest(monkeypatch):
    """Each policy's outcomes per instance, the instance that was longest without one forgotten first."""
    monkeypatch.setattr("mezan.projections.policy_outcomes.INSTANCES", 2)
    given = [("p", 0.1, "i"), ("q", 0.3, "i"), ("p", 0.2, "j"), ("p", 0.5, "i"), ("q", 0.4, "k")]
    known = fold(runs(*((chosen(policy), ended(loss, instance=i)) for policy, loss, i in given))).instances["qap"]
    assert known == {"i": {"p": [2, pytest.approx(0.6)], "q": [1, 0.3]}, "k": {"q": [1, 0.4]}}
    assert INSTANCES == 512


def test_runs_under_way_are_forgotten_at_their_end_and_beyond_the_limit(monkeypatch):
    """A run's end clears it; of those whose process died the latest are kept."""
    monkeypatch.setattr("mezan.projections.policy_outcomes.UNDER_WAY", 3)
    assert list(fold(runs(*((chosen("p"),) for _ in range(9)))).under_way) == ["run-6", "run-7", "run-8"]
    over = ev.RunCompleted(objectives={"main": 1.0}, seconds=1.0)
    assert fold(runs((chosen("p"), ended(0.1), over))).under_way == {}
