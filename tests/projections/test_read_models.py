"""What the rows and figures that people read say."""

import numpy as np
import pytest
from histories import History, record
from hypothesis import given
from hypothesis import strategies as st

from mezan.engine import events as ev
from mezan.projections import (
    BradleyTerry,
    Decisions,
    Elo,
    LabelledOutcomes,
    Runs,
    SolverStats,
    Throughput,
    standings,
)
from mezan.projections.clusters import Clusters
from mezan.projections.solver_stats import means
from mezan.projections.throughput import bucket as bucket_of
from mezan.projections.throughput import merge, middle, percentile, summary
from mezan.solvers.errors import SolverFailed
from mezan.solvers.selection.bradley_terry import BradleyTerry as BradleyTerryPolicy
from mezan.solvers.selection.elo_ucb import EloUCB
from mezan.solvers.selection.guard import Guard
from mezan.solvers.selection.policy import Candidate, compares
from mezan.solvers.selection.registry import Policies

READ = (Elo(), Clusters(), LabelledOutcomes(), BradleyTerry())


def rows(projection, events):
    found = {}
    for event in events:
        if event.type in projection.handles:
            key = projection.key(event)
            found[key] = projection.apply(found.get(key), event)
    return found


def value(projection, events):
    state = projection.initial()
    for event in events:
        if event.type in projection.handles:
            state = projection.apply(state, event)
    return state


def test_every_run_has_the_status_of_its_last_word():
    """Counted independently from the types in each stream."""
    events = History(11, instances=20).log(8_000)
    types = {}
    for event in events:
        types.setdefault(event.stream, []).append(event)
    found = rows(Runs(), events)
    assert set(found) == set(types)
    seen = set()
    for stream, own in types.items():
        row, kinds = found[stream], [event.type for event in own]
        expected = {"RunCompleted": "completed", "RunFailed": "failed", "RunCancelled": "cancelled"}.get(
            kinds[-1], "running" if "AttemptStarted" in kinds else "requested"
        )
        assert Runs().tag(row) == expected
        assert Runs().settled(row) == (expected not in {"running", "requested"})
        assert row["attempts"] == kinds.count("AttemptStarted")
        assert row["requested_at"] == own[0].recorded_at
        succeeded = [event.data for event in own if event.type == "AttemptSucceeded"]
        if expected == "completed" and len(row["tasks"]) == 1:
            (last,) = succeeded
            assert (row["solver"], row["objective"], row["bound"]) == (
                last["solver"], last["objective"], last["bound"]["value"],
            )  # fmt: skip
            assert row["gap"] == pytest.approx(100 * abs(last["objective"] - row["best_known"]) / row["best_known"])
            assert row["seconds"] == own[-1].data["seconds"]
        seen.add(expected)
    assert seen == {"completed", "failed", "cancelled", "running", "requested"}


def test_a_run_taken_over_names_its_new_worker():
    """Recovery finds unfinished runs by the worker that has them."""
    events = History(11, instances=20).log(4_000)
    abandoned = [event for event in events if event.type == "AttemptAbandoned"]
    upto = abandoned[0]
    row = rows(Runs(), [event for event in events if event.stream == upto.stream and event.position <= upto.position])
    assert row[upto.stream]["worker"] == "worker-2"
    assert row[upto.stream]["tasks"][upto.data["task"]]["status"] == "abandoned"


def test_a_run_of_two_tasks_keeps_their_figures_apart():
    """The row sums sizes and joins labels, and takes no task's objective for the run's."""
    found = rows(Runs(), History(2, instances=20).log(3_000))
    double = [row for row in found.values() if len(row["tasks"]) == 2 and row["status"] == "completed"]
    assert double
    for row in double:
        assert row["objective"] is None
        assert row["size"] == sum(task["size"] for task in row["tasks"].values())
        assert all(task["objective"] is not None for task in row["tasks"].values())


def test_decisions_say_what_was_chosen_and_what_became_of_it():
    """One row per choice, with the figures of its card, the card's position and the outcome of that attempt."""
    events = History(5, instances=20).log(3_000)
    found = rows(Decisions(), events)
    chosen = [event for event in events if event.type == "SolverChosen"]
    assert len(found) == len(chosen)
    for event in chosen:
        row = found[f"{event.stream}/{event.data['task']}/{event.data['attempt']}"]
        names = ("solver", "version", "policy", "policy_version", "cluster", "as_of", "propensity", "reason", "forced")
        assert {name: row[name] for name in names} == {name: event.data[name] for name in names}
        assert row["excluded"] == event.data["excluded"]
        assert row["position"] == event.position
    assert {row["outcome"]["status"] for row in found.values() if row["outcome"]} == {
        "succeeded", "failed", "timed out", "cancelled", "abandoned",
    }  # fmt: skip


def test_solver_statistics_add_up():
    """Against plain sums over the log."""
    events = History(6, instances=30).log(5_000)
    state = value(SolverStats(), events)
    for name, figures in state.solvers.items():
        solver = name.split("@")[0]
        own = [event for event in events if event.data.get("solver") == solver and event.type.startswith("Attempt")]
        wins = [event.data for event in own if event.type == "AttemptSucceeded"]
        lost = [
            event for event in own
            if event.type == "AttemptTimedOut" or (event.type == "AttemptFailed" and event.data["retry_in"] is None)
        ]  # fmt: skip
        assert figures["attempts"] == sum(event.type == "AttemptStarted" for event in own)
        assert figures["successes"] == len(wins)
        assert figures["proofs"] == sum(data["proved_optimal"] for data in wins)
        assert figures["loss_sum"] == pytest.approx(sum(data["loss"] for data in wins) + len(lost))
        assert means(figures)["mean_loss"] == pytest.approx(figures["loss_sum"] / (len(wins) + len(lost)))
    best = {}
    for event in events:
        if event.type == "AttemptSucceeded":
            sign = 1 if event.data["sense"] == "min" else -1
            best.setdefault(event.data["instance"], []).append(sign * event.data["objective"])
    bests = sum(sum(x <= min(past[: i + 1]) for i, x in enumerate(past)) for past in best.values())
    assert sum(figures["bests"] for figures in state.solvers.values()) == bests
    assert means(SolverStats().initial().solvers.get("none", dict.fromkeys(figures, 0)))["mean_loss"] is None


