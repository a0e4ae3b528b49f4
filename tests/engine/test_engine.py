"""The engine with solvers that do what the test says: every run ends in the log, whatever happens."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import anyio
import pytest
from toys import Flaky, Gated, Kernel, Toy, broken, catalog, crashing, first, history, lying, smallest, solver

from mezan.api import open_engine
from mezan.engine import events as ev
from mezan.engine import faults
from mezan.engine.errors import (
    IdempotencyConflict,
    RunCancelledError,
    RunFailedError,
    RunNotFound,
    StoreBusy,
    StoreError,
)
from mezan.engine.executors import procedures
from mezan.engine.log import ANY, Write
from mezan.engine.streams import whole_stream
from mezan.solvers.errors import BadInput, SolverFailed

pytestmark = pytest.mark.anyio
PROBLEM = Toy(numbers=(5, 3, 8, 1, 9))


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/mezan.db"


@pytest.fixture
def opened(url):
    """Opens the engine on the test's database with some toy solvers."""

    @asynccontextmanager
    async def open_(*solvers, family=None, **options):
        options = {
            "durability": "relaxed",
            "capacity": {"cpu": 2},
            "catalog": catalog(*solvers, **(family or {})),
        } | options
        async with open_engine(url, **options) as engine:
            yield engine

    return open_


def kinds(events):
    return [type(event).__name__ for event in events]


def terminal(events):
    """The one terminal event, which must be the last."""
    ends = [event for event in events if type(event).__name__ in ev.TERMINAL]
    assert ends == events[-1:]
    return ends[0]


async def consistent(engine):
    """The chain holds, every run has exactly one end, and the read models are what the log says."""
    assert (await engine.store.verify()).ok
    log = await engine.store.read(limit=100_000)
    runs = {r.stream for r in log}
    ends = Counter(r.stream for r in log if r.type in ev.TERMINAL)
    assert ends == dict.fromkeys(runs, 1)
    head = await engine.store.head()
    await engine.follower.wait_for(head.position)
    await engine.follower.flush(states=True)
    for run in runs:
        row = await engine.follower.row("runs", run)
        assert row == await engine.follower.as_of("runs", head.position, key=run)


# the plain life of a run


async def test_a_run_is_recorded_from_request_to_end(opened):
    """Each step is an event, caused by the one before it."""
    async with opened(solver("smallest", smallest)) as engine:
        run = await engine.submit(PROBLEM, seed=3)
        result = await run.result()
        assert (result.objective, result.solution.tolist(), result.solver) == (1.0, [3], "toy.smallest")
        events = await history(engine, run)
        assert kinds(events) == [
            "RunRequested", "RunPlanned", "ProblemProfiled", "SolverChosen", "AttemptStarted", "AttemptSucceeded",
            "RunCompleted",
        ]  # fmt: skip
        log = await whole_stream(engine.store, run.id)
        assert [r.causation for r in log] == [None, *(r.ref for r in log[:-1])]
        assert [r.event async for r in run.events()] == events
        await consistent(engine)


async def test_a_finished_run_is_read_back_after_reopening(opened):
    """Its events, result and explanation come from the log."""
    async with opened(solver("smallest", smallest)) as engine:
        run = await engine.submit(PROBLEM, seed=3)
        first_result = await run.result()
    async with opened(solver("smallest", smallest)) as engine:
        again = await (await engine.run(run.id[:20])).result()
        assert again.objective == first_result.objective
        assert again.solution.tolist() == first_result.solution.tolist()
        assert (await engine.why(run.id)).solver == "toy.smallest"
        with pytest.raises(RunNotFound):
            await engine.run("run_nothing")


# failures


