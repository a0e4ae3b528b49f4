"""The engine dies, or is refused, at every point between two writes: nothing acknowledged is lost, every run ends once."""

from collections import Counter
from pathlib import Path

import anyio
import pytest
from child_run import PROBLEMS, knapsack

from mezan.api import open_engine
from mezan.engine import events as ev
from mezan.engine import faults
from mezan.engine.errors import RunCancelledError, RunFailedError, StoreBusy
from mezan.engine.executors import kernels
from mezan.engine.live import has_rows
from mezan.engine.streams import whole_stream
from mezan.engine.travel import rows_as_of, value_as_of
from mezan.projections import DEFAULT
from mezan.solvers.errors import MezanError

pytestmark = pytest.mark.anyio
CHILD = Path(__file__).parent / "child_run.py"

DEATHS = [
    *((point, nth, "knapsack", "knapsack.greedy") for point, nth in [
        ("store.before-commit", 1), ("store.before-commit", 2), ("store.before-commit", 3), ("store.before-commit", 4),
        ("store.before-commit", 5), ("store.after-commit", 1), ("store.after-commit", 2), ("store.after-commit", 3),
        ("store.after-commit", 4), ("run.requested", 1), ("run.profiled", 1), ("run.chosen", 1), ("attempt.started", 1),
        ("attempt.finished", 1), ("run.finished", 1), ("follower.before-save", 1), ("follower.before-save", 2),
        ("follower.after-save", 1), ("follower.after-save", 2),
    ]),
]  # fmt: skip
KERNEL_DEATHS = [
    ("attempt.started", 1, "knapsack", "knapsack.dp"),
    ("attempt.chunk", 1, "knapsack", "knapsack.dp"),
    ("attempt.incumbent", 1, "knapsack", "knapsack.dp"),
    ("attempt.checkpoint", 1, "qap", "qap.tabu"),
    ("attempt.checkpoint", 3, "qap", "qap.tabu"),
]
RECOVERY_DEATHS = ["recovery.fenced", "recovery.abandoned"]


ELSEWHERE = {"import.batch", "tournament.match", "accounts.kept"}
"""Tested in test_importing, test_tournament and accounts/test_keys."""


def test_every_point_is_covered():
    """A new fault point needs a test here, or its own."""
    assert {point for point, *_ in DEATHS + KERNEL_DEATHS} | set(RECOVERY_DEATHS) | ELSEWHERE == faults.POINTS


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/mezan.db"


async def finished(child):
    """A child's words by kind, and its exit status."""
    output, errors = await anyio.to_thread.run_sync(child.communicate)
    words = [line.split() for line in output.splitlines(keepends=True) if line.endswith("\n")]
    return {kind: [w[1:] for w in words if w[0] == kind] for kind in ("open", "run", "event", "done")}, errors


async def settled(url, said):
    """Open the file again: every run ends, once, as it should; what was acknowledged is there; read models are folds."""
    async with open_engine(url, durability="relaxed", capacity={"cpu": 2}) as engine:
        log = await engine.store.read(limit=100_000)
        known = {(str(r.position), r.hash.hex(), r.type) for r in log}
        assert {tuple(event) for event in said["event"]} <= known
        runs = {r.stream for r in log if r.type == "RunRequested"}
        assert {run for (run,) in said["run"]} <= runs
        with anyio.fail_after(90):
            for run in runs:
                await engine.result_of(run)
        await check(engine)
        for run in runs:
            events = [r.event for r in await whole_stream(engine.store, run)]
            counts = Counter(type(event).__name__ for event in events)
            assert counts["RunRequested"] == counts["AttemptSucceeded"] == counts["RunCompleted"] == 1
            assert isinstance(events[-1], ev.RunCompleted)
            assert counts["AttemptStarted"] == 1 + counts["AttemptAbandoned"]
            report = await engine.replay(run)
            assert report.identical, report
        return runs, engine.adopted, [r.event for r in await engine.store.read(limit=100_000)]


