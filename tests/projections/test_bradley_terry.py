"""Bradley-Terry: the games that are counted, and that the order of events is nowhere in the result."""

import itertools
from collections import defaultdict
from fractions import Fraction

import pytest
from histories import History, record
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mezan.engine import events as ev
from mezan.projections import BradleyTerry
from mezan.projections.bradley_terry import strengths
from mezan.solvers.gaps import equal
from mezan.solvers.selection.models.comparisons import GAME

BT = BradleyTerry()
BUDGET = ev.BudgetSpec(time_limit=1.0)


def result(solver, objective, *, instance="i", cluster="qap/0", sense="min", budget=BUDGET, **more):
    return ev.AttemptSucceeded(
        task="main", attempt=1, solver=solver, version="1", family="qap", sense=sense, instance=instance,
        cluster=cluster, budget=budget, objective=objective, solution=f"{solver}{objective}", bound=None,
        proved_optimal=False, loss=0.1, stopped="time", iterations=1, seconds=1.0, compile_seconds=0.0, **more,
    )  # fmt: skip


def timeout(solver, instance="i"):
    return ev.AttemptTimedOut(
        task="main", attempt=1, solver=solver, version="1", family="qap", instance=instance, cluster="qap/0",
        budget=BUDGET, seconds=1.0,
    )  # fmt: skip


def imported(solver, objective, instance="i"):
    return ev.OutcomeImported(
        family="qap", instance=instance, solver=solver, version="1", cluster="qap/0", sense="min", budget=BUDGET,
        status="timeout" if objective is None else "ok", objective=objective, loss=1.0, seconds=1.0, source="a table",
    )  # fmt: skip


def raced(solver, objective, rival, theirs):
    return result(solver, objective, rival=ev.RivalSpec(task=rival, solver=rival, objective=theirs))


def fold(events, state=None):
    state = BT.initial() if state is None else state
    for event in events:
        if event.type in BT.handles:
            state = BT.apply(state, event)
    return state


def games(*outcomes):
    """{(a, b): (weight, a's score)} in whole games."""
    state = fold(record((f"run-{i}", outcome) for i, outcome in enumerate(outcomes)))
    table = strengths(state, "qap", "qap/0").family.games
    return {pair: (weight / GAME, score / GAME) for pair, (weight, score) in table.items()}


def test_the_better_objective_wins_and_near_ones_draw():
    """Two solvers on one instance are one game; a relative 1e-9 is no difference."""
    assert games(result("a", 5.0), result("b", 4.0)) == {("a", "b"): (1, 0)}
    assert games(result("a", 5.0, sense="max"), result("b", 4.0, sense="max")) == {("a", "b"): (1, 1)}
    assert games(result("a", 1e6), result("b", 1e6 + 1e-4)) == {("a", "b"): (1, 0.5)}


def test_a_failure_loses_against_a_result_and_draws_against_a_failure():
    """Timeouts of here and those that were imported alike."""
    assert games(timeout("a"), result("b", 1e300)) == {("a", "b"): (1, 0)}
    assert games(timeout("a"), imported("b", None)) == {("a", "b"): (1, 0.5)}
    assert games(imported("a", 3.0), imported("b", None)) == {("a", "b"): (1, 1)}


def test_another_instance_or_budget_is_another_match():
    """Results meet only under the same limits."""
    assert games(result("a", 5.0), result("b", 4.0, instance="j")) == {}
    assert games(result("a", 5.0), result("b", 4.0, budget=ev.BudgetSpec(time_limit=2.0))) == {}


def test_results_repeated_on_one_instance_are_one_game():
    """Every result of a meets every result of b: here a wins two of four and draws one."""
    found = games(result("a", 5.0), result("a", 3.0), result("b", 4.0), result("b", 5.0))
    assert found == {("a", "b"): (1, 2.5 / 4)}


def test_the_games_of_k_solvers_share_what_a_rank_tells():
    """With three solvers each game weighs 3/4: a rank among three says less than two independent games."""
    found = games(result("a", 1.0), result("b", 2.0), result("c", 3.0))
    assert found == {("a", "b"): (0.75, 0.75), ("a", "c"): (0.75, 0.75), ("b", "c"): (0.75, 0.75)}


def test_a_race_is_one_game_of_its_pans_and_meets_nobody_else():
    """Whichever of its two events comes first; repeated, it is still one game, and a broken rival is none."""
    pair = [raced("a", 5.0, "b", 7.0), raced("b", 7.0, "a", 5.0)]
    assert games(*pair) == games(*pair[::-1]) == {("a", "b"): (1, 1)}
    assert games(*pair, raced("a", 8.0, "b", 7.0)) == {("a", "b"): (1, 0.5)}
    assert games(*pair, result("b", 1.0)) == {("a", "b"): (1, 1)}
    assert games(raced("a", 5.0, "b", None)) == {}


def test_what_was_handed_over_or_will_be_tried_again_is_no_result():
    """Seeded searches and transient failures play no game."""
    seed = ev.SeedSpec(run="r", objective=5.0, solution="s")
    failing = ev.AttemptFailed(
        task="main", attempt=1, solver="a", version="1", family="qap", instance="i", cluster="qap/0", budget=BUDGET,
        error="solver-failed", message="it broke", transient=True, retry_in=0.1, seconds=0.1,
    )  # fmt: skip
    assert games(result("a", 4.0, seeded_from=seed), result("b", 5.0)) == {}
    assert games(failing, result("b", 5.0)) == {}
    assert games(failing.model_copy(update={"retry_in": None}), result("b", 5.0)) == {("a", "b"): (1, 0)}