@pytest.mark.parametrize(
    ("procedure", "code"), [(broken, "solver-failed"), (crashing, "ZeroDivisionError"), (lying, "solver-failed")]
)
@pytest.mark.parametrize("runs_in", ["inline", "thread"])
async def test_a_solver_that_breaks_is_followed_by_a_recorded_second_choice(opened, procedure, code, runs_in):
    """The failure is an event, the next choice leaves the solver out, and its result counts."""
    async with opened(solver("bad", procedure, runs_in), solver("good", first)) as engine:
        run = await engine.submit(PROBLEM, seed=1)
        result = await run.result()
        assert (result.solver, result.objective) == ("toy.good", 5.0)
        events = await history(engine, run)
        failed = next(event for event in events if isinstance(event, ev.AttemptFailed))
        assert (failed.solver, failed.error, failed.final, failed.transient) == ("toy.bad", code, False, False)
        choices = [event for event in events if isinstance(event, ev.SolverChosen)]
        assert [choice.solver for choice in choices] == ["toy.bad", "toy.good"]
        assert choices[1].excluded == ("toy.bad",)
        assert "already failed" in choices[1].candidates[0].refused
        await consistent(engine)


@pytest.mark.parametrize("procedure", [broken, crashing, lying])
async def test_a_solver_that_the_user_named_is_not_replaced(opened, procedure):
    """A forced solver that breaks fails the run; an infeasible solution is never a result."""
    async with opened(solver("good", first), solver("bad", procedure)) as engine:
        run = await engine.submit(PROBLEM, solver="toy.bad")
        with pytest.raises(RunFailedError) as failed:
            await run.result()
        events = await history(engine, run)
        assert isinstance(terminal(events), ev.RunFailed)
        assert failed.value.error == terminal(events).error
        assert "AttemptSucceeded" not in kinds(events)
        await consistent(engine)


async def test_when_every_solver_breaks_the_run_fails(opened):
    """With as many recorded choices as there were solvers, up to the limit."""
    async with opened(*(solver(f"bad{i}", broken) for i in range(5))) as engine:
        run = await engine.submit(PROBLEM)
        with pytest.raises(RunFailedError, match="it broke"):
            await run.result()
        assert kinds(await history(engine, run)).count("SolverChosen") == 3
        await consistent(engine)


async def test_transient_failures_are_tried_again_after_a_pause(opened):
    """Each with its own attempt number and a longer pause; then the same solver succeeds."""
    async with opened(solver("flaky", Flaky(2))) as engine:
        run = await engine.submit(PROBLEM)
        assert (await run.result()).objective == 5.0
        events = await history(engine, run)
        failures = [event for event in events if isinstance(event, ev.AttemptFailed)]
        assert [f.transient for f in failures] == [True, True]
        assert failures[0].retry_in < failures[1].retry_in
        attempts = [event.attempt for event in events if isinstance(event, ev.AttemptStarted)]
        assert attempts == [1, 2, 3]
        assert kinds(events).count("SolverChosen") == 1
        await consistent(engine)


async def test_transient_failures_that_do_not_pass_are_failures(opened):
    """After the last try another solver is chosen."""
    async with opened(solver("flaky", Flaky(100)), solver("good", first)) as engine:
        run = await engine.submit(PROBLEM)
        assert (await run.result()).solver == "toy.good"
        events = await history(engine, run)
        failures = [event for event in events if isinstance(event, ev.AttemptFailed)]
        assert [f.retry_in is None for f in failures] == [False] * (len(failures) - 1) + [True]
        assert len(failures) >= 3
        await consistent(engine)


@pytest.mark.parametrize("what", ["features", "bound"])
async def test_a_family_that_breaks_fails_the_run(opened, what):
    """Foreign code outside solvers is no reason to hang, or to take the engine down."""

    def raising(problem):
        raise RuntimeError("broken \ud800 family")

    async with opened(solver("good", first), family={what: raising}) as engine:
        run = await engine.submit(PROBLEM)
        with pytest.raises(RunFailedError, match=r"broken . family"):
            await run.result()
        await consistent(engine)


async def test_a_family_whose_features_are_not_numbers_fails_the_run(opened):
    """NaN is no feature."""
    async with opened(solver("good", first), family={"features": lambda p: {"x": float("nan")}}) as engine:
        with pytest.raises(RunFailedError):
            await (await engine.submit(PROBLEM)).result()
        await consistent(engine)


async def test_no_solver_that_takes_the_problem_is_a_failed_run(opened):
    """With the code that says so."""
    async with opened(solver("picky", first, refuses=lambda problem: "not today")) as engine:
        with pytest.raises(RunFailedError) as failed:
            await (await engine.submit(PROBLEM)).result()
        assert failed.value.error == "no-candidate"
        await consistent(engine)


