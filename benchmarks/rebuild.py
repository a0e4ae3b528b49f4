"""Rebuild of every projection over a log of a million events (exactly once, batched, beside the live ones).

usage: python benchmarks/rebuild.py [EVENTS]
"""

import asyncio
import resource
import sys

from common import Clock, folder, report
from log_append import Bodies, life

from mezan.api import tune_gc
from mezan.engine.follower import Follower
from mezan.engine.log import Write
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.projections import DEFAULT


def runs(start: int, count: int) -> Bodies:
    """Runs over 5,000 instances and four solvers, with outcomes that differ."""
    bodies: Bodies = []
    for i in range(start, start + count):
        for kind, content in life(i):
            changed = dict(content)
            if "instance" in changed:
                changed["instance"] = f"{i % 5_000:064x}"
            if "features" in changed:
                changed["features"] = {f"feature_{k}": ((i * 2654435761 + k * 40503) % 1000) / 1000 for k in range(20)}
            if changed.get("solver") == "qap.tabu":
                changed["solver"] = f"qap.solver{i % 4}"
            if "loss" in changed:
                changed["loss"] = ((i * 40503) % 997) / 997
            bodies.append((kind, changed))
    return bodies


async def measure(url: str, events: int) -> dict[str, object]:
    """Fill a log, then rebuild."""
    async with SQLiteStore.open(url, durability="relaxed") as store:
        for start in range(0, events // 7, 500):
            made = [kind.model_validate(content) for kind, content in runs(start, 500)]
            await store.append(*(Write(f"run{start + i}", made[7 * i : 7 * i + 7]) for i in range(500)))
        head = await store.head()
        assert head is not None
    async with SQLiteStore.open(url) as store:
        follower = Follower(store, store, DEFAULT)
        with Clock() as first:
            await follower.start()
        with Clock() as clock:
            await follower.rebuild_all()
        tune_gc()  # as the command does
        with Clock() as tuned:
            await follower.rebuild_all()
        await follower.close()
    return {
        "events": head.position,
        "rebuild_events_per_s": head.position / clock.wall,
        "rebuild_cpu_us_per_event": 1e6 * clock.cpu / head.position,
        "after_tune_gc_events_per_s": head.position / tuned.wall,
        "first_start_events_per_s": head.position / first.wall,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Measure, print, keep."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with folder() as path:
        report("rebuild", [asyncio.run(measure(f"sqlite:///{path}/rebuild.db", events))])


if __name__ == "__main__":
    main()