def test_a_match_counts_in_every_cluster_that_it_touches():
    """A refit of the clusters between two results on one instance loses the game in neither."""
    state = fold(record([("x", result("a", 1.0)), ("y", result("b", 2.0, cluster="qap/20.1"))]))
    for cluster in ("qap/0", "qap/20.1"):
        assert list(strengths(state, "qap", cluster).cluster.games) == [("a", "b")]
    assert strengths(state, "qap", "qap/20.2").cluster.games == {}
    assert strengths(state, "other", "other/0").overall == {}


def by_definition(events):
    """{family: {(a, b): (weight, score)}} by comparing everything with everything, in exact fractions."""
    results = defaultdict(lambda: defaultdict(list))
    for event in events:
        data = event.data
        if data.get("seeded_from") is not None or (data.get("transient") and data["retry_in"] is not None):
            continue
        won = event.type == "AttemptSucceeded" or data.get("status") == "ok"
        value = (data["objective"] if data["sense"] == "min" else -data["objective"]) if won else None
        results[data["family"], data["instance"], str(data["budget"])][data["solver"]].append(value)
    table = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for (family, _, _), solvers in results.items():
        for a, b in itertools.combinations(sorted(solvers), 2):
            weight = Fraction(3, len(solvers) + 1)
            scores = [score(x, y) for x in solvers[a] for y in solvers[b]]
            table[family][a, b][0] += weight
            table[family][a, b][1] += weight * sum(scores) / len(scores)
    return table


def score(x, y):
    if x is None or y is None:
        return Fraction(1, 2) if x is y else Fraction(int(y is None))
    return Fraction(1, 2) if equal(x, y) else Fraction(int(x < y))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), instances=st.integers(20, 60))
def test_counts_are_those_of_the_definition(seed, instances):
    """Sums in integers are within their rounding of the exact fractions."""
    events = [e for e in History(seed, instances=instances, imports=0.2).log(900) if e.type in BT.handles]
    assume(max_repeats(events) <= 4)
    state = fold(events)
    exact = by_definition(events)
    for family in state:
        found = strengths(state, family, "").family.games
        assert set(found) == set(exact[family])
        for pair, (weight, points) in found.items():
            assert weight / GAME == pytest.approx(float(exact[family][pair][0]), abs=1e-6)
            assert points / GAME == pytest.approx(float(exact[family][pair][1]), abs=1e-6)


def max_repeats(events):
    seen = defaultdict(int)
    for event in events:
        seen[event.data["solver"], event.data["instance"], str(event.data["budget"])] += 1
    return max(seen.values(), default=0)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    instances=st.integers(1, 40),
    limits=st.sampled_from([(8192, 4, 64), (20, 2, 5), (1, 1, 1)]),
    data=st.data(),
)
def test_the_order_of_events_is_nowhere_in_the_state(seed, instances, limits, data):
    """Any permutation, in batches saved and loaded or read in between, gives the same bytes: beyond the limits too."""
    events = [e for e in History(seed, instances=instances, imports=0.2).log(500) if e.type in BT.handles]
    shuffled = data.draw(st.permutations(events))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in zip(("MATCHES", "RESULTS", "DIRTY"), limits, strict=True):
            patch.setattr(f"mezan.projections.bradley_terry.{name}", value)
        straight = fold(events)
        state = BT.initial()
        for start in range(0, len(shuffled), 37):
            state = fold(shuffled[start : start + 37], state)
            if data.draw(st.booleans()):
                state = BT.load(BT.dump(state))
            for family in state:
                assert strengths(state, family, f"{family}/0").overall is not None
        assert BT.dump(state) == BT.dump(straight)
        for family in straight:
            for cluster in (f"{family}/0", f"{family}/40.1"):
                one, other = (strengths(s, family, cluster) for s in (state, straight))
                assert (one.overall, one.in_cluster) == (other.overall, other.in_cluster)


def test_races_in_any_order_give_the_same_state():
    """Their two events, apart and in either order, among results on the same instance."""
    outcomes = [
        event
        for i in range(6)
        for event in (raced("a", 5.0 + i % 2, "b", 5.5), raced("b", 5.5, "a", 5.0 + i % 2), result("c", float(i)))
    ]
    events = record((f"run-{i}", outcome) for i, outcome in enumerate(outcomes))
    dumps = {BT.dump(fold(order)) for order in (events, events[::-1], events[1::2] + events[::2])}
    assert len(dumps) == 1


def test_ratings_are_computed_once_until_something_changes():
    """Two readings give the same object; a new game, or a first result of its match, gives new counts only if games changed."""
    events = record(
        [
            ("x", result("a", 1.0)),
            ("y", result("b", 2.0)),
            ("z", result("c", 3.0, instance="k")),
            ("w", result("c", 3.0)),
        ]
    )
    state = fold(events[:2])
    first = strengths(state, "qap", "qap/0")
    assert strengths(state, "qap", "qap/0") is first
    assert strengths(fold(events[2:3], state), "qap", "qap/0") is first
    later = strengths(fold(events[3:], state), "qap", "qap/0")
    assert later is not first
    assert (set(first.overall), set(later.overall)) == ({"a", "b"}, {"a", "b", "c"})


def test_memory_is_bounded_by_the_matches_and_results_that_are_kept(monkeypatch):
    """Of many instances the limit stays, and of many results of a solver on one of them four."""
    monkeypatch.setattr("mezan.projections.bradley_terry.MATCHES", 50)
    outcomes = [result("ab"[i % 2], float(i), instance=f"i{i % 300 // 2}") for i in range(6_000)]
    state = fold(record((f"run-{i}", outcome) for i, outcome in enumerate(outcomes)))
    assert len(state["qap"].matches) == 50
    assert {len(r) for match in state["qap"].matches.values() for r in match.results.values()} == {4}
    assert strengths(state, "qap", "qap/0").family.matches == {"a": 50, "b": 50}
