"""Races whose process dies: both attempts are abandoned, and the race goes on from one moment of both, or from the start."""

from pathlib import Path

import anyio
import pytest
from child_race import ITERATIONS, qap, tabus
from toys import of

from mezan.api import open_engine
from mezan.engine import events as ev
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.engine.streams import whole_stream

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
CHILD = Path(__file__).parent / "child_race.py"


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/mezan.db"


async def dies(spawn, url, point, nth):
    """The run's id, from a child that ended itself."""
    child = spawn(CHILD, url, "--point", point, "--nth", nth)
    output, errors = await anyio.to_thread.run_sync(child.communicate)
    assert child.returncode == 9, errors
    return next(line.split()[1] for line in output.splitlines() if line.startswith("run "))


async def goes_on(url, run):
    """Adopt and finish the run; its events, its result, and a replay that must be identical."""
    async with open_engine(url, durability="relaxed", capacity={"cpu": 1}, catalog=tabus()) as engine:
        assert engine.adopted == [run]
        with anyio.fail_after(90):
            result = await engine.result_of(run)
        report = await engine.replay(run)
        assert report.identical, report
        assert (await engine.store.verify()).ok
        return [recorded.event for recorded in await whole_stream(engine.store, run)], result


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What each pan finds, and what is told, when nothing happens."""

    async def run():
        url = f"sqlite:///{tmp_path_factory.mktemp('undisturbed')}/mezan.db"
        async with open_engine(url, durability="relaxed", capacity={"cpu": 1}, catalog=tabus()) as engine:
            run = await engine.submit(qap(14), pans=("tabu", "lone"), seed=7, time_limit=120, iterations=ITERATIONS)
            return await run.result()

    return anyio.run(run)


async def test_a_race_goes_on_from_one_checkpoint_of_both_pans(url, spawn, undisturbed):
    """Both are abandoned at the same moment and resumed from one artifact; the results are those of a race undisturbed."""
    run = await dies(spawn, url, "attempt.checkpoint", 3)
    events, result = await goes_on(url, run)
    abandoned, started = of(events, ev.AttemptAbandoned), of(events, ev.AttemptStarted)
    assert {event.task for event in abandoned} == {"tabu", "lone"}
    assert [start.attempt for start in started] == [1, 1, 2, 2]
    assert started[2].resumed_from == started[3].resumed_from == abandoned[0].checkpoint == abandoned[1].checkpoint
    assert started[2].iterations == started[3].iterations > 0
    assert {name: task.objective for name, task in result.tasks.items()} == {
        name: task.objective for name, task in undisturbed.tasks.items()
    }
    assert result.winner == undisturbed.winner


async def test_without_a_checkpoint_of_both_the_race_starts_again(url, spawn):
    """When it is gone, too: both pans, with new attempts and from nothing."""
    run = await dies(spawn, url, "attempt.checkpoint", 2)
    async with SQLiteStore.open(url) as store:
        await store.transact(lambda c: c.execute("DELETE FROM artifacts WHERE kind = 'checkpoint'"))
    events, result = await goes_on(url, run)
    assert [(start.attempt, start.resumed_from, start.iterations) for start in of(events, ev.AttemptStarted)][2:] == [
        (2, None, 0),
        (2, None, 0),
    ]
    assert all(task.iterations == ITERATIONS for task in result.tasks.values())


@pytest.mark.parametrize(
    ("point", "nth"), [("run.chosen", 1), ("run.chosen", 2), ("attempt.started", 1), ("attempt.chunk", 2)]
)
async def test_a_race_that_dies_early_is_taken_up(url, spawn, point, nth):
    """Between the choices, before the first chunk, and before both pans had one."""
    events, result = await goes_on(url, await dies(spawn, url, point, nth))
    assert len(of(events, ev.AttemptSucceeded)) == 2
    assert len(of(events, ev.ProblemProfiled)) == len(of(events, ev.SolverChosen)) == 2
    assert type(events[-1]) is ev.RunCompleted
    assert result.objective == min(task.objective for task in result.tasks.values())
