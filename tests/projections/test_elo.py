"""Elo: games computed by hand, and only games that were played."""

import random
from collections import defaultdict

import pytest
from histories import History, record
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.engine import events as ev
from mezan.projections import Elo
from mezan.solvers.selection.standings import Record

ELO = Elo()


def result(solver, objective, *, loss=0.1, instance="i", limit=1.0, sense="min", cluster="qap/0"):
    return ev.AttemptSucceeded(
        task="main",
        attempt=1,
        solver=solver,
        version="1",
        family="qap",
        sense=sense,
        instance=instance,
        cluster=cluster,
        budget=ev.BudgetSpec(time_limit=limit),
        objective=objective,
        solution="s",
        bound=None,
        proved_optimal=False,
        loss=loss,
        stopped="time",
        iterations=1,
        seconds=1.0,
        compile_seconds=0.0,
    )


def failure(solver, *, retry_in=None, transient=False, cluster="qap/0"):
    return ev.AttemptFailed(
        task="main",
        attempt=1,
        solver=solver,
        version="1",
        family="qap",
        instance="i",
        cluster=cluster,
        budget=ev.BudgetSpec(time_limit=1.0),
        error="solver-failed",
        message="it broke",
        transient=transient,
        retry_in=retry_in,
        seconds=0.1,
    )


def timeout(solver):
    return ev.AttemptTimedOut(
        task="main",
        attempt=1,
        solver=solver,
        version="1",
        family="qap",
        instance="i",
        cluster="qap/0",
        budget=ev.BudgetSpec(time_limit=1.0),
        seconds=1.0,
    )


def fold(*outcomes):
    state = ELO.initial()
    for event in record((f"run-{i}", outcome) for i, outcome in enumerate(outcomes)):
        state = ELO.apply(state, event)
    return state


def near(value):
    return pytest.approx(value, abs=1e-5)


def test_a_first_outcome_is_no_game():
    """With neither a rival nor a history there is nobody to play; the loss is counted all the same."""
    only = fold(result("a", 5.0, loss=0.3)).record("qap", "a")
    assert (only.rating, only.games, only.outcomes, only.loss_sum, only.loss_squares) == (1500, 0, 1, 0.3, 0.3 * 0.3)


@pytest.mark.parametrize(("sense", "second"), [("min", 4.0), ("max", 6.0)])
def test_the_better_objective_on_the_same_instance_and_budget_wins(sense, second):
    """K is 32 for the newcomer and 960/31 for the solver with one outcome; the expected score is a half."""
    state = fold(result("a", 5.0, sense=sense), result("b", second, sense=sense))
    a, b = state.record("qap", "a"), state.record("qap", "b")
    assert b.rating == near(1516)
    assert a.rating == near(1500 - (960 / 31) / 2)
    assert (a.games, a.wins, b.games, b.wins) == (1, 0, 1, 1)
    local = state.cluster_records("qap/0")
    assert (local["a"].rating, local["b"].rating) == (a.rating, b.rating)


def test_values_within_one_part_in_a_billion_draw():
    """A tie between equal ratings moves neither of them."""
    state = fold(result("a", 1e6), result("b", 1e6 + 1e-4))
    assert state.record("qap", "a").rating == state.record("qap", "b").rating == 1500
    assert (state.record("qap", "a").draws, state.record("qap", "b").draws) == (1, 1)


def test_several_rivals_share_the_weight_of_one_result():
    """A result that beats one rival and loses to another, from equal ratings, moves itself by nothing and each by half."""
    state = fold(result("a", 5.0, instance="x"), result("b", 3.0, instance="y"), result("c", 1.0, instance="z"))
    before = {name: state.record("qap", name) for name in "abc"}
    meeting = [result("a", 5.0, instance="m"), result("b", 3.0, instance="m"), result("c", 4.0, instance="m")]
    events = record((f"run-{i}", outcome) for i, outcome in enumerate(meeting))
    state = ELO.initial()
    for event in events:
        state = ELO.apply(state, event)
    a, b, c = (state.record("qap", name) for name in "abc")
    start_a, start_b = 1500 - (960 / 31) / 2, 1516.0
    win = 1 / (1 + 10 ** ((start_a - 1500) / 400))
    lose = 1 / (1 + 10 ** ((start_b - 1500) / 400))
    k = 960 / 31
    assert c.rating == near(1500 + 32 * ((1 - win) + (0 - lose)) / 2)
    assert a.rating == near(start_a - k * (1 - win) / 2)
    assert b.rating == near(start_b + k * lose / 2)
    assert (a.games, b.games, c.games, c.wins) == (2, 2, 2, 1)
    assert before["a"].outcomes == a.outcomes == 1


