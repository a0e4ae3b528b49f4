"""Many requests at once: checked together, recorded together, and each a run like any other."""

import anyio
import pytest
from toys import Kernel, Toy, first, smallest, solver

from mezan.engine import events as ev
from mezan.engine.errors import IdempotencyConflict, RunFailedError
from mezan.solvers.errors import BadBudget, BadInput, UnknownName
from mezan.solvers.seeds import derive

pytestmark = pytest.mark.anyio
PROBLEMS = [Toy(numbers=(9, i, 7 + i)) for i in range(40)]


async def requests(engine):
    return {r.stream: r.event for r in await engine.store.read(types=["RunRequested"], limit=10_000)}


async def test_every_problem_gets_its_run_in_order(opened):
    """Results are each problem's own, and every run replays alone."""
    async with opened(solver("smallest", smallest)) as engine:
        runs = await engine.submit_many(PROBLEMS, solver="toy.smallest", seed=5)
        assert len({run.id for run in runs}) == len(PROBLEMS)
        for problem, run in zip(PROBLEMS, runs, strict=True):
            assert (await run.result()).objective == min(problem.numbers)
        asked = await requests(engine)
        seeds = [asked[run.id].seed for run in runs]
        assert seeds == [derive(5, "many", i) % 2**53 for i in range(len(PROBLEMS))]
        assert (await engine.replay(runs[7].id)).identical
        assert await engine.submit_many([]) == []


async def test_kernel_runs_of_one_shape_share_calls(opened):
    """All that are alike in one call, none in a smaller one before; a run with several tasks may be among them."""
    async with opened(solver("kernel", Kernel(), "kernel")) as engine:
        several = {"a": Toy(numbers=(3, 1)), "b": Toy(numbers=(2, 5))}
        runs = await engine.submit_many([*PROBLEMS, several], iterations=20, seed=1)
        results = [await run.result() for run in runs]
        assert [r.objective for r in results[:-1]] == [min(p.numbers) for p in PROBLEMS]
        assert {name: task.objective for name, task in results[-1].tasks.items()} == {"a": 1.0, "b": 2.0}
        started = await engine.store.read(types=["AttemptStarted"], limit=1_000)
        alike = {run.id for run in runs[:-1]}
        assert {r.event.lanes for r in started if r.stream in alike} == {64}
        lanes = [r.event.lane for r in started if r.stream in alike]
        assert len(set(lanes)) == len(lanes) == 40
        assert max(lanes) < 42
        assert (await engine.replay(runs[11].id)).identical


async def test_runs_that_need_no_call_hold_up_no_others(opened):
    """Cancelled ones, ones that fail and repeated ones leave the rest to start without them."""
    async with opened(solver("kernel", Kernel(lies_at=9), "kernel")) as engine:
        some = [Toy(numbers=(i, 7)) for i in range(12)]
        await engine.submit_many(some[:3], iterations=9, seed=1, idempotency_key="lot")
        runs = await engine.submit_many(some, iterations=9, seed=1, idempotency_key="lot")
        await runs[5].cancel("not wanted")
        with anyio.fail_after(30):
            for i in (0, 1, 2, 3, 4, 6, 7, 8, 10, 11):
                assert (await runs[i].result()).objective == min(i, 7)
            with pytest.raises(RunFailedError):
                await runs[9].result()


@pytest.mark.parametrize(
    ("problems", "options", "kind", "said"),
    [
        ([*PROBLEMS, "text"], {}, BadInput, "problem 40 of 41: .*got str"),
        ([PROBLEMS[0], {}], {}, BadInput, "problem 1 of 2: .*got 0"),
        ("text", {}, BadInput, "as a list"),
        (PROBLEMS[0], {}, BadInput, "use `submit` for one"),
        (PROBLEMS, {"solver": "toy.absent"}, UnknownName, "problem 0 of 40: .*absent"),
        (PROBLEMS, {"time_limit": -1}, BadBudget, "^time_limit"),
        (PROBLEMS, {"seed": -1}, BadInput, "^seed"),
        (PROBLEMS, {"gap": -1}, BadBudget, "^gap"),
        ([*PROBLEMS[:3], Toy(numbers=(1,) * 5)], {"solver": "toy.shy"}, BadInput, "problem 3 of 4: .*it is shy"),
    ],
)
async def test_one_bad_problem_keeps_all_from_being_recorded(opened, problems, options, kind, said):
    """The error names its index; the log stays empty."""
    shy = solver("shy", first, refuses=lambda problem: "it is shy" if problem.size > 3 else None)
    async with opened(solver("first", first), shy) as engine:
        with pytest.raises(kind, match=said):
            await engine.submit_many(problems, **options)
        assert await engine.store.head() is None


async def test_a_key_is_the_beginning_of_each_runs_own(opened):
    """The same list again gives the same runs; a changed problem under the same key is an error."""
    async with opened(solver("first", first)) as engine:
        runs = await engine.submit_many(PROBLEMS, seed=1, idempotency_key="lot")
        again = await engine.submit_many(PROBLEMS, seed=1, idempotency_key="lot")
        assert [run.id for run in again] == [run.id for run in runs]
        assert len(await requests(engine)) == len(PROBLEMS)
        with pytest.raises(IdempotencyConflict, match="lot/0"):
            await engine.submit_many(PROBLEMS[1:], seed=1, idempotency_key="lot")
        for run in runs:
            await run.result()


async def test_more_than_wait_together_are_recorded_too(opened, monkeypatch):
    """In rounds, still in order; every run ends once."""
    from mezan.engine import many

    monkeypatch.setattr(many, "AT_ONCE", 7)
    async with opened(solver("first", first)) as engine:
        runs = await engine.submit_many(PROBLEMS)
        assert [(await run.result()).objective for run in runs] == [9.0] * len(PROBLEMS)
        log = await engine.store.read(limit=10_000)
        assert sum(r.type in ev.TERMINAL for r in log) == len(PROBLEMS)
