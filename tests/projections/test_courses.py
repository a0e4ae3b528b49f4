"""Courses of ratings: every point was the rating, which points are kept, and the games between two of them."""

from collections import defaultdict
from itertools import pairwise

import pytest
from histories import History, record
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.engine import events as ev
from mezan.projections import Courses, Elo
from mezan.projections.courses import MOST, MOST_IN_CLUSTER, Course
from mezan.projections.elo import GAMES, RATING
from mezan.projections.games import games_of

ELO, COURSES = Elo(), Courses()


def ended(solver, objective=None, *, instance="i", cluster="qap/0", sense="min", loss=0.1, rival=None, seed=None):
    """A result, or a timeout without an objective."""
    common = {
        "task": "main", "attempt": 1, "solver": solver, "version": "1", "family": "qap", "instance": instance,
        "cluster": cluster, "budget": ev.BudgetSpec(time_limit=1.0), "seconds": 1.0,
    }  # fmt: skip
    if objective is None:
        return ev.AttemptTimedOut(**common)
    return ev.AttemptSucceeded(
        **common, sense=sense, objective=objective, solution="s", bound=None, proved_optimal=False, loss=loss,
        stopped="time", iterations=1, compile_seconds=0.0, rival=rival, seeded_from=seed,
    )  # fmt: skip


def log(*outcomes):
    return record((f"run-{i}", outcome) for i, outcome in enumerate(outcomes))


def played(events, solver, cluster=None):
    state = ELO.initial()
    found = [games_of(ELO, state, event, "qap", solver, cluster) for event in events if event.type in ELO.handles]
    return [games for games in found if games is not None]


@given(moves=st.integers(1, 700), most=st.integers(2, 40))
def test_a_course_keeps_evenly_spaced_moves_and_the_last(moves, most):
    """Every stride-th move from the first, the stride being the least power of two that keeps them few, and the last one."""
    course = Course()
    for move in range(moves):
        course.add(10 * move, 1500.0 + move, most)
        assert len(course.points) <= most
    kept = set(range(0, moves, course.stride)) | {moves - 1}
    assert course.points == [[10 * move, 1500.0 + move, move] for move in sorted(kept)]
    assert course.moves == moves
    if course.stride > 1:  # at half of it there were too many at some time
        assert (moves - 1) // (course.stride // 2) + 1 > most - 1


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), at_once=st.integers(1, 6))
def test_each_point_was_the_rating_then(seed, at_once):
    """At a point's position the Elo fold has that rating, overall and in the cluster, and the course counts every change of games."""
    events = [event for event in History(seed, instances=15, imports=0.2).log(900, at_once=at_once) if event.type in ELO.handles]  # fmt: skip
    ratings, state = ELO.initial(), COURSES.initial()
    seen, moves = {}, defaultdict(int)
    before = {}
    for event in events:
        ELO.apply(ratings, event)
        COURSES.apply(state, event)
        for family, records in ratings.overall.items():
            for solver, kept in records.items():
                seen[event.position, family, solver] = kept[RATING]
                moves[family, solver] += kept[GAMES] != before.get((family, solver), 0)
                before[family, solver] = kept[GAMES]
        for cluster, pool in ratings.clusters.items():
            for solver, kept in pool.records.items():
                seen[event.position, cluster, solver] = kept[RATING]
    assert state.ratings == ratings
    for tables, most in ((state.overall, MOST), (state.clusters, MOST_IN_CLUSTER)):
        for table, courses in tables.items():
            for solver, course in courses.items():
                assert all(rating == seen[position, table, solver] for position, rating, _ in course.points)
                assert 0 < len(course.points) <= most
                assert course.points[-1][2] == course.moves - 1
    for family, courses in state.overall.items():
        for solver, course in courses.items():
            assert course.moves == moves[family, solver]
            assert course.points[-1][1] == ratings.overall[family][solver][RATING]


@pytest.mark.parametrize("cluster", [None, "qap/0"])
def test_the_games_between_two_moments_add_up_to_the_change(cluster):
    """From the first to the last event every change of every solver's rating is in one of its games, and in none else's."""
    events = [event for event in History(5, instances=12, imports=0.2).log(1_500) if event.type in ELO.handles]
    state = ELO.initial()
    for event in events:
        ELO.apply(state, event)
    records = state.overall["qap"] if cluster is None else state.clusters[cluster].records
    for solver, kept in records.items():
        games = played(events, solver, cluster)
        assert sum(len(one.met) for one in games) == kept[GAMES]
        assert all(a.after == b.before for a, b in pairwise(games))
        assert games[-1].after == kept[RATING]
        assert all(one.event.data["solver"] == solver for one in games if one.own)


def test_games_by_hand():
    """A win, a draw and a loss on one instance; the same games seen from the other side."""
    events = log(ended("a", 10.0), ended("b", 12.0), ended("c", 10.0))
    (first, lost), (met, drawn) = played(events, "b"), played(events, "a")
    assert [(m.solver, m.objective, m.score) for m in first.met] == [("a", 10.0, 0.0)]
    assert (first.own, first.objective, first.before, first.after) == (True, 12.0, 1500.0, 1484.0)
    assert [(m.solver, m.score) for m in met.met] == [("b", 1.0)]
    assert (met.own, met.objective) == (False, 10.0)
    assert met.after == pytest.approx(1500 + 960 / 31 / 2, abs=1e-5)  # it has one outcome, the other had none
    assert [(m.solver, m.score) for m in drawn.met] == [("c", 0.5)]
    assert [(m.solver, m.score) for m in lost.met] == [("c", 0.0)]
    (last,) = played(events, "c")
    assert [(m.solver, m.score) for m in last.met] == [("a", 0.5), ("b", 1.0)]


def test_games_against_par_and_those_that_are_none():
    """A failure meets the par of its cluster; a first result, a seeded one and a family of others move nothing."""
    seed = ev.SeedSpec(run="r", objective=5.0, solution="s")
    events = log(ended("a", 10.0, loss=0.2), ended("b"), ended("b", 3.0, seed=seed), ended("a", 10.0, instance="j"))
    assert [(one.event.position, one.met[0].solver, one.met[0].score) for one in played(events, "b")] == [
        (2, None, 0.0)
    ]
    (par,) = played(events, "a")
    assert (par.event.position, par.met[0].solver, par.objective) == (4, None, 10.0)
    assert par.met[0].score == 1.0  # a loss of 0.1, after 0.2 and 1
    state = ELO.initial()
    assert all(games_of(ELO, state, event, "knapsack", "a") is None for event in events)


def test_a_race_is_one_game():
    """Of its two events the one whose solver comes first is the game of both."""
    events = log(
        ended("a", 9.0, rival=ev.RivalSpec(task="t", solver="b", objective=8.0)),
        ended("b", 8.0, rival=ev.RivalSpec(task="t", solver="a", objective=9.0)),
    )
    for solver, score in (("a", 0.0), ("b", 1.0)):
        (game,) = played(events, solver)
        assert (game.event.position, game.met[0].score) == (1, score)
