"""Races: two solvers on one instance tell each other what they find; one run, two attempts, one rated match."""

from dataclasses import replace
from pathlib import Path

import anyio
import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import Breaking, Climber, Kernel, SeedableKernel, Toy, history, of, smallest, solver

from mezan.engine import events as ev
from mezan.engine import faults
from mezan.engine.errors import RunCancelledError, RunFailedError
from mezan.engine.executors import kernels, races
from mezan.engine.streams import whole_stream
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput, UnknownName
from mezan.solvers.qap import QAP
from mezan.solvers.qap.family import FAMILY as QAPS

pytestmark = pytest.mark.anyio
QAPLIB = Path(__file__).parents[1] / "data" / "qap"
VALLEYS = Toy(numbers=(5, 3, 9, 9, 9, 9, 2, 1, 0, -1, -2, -3, -4, -5, -6, -7))
CLIMBER = solver("climber", Climber(strides=4), "kernel", seedable=True)
SCANNER = solver("scanner", SeedableKernel(), "kernel", seedable=True)
PANS = ("climber", "scanner")


def tabus():
    """The portfolio of the QAP with a second tabu search, whose seeds differ."""
    tabu = next(s for s in QAPS.solvers if s.name == "qap.tabu")
    return Catalog([replace(QAPS, solvers=(tabu, replace(tabu, name="qap.lone")))])


@pytest.fixture
def opened(opened):
    """With the climber and the scanner unless told otherwise."""
    return lambda *solvers, **options: opened(*(solvers or (CLIMBER, SCANNER)), **options)


def work(events):
    """What does not depend on the clock: incumbents, exchanges, results."""
    kinds = (ev.IncumbentFound, ev.IncumbentShared, ev.AttemptSucceeded)
    dropped = {"seconds", "compile_seconds"}
    return [event.model_dump(exclude=dropped) for event in events if isinstance(event, kinds)]


async def test_pans_exchange_what_they_find(opened):
    """The climber is stuck at 3 until the scanner tells it of the other side of the ridge, and wins from there."""
    async with opened() as engine:
        run = await engine.submit(VALLEYS, pans=PANS, iterations=12, seed=1)
        result = await run.result()
        assert (result.winner, result.objective, result.solver) == ("climber", -7, "toy.climber")
        assert result.solution.tolist() == [15]
        assert result.tasks["climber"].iterations == result.tasks["scanner"].iterations == 12
        events = await history(engine, run)
        shares = of(events, ev.IncumbentShared)
        told = [share for share in shares if share.task == "climber"]
        assert [(s.source_task, s.objective, s.iterations, s.source_iterations) for s in told] == [("scanner", 2, 7, 7)]
        ends = {end.task: end for end in of(events, ev.AttemptSucceeded)}
        assert ends["climber"].rival == ev.RivalSpec(task="scanner", solver="toy.scanner", objective=1)
        assert ends["scanner"].rival.objective == -7
        assert type(events[-1]) is ev.RunCompleted
        assert events[-1].objectives == {"climber": -7, "scanner": 1}


async def test_a_race_is_one_run_with_two_forced_choices(opened):
    """Profiled once, both solvers named by the user, both choices verified, each with its own card."""
    async with opened() as engine:
        run = await engine.submit(VALLEYS, pans=("toy.scanner", "climber"), iterations=4, seed=1)
        await run.result()
        events = await history(engine, run)
        profiles, cards = of(events, ev.ProblemProfiled), of(events, ev.SolverChosen)
        assert [profile.task for profile in profiles] == ["scanner", "climber"]
        assert profiles[0].features == profiles[1].features
        assert profiles[1].seconds == 0
        assert [(card.task, card.solver, card.forced) for card in cards] == [
            ("scanner", "toy.scanner", True),
            ("climber", "toy.climber", True),
        ]
        assert (await engine.why(run.id, task="scanner")).solver == "toy.scanner"
        assert (await engine.verify_choice(run.id)).identical
        assert events[0].pans == ("scanner", "climber")
        assert len({spec.problem for spec in events[0].tasks}) == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"pans": ("climber",)}, "two different"),
        ({"pans": ("climber", "toy.climber")}, "two different"),
        ({"pans": ("climber", "scanner", "plain")}, "two different"),
        ({"pans": "climber,scanner"}, "names of two"),
        ({"pans": ("climber", 3)}, "names of two"),
        ({"pans": ("climber", "plain")}, r"toy\.plain does not .*toy\.climber, toy\.scanner"),
        ({"pans": ("climber", "call")}, r"toy\.call does not"),
        ({"pans": ("climber", "nothing")}, "nothing"),
        ({"pans": ("climber", "picky")}, "not today"),
        ({"pans": PANS, "solver": "toy.climber"}, "`solver`"),
    ],
)
async def test_pans_that_cannot_race_are_refused(opened, wrong, says):
    """With the reason, and nothing is recorded."""
    others = [
        solver("plain", Kernel(), "kernel"),
        solver("call", smallest),
        solver("picky", SeedableKernel(), "kernel", seedable=True, refuses=lambda problem: "not today"),
    ]
    async with opened(CLIMBER, SCANNER, *others) as engine:
        with pytest.raises((BadInput, UnknownName), match=says):
            await engine.submit(VALLEYS, **wrong)
        with pytest.raises(BadInput, match="one problem"):
            await engine.submit({"a": VALLEYS}, pans=PANS)
        assert await engine.store.head() is None