def test_another_budget_is_another_match_and_meets_par():
    """The score against par is one minus the mid-rank share of earlier losses: here 1 - 0.5/1 and 1 - 1.5/2."""
    state = fold(result("a", 5.0, loss=0.1), result("b", 1.0, loss=0.1, limit=2.0))
    assert state.record("qap", "b").rating == 1500
    assert (state.record("qap", "b").draws, state.record("qap", "a").games) == (1, 0)
    state = fold(
        result("a", 5.0, loss=0.1), result("a", 4.0, loss=0.2, instance="j"), result("b", 1.0, loss=0.2, limit=2.0)
    )
    assert state.record("qap", "b").rating == near(1500 + 32 * (0.25 - 0.5))


def test_against_par_a_solver_that_has_met_others_moves_less():
    """A loss says how hard the instance was too: with one game against another solver behind it, b moves half as far."""
    met = [result("a", 5.0, loss=0.1), result("b", 4.0, loss=0.1)]
    before = fold(*met).record("qap", "b")
    after = fold(*met, result("b", 9.0, loss=0.3, instance="j")).record("qap", "b")
    k = 960 / 31
    expected = 1 / (1 + 10 ** ((1500 - before.rating) / 400))
    assert (before.met, after.met, after.games) == (1, 1, 2)
    assert after.rating == near(before.rating + k / 2 * (0 - expected))


def test_the_solver_that_is_trusted_with_the_hard_instances_does_not_sink():
    """a beat b whenever they met; a hundred harder instances, which only a was given, must not put b above it."""
    duels = [
        result(name, value, instance=f"i{i}", loss=0.1) for i in range(10) for name, value in (("a", 1.0), ("b", 2.0))
    ]
    hard = [result("a", 50.0, instance=f"h{i}", loss=0.9 - i / 1000) for i in range(100)]
    state = fold(*duels, *hard)
    assert state.record("qap", "a").rating > state.record("qap", "b").rating + 100


def test_a_failure_sinks_a_solver_whatever_it_has_won():
    """Failures are the solver's own: they count against par with all their weight."""
    duels = [
        result(name, value, instance=f"i{i}", loss=0.1) for i in range(10) for name, value in (("a", 1.0), ("b", 2.0))
    ]
    mixed = [event for i in range(40) for event in (failure("a"), result("b", 5.0, instance=f"j{i}", loss=0.2))]
    state = fold(*duels, *mixed)
    assert state.record("qap", "a").rating < state.record("qap", "b").rating


def test_a_failure_and_a_timeout_lose_against_par():
    """Loss 1 is behind every better loss of the cluster, and level with other failures."""
    state = fold(result("a", 5.0, loss=0.2), failure("b"), timeout("c"))
    b, c = state.record("qap", "b"), state.record("qap", "c")
    assert b.rating == near(1500 - 16)
    assert (b.failures, b.loss_sum, b.wins) == (1, 1.0, 0)
    assert c.rating == near(1500 + 32 * (0.25 - 0.5))


def test_a_failure_that_is_tried_again_is_no_outcome():
    """A transient failure counts only when nothing is left to try."""
    assert fold(failure("a", transient=True, retry_in=0.5)) == ELO.initial()
    assert fold(failure("a", transient=True)).record("qap", "a").failures == 1


def test_a_solver_enters_a_new_cluster_with_its_global_rating():
    """The records of a cluster start empty, the rating does not."""
    state = fold(result("a", 5.0), result("b", 4.0), result("b", 1.0, instance="j", cluster="qap/20.1"))
    local = state.cluster_records("qap/20.1")["b"]
    assert local.rating == state.record("qap", "b").rating == 1516.0
    assert (local.games, local.outcomes) == (0, 1)


def oracle(events):
    """Games per solver, counted by searching the whole past of every outcome."""
    games, past, seen = defaultdict(int), [], set()
    for event in events:
        data = event.data
        if event.type not in ELO.handles or (data.get("transient") and data["retry_in"] is not None):
            continue
        rivals = set()
        if event.type == "AttemptSucceeded":
            match = (data["family"], data["instance"], str(data["budget"]))
            rivals = {solver for solver, at in past if at == match and solver != data["solver"]}
            past.append((data["solver"], match))
        if rivals:
            games[data["solver"]] += len(rivals)
            for rival in rivals:
                games[rival] += 1
        elif data["cluster"] in seen:
            games[data["solver"]] += 1
        seen.add(data["cluster"])
    return games


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), instances=st.integers(1, 40))
def test_every_game_has_a_real_opponent(seed, instances):
    """Games are exactly those that a search of the past finds: a rival's result on the instance and budget, else par."""
    events = History(seed, instances=instances).log(700)
    state = ELO.initial()
    for event in events:
        if event.type in ELO.handles:
            state = ELO.apply(state, event)
    rated = {solver: kept for table in state.overall.values() for solver, kept in table.items()}
    assert {solver: kept[1] for solver, kept in rated.items() if kept[1]} == dict(oracle(events))
    for table in (state.overall, {name: pool.records for name, pool in state.clusters.items()}):
        for family in table:
            for solver in table[family]:
                found = (
                    state.record(family, solver) if table is state.overall else state.cluster_records(family)[solver]
                )
                assert found.wins + found.draws <= found.games
                assert 0 <= found.loss_squares <= found.loss_sum + 1e-9 <= found.outcomes + 2e-9