# cancellation


async def test_a_running_run_can_be_cancelled(opened):
    """The attempt and the run are recorded as cancelled, with the reason."""
    gated = Gated()
    async with opened(solver("gated", gated, "thread")) as engine:
        run = await engine.submit(PROBLEM)
        await anyio.to_thread.run_sync(gated.begun.wait)
        await run.cancel("changed my mind")
        events = await history(engine, run)
        assert kinds(events)[-2:] == ["AttemptCancelled", "RunCancelled"]
        assert terminal(events).reason == "changed my mind"
        with pytest.raises(RunCancelledError, match="changed my mind"):
            await run.result()
        await run.cancel()  # nothing happens
        await consistent(engine)
        gated.gate.set()


async def test_a_queued_run_can_be_cancelled(opened):
    """It never starts, and the one before it is not disturbed."""
    gated = Gated()
    async with opened(solver("gated", gated, "thread"), capacity={"cpu": 1}) as engine:
        busy = await engine.submit(PROBLEM)
        await anyio.to_thread.run_sync(gated.begun.wait)
        queued = await engine.submit(Toy(numbers=(7, 8)))
        await queued.cancel()
        events = await history(engine, queued)
        assert isinstance(terminal(events), ev.RunCancelled)
        assert "AttemptStarted" not in kinds(events)
        gated.gate.set()
        assert (await busy.result()).objective == 5.0
        assert gated.order == [PROBLEM.numbers]
        await consistent(engine)


@pytest.mark.parametrize("steps", range(0, 24, 1))
async def test_a_run_can_be_cancelled_at_any_moment(opened, steps):
    """After any number of turns of the event loop: either it was over, or it is recorded as cancelled."""
    async with opened(solver("good", first)) as engine:
        run = await engine.submit(PROBLEM)
        for _ in range(steps):
            await anyio.lowlevel.checkpoint()
        await run.cancel()
        end = terminal(await history(engine, run))
        assert isinstance(end, ev.RunCancelled | ev.RunCompleted)
        await consistent(engine)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8])
async def test_a_cancelled_submission_leaves_no_run_without_an_end(opened, steps, native):
    """The request may have been recorded when its caller gave up; then it is ended."""
    async with opened(solver("good", first)) as engine:
        if native:
            task = asyncio.create_task(engine.submit(PROBLEM))
            for _ in range(steps):
                await anyio.lowlevel.checkpoint()
            task.cancel()
            await asyncio.wait([task])
        else:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(engine.submit, PROBLEM)
                for _ in range(steps):
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
        other = await engine.submit(PROBLEM)
        await other.result()
        with anyio.fail_after(10):
            for run in {r.stream for r in await engine.store.read()}:
                async for _ in (await engine.run(run)).events():
                    pass
        await consistent(engine)


async def test_giving_up_on_a_result_does_not_stop_the_run(opened):
    """Only whoever cancels the run cancels it."""
    gated = Gated()
    async with opened(solver("gated", gated, "thread")) as engine:
        run = await engine.submit(PROBLEM)
        with anyio.move_on_after(0.01):
            await run.result()
        gated.gate.set()
        assert (await run.result()).objective == 5.0
        await consistent(engine)


@pytest.mark.parametrize("how", ["end", "error", "cancel"])
async def test_closing_the_engine_ends_its_runs(opened, how):
    """However the block ends: what was running, queued or just submitted is recorded as cancelled."""
    gated = Gated()
    try:
        with anyio.CancelScope() as scope:
            async with opened(solver("gated", gated, "thread"), capacity={"cpu": 1}) as engine:
                runs = [await engine.submit(Toy(numbers=(i, 2))) for i in range(4)]
                await anyio.to_thread.run_sync(gated.begun.wait)
                runs.append(await engine.submit(PROBLEM))
                gated.gate.set()
                if how == "error":
                    raise KeyError("of the user")
                if how == "cancel":
                    scope.cancel()
                    await anyio.lowlevel.checkpoint()
    except KeyError:
        assert how == "error"
    async with opened(solver("good", first)) as engine:
        assert engine.adopted == []
        ends = [terminal(await history(engine, run)) for run in runs]
        assert all(isinstance(end, ev.RunCancelled | ev.RunCompleted) for end in ends)
        assert isinstance(ends[-1], ev.RunCancelled)
        assert ends[-1].reason == "the engine was closed"
        await consistent(engine)