async def test_a_target_that_one_pan_reaches_ends_the_race(opened):
    """For both."""
    async with opened() as engine:
        run = await engine.submit(VALLEYS, pans=PANS, iterations=1000, target=-2, seed=1)
        result = await run.result()
        assert result.objective <= -2
        assert {task.stopped for task in result.tasks.values()} == {"target"}
        assert all(task.iterations < 1000 for task in result.tasks.values())


async def test_the_time_limit_is_of_the_whole_race(opened):
    """Both stop by it, and both have worked."""
    async with opened() as engine:
        result = await (await engine.submit(VALLEYS, pans=PANS, time_limit=1.0, seed=1)).result()
        assert {task.stopped for task in result.tasks.values()} == {"time"}
        assert all(task.iterations > 100 for task in result.tasks.values())
        assert result.objective == -7


async def test_a_proof_of_one_pan_holds_for_the_best_of_both(opened):
    """The exact pan has looked at everything and so knows that what its rival found is optimal."""
    exact = solver("exact", SeedableKernel(ends=True), "kernel", seedable=True, exact=True)
    async with opened(CLIMBER, exact) as engine:
        result = await (await engine.submit(VALLEYS, pans=("climber", "exact"), iterations=64, seed=1)).result()
        assert result.objective == -7
        assert result.winner == "climber"
        assert {name: task.proved_optimal for name, task in result.tasks.items()} == {"climber": True, "exact": False}
        assert {task.stopped for task in result.tasks.values()} == {"done"}


# work, not seconds


@pytest.mark.slow
async def test_the_same_seed_and_iterations_give_the_same_events(opened, monkeypatch):
    """Whatever the machine's speed: chunks of other lengths change no incumbent, no exchange and no result."""
    problem = QAP.from_qaplib(QAPLIB / "bur26a.dat")
    seen = []
    async with opened(catalog=tabus()) as engine:
        for turn in (0.05, 0.0005):
            monkeypatch.setattr(races, "TURN", turn)
            run = await engine.submit(problem, pans=("tabu", "lone"), iterations=1500, seed=4, time_limit=60)
            await run.result()
            seen.append(work(await history(engine, run)))
            assert (await engine.replay(run.id)).identical
    assert seen[0] == seen[1]
    assert any("source_task" in event for event in seen[0])


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"iterations": 3000}, {"time_limit": 3.0}])
async def test_real_races_replay_identically(opened, monkeypatch, options):
    """By iterations or by the clock, with checkpoints on the way."""
    monkeypatch.setattr(kernels, "CHECKPOINT_SECONDS", 0.1)
    problem = QAP.from_qaplib(QAPLIB / "bur26a.dat")
    async with opened(catalog=tabus()) as engine:
        run = await engine.submit(problem, pans=("lone", "tabu"), seed=5, **options)
        result = await run.result()
        events = await history(engine, run)
        assert of(events, ev.CheckpointSaved)
        report = await engine.replay(run.id)
        assert report.identical, report
        assert report.compared == 4 + len(of(events, ev.AttemptSucceeded)) * 2 + len(
            [
                *of(events, ev.IncumbentFound),
                *of(events, ev.IncumbentShared),
                *{c.checkpoint for c in of(events, ev.CheckpointSaved)},
            ]
        )
        assert result.objective == min(task.objective for task in result.tasks.values())


