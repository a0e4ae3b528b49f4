"""QAPLIB through the whole engine with the default policy: how often the best known value is matched, and how far off.

usage: python benchmarks/qap_quality.py SECONDS [--seeds N] [--only NAME,NAME] [--solver NAME]

One log per seed. Before the measured runs the log gets experience: every solver solves a few generated instances
(:func:`generated`; none of QAPLIB) for a second each, so that the policy has something to choose by. Every measured run is
``fresh``, stops at the best known value, and is repeated with the same seed if its first chunk had to compile.
"""

import argparse
import asyncio
import csv
import statistics
import time
from pathlib import Path

import numpy as np
from common import SHARED, folder, report

from mezan.api import cache_kernels, open_engine, tune_gc
from mezan.engine.engine import Engine
from mezan.solvers.qap import QAP
from mezan.solvers.qap.family import FAMILY

FOLDER = Path(SHARED) / "qaplib"
COMPILED = 0.3
"""A first chunk that took longer than this many seconds compiled something."""


def generated(seed: int) -> list[QAP]:
    """One instance of each kind that QAPLIB has: uniform, flows on a grid, few large flows, a sparse tree, two classes."""
    rng = np.random.default_rng(seed)
    n = 40
    at = np.stack(np.divmod(np.arange(n), 8), 1)
    grid = np.abs(at[:, None] - at).sum(2)
    points = rng.uniform(0, 100, (n, 2))
    plane = np.hypot(*(points[:, None] - points).transpose(2, 0, 1)).astype(int)
    uniform = [np.triu(rng.integers(0, 100, (n, n)), 1) for _ in range(2)]
    few = np.triu(np.exp(rng.normal(0, 2.5, (n, n))).astype(int), 1)
    flows = np.triu(rng.integers(0, 10, (n, n)) * (rng.random((n, n)) < 0.6), 1)
    tree = np.zeros((n, n), int)
    for i in range(1, n):
        tree[rng.integers(i), i] = rng.integers(1, 100)
    classes = np.zeros((n, n), int)
    classes[:12, :12] = 1
    pairs = ((uniform[0], uniform[1] + uniform[1].T), (flows, grid), (few, plane), (tree, uniform[1] + uniform[1].T))
    return [QAP(A=A + A.T, B=B) for A, B in pairs] + [QAP(A=classes, B=grid)]


async def experience(engine: Engine, seed: int) -> None:
    """A second of every solver on every generated instance, after one to compile."""
    for problem in generated(seed):
        for solver in FAMILY.solvers:
            if solver.refuses(problem) is None:
                await (await engine.submit(problem, solver=solver.name, iterations=1, fresh=True)).result()
                run = await engine.submit(problem, solver=solver.name, time_limit=1.0, fresh=True, seed=seed)
                await run.result()


async def measured(
    engine: Engine, problem: QAP, best: float, seconds: float, seed: int, solver: str | None
) -> dict[str, object]:
    """One instance: the run that compiled nothing."""
    for _ in range(3):
        run = await engine.submit(problem, time_limit=seconds, seed=seed, target=best, fresh=True, solver=solver)
        result = await run.result()
        if result.compile_seconds < COMPILED:
            break
    gap = 100 * (result.objective - best) / best if best else float(result.objective > 0)
    return {"gap": gap, "solver": result.solver, "seconds": result.seconds}


async def all_of(
    names: list[str], best: dict[str, float], seconds: float, seed: int, solver: str | None
) -> dict[str, dict[str, object]]:
    """Every instance, on one log."""
    found = {}
    with folder() as path:
        async with open_engine(f"sqlite:///{path}/qap.db") as engine:
            if solver is None:
                await experience(engine, seed)
            for name in names:
                problem = QAP.from_qaplib(FOLDER / f"{name}.dat")
                found[name] = await measured(engine, problem, best[name], seconds, seed, solver)
                print(
                    f"  {seed} {name:9s} {found[name]['gap']:.3f} {found[name]['solver']} {found[name]['seconds']:.2f}",
                    flush=True,
                )
    return found


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--solver")
    parser.add_argument("--name", help="of the result file")
    options = parser.parse_args()
    tune_gc()
    cache_kernels()
    with (FOLDER / "best_known.csv").open() as file:
        best = {row["instance"]: float(row["best_known"]) for row in csv.DictReader(file)}
    names = options.only.split(",") if options.only else sorted(path.stem for path in FOLDER.glob("*.dat"))
    start = time.perf_counter()
    runs = [
        asyncio.run(all_of(names, best, options.seconds, seed, options.solver)) for seed in range(1, options.seeds + 1)
    ]
    rows: list[dict[str, object]] = []
    gaps: dict[str, float] = {}
    for name in names:
        mine = [run[name] for run in runs]
        gaps[name] = statistics.median(float(str(one["gap"])) for one in mine)
        solvers = ", ".join(sorted({str(one["solver"]).removeprefix("qap.") for one in mine}))
        seconds = statistics.median(float(str(one["seconds"])) for one in mine)
        worst = max(float(str(one["gap"])) for one in mine)
        rows.append(
            {"instance": name, "median gap %": gaps[name], "worst gap %": worst, "seconds": seconds, "solver": solvers}
        )
    matched = sum(gap <= 0 for gap in gaps.values())
    summary: dict[str, object] = {
        "instance": f"all {len(names)}: matched {100 * matched / len(names):.1f} %",
        "median gap %": statistics.mean(gaps.values()),
        "worst gap %": max(gaps.values()),
        "seconds": time.perf_counter() - start,
        "solver": "mean of the medians, worst median, seconds of the whole benchmark",
    }
    hard = [row for row in rows if float(str(row["worst gap %"])) > 0]
    report(options.name or f"qap_quality_{options.seconds:g}s", [summary, *hard])


if __name__ == "__main__":
    main()