async def test_a_closed_engine_takes_nothing(opened):
    """And says how to open one."""
    async with opened(solver("good", first)) as engine:
        pass
    with pytest.raises(BadInput, match="open"):
        await engine.submit(PROBLEM)


# batches


async def test_problems_of_one_shape_that_wait_together_run_together(opened):
    """One call with several lanes; each replays identically, alone."""
    gated = Gated()
    async with opened(
        solver("gated", gated, "thread"), solver("kernel", Kernel(), "kernel"), capacity={"cpu": 1}
    ) as engine:
        busy = await engine.submit(PROBLEM, solver="toy.gated")
        await anyio.to_thread.run_sync(gated.begun.wait)
        problems = [Toy(numbers=tuple(range(40, 3 + i, -5))) for i in range(10)]
        runs = [await engine.submit(p, solver="toy.kernel", iterations=50 + i) for i, p in enumerate(problems)]
        with anyio.fail_after(20):
            while engine.scheduler.waiting < 10:
                await anyio.lowlevel.checkpoint()
        gated.gate.set()
        await busy.result()
        lanes = set()
        for run, problem in zip(runs, problems, strict=True):
            result = await run.result()
            assert result.objective == min(problem.numbers)
            (started,) = [event for event in await history(engine, run) if isinstance(event, ev.AttemptStarted)]
            assert started.lanes == 16
            lanes.add(started.lane)
        assert lanes == set(range(10))
        for run in runs:
            report = await engine.replay(run.id)
            assert report.identical, report
        await consistent(engine)


async def together(engine, gated, *problems, **options):
    """Submit while the only slot is busy, so that they wait together; open the gate."""
    busy = await engine.submit(PROBLEM, solver="toy.gated")
    await anyio.to_thread.run_sync(gated.begun.wait)
    runs = [await engine.submit(p, solver="toy.kernel", **options) for p in problems]
    with anyio.fail_after(20):
        while engine.scheduler.waiting < len(problems):
            await anyio.lowlevel.checkpoint()
    gated.gate.set()
    await busy.result()
    return runs


async def test_cancelling_one_run_of_a_batch_leaves_its_neighbours_alone(opened):
    """They go on, whatever the cancelled lane still finds."""
    gated = Gated()
    problems = [Toy(numbers=tuple(range(60 + i, 50 + i, -1))) for i in range(4)]
    async with opened(
        solver("gated", gated, "thread"), solver("kernel", Kernel(), "kernel"), capacity={"cpu": 1}
    ) as engine:
        busy = await engine.submit(PROBLEM, solver="toy.gated")
        await anyio.to_thread.run_sync(gated.begun.wait)
        handles = [await engine.submit(p, solver="toy.kernel", iterations=200_000) for p in problems]
        chunks = Counter()

        def chunk():
            chunks["n"] += 1
            if chunks["n"] == 1:  # the second chunk finds better solutions, in the cancelled lanes too
                for run in handles[:2]:
                    engine._conductors[run.id].cancel("test")

        with faults.armed("attempt.chunk", chunk):
            gated.gate.set()
            await busy.result()
            for run in handles[2:]:
                await run.result()
        for run in handles[:2]:
            with pytest.raises(RunCancelledError):
                await run.result()
        for run, problem in zip(handles[2:], problems[2:], strict=True):
            result = await run.result()
            assert result.objective == min(problem.numbers)
            assert "AttemptFailed" not in kinds(await history(engine, run))
        await consistent(engine)


async def test_a_lane_that_returns_nonsense_does_not_fail_its_neighbours(opened):
    """Its own run fails; the others were never wrong."""
    gated = Gated()
    problems = [Toy(numbers=(n, 1, 2)) for n in (77, 5, 6)]
    async with opened(
        solver("gated", gated, "thread"), solver("kernel", Kernel(lies_at=77), "kernel"), capacity={"cpu": 1}
    ) as engine:
        bad, *good = await together(engine, gated, *problems, iterations=40)
        with pytest.raises(RunFailedError, match="feasible"):
            await bad.result()
        for run in good:
            assert (await run.result()).objective == 1.0
        await consistent(engine)


