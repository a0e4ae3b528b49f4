"""A thousand random QAPs of twelve facilities in one ``submit_many``, every value judged by branch and bound.

usage: python benchmarks/qap_many.py [COUNT]

Entries are uniform in 0..99, symmetric, with a zero diagonal. A warm-up of as many other instances compiles what there is to
compile; figures are the median of three calls. The oracle (`qap/exact.cpp`, compiled with g++) is not counted; it takes about 0.04 CPU seconds an instance.
"""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from common import HERE, Clock, folder, median, report

from mezan.api import open_engine, tune_gc
from mezan.engine.handle import Result
from mezan.solvers.qap import QAP

SIZE, ITERATIONS = 12, 80
"""80 iterations of 64 moves: 128 solve all of these instances, 64 solve 98 %."""


def instance(index: int) -> QAP:
    """Instance ``index`` of the class."""
    rng = np.random.default_rng([SIZE, index])
    A, B = (np.triu(rng.integers(0, 100, (SIZE, SIZE)), 1) for _ in range(2))
    return QAP(A=A + A.T, B=B + B.T)


def optima(problems: list[QAP], found: list[float], path: Path) -> list[int]:
    """The optimal values, by branch and bound from what was found, on two cores."""
    program = path / "exact"
    source = HERE / "qap" / "exact.cpp"
    subprocess.run(["g++", "-O3", "-march=native", "-std=c++17", "-o", program, source], check=True)

    def solve(part: slice) -> list[int]:
        lines = [str(len(problems[part]))]
        for problem, value in zip(problems[part], found[part], strict=True):
            numbers = [problem.size, int(value), *problem.A.ravel(), *problem.B.ravel()]
            lines.append(" ".join(str(number) for number in numbers))
        done = subprocess.run([program], input="\n".join(lines), capture_output=True, text=True, check=True)
        return [int(line) for line in done.stdout.split()]

    half = len(problems) // 2
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(solve, (slice(half), slice(half, None)))
    return first + second


async def ours(problems: list[QAP], others: list[QAP], path: Path) -> tuple[list[Result], list[Clock]]:
    """All problems in one call, three times, after one call with others."""
    async with open_engine(f"sqlite:///{path}/many.db") as engine:

        async def solve(some: list[QAP]) -> list[Result]:
            runs = await engine.submit_many(
                some, solver="qap.tabu", iterations=ITERATIONS, time_limit=60.0, seed=1, fresh=True
            )
            return [await run.result() for run in runs]

        await solve(others)
        tune_gc()
        clocks = []
        for _ in range(3):
            with Clock() as clock:
                results = await solve(problems)
            clocks.append(clock)
    return results, clocks


def main() -> None:
    """Measure, judge, print, keep."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    problems = [instance(i) for i in range(count)]
    others = [instance(count + i) for i in range(count)]
    with folder() as path:
        results, clocks = asyncio.run(ours(problems, others, path))
        found = [float(result.objective or 0) for result in results]
        optimal = sum(value == best for value, best in zip(found, optima(problems, found, path), strict=True))
    row: dict[str, object] = {
        "instances": count,
        "instances_per_s": count / median([clock.wall for clock in clocks]),
        "cpu_ms_per_instance": 1e3 * median([clock.cpu for clock in clocks]) / count,
        "optimal_percent": 100 * optimal / count,
    }
    report("qap_many", [row])


if __name__ == "__main__":
    main()
