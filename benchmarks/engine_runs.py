"""One trivial task through the whole engine, durably, against a one-step DBOS workflow on SQLite.

usage: python benchmarks/engine_runs.py [--no-peers]
"""

import asyncio
import logging
import sys
import time
from typing import Any

import anyio
import anyio.to_thread
from common import Clock, folder, median, percentile, report
from log_append import life
from trivial import CATALOG, Trivial

from mezan.api import open_engine, tune_gc
from mezan.engine.log import Write
from mezan.engine.stores.sqlite import SQLiteStore

REPEATS = 3


async def ours(url: str, at_once: int, runs: int, *, tuned: bool = False) -> dict[str, float]:
    """``runs`` submit-to-result round trips with so many at once."""
    latencies: list[float] = []
    async with open_engine(url, catalog=CATALOG) as engine:
        numbers = iter(range(runs + at_once))

        async def one() -> None:
            start = time.perf_counter()
            run = await engine.submit(Trivial(number=next(numbers)), time_limit=1.0, seed=1)
            await run.result()
            latencies.append(time.perf_counter() - start)

        async def client() -> None:
            for _ in range(runs // at_once):
                await one()

        await asyncio.gather(*(one() for _ in range(at_once)))
        latencies.clear()
        if tuned:
            tune_gc()
        first = (await engine.log.head()).position  # type: ignore[union-attr]
        with Clock() as clock:
            await asyncio.gather(*(client() for _ in range(at_once)))
        events = (await engine.log.head()).position - first  # type: ignore[union-attr]
    return {
        "runs_per_s": len(latencies) / clock.wall,
        "p50_ms": 1e3 * percentile(latencies, 0.5),
        "p99_ms": 1e3 * percentile(latencies, 0.99),
        "cpu_us_per_run": 1e6 * clock.cpu / len(latencies),
        "events_per_run": events / len(latencies),
    }


async def bare(url: str, at_once: int, runs: int) -> dict[str, float]:
    """The limit: the same seven events in two durable appends and one thread hop, and no engine around them."""
    latencies: list[float] = []
    async with SQLiteStore.open(url) as store:

        async def client(c: int) -> None:
            for i in range(runs // at_once):
                start = time.perf_counter()
                events = [kind.model_validate(content) for kind, content in life(i)]
                await store.append(Write(f"run{c}/{i}", events[:2], 0))
                await anyio.to_thread.run_sync(int)
                await store.append(Write(f"run{c}/{i}", events[2:], 2))
                latencies.append(time.perf_counter() - start)

        with Clock() as clock:
            await asyncio.gather(*(client(c) for c in range(at_once)))
    return {
        "runs_per_s": len(latencies) / clock.wall,
        "p50_ms": 1e3 * percentile(latencies, 0.5),
        "p99_ms": 1e3 * percentile(latencies, 0.99),
        "cpu_us_per_run": 1e6 * clock.cpu / len(latencies),
        "events_per_run": 7.0,
    }


def dbos(at_once: int, runs: int) -> dict[str, float]:
    """The same with DBOS as shipped: one workflow of one step."""
    from dbos import DBOS  # type: ignore[import-not-found]

    @DBOS.step()  # type: ignore[untyped-decorator]
    async def step(number: int) -> int:
        return number

    @DBOS.workflow()  # type: ignore[untyped-decorator]
    async def workflow(number: int) -> Any:
        return await step(number)

    with folder() as path:
        config = {
            "name": "bench",
            "system_database_url": f"sqlite:///{path}/sys.db",
            "run_admin_server": False,
            "log_level": "ERROR",
        }
        DBOS(config=config)
        DBOS.launch()
        latencies: list[float] = []

        async def client() -> None:
            for i in range(runs // at_once):
                start = time.perf_counter()
                await workflow(i)
                latencies.append(time.perf_counter() - start)

        async def main() -> None:
            await workflow(0)
            await asyncio.gather(*(client() for _ in range(at_once)))

        with Clock() as clock:
            asyncio.run(main())
        DBOS.destroy()
    return {
        "runs_per_s": len(latencies) / clock.wall,
        "p50_ms": 1e3 * percentile(latencies, 0.5),
        "p99_ms": 1e3 * percentile(latencies, 0.99),
    }


def main() -> None:
    """Measure, print, keep."""
    logging.disable(logging.WARNING)
    rows: list[dict[str, object]] = []
    for tuned in (False, True):
        for at_once, runs in ((1, 1_000), (16, 8_000), (64, 16_000)):
            several = []
            for _ in range(REPEATS):
                with folder() as path:
                    several.append(asyncio.run(ours(f"sqlite:///{path}/mezan.db", at_once, runs, tuned=tuned)))
            system = "mezan, after tune_gc()" if tuned else "mezan"
            rows.append(
                {"system": system, "at_once": at_once} | {k: median([s[k] for s in several]) for k in several[0]}
            )
    for at_once, runs in ((1, 1_000), (16, 8_000), (64, 16_000)):
        several = []
        for _ in range(REPEATS):
            with folder() as path:
                several.append(asyncio.run(bare(f"sqlite:///{path}/mezan.db", at_once, runs)))
        system = "the events alone (limit)"
        rows.append({"system": system, "at_once": at_once} | {k: median([s[k] for s in several]) for k in several[0]})
    if "--no-peers" not in sys.argv:
        for at_once, runs in ((1, 150), (16, 600)):
            rows.append({"system": "dbos, as shipped", "at_once": at_once} | dbos(at_once, runs))
    report("engine_runs", rows)


if __name__ == "__main__":
    main()
