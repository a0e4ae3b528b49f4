"""What it costs to call a solver in a process of its own: HiGHS on knapsacks of 40 items, and two hundred of them through the engine.

usage: python benchmarks/procedures.py

The same solves in this process are the limit; `ProcessPoolExecutor` is the peer, which cannot stop a call, and a new process for
each call is what there was before processes were used again.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from common import Clock, folder, median, percentile, report

from mezan.api import open_engine
from mezan.engine.executors import Processes
from mezan.solvers.budget import Budget
from mezan.solvers.catalog import Catalog
from mezan.solvers.knapsack import Knapsack, highs
from mezan.solvers.solver import Answer

CALLS, ROUNDS, AT_ONCE = 40, 5, 200
BUDGET = Budget(time_limit=10.0)


def instance(number: int) -> Knapsack:
    """Weakly correlated."""
    draw = random.Random(number)
    weights = [draw.randint(10, 100) for _ in range(40)]
    values = [weight + draw.randint(-5, 15) for weight in weights]
    return Knapsack(values=values, weights=weights, capacity=sum(weights) // 2, name=f"made{number}")


async def timed(call: Callable[[Knapsack], Awaitable[Answer]], calls: int) -> list[float]:
    """Milliseconds of each call."""
    found = []
    for number in range(calls):
        problem = instance(number)
        start = time.perf_counter()
        await call(problem)
        found.append(1e3 * (time.perf_counter() - start))
    return found


async def calls() -> list[dict[str, object]]:
    """The four ways in turn, several times; the median of each call over the rounds."""
    solver = Catalog.default().solver("knapsack.highs")
    loop = asyncio.get_running_loop()
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    kept, thrown = Processes(), Processes()  # only those in use keep processes

    async def here(problem: Knapsack) -> Answer:
        return highs.solve(problem, BUDGET, 0)

    async def pooled(problem: Knapsack) -> Answer:
        return await loop.run_in_executor(pool, highs.solve, problem, BUDGET, 0)

    ways: dict[str, Callable[[Knapsack], Awaitable[Answer]]] = {
        "in this process": here,
        "ours": lambda problem: kept.call(solver, problem, BUDGET, 0),
        "ProcessPoolExecutor": pooled,
        "a new process each": lambda problem: thrown.call(solver, problem, BUDGET, 0),
    }
    rounds: dict[str, list[list[float]]] = {name: [] for name in ways}
    with pool:
        async with kept.used():
            for call in ways.values():
                await call(instance(0))
            for _ in range(ROUNDS):
                for name, call in ways.items():
                    rounds[name].append(await timed(call, CALLS if name != "a new process each" else 5))
    every = {name: [median(one) for one in zip(*found, strict=True)] for name, found in rounds.items()}
    limit = every["in this process"]
    return [
        {
            "HiGHS": name,
            "median_ms": median(found),
            "p90_ms": percentile(found, 0.9),
            "more_than_in_this_process_ms": median([one - alone for one, alone in zip(found, limit, strict=False)]),
        }
        for name, found in every.items()
    ]


async def many(url: str) -> dict[str, object]:
    """Two hundred at once through the engine, as `examples/many_at_once.py` does, each by HiGHS."""
    async with open_engine(url) as engine:
        with Clock() as clock:
            runs = [await engine.submit(instance(n), time_limit=10.0, seed=n, solver="knapsack.highs") for n in range(AT_ONCE)]  # fmt: skip
            for run in runs:
                await run.result()
    return {"HiGHS": f"{AT_ONCE} at once through the engine, all of it", "median_ms": 1e3 * clock.wall / AT_ONCE}


def main() -> None:
    """Measure, print, keep."""
    rows = asyncio.run(calls())
    with folder() as path:
        rows.append(asyncio.run(many(f"sqlite:///{path}/procedures.db")))
    report("procedures", rows)


if __name__ == "__main__":
    main()