# several tasks


async def test_tasks_run_in_the_order_that_they_ask_for(opened):
    """`after` is respected, and the run completes with every objective."""
    async with opened(solver("good", smallest)) as engine:
        problems = {name: Toy(numbers=(i + 1, i + 2)) for i, name in enumerate("dcba")}
        run = await engine.submit(problems, after={"a": ("b",), "b": ("c", "d")})
        result = await run.result()
        assert {name: task.objective for name, task in result.tasks.items()} == {"d": 1.0, "c": 2.0, "b": 3.0, "a": 4.0}
        events = await history(engine, run)
        started = [event.task for event in events if isinstance(event, ev.AttemptStarted)]
        done = {event.task: i for i, event in enumerate(events) if isinstance(event, ev.AttemptSucceeded)}
        begun = {event.task: i for i, event in enumerate(events) if isinstance(event, ev.AttemptStarted)}
        assert sorted(started) == list("abcd")
        assert begun["a"] > done["b"] > begun["b"] > max(done["c"], done["d"])
        await consistent(engine)


async def test_a_task_that_fails_ends_the_run_and_stops_the_others(opened):
    """With the code of what failed, not of the group it failed in."""
    gated = Gated()

    def by_number(problem, budget, seed):
        if problem.numbers[0] == 13:
            gated.begun.wait(20)
            raise SolverFailed("unlucky")
        return gated(problem, budget, seed)

    async with opened(solver("mixed", by_number, "thread")) as engine:
        run = await engine.submit({"a": Toy(numbers=(13,)), "b": Toy(numbers=(1, 2))})
        with pytest.raises(RunFailedError, match="unlucky") as failed:
            await run.result()
        gated.gate.set()
        assert failed.value.error == "solver-failed"
        events = await history(engine, run)
        assert "AttemptCancelled" in kinds(events)
        assert terminal(events).task == "a"
        await consistent(engine)


async def test_a_family_that_breaks_in_one_of_several_tasks_fails_the_run_with_its_own_error(opened):
    """The recorded code is the error's, not that of the group."""

    def features(problem):
        if problem.numbers[0] == 13:
            raise RuntimeError("no features")
        return {"x": 1.0}

    async with opened(solver("good", first), family={"features": features}) as engine:
        run = await engine.submit({"a": Toy(numbers=(1,)), "b": Toy(numbers=(13,))})
        with pytest.raises(RunFailedError, match="no features") as failed:
            await run.result()
        assert failed.value.error == "RuntimeError"
        await consistent(engine)


# asking twice, asking wrongly


async def test_a_request_under_a_key_is_made_once(opened):
    """The same run for the same request, also after reopening; another request is a conflict."""
    async with opened(solver("good", first)) as engine:
        same = [engine.submit(PROBLEM, seed=4, time_limit=2.0, idempotency_key="k") for _ in range(5)]
        runs = await asyncio.gather(*same)
        assert len({run.id for run in runs}) == 1
        assert (await runs[0].result()).objective == 5.0
        before = await engine.store.head()
        for changed in ({"seed": 5}, {"time_limit": 3.0}, {"priority": 1}, {"solver": "toy.good"}, {"iterations": 3}):
            asked = {"seed": 4, "time_limit": 2.0} | changed
            with pytest.raises(IdempotencyConflict):
                await engine.submit(PROBLEM, idempotency_key="k", **asked)
        with pytest.raises(IdempotencyConflict):
            await engine.submit(Toy(numbers=(1,)), seed=4, time_limit=2.0, idempotency_key="k")
        assert await engine.store.head() == before
    async with opened(solver("good", first)) as engine:
        assert (await engine.submit(PROBLEM, seed=4, time_limit=2.0, idempotency_key="k")).id == runs[0].id
        assert kinds(await history(engine, runs[0])).count("RunRequested") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_limit": 0}, {"time_limit": -1.0}, {"time_limit": float("nan")}, {"time_limit": float("inf")},
        {"iterations": 0}, {"iterations": -5}, {"iterations": 1.5}, {"target": float("nan")},
        {"seed": -1}, {"seed": 2**53}, {"solver": "toy.none"}, {"solver": "toy.picky"}, {"policy": "none"},
        {"deadline": 0}, {"deadline": -1.0}, {"deadline": float("nan")}, {"after": {"nobody": ("main",)}},
        {"after": {"main": ("main",)}}, {"after": {"main": ("nobody",)}}, {"idempotency_key": "lone \ud800"},
        {"seed": 1.5}, {"priority": "high"}, {"priority": 1.5}, {"time_limit": "5"}, {"target": "x"}, {"deadline": "x"},
        {"idempotency_key": 5}, {"seed": True}, {"priority": 2**70},
    ],
)  # fmt: skip
async def test_a_wrong_argument_is_refused_and_nothing_is_recorded(opened, wrong):
    """One typed error each."""
    async with opened(solver("good", first), solver("picky", first, refuses=lambda p: "no")) as engine:
        with pytest.raises(BadInput):
            await engine.submit(PROBLEM, **wrong)
        assert await engine.store.head() is None
        assert (await (await engine.submit(PROBLEM)).result()).objective == 5.0


