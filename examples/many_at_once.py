"""Two hundred knapsacks at once in one async program; problems of one shape share one compiled call.

usage: python examples/many_at_once.py
"""

import random
import time
from collections import Counter

import anyio

from mezan.api import open_engine
from mezan.solvers.knapsack import Knapsack


def instance(number: int) -> Knapsack:
    draw = random.Random(number)
    weights = [draw.randint(10, 100) for _ in range(40)]
    values = [weight + draw.randint(-5, 15) for weight in weights]
    return Knapsack(values=values, weights=weights, capacity=sum(weights) // 2, name=f"made{number}")


async def main() -> None:
    async with open_engine("sqlite:///example.db") as engine:
        start = time.perf_counter()
        runs = [await engine.submit(instance(number), time_limit=2.0, seed=number) for number in range(200)]
        results = [await run.result() for run in runs]
        took = time.perf_counter() - start
        proved = sum(result.proved_optimal for result in results)
        chosen = Counter(result.solver for result in results)
        print(f"{len(results)} solved in {took:.2f} s, {proved} proved optimal")
        print("solvers:", ", ".join(f"{solver} {count}" for solver, count in chosen.most_common()))


if __name__ == "__main__":
    anyio.run(main)