def test_ratings_order_solvers_by_skill_whatever_the_order_of_events():
    """After 1,000 results of four solvers with known skill the ranking is right in every shuffle, and steady."""
    rng = random.Random(0)
    results = [
        result(name, rng.gauss(100 + 3 * skill, 4), instance=f"i{i}", loss=0.5)
        for i in range(250)
        for skill, name in enumerate("abcd")
    ]
    finals = defaultdict(list)
    for shuffle in range(8):
        random.Random(shuffle).shuffle(results)
        state = fold(*results)
        ratings = {name: state.record("qap", name).rating for name in "abcd"}
        assert sorted(ratings, key=ratings.get, reverse=True) == list("abcd")
        for name, rating in ratings.items():
            finals[name].append(rating)
    for ratings in finals.values():
        mean = sum(ratings) / len(ratings)
        assert (sum((rating - mean) ** 2 for rating in ratings) / len(ratings)) ** 0.5 < 10


@pytest.mark.parametrize("solvers", [4, 8])
def test_ratings_drift_little_over_shuffles_of_a_thousand_duels(solvers):
    """The standard deviation over orders of the same games is at most 10 for every solver."""
    rng = random.Random(solvers)
    duels = []
    for i in range(1_000):
        a, b = rng.sample(range(solvers), 2)
        duels.append([result(f"s{x}", rng.gauss(100 + x, 4), instance=f"i{i}", loss=0.5) for x in (a, b)])
    finals = defaultdict(list)
    for shuffle in range(8):
        random.Random(shuffle).shuffle(duels)
        state = fold(*(outcome for duel in duels for outcome in duel))
        for i in range(solvers):
            finals[i].append(state.record("qap", f"s{i}").rating)
    for ratings in finals.values():
        mean = sum(ratings) / len(ratings)
        assert (sum((rating - mean) ** 2 for rating in ratings) / len(ratings)) ** 0.5 <= 10


def versioned(outcome, version):
    return outcome.model_copy(update={"version": version})


def test_a_new_version_keeps_its_rating_and_is_less_certain():
    """After 100 outcomes K is 960/130; with a new version n falls to 30, K is 16, and the standard error grows."""
    past = [result("abc"[i % 3], float(i % 7), instance=f"i{i // 3}") for i in range(300)]
    before = fold(*past).record("qap", "a")
    clusters = fold(*past).cluster_records("qap/0")
    after = fold(*past, versioned(result("a", 1.0, instance="new", loss=0.1), "2"))
    seen = after.record("qap", "a")
    assert (before.settled, seen.settled, after.cluster_records("qap/0")["a"].settled) == (100, 31, 31)
    assert clusters["a"].settled == 100
    assert seen.error > 1.5 * before.error
    assert seen.outcomes == before.outcomes + 1
    assert abs(seen.rating - before.rating) < 16
    assert after.record("qap", "b").settled == fold(*past).record("qap", "b").settled


def test_a_version_seen_before_changes_nothing():
    """Two workers with different versions do not keep a rating uncertain for ever."""
    state = fold(*(versioned(result("a", 1.0, instance=f"i{i}"), "12"[i % 2]) for i in range(200)))
    assert state.record("qap", "a").settled == 200
    state = fold(*(versioned(result("a", 1.0, instance=f"i{i}"), f"v{i}") for i in range(40)))
    assert len(state.versions["qap"]["a"]) == 8


def test_the_error_is_that_of_a_logistic_rating():
    """Before any game 350; after n even ones about 2 * 173.7 / sqrt(n)."""
    assert Record().error == pytest.approx(350)
    even = Record(games=400, wins=200, settled=400)
    assert even.error == pytest.approx(2 * 173.7 / 20, rel=0.01)
    assert Record(games=400, wins=396, settled=400).error > 3 * even.error