@pytest.mark.parametrize(
    "wrong", [{}, None, "text", {"main": 5}, {5: PROBLEM}, {"": PROBLEM}, {"lone \ud800": PROBLEM}]
)
async def test_something_else_than_problems_is_refused(opened, wrong):
    """Also as a typed error."""
    async with opened(solver("good", first)) as engine:
        with pytest.raises(BadInput):
            await engine.submit(wrong)
        assert await engine.store.head() is None


async def test_circles_are_named(opened):
    """Tasks that wait for each other cannot be planned."""
    async with opened(solver("good", first)) as engine:
        with pytest.raises(BadInput, match=r"circle.*->"):
            await engine.submit({"a": PROBLEM, "b": PROBLEM}, after={"a": ("b",), "b": ("a",)})
        assert await engine.store.head() is None


# the database refuses


async def test_a_database_that_refuses_a_request_records_nothing(opened):
    """The caller gets the typed error, and the next request succeeds."""
    async with opened(solver("good", first)) as engine:

        def refuse():
            raise StoreBusy("locked")

        with faults.armed("store.before-commit", refuse), pytest.raises(StoreBusy):
            await engine.submit(PROBLEM)
        assert await engine.store.read() == []
        assert (await (await engine.submit(PROBLEM)).result()).objective == 5.0
        await consistent(engine)


async def test_a_database_that_refuses_for_a_while_fails_the_run(opened):
    """Once it writes again the failure is recorded: nobody is told of a result that is not in the log."""
    gated = Gated()
    refusals = []

    def refuse():
        if len(refusals) < 2:
            refusals.append(1)
            raise StoreBusy("locked")

    async with opened(solver("gated", gated, "thread")) as engine:
        run = await engine.submit(PROBLEM)
        await anyio.to_thread.run_sync(gated.begun.wait)
        head = await engine.store.head()
        await engine.store.append(Write("other", [ev.RunPlanned(order=())], ANY))
        with faults.armed("store.before-commit", refuse):
            gated.gate.set()
            with anyio.fail_after(20), pytest.raises(RunFailedError, match="locked"):
                await run.result()
        assert head is not None
        assert isinstance(terminal(await history(engine, run)), ev.RunFailed)
        assert (await engine.store.verify()).ok


async def test_a_database_that_refuses_for_good_is_a_typed_error_and_the_run_is_resumed_later(opened):
    """`result` does not hang, does not lie, and the run ends after the next opening."""
    gated = Gated()

    def refuse():
        raise StoreBusy("locked")

    async with opened(solver("gated", gated, "thread")) as engine:
        run = await engine.submit(PROBLEM)
        await anyio.to_thread.run_sync(gated.begun.wait)
        await engine.store.transact(lambda _: None)
        with faults.armed("store.before-commit", refuse):
            gated.gate.set()
            with anyio.fail_after(20), pytest.raises(StoreError, match="locked"):
                await run.result()
        with anyio.fail_after(20), pytest.raises(StoreError, match="opened again"):
            await run.result()
    async with opened(solver("gated", gated, "thread")) as engine:
        assert engine.adopted == [run.id]
        assert (await run.__class__(engine, run.id).result()).objective == 5.0
        await consistent(engine)


