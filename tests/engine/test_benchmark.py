"""Benchmarks: every cell of a grid once, whatever happens meanwhile, in a stream that is not taken for a run."""

import threading
from dataclasses import replace

import anyio
import pytest
from toys import Gated, Toy, broken, catalog, first, smallest, solver

from mezan.api import open_engine
from mezan.engine.benchmark import Plan, open_benchmark, resume_benchmark, run_cells
from mezan.engine.environment import differences, snapshot
from mezan.engine.errors import RunNotFound
from mezan.engine.grids import benchmark_of, names_of, stream_of
from mezan.solvers.errors import BadInput, UnknownName

pytestmark = pytest.mark.anyio
PROBLEMS = (Toy(numbers=(5, 3, 4), name="a", best_known=3.0), Toy(numbers=(9, 8, 7, 6), name="b"))
SMALL = solver(
    "small", smallest, refuses=lambda problem: "it has more than three numbers" if problem.size > 3 else None
)
FIRST, BROKEN = solver("first", first), solver("broken", broken)


def plan(**options):
    return Plan(**{"name": "grid", "problems": PROBLEMS, "seeds": 2, "time_limit": 20.0} | options)


async def run(engine, **options):
    steps = []
    kept = await open_benchmark(engine, plan(**options))
    return await run_cells(engine, kept, report=steps.append), steps


async def requests(engine):
    return [r.event for r in await engine.store.read(types=["RunRequested"], limit=10_000)]


async def test_every_cell_is_a_run_and_refusals_are_no_failures(opened):
    """Three solvers, two instances, two seeds: ten runs from nothing, two refused cells, four failures."""
    async with opened(SMALL, FIRST, BROKEN) as engine:
        kept, steps = await run(engine)
        cells = {cell.key: cell for cell in kept.cells}
        asked = await requests(engine)
        own = [r.type for r in await engine.store.read(stream=stream_of("grid"))]
    assert kept.counts == {"ok": 6, "failed": 4, "refused": 2}
    assert own == ["BenchmarkOpened", "BenchmarkClosed"]
    assert (kept.closed.cells, kept.closed.failures) == (10, 4)
    assert [(step.done, step.total) for step in steps] == [(i, 10) for i in range(1, 11)]
    assert {(r.purpose, r.within, r.fresh, r.policy) for r in asked} == {
        ("benchmark", "benchmark/grid", True, asked[0].policy)
    }
    digests = {each.label: each.instance for each in kept.opened.instances}
    assert cells["toy.small", digests["a"], 1].objective == 3.0
    assert cells["toy.first", digests["b"], 2].objective == 9.0
    assert cells["toy.broken", digests["a"], 1].message.startswith("it broke")
    assert "three numbers" in cells["toy.small", digests["b"], 1].message
    assert kept.features[digests["b"]] == {"size": 4.0, "first": 9.0}
    assert kept.opened.environment == kept.environments[0]


async def test_a_finished_benchmark_is_not_run_again(opened):
    """The same plan under the same name gives the same outcome without a single new event."""
    async with opened(FIRST) as engine:
        before, _ = await run(engine)
        head = await engine.log.head()
        again, steps = await run(engine)
        assert (again, steps, await engine.log.head()) == (before, [], head)


async def test_an_interrupted_benchmark_goes_on_where_it_was(opened):
    """Cancelled while the third cell runs: that cell is tried again, the others are not, and none counts twice."""
    gated, stopped = Gated(), threading.Event()
    gated.gate.set()

    def stops_third(problem, budget, seed):
        if len(gated.order) == 2:
            gated.gate.clear()
            stopped.set()
        return gated(problem, budget, seed)

    waiting = solver("waiting", stops_third, runs_in="thread")
    async with opened(waiting) as engine:
        kept = await open_benchmark(engine, plan(name="cut"))
        with anyio.CancelScope() as scope:

            async def stop():
                await anyio.to_thread.run_sync(stopped.wait, 20)
                scope.cancel()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stop)
                await run_cells(engine, kept, report=lambda step: None)
        gated.gate.set()
    gated.order.append(None)  # from here on nothing is the third
    async with opened(waiting) as engine:
        left = await benchmark_of(engine.log, "cut")
        assert left.counts["ok"] == 2
        kept = await resume_benchmark(engine, left)
        done = await run_cells(engine, kept, report=lambda step: None)
        asked = await requests(engine)
        own = [r.type for r in await engine.store.read(stream=stream_of("cut"))]
    assert done.counts == {"ok": 4}
    assert sorted(cell.tries for cell in done.cells) == [1, 1, 1, 2]
    assert len(asked) == 5
    assert own == ["BenchmarkOpened", "BenchmarkResumed", "BenchmarkClosed"]
    assert done.resumed[0].done == 2
    assert [cell.run for cell in done.cells][:2] == [cell.run for cell in left.cells][:2]


async def test_a_cell_that_somebody_cancelled_leaves_the_benchmark_open(opened):
    """It is tried again when the benchmark is gone on with."""
    gated = Gated()
    async with opened(solver("gated", gated, runs_in="thread")) as engine:
        kept = await open_benchmark(engine, plan(problems=PROBLEMS[:1], seeds=1))

        async def cancel():
            await anyio.to_thread.run_sync(gated.begun.wait, 20)
            (asked,) = await engine.store.read(types=["RunRequested"])
            await engine.cancel(asked.stream, "not wanted")
            gated.gate.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(cancel)
            kept = await run_cells(engine, kept, report=lambda step: None)
        assert (kept.counts, kept.closed) == ({"interrupted": 1}, None)
        assert kept.cells[0].message == "not wanted"
        kept = await run_cells(engine, kept, report=lambda step: None)
        assert (kept.counts, kept.cells[0].tries) == ({"ok": 1}, 2)
        assert kept.closed is not None