async def test_which_of_equally_good_solutions_is_shown_does_not_depend_on_chunks(opened):
    """A search that shows another one every time is looked at where its turns end, and nowhere else."""

    class Fickle(SeedableKernel):
        def best(self, arrays, state):
            objective, _ = super().best(arrays, state)
            return objective, (state["at"] % arrays["size"])[None]

    async with opened(SCANNER, solver("fickle", Fickle(), "kernel", seedable=True)) as engine:
        run = await engine.submit(Toy(numbers=(4,) * 16), pans=("fickle", "scanner"), iterations=320, seed=1)
        result = await run.result()
        assert result.tasks["fickle"].solution.tolist() == [races.end_of_leg(0, 320)]
        assert (await engine.replay(run.id)).identical


@pytest.mark.parametrize(
    ("field", "value"),
    [("objective", 1.0), ("solution", "0" * 64), ("iterations", 6), ("iterations", 9), ("source_iterations", 9)],
)
async def test_a_tampered_share_is_found(opened, field, value):
    """What was told, and at which counts, is part of what a replay compares."""
    async with opened() as engine:
        run = await engine.submit(VALLEYS, pans=PANS, iterations=12, seed=1)
        await run.result()
        assert (await engine.replay(run.id)).identical
        events = await whole_stream(engine.store, run.id)
        share = next(r for r in events if r.type == "IncumbentShared" and r.event.task == "climber")

        def forge(c):
            c.execute("DROP TRIGGER events_no_update")
            payload = orjson.dumps(share.data | {field: value}).decode()
            c.execute("UPDATE events SET payload = ? WHERE position = ?", (payload, share.position))

        await engine.store.transact(forge)
        report = await engine.replay(run.id)
        assert not report.identical
        assert report.difference.position >= share.position
        if field in {"objective", "solution"}:
            assert (report.difference.position, report.difference.field) == (share.position, field)


# the match


async def records(engine):
    head = await engine.store.head()
    await engine.follower.wait_for(head.position)
    elo = engine.follower.state("elo")
    return {name: elo.record("toy", f"toy.{name}") for name in PANS}


async def test_the_outcome_is_one_rated_match(opened):
    """The winner takes the points of the loser, once, whatever both have done on the instance before."""
    async with opened() as engine:
        await (await engine.submit(VALLEYS, pans=PANS, iterations=12, seed=1)).result()
        won = await records(engine)
        assert (won["climber"].games, won["climber"].wins, won["scanner"].games, won["scanner"].wins) == (1, 1, 1, 0)
        assert won["climber"].rating == 1516 == 3000 - won["scanner"].rating
        await (await engine.submit(VALLEYS, pans=PANS, iterations=12, seed=2)).result()
        again = await records(engine)
        assert (again["climber"].games, again["climber"].wins, again["scanner"].games) == (2, 2, 2)
        assert again["climber"].rating + again["scanner"].rating == 3000
        assert (again["climber"].trials, again["climber"].outcomes) == (2, 0)


async def test_pans_that_find_equally_good_solutions_draw(opened):
    """There is no winner, and the result is there."""
    async with opened() as engine:
        result = await (await engine.submit(Toy(numbers=(4, 3, 2, 1)), pans=PANS, iterations=200, seed=1)).result()
        assert (result.winner, result.objective) == (None, 1)
        drawn = await records(engine)
        assert all((r.games, r.draws, r.rating) == (1, 1, 1500) for r in drawn.values())


# what goes wrong


@pytest.mark.parametrize("after", [0, 5])
async def test_when_one_pan_breaks_the_other_goes_on_alone(opened, after):
    """The failure is recorded when it happens; the run completes with the other's result, which wins."""
    async with opened(SCANNER, solver("breaking", Breaking(after), "kernel", seedable=True)) as engine:
        run = await engine.submit(VALLEYS, pans=("breaking", "scanner"), iterations=20, seed=1)
        result = await run.result()
        assert (result.winner, result.objective, list(result.tasks)) == ("scanner", -7, ["scanner"])
        events = await history(engine, run)
        failure = of(events, ev.AttemptFailed)[0]
        assert (failure.task, failure.final, failure.error) == ("breaking", True, "solver-failed")
        assert events.index(failure) < events.index(of(events, ev.AttemptSucceeded)[0])
        assert of(events, ev.AttemptSucceeded)[0].rival.objective is None
        assert type(events[-1]) is ev.RunCompleted
        assert (await engine.replay(run.id)).identical
        head = await engine.store.head()
        await engine.follower.wait_for(head.position)
        elo = engine.follower.state("elo")
        assert elo.record("toy", "toy.breaking").failures == 1
        assert elo.record("toy", "toy.scanner").games == 0
        row = await engine.follower.as_of("runs", head.position, key=run.id)
        assert (row["winner"], row["objective"], row["solver"]) == ("scanner", -7, "toy.scanner")