# other workers


async def test_a_run_of_a_live_worker_is_left_alone(opened):
    """Two engines on one file: the second does not touch what the first is doing, and waits for its result."""
    gated = Gated()
    async with opened(solver("gated", gated, "thread")) as one, opened(solver("gated", gated, "thread")) as two:
        run = await one.submit(PROBLEM)
        await anyio.to_thread.run_sync(gated.begun.wait)
        await two._recover()
        assert two.adopted == []
        with pytest.raises(BadInput, match="another process"):
            await two.cancel(run.id, "not yours")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(two.result_of, run.id)
            await anyio.lowlevel.checkpoint()
            gated.gate.set()
        await consistent(two)


async def test_a_worker_that_was_replaced_stops_and_learns_the_result(opened):
    """Its lease ran out while it slept: it cannot write, its run has one end, by the adopter."""
    gated = Gated()
    async with opened(solver("gated", gated, "thread")) as one:
        run = await one.submit(PROBLEM)
        await anyio.to_thread.run_sync(gated.begun.wait)
        await one.store.transact(lambda c: c.execute("UPDATE leases SET expires_at = 0"))
        async with opened(solver("gated", smallest)) as two:
            assert two.adopted == [run.id]
            assert (await two.result_of(run.id)).objective == 1.0
            gated.gate.set()
            assert (await run.result()).objective == 1.0
            events = await history(two, run)
            assert kinds(events).count("RunAdopted") == 1
            assert isinstance(terminal(events), ev.RunCompleted)
        with pytest.raises(Exception, match="stale"):
            await one.submit(PROBLEM)


async def test_a_run_that_a_live_worker_has_just_adopted_is_not_taken_from_it(opened, monkeypatch):
    """Two workers start after a crash: the slower one sees an old row of the run and must look at who has it now."""
    from mezan.engine import recovery

    gated = Gated()
    async with opened(solver("gated", gated, "thread")) as dead:
        run = await dead.submit(PROBLEM)
        await anyio.to_thread.run_sync(gated.begun.wait)
        await dead.store.transact(lambda c: c.execute("UPDATE leases SET expires_at = 0"))
        async with opened(solver("gated", gated, "thread"), recover=False) as slow:
            real = recovery.fence_if_dead

            async def after_the_other(store, worker):
                fenced = await real(store, worker)
                await stack.enter_async_context(opened(solver("gated", gated, "thread")))
                return fenced

            from contextlib import AsyncExitStack

            async with AsyncExitStack() as stack:
                monkeypatch.setattr(recovery, "fence_if_dead", patched := Once(after_the_other, real))
                await slow._recover()
                assert patched.used
                assert slow.adopted == []
                gated.gate.set()
                await slow.result_of(run.id)
                assert kinds(await history(slow, run)).count("RunAdopted") == 1


async def test_runs_are_handed_over(opened):
    """An engine that closes in good order leaves its runs to the next; that is no death, however often it happens."""
    gated = Gated()
    async with opened(solver("gated", gated, "thread"), hand_over=True) as first:
        going = await first.submit(PROBLEM)
        await anyio.to_thread.run_sync(gated.begun.wait)
        waiting = [await first.submit(PROBLEM) for _ in range(3)]
    with pytest.raises(StoreError, match="resumed when the database is opened again"):
        await going.result()
    for _ in range(5):
        async with opened(solver("gated", gated, "thread"), hand_over=True) as again:
            assert set(again.adopted) == {run.id for run in (going, *waiting)}
    gated.gate.set()
    async with opened(solver("gated", gated, "thread")) as last:
        for run in (going, *waiting):
            await last.result_of(run.id)
            events = await history(last, run)
            assert kinds(events)[-1] == "RunCompleted"
            assert [one.handed_over for one in events if isinstance(one, ev.RunAdopted)] == [True] * 6