async def check(engine):
    """The chain holds, ends are unique and last, live read models equal a fold of the whole log."""
    verified = await engine.store.verify()
    assert verified.ok, verified
    log = await engine.store.read(limit=100_000)
    for stream in {r.stream for r in log}:
        types = [r.type for r in log if r.stream == stream]
        assert [i for i, name in enumerate(types) if name in ev.TERMINAL] == [len(types) - 1], types
    end = log[-1].position if log else 0
    await engine.follower.wait_for(end)
    await engine.follower.flush(states=True)
    for projection in DEFAULT:
        if has_rows(projection):
            expected = await rows_as_of(engine.store, projection, end)
            assert {r.key: r.data for r in await engine.store.rows(projection.name, limit=100_000)} == expected
        else:
            expected = projection.dump(await value_as_of(engine.store, projection, end))
            assert projection.dump(engine.follower.state(projection.name)) == expected


@pytest.mark.parametrize(("point", "nth", "family", "solver"), DEATHS)
async def test_a_process_that_dies_between_two_writes_loses_nothing(url, spawn, point, nth, family, solver):
    """A whole run without a kernel; whoever opens the file next ends it."""
    said, errors = await finished(
        child := spawn(CHILD, url, "--family", family, "--solver", solver, "--point", point, "--nth", nth)
    )
    assert child.returncode == 9, errors
    runs, adopted, _ = await settled(url, said)
    assert set(adopted) <= runs
    if point in {"run.requested", "run.profiled", "run.chosen", "attempt.started", "attempt.finished"}:
        assert set(adopted) == runs == {run for (run,) in said["run"]} | runs
        assert len(runs) == 1
    if point == "run.finished":
        assert adopted == []


@pytest.mark.slow
@pytest.mark.parametrize(("point", "nth", "family", "solver"), KERNEL_DEATHS)
async def test_a_process_that_dies_inside_a_kernel_run_loses_nothing(url, spawn, point, nth, family, solver):
    """Chunks, incumbents and checkpoints; a search that had a checkpoint goes on from it, and the whole replays identically."""
    options = ["--iterations", 60_000] if family == "qap" else []
    said, errors = await finished(
        child := spawn(CHILD, url, "--family", family, "--solver", solver, "--point", point, "--nth", nth, *options)
    )
    assert child.returncode == 9, errors
    (run,), adopted, events = await settled(url, said)
    assert adopted == [run]
    started = [event for event in events if isinstance(event, ev.AttemptStarted)]
    saved = [event for event in events if isinstance(event, ev.CheckpointSaved)]
    if nth == 3:
        # the third checkpoint was on its way when the process died; the second, at the latest, was in the log
        assert started[-1].iterations > 0
        assert started[-1].resumed_from in {event.checkpoint for event in saved}
        (abandoned,) = [event for event in events if isinstance(event, ev.AttemptAbandoned)]
        assert (abandoned.checkpoint, abandoned.iterations) == (started[-1].resumed_from, started[-1].iterations)
        assert started[-1].seed == started[0].seed


@pytest.mark.slow
async def test_a_search_that_was_handed_a_result_keeps_it_through_a_crash(url, spawn):
    """The attempt that goes on from a checkpoint names the same earlier run, ends no worse, and replays."""
    options = ["--family", "qap", "--solver", "qap.tabu"]
    said, errors = await finished(child := spawn(CHILD, url, *options, "--iterations", 200))
    assert child.returncode == 0, errors
    ((first,),) = said["run"]
    dying = ["--iterations", 60_000, "--point", "attempt.checkpoint", "--nth", 3]
    said, errors = await finished(child := spawn(CHILD, url, *options, *dying))
    assert child.returncode == 9, errors
    _, (run,), _ = await settled(url, said)
    async with open_engine(url, read_only=True) as engine:
        events = [r.event for r in await whole_stream(engine.store, run)]
        result = await engine.result_of(run)
    started = [event for event in events if isinstance(event, ev.AttemptStarted)]
    assert started[-1].resumed_from is not None
    assert {event.seeded_from.run for event in started} == {first}
    assert result.seeded_from == first
    assert result.objective <= started[0].seeded_from.objective


@pytest.mark.parametrize("point", RECOVERY_DEATHS)
async def test_a_process_that_dies_while_it_takes_over_is_taken_over_itself(url, spawn, point):
    """Crash, crash during recovery, recovery."""
    options = ["--family", "knapsack", "--solver", "knapsack.greedy", "--runs", 3]
    said, errors = await finished(child := spawn(CHILD, url, *options, "--point", "attempt.started"))
    assert child.returncode == 9, errors
    _, errors = await finished(child := spawn(CHILD, url, "--point", point))
    assert child.returncode == 9, errors
    runs, adopted, events = await settled(url, said)
    assert set(adopted) == runs
    adoptions = Counter(type(event).__name__ for event in events)["RunAdopted"]
    assert adoptions == len(runs) + (point == "recovery.abandoned")


