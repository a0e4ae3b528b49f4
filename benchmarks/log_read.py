"""Reading: typed events, the projections' hot path, and delivery after an append in this and in another process.

usage: python benchmarks/log_read.py
"""

import asyncio
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
from common import Clock, folder, median, percentile, report
from log_append import decision, lives

from mezan.engine.log import Write
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.projections import DEFAULT

EVENTS = 70_000
REPEATS = 3


async def fill(url: str, events: int) -> None:
    """Whole runs, one stream each."""
    made = [kind.model_validate(content) for kind, content in lives()]
    async with SQLiteStore.open(url) as store:
        for start in range(0, events // 7, 100):
            await store.append(*(Write(f"run{start + i}", made[7 * i : 7 * i + 7]) for i in range(100)))


def raw(path: Path) -> float:
    """The limit: sqlite3 iterates the same columns without decoding them."""
    connection = sqlite3.connect(path)
    with Clock() as clock:
        count = sum(1 for _ in connection.execute("SELECT * FROM events ORDER BY position"))
    return 1e6 * clock.cpu / count


async def typed(url: str) -> tuple[float, float]:
    """CPU microseconds per event: read and decode to typed events; read and decode to dicts."""
    async with SQLiteStore.open(url) as store:
        results = []
        for decode in ("event", "data"):
            position = 0
            with Clock() as clock:
                while page := await store.read(after=position):
                    for recorded in page:
                        getattr(recorded, decode)
                    position = page[-1].position
            results.append(1e6 * clock.cpu / position)
    return results[0], results[1]


async def folds(url: str) -> dict[str, float]:
    """CPU microseconds per handled event of each projection's apply, decoding included."""
    costs: dict[str, float] = {}
    async with SQLiteStore.open(url) as store:
        for projection in DEFAULT:
            history: list[Any] = []
            while page := await store.read(after=history[-1].position if history else 0, types=projection.handles):
                history += page
            rows: dict[str, Any] = {}
            state: Any = projection.initial() if hasattr(projection, "initial") else None
            with Clock() as clock:
                if state is None:
                    for recorded in history:
                        key = projection.key(recorded)  # type: ignore[union-attr]
                        rows[key] = projection.apply(rows.get(key), recorded)
                else:
                    for recorded in history:
                        state = projection.apply(state, recorded)
            costs[projection.name] = 1e6 * clock.cpu / len(history)
    return costs


LISTENER = """
import asyncio, sys, time
from mezan.engine.stores.sqlite import SQLiteStore
async def main():
    async with SQLiteStore.open(sys.argv[1]) as store:
        head = await store.head()
        print("ready", flush=True)
        async for recorded in store.subscribe(after=head.position):
            print(time.time_ns(), flush=True)
asyncio.run(main())
"""


async def delivery(url: str, count: int = 300) -> tuple[list[float], list[float]]:
    """Milliseconds from the return of ``append`` to a subscriber here, and in another process."""
    here: list[float] = []
    done: list[int] = []
    other = subprocess.Popen([sys.executable, "-c", LISTENER, url], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    await anyio.to_thread.run_sync(other.stdout.readline)
    async with SQLiteStore.open(url) as store, anyio.create_task_group() as tasks:
        head = await store.head()
        assert head is not None
        arrived = anyio.Event()

        async def listen() -> None:
            nonlocal arrived
            async for _ in store.subscribe(after=head.position):
                here.append(time.perf_counter())
                arrived.set()

        tasks.start_soon(listen)
        await anyio.sleep(0.05)
        for i in range(count):
            arrived = anyio.Event()
            await store.append(Write("delivery", [decision(i)]))
            acknowledged = time.perf_counter()
            done.append(time.time_ns())
            await arrived.wait()
            here[-1] = max(0.0, here[-1] - acknowledged)
            await anyio.sleep(0.02)
        tasks.cancel_scope.cancel()
    there = [int(await anyio.to_thread.run_sync(other.stdout.readline)) for _ in range(count)]
    other.kill()
    return [1e3 * h for h in here], [max(0.0, (t - d) / 1e6) for t, d in zip(there, done, strict=True)]


def main() -> None:
    """Measure, print, keep."""
    with folder() as path:
        url = f"sqlite:///{path}/read.db"
        asyncio.run(fill(url, EVENTS))
        rows: list[dict[str, object]] = []
        limits, typeds, dicts = [], [], []
        costs: dict[str, list[float]] = {}
        for _ in range(REPEATS):
            limits.append(raw(path / "read.db"))
            one, two = asyncio.run(typed(url))
            typeds.append(one)
            dicts.append(two)
            for name, cost in asyncio.run(folds(url)).items():
                costs.setdefault(name, []).append(cost)
        rows.append({"what": "sqlite3 iterate, no decoding (limit)", "cpu_us_per_event": median(limits)})
        rows.append({"what": "read, typed events", "cpu_us_per_event": median(typeds)})
        rows.append({"what": "read, dicts (projections)", "cpu_us_per_event": median(dicts)})
        rows += [{"what": f"fold: {name}", "cpu_us_per_event": median(several)} for name, several in costs.items()]
        here, there = asyncio.run(delivery(url))
        rows.append({"what": "delivery, same process", "p50_ms": median(here), "p99_ms": percentile(here, 0.99)})
        rows.append({"what": "delivery, other process", "p50_ms": median(there), "p99_ms": percentile(there, 0.99)})
        report("log_read", rows)


if __name__ == "__main__":
    main()
