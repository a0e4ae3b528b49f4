"""Tournaments over real runs: the right side wins, each game counts once whatever happens, and the log has it all."""

from dataclasses import replace
from pathlib import Path

import pytest
from child_tournament import SOLVERS, plan
from toys import Toy, broken, catalog, first, smallest, solver

from mezan.api import open_engine
from mezan.engine.errors import InvalidTransition, RunNotFound
from mezan.engine.events import RoundPaired, TournamentClosed
from mezan.engine.log import Write
from mezan.engine.tournament import Plan, open_tournament, play, prepared, won
from mezan.engine.tournaments import evolve, latest, stream_of, tournament
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput, UnknownName
from mezan.solvers.knapsack import Knapsack

pytestmark = pytest.mark.anyio
CHILD = Path(__file__).parent / "child_tournament.py"
FOUR = (solver("first", first), solver("broken", broken), solver("smallest", smallest), solver("again", smallest))
TOYS = tuple(Toy(numbers=(5, 4, 3 - i), name=f"t{i}") for i in range(3))


def lines(state):
    return [(own.player, own.points, own.buchholz, own.sonneborn_berger, own.mean_loss) for own in state.table]


async def played(url, asked, **options):
    async with open_engine(url, durability="relaxed", **options) as engine:
        return await play(engine, (await open_tournament(engine, asked)).stream)


async def test_the_better_solver_wins_and_the_broken_one_loses(tmp_path):
    """Two that always find the best draw with each other and share the first places; who fails has lost the game."""
    async with open_engine(f"sqlite:///{tmp_path}/mezan.db", catalog=catalog(*FOUR)) as engine:
        reports = []
        state = await open_tournament(engine, Plan(problems=TOYS, time_limit=5.0, rounds=3, block=2))
        state = await play(engine, state.stream, report=lambda _, match: reports.append(match))
        assert [(own.player, own.points) for own in state.table] == [
            ("toy.smallest", 2.5), ("toy.again", 2.5), ("toy.first", 1.0), ("toy.broken", 0.0),
        ]  # fmt: skip
        assert state.table[-1].mean_loss == 1.0
        assert len(reports) == 6
        assert state.closed.table[0].solver == "toy.smallest"
        assert await latest(engine.log) == state.stream
        requests = await engine.log.read(types=["RunRequested"], limit=1_000)
        assert len(requests) == 3 * 4 * 2
        assert {(r.data["purpose"], r.data["within"], r.data["fresh"]) for r in requests} == {
            ("tournament", state.stream, True)
        }
        told = [match for one in state.rounds for match in one.matches.values()]
        assert sorted(run for match in told for run in match.runs) == sorted(r.stream for r in requests)
        by_run = {r.stream: r.data for r in requests}
        for match in told:
            for a, b in zip(match.runs[::2], match.runs[1::2], strict=True):
                assert (by_run[a]["solver"], by_run[b]["solver"]) == (match.a, match.b)
                assert by_run[a]["seed"] == by_run[b]["seed"]
                assert by_run[a]["tasks"][0]["problem"] == by_run[b]["tasks"][0]["problem"]
        elo = engine.follower.state("elo")
        assert elo.record("toy", "toy.smallest").rating > 1500 > elo.record("toy", "toy.first").rating
        assert elo.record("toy", "toy.broken").failures == 6


@pytest.fixture(scope="module")
async def whole(tmp_path_factory):
    """The same tournament, played without interruption."""
    return await played(f"sqlite:///{tmp_path_factory.mktemp('whole')}/mezan.db", plan())


@pytest.mark.parametrize(("point", "arrivals"), [("tournament.match", 1), ("attempt.finished", 7)])
async def test_a_tournament_that_was_killed_is_played_to_the_same_end(tmp_path, spawn, whole, point, arrivals):
    """After a match, or in the midst of one: the same plan goes on, no game counts twice, and the table is the same.

    A side that was cut off once it had started is searched again with the seed of its next attempt, so its loss may differ.
    """
    url = f"sqlite:///{tmp_path}/killed.db"
    child = spawn(CHILD, url, point, arrivals)
    assert child.wait(100) == 9
    state = await played(url, plan())
    kept = slice(None if point == "tournament.match" else -1)
    assert [line[kept] for line in lines(state)] == [line[kept] for line in lines(whole)]
    assert [one.pairing for one in state.rounds] == [one.pairing for one in whole.rounds]
    async with open_engine(url, recover=False) as engine:
        assert engine.follower.state("elo").overall["qap"].keys() == set(SOLVERS)
        matches = await engine.log.read(types=["MatchPlayed"], limit=100)
        assert [(m.data["round"], m.data["a"], m.data["b"]) for m in matches] == [
            (number, *two) for number, one in enumerate(whole.rounds, 1) for two in one.pairing.pairs
        ]
        runs = [run for m in matches for run in m.data["runs"]]
        assert len(set(runs)) == len(runs) == 3 * 2 * 2  # three rounds of one match, two games, two sides
        done = {r.stream for r in await engine.log.read(types=["RunCompleted"], limit=1_000)}
        assert done == set(runs)
        assert (await engine.log.verify()).ok
        again = await play(engine, state.stream)  # a closed one is only read
        assert lines(again) == lines(state)