async def test_when_both_pans_break_the_run_fails(opened):
    """With the error of the last."""
    broken = [solver(name, Breaking(after), "kernel", seedable=True) for name, after in (("early", 2), ("late", 6))]
    async with opened(*broken) as engine:
        run = await engine.submit(VALLEYS, pans=("early", "late"), iterations=20, seed=1)
        with pytest.raises(RunFailedError) as caught:
            await run.result()
        assert caught.value.error == "solver-failed"
        events = await history(engine, run)
        assert [failure.task for failure in of(events, ev.AttemptFailed)] == ["early", "late"]
        assert events[-1].task == "late"


async def test_a_pan_that_cannot_even_be_prepared_does_not_stop_the_other(opened):
    """Its arrays cannot be made: that is its own failure."""

    class Unprepared(SeedableKernel):
        def arrays(self, problem):
            raise ZeroDivisionError("no arrays")

    for first in (True, False):
        pair = [solver("unprepared", Unprepared(), "kernel", seedable=True), SCANNER]
        async with opened(*pair) as engine:
            names = ("unprepared", "scanner") if first else ("scanner", "unprepared")
            run = await engine.submit(VALLEYS, pans=names, iterations=20, seed=1)
            assert (await run.result()).winner == "scanner"
            assert of(await history(engine, run), ev.AttemptFailed)[0].error == "ZeroDivisionError"


async def test_a_cancelled_race_ends_both_attempts(opened):
    """Both are cancelled in the log, then the run."""
    async with opened() as engine:
        run = await engine.submit(VALLEYS, pans=PANS, time_limit=60, seed=1)
        async for recorded in run.events():
            if recorded.type == "IncumbentShared":
                break
        await run.cancel("enough")
        with pytest.raises(RunCancelledError, match="enough"):
            await run.result()
        events = await history(engine, run)
        assert [type(event) for event in events[-3:]] == [ev.AttemptCancelled, ev.AttemptCancelled, ev.RunCancelled]
        assert {event.task for event in events[-3:-1]} == set(PANS)
        assert (await engine.replay(run.id)).identical
        assert (await (await engine.submit(VALLEYS, pans=PANS, iterations=12, seed=1)).result()).objective == -7


async def test_a_race_that_waits_beyond_its_deadline_fails(opened):
    """Neither pan starts: both time out."""
    async with opened(capacity={"cpu": 1}) as engine:
        long = await engine.submit(VALLEYS, pans=PANS, time_limit=30, seed=1)
        async for recorded in long.events():
            if recorded.type == "AttemptStarted":
                break
        late = await engine.submit(VALLEYS, pans=PANS, seed=1, deadline=0.3)
        with pytest.raises(RunFailedError) as caught, anyio.fail_after(20):
            await late.result()
        assert caught.value.error == "timed-out"
        assert len(of(await history(engine, late), ev.AttemptTimedOut)) == 2
        await long.cancel()


@pytest.mark.parametrize("point", ["attempt.chunk", "attempt.incumbent", "attempt.started"])
async def test_an_error_inside_the_race_ends_the_run(opened, point):
    """A fault between two writes is both pans' failure; the engine goes on."""

    def burst():
        raise OSError("burst")

    async with opened() as engine:
        with faults.armed(point, burst):
            run = await engine.submit(VALLEYS, pans=PANS, iterations=12, seed=1)
            with pytest.raises(RunFailedError, match="burst"), anyio.fail_after(20):
                await run.result()
        assert len(of(await history(engine, run), ev.AttemptFailed)) == 2
        assert (await (await engine.submit(VALLEYS, pans=PANS, iterations=12, seed=1)).result()).winner == "climber"


@given(limit=st.integers(1, 100_000))
def test_legs_cut_any_number_of_iterations_into_rounds(limit):
    """They end exactly at the limit, none is longer than a round may be, and there are few."""
    ends = [0]
    while ends[-1] < limit:
        ends.append(races.end_of_leg(ends[-1], limit))
    lengths = np.diff(ends)
    assert ends[-1] == limit
    assert lengths.min() > 0
    assert lengths.max() <= races.LONGEST_LEG
    assert len(lengths) <= max(races.ROUNDS, -(-limit // races.LONGEST_LEG))
