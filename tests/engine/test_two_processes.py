"""Two processes on one file: neither corrupts it, neither does the other's work, a worker that slept too long stays out."""

import os
import signal
import sqlite3
from collections import Counter
from pathlib import Path

import anyio
import pytest
from child_run import knapsack

from mezan.api import open_engine
from mezan.engine import events as ev
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.engine.streams import whole_stream

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
CHILD = Path(__file__).parent / "child_run.py"


async def lines(child, *, until):
    """A child's output up to a line that begins with ``until``."""
    got = []
    with anyio.fail_after(60):
        while not got or not got[-1].startswith(until):
            line = await anyio.to_thread.run_sync(child.stdout.readline)
            if not line:
                raise AssertionError(child.stderr.read())
            got.append(line)
    return got


async def test_both_submit_and_run_and_see_everything(tmp_path, spawn):
    """Every run is executed once, by the one that took it; each sees the other's events in the same order."""
    url = f"sqlite:///{tmp_path}/mezan.db"
    options = ["--family", "knapsack", "--solver", "knapsack.greedy", "--runs", 60]
    seen = []
    async with open_engine(url, durability="relaxed", capacity={"cpu": 2}) as engine:
        child = spawn(CHILD, url, *options)
        async with anyio.create_task_group() as tasks:

            async def watch():
                ended = 0
                async for recorded in engine.log.subscribe():
                    seen.append((recorded.position, recorded.hash))
                    ended += recorded.type in ev.TERMINAL
                    if ended == 120:
                        return

            tasks.start_soon(watch)
            mine = [await engine.submit(knapsack(), solver="knapsack.greedy", seed=i) for i in range(60)]
            for run in mine:
                await run.result()
            output, errors = await anyio.to_thread.run_sync(child.communicate)
            assert child.returncode == 0, errors
        log = await engine.store.read(limit=100_000)
        assert [(r.position, r.hash) for r in log] == seen
        theirs = [line.split()[1] for line in output.splitlines() if line.startswith("run ")]
        heard = Counter(line.split()[0] for line in output.splitlines())
        runs = {run.id for run in mine} | set(theirs)
        assert len(runs) == 120
        assert heard["event"] == 60 * 7
        for name in ("RunRequested", "SolverChosen", "AttemptStarted", "AttemptSucceeded", "RunCompleted"):
            assert Counter(r.stream for r in log if r.type == name) == dict.fromkeys(runs, 1)
        workers = {r.stream: r.event.worker for r in log if r.type == "AttemptStarted"}
        assert len({workers[run.id] for run in mine}) == len({workers[run] for run in theirs}) == 1
        assert (await engine.store.verify()).ok
        for run in theirs:
            assert (await engine.result_of(run)).objective == (await mine[0].result()).objective


async def test_a_worker_that_slept_through_its_lease_is_replaced_and_stays_out(tmp_path, spawn):
    """Stopped in the middle of a search, replaced by another process, continued: one end, by the adopter."""
    path = tmp_path / "mezan.db"
    url = f"sqlite:///{path}"
    child = spawn(CHILD, url, "--family", "qap", "--solver", "qap.tabu", "--iterations", 150_000)
    got = await lines(child, until="run")
    run = got[-1].split()[1]
    while not any("CheckpointSaved" in line for line in got):
        got += await lines(child, until="event")
    os.kill(child.pid, signal.SIGSTOP)
    try:
        # a stopped process may hold the write lock for the moment; then it is continued and stopped again
        while True:
            try:
                other = sqlite3.connect(path, timeout=0.2, isolation_level=None)
                other.execute("UPDATE leases SET expires_at = 0")
                break
            except sqlite3.OperationalError:
                os.kill(child.pid, signal.SIGCONT)
                await anyio.to_thread.run_sync(child.stdout.readline)
                os.kill(child.pid, signal.SIGSTOP)
            finally:
                other.close()
        async with open_engine(url, durability="relaxed", capacity={"cpu": 2}) as engine:
            assert engine.adopted == [run]
            os.kill(child.pid, signal.SIGCONT)
            with anyio.fail_after(60):
                result = await engine.result_of(run)
            output, errors = await anyio.to_thread.run_sync(child.communicate)
            assert child.returncode == 0, errors
            # the replaced worker follows the run to the adopter's end
            said = [line for line in output.splitlines() if line.startswith(("event", "done"))]
            assert said[-2].endswith("RunCompleted")
            assert said[-1] == "done"
            assert "another worker" in errors + output or "replaced" in errors + output
            log = await whole_stream(engine.store, run)
            counts = Counter(r.type for r in log)
            assert counts["RunAdopted"] == counts["AttemptAbandoned"] == counts["AttemptSucceeded"] == 1
            assert log[-1].type == "RunCompleted"
            adopted = next(r.position for r in log if r.type == "RunAdopted")
            started = [r.event for r in log if r.type == "AttemptStarted"]
            assert started[1].iterations > 0
            assert {r.event.worker for r in log if r.type == "AttemptStarted" and r.position > adopted} == {
                started[1].worker
            }
            assert started[0].worker != started[1].worker
            report = await engine.replay(run)
            assert report.identical, report
            assert result.iterations >= 150_000
            assert (await engine.store.verify()).ok
    finally:
        os.kill(child.pid, signal.SIGCONT) if child.poll() is None else None


async def test_a_store_that_is_only_looked_at_follows_another_process(tmp_path, spawn):
    """`mezan watch` beside a running engine."""
    url = f"sqlite:///{tmp_path}/mezan.db"
    async with SQLiteStore.open(url):
        pass
    async with SQLiteStore.open(url, read_only=True) as store:
        spawn(CHILD, url, "--family", "knapsack", "--solver", "knapsack.greedy", "--runs", 3)
        got = []
        with anyio.fail_after(60):
            async for recorded in store.subscribe(types=ev.TERMINAL):
                got.append(recorded.type)
                if len(got) == 3:
                    break
        assert got == ["RunCompleted"] * 3
