"""Reading what was known at any position of a log of a million events: values of a dashboard's panels, and lists of runs.

usage: python benchmarks/time_travel.py [EVENTS]

The log is that of `rebuild.py` but for two things: fifty runs are under way at a time, and every instance meets every solver, as
under shadow runs (there each instance has one solver, which is easier: its ratings' state is a third as large).
"""

import asyncio
import hashlib
import random
import sys
from collections.abc import Awaitable, Callable

from common import Clock, folder, percentile, report
from log_append import life

from mezan.api import tune_gc
from mezan.engine.events import Event
from mezan.engine.follower import Follower
from mezan.engine.log import Write
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.projections import DEFAULT

PANELS = ("throughput", "elo", "bradley_terry", "solver_stats", "anytime", "clusters", "experiments", "run_counts")
AT_ONCE = 50
BATCH = 500
READS = 60


def run(i: int) -> list[Event]:
    """One run's seven events: 5,000 instances, four solvers, objectives and losses that differ."""
    instance = (i * 2654435761 >> 7) % 5_000
    made = []
    for kind, content in life(i):
        changed = dict(content)
        if "instance" in changed:
            changed["instance"] = hashlib.sha256(b"%d" % instance).hexdigest()
        if "features" in changed:
            changed["features"] = {f"feature_{k}": (instance * 31 + k * 40503) % 1000 / 1000 for k in range(20)}
        if changed.get("solver") == "qap.tabu":
            changed["solver"] = f"qap.solver{(i * 40503 >> 5) % 4}"
        if "loss" in changed:
            changed["loss"] = i * 40503 % 997 / 997
        if "objective" in changed:
            changed["objective"] = 1000.0 + i * 40503 % 97
        made.append(kind.model_validate(changed))
    return made


async def fill(url: str, events: int) -> None:
    """Runs begin together, ``AT_ONCE`` at a time, and take their steps in turns."""
    async with SQLiteStore.open(url, durability="relaxed") as store:
        for start in range(0, events // 7, BATCH):
            writes = []
            for low in range(start, start + BATCH, AT_ONCE):
                lives = [run(i) for i in range(low, low + AT_ONCE)]
                writes += [Write(f"run{low + j}", [lives[j][k]]) for k in range(7) for j in range(AT_ONCE)]
            await store.append(*writes)


async def timed(name: str, reads: int, read: Callable[[], Awaitable[object]]) -> dict[str, object]:
    """CPU and wall milliseconds of one read, median and 95 %."""
    cpu, wall = [], []
    for _ in range(reads):
        with Clock() as clock:
            await read()
        cpu.append(1e3 * clock.cpu)
        wall.append(1e3 * clock.wall)
    return {
        "read": name,
        "cpu_ms_p50": percentile(cpu, 0.5),
        "cpu_ms_p95": percentile(cpu, 0.95),
        "wall_ms_p50": percentile(wall, 0.5),
        "wall_ms_p95": percentile(wall, 0.95),
    }


async def measure(url: str) -> list[dict[str, object]]:
    """Fold a log once, then read."""
    tune_gc()
    async with SQLiteStore.open(url) as store:
        follower = Follower(store, store, DEFAULT)
        with Clock() as first:
            await follower.start()
        end, rng = follower.position, random.Random(1)
        sizes = (
            "SELECT sum(length(payload) + 2 * length(stream) + length(correlation) + length(type) + 100) FROM events"
        )
        log_bytes = await store.fetch(lambda c: c.execute(sizes).fetchone()[0])
        share = sum(one.size for one in (await store.snapshots()).values()) / log_bytes
        rows: list[dict[str, object]] = [
            {"read": f"fold of {end:,} events", "cpu_us_per_event": 1e6 * first.cpu / end, "snapshots_of_log": share}
        ]
        at = end // 2

        async def anywhere() -> None:
            await follower.as_of_many(PANELS, rng.randrange(end))

        async def step(size: int) -> None:
            nonlocal at
            at = min(end, max(0, at + rng.choice((-size, size))))
            await follower.as_of_many(PANELS, at)

        rows.append(await timed("8 panels, anywhere", READS, anywhere))
        rows += [await timed(f"8 panels, ±{size}", READS, lambda size=size: step(size)) for size in (1, 10, 1_000)]
        for name in PANELS:
            rows.append(
                await timed(
                    f"{name}, anywhere", READS // 4, lambda name=name: follower.as_of_many([name], rng.randrange(end))
                )
            )
        for tag in (None, "running", "completed"):
            about = "" if tag is None else f" that were {tag}"
            rows.append(
                await timed(
                    f"100 runs{about}, anywhere",
                    READS // 4,
                    lambda tag=tag: follower.rows_as_of("runs", rng.randrange(end), tag=tag),
                )
            )
        rows.append(await timed("100 runs now", READS // 4, lambda: follower.rows("runs")))
        await follower.close()
    return rows


def main() -> None:
    """Measure, print, keep."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with folder() as path:
        url = f"sqlite:///{path}/travel.db"
        asyncio.run(fill(url, events))
        report("time_travel", asyncio.run(measure(url)))


if __name__ == "__main__":
    main()