async def test_every_game_of_a_round_is_the_same_for_all_and_instances_take_turns(tmp_path):
    """Blocks follow from the opening: over the rounds every instance comes equally often, with new seeds each time."""
    opened, _ = prepared(catalog(*FOUR), Plan(problems=TOYS, rounds=6, block=2, seed=5))
    state = evolve(None, stream_of(opened), opened)
    games = [game for number in range(1, 7) for game in state.games(number)]
    labels = [game.instance.label for game in games]
    assert [labels.count(f"t{i}") for i in range(3)] == [4, 4, 4]
    assert len({game.seed for game in games}) == len(games)
    assert [game.number for game in games] == list(range(12))
    other, _ = prepared(catalog(*FOUR), Plan(problems=TOYS, rounds=6, block=2, seed=6))
    assert stream_of(other) != stream_of(opened)


@pytest.mark.parametrize(
    ("a", "b", "sense", "points"),
    [
        (1.0, 2.0, "min", 1.0),
        (1.0, 2.0, "max", 0.0),
        (1.0, 1.0 + 1e-12, "min", 0.5),
        (None, 2.0, "min", 0.0),
        (2.0, None, "max", 1.0),
        (None, None, "min", 0.5),
    ],
)
def test_a_game_is_won_by_the_better_objective(a, b, sense, points):
    """Ties, also in the last bits, and two failures are halves."""
    assert won(a, b, sense) == points


KNAPSACKS = tuple(Knapsack(values=[1, 2], weights=[1, 2], capacity=c) for c in (2, 3))
BAD = {
    "no instance": ({"problems": ()}, "between 1 and"),
    "the same instance twice": ({"problems": KNAPSACKS[:1] * 2}, "must differ"),
    "two families": ({"problems": (*KNAPSACKS, TOYS[0])}, "must"),
    "an unknown solver": ({"solvers": ("dp", "magic")}, "one of knapsack."),
    "one solver": ({"solvers": ("dp",)}, "between 2 and"),
    "the same solver twice": ({"solvers": ("dp", "knapsack.dp")}, "must differ"),
    "no round": ({"rounds": 0}, "rounds must be"),
    "a block of nothing": ({"block": 0}, "block must be"),
    "a negative seed": ({"seed": -1}, "seed must be"),
    "no time": ({"time_limit": 0.0}, "time_limit"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_plan_that_breaks_a_rule_is_refused(name):
    """Before anything is recorded."""
    changes, words = BAD[name]
    with pytest.raises(BadInput, match=words):
        prepared(Catalog.default(), replace(Plan(problems=KNAPSACKS), **changes))


def test_a_solver_that_refuses_an_instance_is_left_out_or_refused():
    """Left out of everybody; an error when it was named."""
    picky = solver("picky", first, refuses=lambda problem: "too small" if problem.numbers[2] == 1 else None)
    portfolio = catalog(*FOUR, picky)
    opened, _ = prepared(portfolio, Plan(problems=TOYS))
    assert "toy.picky" not in opened.solvers
    assert "toy.picky" in prepared(portfolio, Plan(problems=TOYS[:2]))[0].solvers
    with pytest.raises(BadInput, match=r"toy\.picky cannot take t2: too small"):
        prepared(portfolio, Plan(problems=TOYS, solvers=("first", "picky")))


async def test_what_does_not_fit_is_said(tmp_path):
    """No such tournament; a solver that is not registered any more; events that are out of place."""
    url = f"sqlite:///{tmp_path}/mezan.db"
    async with open_engine(url, catalog=catalog(*FOUR)) as engine:
        with pytest.raises(RunNotFound, match="none called"):
            await play(engine, "tournament-0")
        assert await latest(engine.log) is None
        state = await open_tournament(engine, Plan(problems=TOYS))
        with pytest.raises(InvalidTransition):
            evolve(state, state.stream, RoundPaired(round=2, pairs=(), bye=None))
        with pytest.raises(InvalidTransition):
            evolve(None, state.stream, TournamentClosed(table=()))
        with pytest.raises(RunNotFound):  # a tournament is no run
            await engine.find(state.stream)
        await engine.log.append(Write(state.stream, [state.opened.model_copy()]))
        with pytest.raises(InvalidTransition):
            await tournament(engine.log, state.stream)
    async with open_engine(f"sqlite:///{tmp_path}/other.db", catalog=catalog(*FOUR)) as engine:
        stream = (await open_tournament(engine, Plan(problems=TOYS))).stream
    async with open_engine(f"sqlite:///{tmp_path}/other.db", catalog=catalog(*FOUR[:2])) as engine:
        with pytest.raises(UnknownName):
            await play(engine, stream)