class Once:
    """The first call goes to one function, the others to another."""

    def __init__(self, first_, then):
        self.first, self.then, self.used = first_, then, False

    def __call__(self, *arguments):
        if not self.used:
            self.used = True
            return self.first(*arguments)
        return self.then(*arguments)


async def test_a_run_that_cannot_be_read_does_not_keep_the_engine_from_opening(opened):
    """An event of a newer version in an unfinished run: it is left for a newer version, and the others are resumed."""
    gated = Gated()
    async with opened(solver("gated", gated, "thread"), recover=False) as dead:
        runs = [await dead.submit(Toy(numbers=(i, 9))) for i in range(2)]
        await anyio.to_thread.run_sync(gated.begun.wait)
        await dead.store.transact(lambda _: None)
        monster = type("FromTheFuture", (ev.RunAdopted,), {})
        await dead.store.append(Write(runs[0].id, [monster(lost_worker="a", worker="b", handed_over=False)]))
        await dead.store.transact(lambda c: c.execute("UPDATE leases SET expires_at = 0"))
        async with opened(solver("gated", first)) as engine:
            assert engine.adopted == [runs[1].id]
            assert (await engine.result_of(runs[1].id)).objective == 1.0
        gated.gate.set()


# deadlines


async def test_a_run_that_waits_beyond_its_deadline_fails(opened):
    """It never starts working, and the one before it is not disturbed."""
    gated = Gated()
    async with opened(solver("gated", gated, "thread"), capacity={"cpu": 1}) as engine:
        busy = await engine.submit(PROBLEM)
        await anyio.to_thread.run_sync(gated.begun.wait)
        late = await engine.submit(Toy(numbers=(7, 8)), deadline=0.05)
        with anyio.fail_after(10), pytest.raises(RunFailedError) as failed:
            await late.result()
        assert failed.value.error == "timed-out"
        assert gated.order == [PROBLEM.numbers]
        gated.gate.set()
        await busy.result()
        await consistent(engine)


@pytest.mark.parametrize("limits", [{"deadline": 0.1}, {"deadline": 0.1, "time_limit": 0.2}])
async def test_a_procedure_that_works_beyond_the_deadline_is_given_up(opened, limits):
    """At the deadline, even when its own limit is later."""
    gated = Gated()
    async with opened(solver("gated", gated, "thread")) as engine:
        run = await engine.submit(PROBLEM, **limits)
        with anyio.fail_after(10), pytest.raises(RunFailedError) as failed:
            await run.result()
        assert failed.value.error == "timed-out"
        gated.gate.set()
        await consistent(engine)


async def test_a_procedure_that_does_not_keep_its_time_limit_is_given_up(opened, monkeypatch):
    """A little after it."""
    monkeypatch.setattr(procedures, "GRACE", 0.05)
    gated = Gated()
    async with opened(solver("gated", gated, "thread")) as engine:
        with anyio.fail_after(10), pytest.raises(RunFailedError) as failed:
            await (await engine.submit(PROBLEM, time_limit=0.05)).result()
        assert failed.value.error == "timed-out"
        gated.gate.set()
        await consistent(engine)


async def test_a_procedure_is_told_how_much_time_is_left_until_the_deadline(opened):
    """Its budget ends there."""
    told = []

    def ask(problem, budget, seed):
        told.append(budget.time_limit)
        return first(problem, budget, seed)

    async with opened(solver("asks", ask, "thread")) as engine:
        await (await engine.submit(PROBLEM, time_limit=50.0, deadline=5.0)).result()
        await (await engine.submit(PROBLEM, time_limit=3.0, deadline=500.0)).result()
    assert 0 < told[0] <= 5.0
    assert told[1] == 3.0


async def test_a_kernel_stops_at_the_deadline_with_what_it_has(opened):
    """The best solution so far is a result."""
    async with opened(solver("kernel", Kernel(), "kernel")) as engine:
        await (await engine.submit(PROBLEM, iterations=100)).result()  # compiled now
        with anyio.fail_after(20):
            result = await (await engine.submit(PROBLEM, time_limit=500.0, deadline=0.3)).result()
        assert (result.objective, result.stopped) == (1.0, "time")
        await consistent(engine)
