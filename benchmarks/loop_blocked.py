"""How long the event loop is ever blocked while kernels are compiled and run.

usage: python benchmarks/loop_blocked.py

A ticker sleeps 1 ms at a time; its lateness is how long something else held the loop. "Cold" includes the import of
JAX and the compilation of the first program; "warm" is the rule of 20 ms.
"""

import asyncio
import time
from pathlib import Path

import anyio
from common import SHARED, folder, percentile, report

from mezan.api import open_engine
from mezan.solvers.qap import QAP

REPOSITORY = Path(__file__).resolve().parent.parent


async def late(seconds: list[float], stop: anyio.Event) -> None:
    """Record how late each tick is, in seconds."""
    while not stop.is_set():
        start = time.perf_counter()
        await asyncio.sleep(0.001)
        seconds.append(time.perf_counter() - start - 0.001)


async def measure(url: str) -> list[dict[str, object]]:
    """One cold solve, then two at once, warm, of a small and a large instance."""
    small = QAP.from_qaplib(REPOSITORY / "examples" / "qaplib" / "tai25a.dat")
    large = QAP.from_qaplib(SHARED / "qaplib" / "sko100a.dat") if SHARED.exists() else small
    rows: list[dict[str, object]] = []
    async with open_engine(url) as engine:
        for name, problems in (("cold", [small]), ("cold, n = 100", [large]), ("warm", [small, large])):
            lateness: list[float] = []
            stop = anyio.Event()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(late, lateness, stop)
                submitted = [await engine.submit(p, time_limit=5.0, seed=1, solver="qap.tabu") for p in problems]
                for run in submitted:
                    await run.result()
                stop.set()
            rows.append(
                {
                    "what": name,
                    "ticks": len(lateness),
                    "p99_ms": 1e3 * percentile(lateness, 0.99),
                    "worst_ms": 1e3 * max(lateness),
                    "above_20_ms": sum(late > 0.020 for late in lateness),
                }
            )
    return rows


def main() -> None:
    """Measure, print, keep."""
    with folder() as path:
        report("loop_blocked", asyncio.run(measure(f"sqlite:///{path}/loop.db")))


if __name__ == "__main__":
    main()