def test_errors_tell_how_far_ratings_are_from_the_truth():
    """Of solvers with known ratings, after 200 duels each, about two thirds lie within one standard error, and nearly all in two."""
    inside = [0, 0]
    for seed in range(12):
        rng = random.Random(seed)
        truth = [rng.gauss(0, 100) for _ in range(6)]
        truth = [1500 + x - sum(truth) / 6 for x in truth]
        state = ELO.initial()
        outcomes = []
        for i in range(600):
            a, b = rng.sample(range(6), 2)
            won = rng.random() < 1 / (1 + 10 ** ((truth[b] - truth[a]) / 400))
            outcomes += [
                result(f"s{a}", float(not won), instance=f"i{i}"),
                result(f"s{b}", float(won), instance=f"i{i}"),
            ]
        state = fold(*outcomes)
        for i, rating in enumerate(truth):
            found = state.record("qap", f"s{i}")
            for times in (1, 2):
                inside[times - 1] += abs(found.rating - rating) <= times * found.error
    assert 0.5 <= inside[0] / 72 <= 0.95
    assert inside[1] / 72 >= 0.9


def test_the_oldest_match_is_forgotten_first(monkeypatch):
    """Beyond the limit a result on a forgotten instance meets par again."""
    monkeypatch.setattr("mezan.projections.elo.MATCHES", 2)
    state = fold(*(result("a", 5.0, instance=name) for name in "xyz"))
    assert [key[1] for key in state.matches] == ["y", "z"]


def raced(solver, objective, rival, theirs, **options):
    spec = ev.RivalSpec(task=rival.split(".")[1], solver=rival, objective=theirs)
    return result(solver, objective, **options).model_copy(update={"rival": spec})


def test_a_race_is_one_game_between_its_pans():
    """The one that found the final best wins 16 points, in whichever order the two events stand."""
    for order in (1, -1):
        state = fold(*[raced("qap.a", 5.0, "qap.b", 7.0), raced("qap.b", 7.0, "qap.a", 5.0)][::order])
        a, b = state.record("qap", "qap.a"), state.record("qap", "qap.b")
        assert (a.rating, b.rating) == (1516, 1484)
        assert (a.games, a.wins, b.games, b.wins) == (1, 1, 1, 0)
        assert {s: r.rating for s, r in state.cluster_records("qap/0").items()} == {"qap.a": 1516, "qap.b": 1484}


def test_a_race_draws_when_both_found_equally_good_solutions():
    """Within the tolerance of all games."""
    state = fold(raced("qap.a", 7.0, "qap.b", 7.0 + 1e-10), raced("qap.b", 7.0 + 1e-10, "qap.a", 7.0))
    assert all((r.games, r.draws, r.rating) == (1, 1, 1500) for r in map(state.record, ["qap"] * 2, ["qap.a", "qap.b"]))


def test_results_of_races_and_of_runs_alone_do_not_meet():
    """Neither earlier nor later results on the same instance and budget play against a pan; its loss is not remembered."""
    race = [raced("qap.a", 5.0, "qap.b", 7.0), raced("qap.b", 7.0, "qap.a", 5.0)]
    alone = fold(result("qap.b", 1.0), *race, result("qap.c", 2.0))
    without = fold(result("qap.b", 1.0), result("qap.c", 2.0))
    assert alone.record("qap", "qap.a").games == 1
    assert alone.record("qap", "qap.b").games == 2
    assert alone.record("qap", "qap.c").games == without.record("qap", "qap.c").games == 1
    assert alone.clusters["qap/0"].losses == without.clusters["qap/0"].losses
    assert alone.record("qap", "qap.a").mean_loss is None
    assert alone.record("qap", "qap.a").trials == 1


def test_a_pan_whose_rival_broke_has_no_game():
    """It has been tried; the failure counts for the one that failed."""
    state = fold(failure("qap.b"), raced("qap.a", 5.0, "qap.b", None))
    assert (state.record("qap", "qap.a").games, state.record("qap", "qap.a").trials) == (0, 1)
    assert state.record("qap", "qap.b").failures == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20))
@settings(max_examples=30)
def test_races_between_two_solvers_are_zero_sum(outcomes):
    """Every point that one gains the other loses, and every race is one game of each."""
    events = [e for a, b in outcomes for e in (raced("qap.a", a, "qap.b", b), raced("qap.b", b, "qap.a", a))]
    state = fold(*events)
    a, b = state.record("qap", "qap.a"), state.record("qap", "qap.b")
    assert a.games == b.games == len(outcomes)
    assert a.rating + b.rating == near(3000)
    assert (a.wins, a.draws) == (sum(x < y for x, y in outcomes), sum(x == y for x, y in outcomes))