# refusals instead of death

RAISED = {point: StoreBusy("injected") for point in faults.POINTS if point.startswith(("store.", "follower."))}
REFUSALS = [
    *((point, nth, solver) for point, nth in [
        *((f"store.{when}-commit", nth) for when in ("before", "after") for nth in (1, 2, 3, 4)), ("run.requested", 1), ("run.profiled", 1), ("run.chosen", 1), ("attempt.started", 1), ("attempt.finished", 1),
        ("run.finished", 1), ("follower.before-save", 1), ("follower.after-save", 1),
    ] for solver in ["knapsack.greedy"]),
    ("attempt.chunk", 1, "knapsack.dp"), ("attempt.incumbent", 1, "knapsack.dp"), ("attempt.checkpoint", 1, "qap.tabu"),
]  # fmt: skip


@pytest.mark.parametrize("times", [1, 10**9])
@pytest.mark.parametrize(("point", "nth", "solver"), REFUSALS)
async def test_an_error_between_two_writes_ends_the_run_or_is_raised(url, monkeypatch, point, nth, solver, times):
    """Once or for good: nothing hangs, whatever was answered is true, and the next opening finds or makes every end."""
    monkeypatch.setattr(kernels, "CHECKPOINT_SECONDS", 0.05)
    arrivals = Counter()

    def refuse():
        arrivals["n"] += 1
        if nth <= arrivals["n"] < nth + times:
            raise RAISED.get(point, RuntimeError("injected"))

    family = solver.split(".")[0]
    answered, submitted = {}, []
    async with open_engine(url, durability="relaxed"):
        pass  # the tables and the first rows of the read models
    try:
        with anyio.fail_after(60), faults.armed(point, refuse):
            async with open_engine(url, durability="relaxed", capacity={"cpu": 1}) as engine:
                iterations = 40_000 if family == "qap" else None
                run = await engine.submit(PROBLEMS[family](), solver=solver, seed=3, iterations=iterations)
                submitted.append(run.id)
                try:
                    answered[run.id] = (await run.result()).objective
                except (RunFailedError, RunCancelledError) as error:
                    answered[run.id] = type(error)
    except (MezanError, RuntimeError) as error:
        raised = str(error)
    else:
        raised = "injected"
    assert "injected" in raised
    assert arrivals["n"] >= nth
    # a lease that could not be released runs out; the process that held it still lives, since it is this one
    async with open_engine(url, recover=False) as engine:
        await engine.store.transact(lambda c: c.execute("UPDATE leases SET expires_at = 0"))
    async with open_engine(url, durability="relaxed", capacity={"cpu": 1}) as engine:
        runs = {r.stream for r in await engine.store.read(limit=100_000) if r.type == "RunRequested"}
        assert set(submitted) <= runs
        with anyio.fail_after(60):
            for run in runs:
                try:
                    now = (await engine.result_of(run)).objective
                except (RunFailedError, RunCancelledError) as error:
                    now = type(error)
                assert answered.get(run, now) == now
        await check(engine)


@pytest.mark.slow
async def test_two_workers_that_open_after_a_crash_share_its_runs(url, spawn):
    """Each run is taken over by one of them, and is run once."""
    said, errors = await finished(
        child := spawn(
            CHILD, url, "--family", "knapsack", "--solver", "knapsack.dp", "--runs", 12, "--point", "attempt.chunk"
        )
    )
    assert child.returncode == 9, errors
    children = [spawn(CHILD, url) for _ in range(3)]
    for child in children:
        words, errors = await finished(child)
        assert (child.returncode, words["done"]) == (0, [[]]), errors
    runs, adopted, events = await settled(url, said)
    assert adopted == []
    assert len(runs) == 12
    assert Counter(type(event).__name__ for event in events)["RunAdopted"] == 12


async def test_an_armed_point_must_exist():
    """A typing error arms nothing."""
    with pytest.raises(ValueError, match="fault point must be one of"), faults.armed("run.reqested", lambda: None):
        pass
    assert knapsack().size == 24