async def test_several_cells_at_a_time_are_each_run_once(opened):
    """Four jobs give the cells that one gives."""
    async with opened(SMALL, FIRST) as engine:
        kept = await open_benchmark(engine, plan(seeds=5))
        kept = await run_cells(engine, kept, jobs=4, report=lambda step: None)
        assert kept.counts == {"ok": 15, "refused": 5}
        assert len(await requests(engine)) == 15
        assert {cell.tries for cell in kept.cells if cell.status == "ok"} == {1}


async def test_two_processes_share_a_benchmark(tmp_path):
    """Two engines on one file that run the same grid: every cell is one run, and it is closed once."""
    url, options = f"sqlite:///{tmp_path}/mezan.db", {"durability": "relaxed", "catalog": catalog(SMALL, FIRST)}
    async with open_engine(url, **options) as one, open_engine(url, **options) as other:
        async with anyio.create_task_group() as tasks:
            for engine in (one, other):
                kept = await open_benchmark(engine, plan(seeds=6))
                tasks.start_soon(lambda e, k: run_cells(e, k, report=lambda step: None), engine, kept)
        done = await benchmark_of(one.log, "grid")
        assert done.counts == {"ok": 18, "refused": 6}
        assert len(await requests(one)) == 18
        own = [r.type for r in await one.store.read(stream=stream_of("grid"))]
        assert own == ["BenchmarkOpened", "BenchmarkResumed", "BenchmarkClosed"]


async def test_its_stream_is_not_taken_for_a_run(opened):
    """Neither by its name nor by a beginning of it; recovery leaves it alone, and so does the list of runs."""
    async with opened(FIRST) as engine:
        await open_benchmark(engine, plan(name="open"))
        for name in ("benchmark/open", "bench", "b"):
            with pytest.raises(RunNotFound):
                await engine.find(name)
    async with opened(FIRST) as engine:
        assert engine.adopted == []
        await engine.follower.flush()
        assert await engine.store.rows("runs") == []
        assert await names_of(engine.log) == ["open"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "no good"}, "letters, digits"),
        ({"name": ""}, "letters, digits"),
        ({"name": "x" * 81}, "80"),
        ({"problems": ()}, "at least one instance"),
        ({"problems": (PROBLEMS[0], PROBLEMS[0])}, "given twice"),
        ({"solvers": ("toy.other",)}, "toy.first"),
        ({"solvers": ("toy.first", "toy.first")}, "named twice"),
        ({"solvers": ()}, "at least one solver"),
        ({"seeds": 0}, "--seeds"),
        ({"seeds": 10_001}, "--seeds"),
        ({"jobs": 0}, "--jobs"),
        ({"time_limit": -1.0}, "time"),
        ({"iterations": 0}, "iterations"),
    ],
)
async def test_a_plan_that_breaks_a_rule_records_nothing(opened, options, said):
    """Each is refused with the rule."""
    async with opened(FIRST) as engine:
        with pytest.raises(BadInput, match=said):
            await open_benchmark(engine, plan(**options))
        assert await engine.log.head() is None


@pytest.mark.parametrize(
    ("options", "what"),
    [({"seeds": 3}, "seeds"), ({"time_limit": 9.0}, "budget"), ({"problems": PROBLEMS[:1]}, "instances"), ({"solvers": ("toy.first",)}, "solvers")],
)  # fmt: skip
async def test_a_name_belongs_to_one_grid(opened, options, what):
    """Another grid under a name that is taken is refused with the part that differs."""
    async with opened(FIRST, BROKEN) as engine:
        await open_benchmark(engine, plan())
        with pytest.raises(BadInput, match=f"other {what}"):
            await open_benchmark(engine, plan(**options))


async def test_cells_of_two_versions_are_not_mixed(opened):
    """A benchmark that was begun with another version of a solver is not gone on with."""
    async with opened(FIRST) as engine:
        kept = await open_benchmark(engine, plan())
    async with opened(replace(FIRST, version="2")) as engine:
        with pytest.raises(BadInput, match="v1, which is v2 here"):
            await resume_benchmark(engine, kept)


async def test_an_unknown_benchmark_is_an_error_that_names_those_there_are(opened):
    """With the nearest one; in an empty log too."""
    async with opened(FIRST) as engine:
        with pytest.raises(BadInput, match="nor any other"):
            await benchmark_of(engine.log, "grid")
        with pytest.raises(BadInput, match="has none"):
            await benchmark_of(engine.log, "last")
        await open_benchmark(engine, plan())
        with pytest.raises(UnknownName, match="did you mean 'grid'"):
            await benchmark_of(engine.log, "gird")
        assert (await benchmark_of(engine.log, "last")).name == "grid"


async def test_environments_are_compared_by_name(monkeypatch):
    """A variable that is set meanwhile is the only difference, and a value that went is a dash."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = await anyio.to_thread.run_sync(snapshot)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    now = await anyio.to_thread.run_sync(snapshot)
    assert differences(before, now) == [("OMP_NUM_THREADS", "-", "3")]
    assert differences(now, before) == [("OMP_NUM_THREADS", "3", "-")]
    assert before.packages["jax"]
    assert before.cores >= 1
