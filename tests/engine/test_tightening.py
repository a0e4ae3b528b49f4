"""Bounds that tighten beside a search: recorded, followed, repeated, and never trusted against a solution."""

from contextlib import asynccontextmanager

import pytest
from toys import Kernel, Toy, catalog, first, history, solver

from mezan.api import open_engine
from mezan.engine import events as ev
from mezan.engine import tightening
from mezan.solvers.problem import Bound

pytestmark = pytest.mark.anyio
PROBLEM = Toy(numbers=(9,) * 8 + (3,) + (7,) * 7)
KERNEL = solver("kernel", Kernel(), "kernel")


class Tighter:
    """Proves ``value``, and remembers what it was asked."""

    def __init__(self, value):
        self.value, self.asked = value, []

    def __call__(self, problem, bound):
        self.asked.append(bound)
        if isinstance(self.value, Exception):
            raise self.value
        return None if self.value is None else Bound(self.value, "tighter")


@pytest.fixture
def opened(tmp_path, monkeypatch):
    monkeypatch.setattr(tightening, "HEAD_START", 0.0)

    @asynccontextmanager
    async def open_(tighten, *solvers):
        chosen = catalog(*(solvers or (KERNEL,)), tighten=tighten)
        async with open_engine(
            f"sqlite:///{tmp_path}/mezan.db", durability="relaxed", capacity={"cpu": 2}, catalog=chosen
        ) as engine:
            yield engine

    return open_


async def test_a_search_ends_when_its_incumbent_is_proved_optimal_meanwhile(opened):
    """It would have gone on for a minute; the result carries the better bound, and a replay proves it again."""
    tighter = Tighter(3.0)
    async with opened(tighter) as engine:
        run = await engine.submit(PROBLEM, time_limit=60)
        result = await run.result()
        assert (result.objective, result.stopped, result.proved_optimal) == (3.0, "target", True)
        assert (result.bound, result.bound_method) == (3.0, "tighter")
        events = await history(engine, run)
        (event,) = [event for event in events if isinstance(event, ev.BoundTightened)]
        assert (event.task, event.value, event.method) == ("main", 3.0, "tighter")
        assert tighter.asked == [Bound(-1000.0, "nothing is below")]
        report = await engine.replay(run.id)
        assert report.identical, report
        assert len(tighter.asked) == 2


async def test_a_gap_is_measured_to_the_tightest_bound(opened):
    """To the first one it could not be closed."""
    async with opened(Tighter(2.0)) as engine:
        result = await (await engine.submit(PROBLEM, time_limit=60, gap=50)).result()
        assert (result.objective, result.stopped, result.proved_optimal) == (3.0, "gap", False)


async def test_losses_are_measured_to_the_first_bound(opened):
    """So that ratings compare a run that waited for a better bound with one that did not."""
    async with opened(Tighter(3.0)) as engine:
        run = await engine.submit(PROBLEM, time_limit=60)
        await run.result()
        (ended,) = [event for event in await history(engine, run) if isinstance(event, ev.AttemptSucceeded)]
        assert ended.loss == pytest.approx(1.0)
        assert ended.bound == ev.BoundSpec(value=3.0, method="tighter")


@pytest.mark.parametrize("value", [None, -1000.0, -2000.0, 100.0, RuntimeError("it broke")])
async def test_what_is_no_better_bound_changes_nothing(opened, value):
    """None, the same, a looser one, one above a solution that was found, and code that raises."""
    tighter = Tighter(value)
    async with opened(tighter) as engine:
        run = await engine.submit(PROBLEM, time_limit=1.0)
        result = await run.result()
        assert tighter.asked
        assert (result.objective, result.stopped, result.bound, result.proved_optimal) == (3.0, "time", -1000.0, False)
        assert not [event for event in await history(engine, run) if isinstance(event, ev.BoundTightened)]
        assert (await engine.replay(run.id)).identical


async def test_short_runs_and_procedures_have_their_first_bound(opened):
    """A limit below a second, one on iterations (whose result must not depend on speed), and a solver that is one call."""
    tighter = Tighter(3.0)
    async with opened(tighter, KERNEL, solver("first", first, "thread")) as engine:
        await (await engine.submit(PROBLEM, solver="toy.kernel", time_limit=0.3)).result()
        result = await (await engine.submit(PROBLEM, solver="toy.kernel", time_limit=60, iterations=400_000)).result()
        assert (result.stopped, result.iterations) == ("iterations", 400_000)
        await (await engine.submit(PROBLEM, solver="toy.first", time_limit=60)).result()
        assert tighter.asked == []


async def test_a_bound_that_a_replay_cannot_repeat_is_named(opened):
    """A method that gives another value now is a difference, not a detail."""
    tighter = Tighter(3.0)
    async with opened(tighter) as engine:
        run = await engine.submit(PROBLEM, time_limit=60)
        await run.result()
        tighter.value = 2.5
        report = await engine.replay(run.id)
        assert (report.identical, report.difference.type, report.difference.field) == (False, "BoundTightened", "value")
