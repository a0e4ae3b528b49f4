"""What users feel of shadow runs: seconds from a submission to its answer, with every request shadowed and with none.

usage: python benchmarks/shadow_latency.py [REQUESTS]

A user submits a small QAP (n = 12, tabu search, 500 iterations), waits for the answer, thinks for 0.2 s, and submits the
next. The two cases take turns in blocks, on engines that have compiled everything, so that other load on the machine
meets both.
"""

import asyncio
import random
import sys
import time

from common import folder, percentile, report

from mezan.api import Shadow, cache_kernels, open_engine
from mezan.engine.engine import Engine
from mezan.solvers.qap import QAP

BLOCK = 20
THINKS = 0.2
N = 12


def instance(rng: random.Random) -> QAP:
    """Uniform flows and distances."""
    made = [[[rng.randrange(100) if i != j else 0 for j in range(N)] for i in range(N)] for _ in range(2)]
    return QAP(A=made[0], B=made[1])


async def block(engine: Engine, rng: random.Random, count: int) -> list[float]:
    """Seconds from submission to answer, request by request."""
    seconds = []
    for _ in range(count):
        problem = instance(rng)
        start = time.perf_counter()
        run = await engine.submit(problem, solver="qap.tabu", iterations=500, time_limit=5.0, seed=rng.getrandbits(48))
        await run.result()
        seconds.append(time.perf_counter() - start)
        await asyncio.sleep(THINKS)
    return seconds


async def measure(requests: int) -> list[dict[str, object]]:
    """Blocks of the two cases in turn."""
    cache_kernels()  # a search on another core is compiled for that core: from this cache, as a service would
    found: dict[str, list[float]] = {"without": [], "with": []}
    rows: list[dict[str, object]] = []
    with folder() as path:
        plain = open_engine(f"sqlite:///{path}/plain.db")
        shadowed = open_engine(f"sqlite:///{path}/shadowed.db", shadow=Shadow(share=1.0, seconds=1e6))
        async with plain as without, shadowed as shadowing:
            engines = {"without": without, "with": shadowing}
            rng = random.Random(1)
            await block(shadowing, rng, 1)
            await shadowing.shadowed()  # every solver is compiled now
            for _ in range(requests // BLOCK):
                for name, engine in engines.items():
                    found[name] += await block(engine, rng, BLOCK)
                    await engine.shadowed()
            ended = [
                event.type for event in await shadowing.log.read(types=["RunCompleted", "RunCancelled"], limit=10**6)
            ]
        for name, seconds in found.items():
            rows.append(
                {"shadows": name, "requests": len(seconds)}
                | {f"p{q}_ms": 1e3 * percentile(seconds, q / 100) for q in (50, 95, 99)}
            )
        completed = ended.count("RunCompleted") - len(found["with"]) - 1
        rows[-1] |= {"shadow_runs": completed, "gave_way": ended.count("RunCancelled")}
    return rows


if __name__ == "__main__":
    report("shadow_latency", asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100)))