@given(st.lists(st.floats(1e-5, 1e5), min_size=1, max_size=300), st.floats(0, 1))
def test_percentiles_are_within_a_bucket_of_the_exact_ones(seconds, q):
    """Against the nearest-rank percentile of the raw values; merging two halves changes nothing."""
    whole, halves = {}, ({}, {})
    for i, x in enumerate(seconds):
        for histogram in (whole, halves[i % 2]):
            histogram[bucket_of(x)] = histogram.get(bucket_of(x), 0) + 1
    exact = float(np.percentile(seconds, 100 * q, method="inverted_cdf"))
    assert percentile(whole, q) == pytest.approx(exact, rel=0.04) or percentile(whole, q) == pytest.approx(
        float(np.percentile(seconds, max(0.0, 100 * q - 1e-7), method="inverted_cdf")), rel=0.04
    )
    assert merge(*halves) == whole
    assert percentile({}, q) is None


@given(st.floats(1e-6, 1e9))
def test_a_bucket_holds_its_own_middle(seconds):
    """The middle of a duration's bucket is within 1/32 of it and falls into the same bucket."""
    assert middle(bucket_of(seconds)) == pytest.approx(seconds, rel=1 / 31)
    assert bucket_of(middle(bucket_of(seconds))) == bucket_of(seconds)


def test_throughput_counts_the_last_whole_minutes():
    """One run of two events each second for ten minutes is 60 runs and 120 events a minute."""
    request = ev.RunRequested(tasks=(), budget=ev.BudgetSpec(time_limit=1), seed=0, policy="p")
    done = ev.RunCompleted(objectives={}, seconds=0.5)
    pairs = ((f"run-{i // 2}", done if i % 2 else request) for i in range(1_200))
    events = record(pairs, step=500_000)
    figures = summary(value(Throughput(), events), events[-1].recorded_at)
    assert (figures["events_per_minute"], figures["runs_per_minute"]) == (120, 60)
    assert (figures["requested"], figures["completed"], figures["success_rate"]) == (600, 600, 1.0)
    assert figures["p99"] == pytest.approx(0.5, rel=0.04)
    idle = summary(value(Throughput(), events), events[-1].recorded_at + 3_600_000_000)
    assert idle["runs_per_minute"] == 0
    assert summary(Throughput().initial(), 0)["success_rate"] is None


def test_standings_are_the_ratings_of_the_instances_cluster():
    """Records come from the cluster that the features fall into; a solver new to it stands at its global rating."""
    events = History(8, instances=60).log(3_000)
    states = {
        "elo": value(Elo(), events),
        "clusters": value(Clusters(), events),
        "examples": {},
        "bradley_terry": value(BradleyTerry(), events),
    }
    seen = standings(states, "qap", {"size": 20.0, "density": 0.4, "spread": 0.0}, 3_000)
    assert (seen.family, seen.position) == ("qap", 3_000)
    assert seen.cluster.startswith("qap/40.")
    assert set(seen.overall) == set(seen.in_cluster) == set(states["elo"].overall["qap"])
    local = states["elo"].cluster_records(seen.cluster)
    for solver, found in seen.in_cluster.items():
        if solver in local:
            assert found == local[solver]
        else:
            assert (found.rating, found.outcomes) == (seen.record(solver).rating, 0)
    assert set(seen.strengths.in_cluster) == set(seen.strengths.overall) == set(seen.overall)
    empty = standings({"elo": Elo().initial(), "clusters": {}, "examples": {}, "bradley_terry": {}}, "qap", {}, 0)
    assert (empty.cluster, dict(empty.overall)) == ("qap/0", {})


@pytest.mark.parametrize("policy", list(Policies.default()), ids=lambda policy: policy.name)
def test_a_policy_that_does_not_say_that_it_compares_reads_no_strengths(policy):
    """Its choice is the same, to the bit, where they are not prepared; for one that says so their absence is an error."""
    events = History(8, instances=60).log(3_000)
    states = {projection.name: value(projection, events) for projection in READ}
    features = {"size": 20.0, "density": 0.4, "spread": 0.0}
    candidates = [Candidate(solver, "1") for solver in states["elo"].overall["qap"]]
    prepared, unprepared = (standings(states, "qap", features, 3_000, compared=compared) for compared in (True, False))
    if compares(policy):
        with pytest.raises(SolverFailed, match="compares = True"):
            policy.choose(unprepared, features, candidates, 7)
    else:
        choice = policy.choose(unprepared, features, candidates, 7)
        assert choice == policy.choose(prepared, features, candidates, 7)


def test_a_guarded_policy_compares_when_the_inner_one_does():
    """A wrapper passes on what the policy inside it reads."""
    assert [compares(Guard(inner, name="guarded")) for inner in (BradleyTerryPolicy(), EloUCB())] == [True, False]
