"""QAPLIB through the whole engine with the default policy: how often the best known value is matched, and how far off.

usage: python benchmarks/qap_quality.py [SECONDS ...] [--seeds N] [--only NAME,NAME] [--solver NAME] [--suffix TEXT]

Before the measured runs a log gets experience: every solver solves a few generated instances (:func:`generated`; none of
QAPLIB) for two seconds each, so that the policy has something to choose by. Each seed begins with a copy of that log. Every
measured run is ``fresh``, stops at the best known value, and is repeated with the same seed if its first chunk had to compile.

The peer is the memetic in C of the anchors (`rots2.cpp`, doubles, compiled with g++), as many CPU-seconds on one core, two at
a time, after ours. It cannot take instances of two asymmetric matrices.
"""

import argparse
import asyncio
import csv
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from common import SHARED, folder, report

from mezan.api import cache_kernels, open_engine, tune_gc
from mezan.engine.engine import Engine
from mezan.solvers.qap import QAP
from mezan.solvers.qap.family import FAMILY

FOLDER = Path(SHARED) / "qaplib"
PEER = SHARED.parent / "anchors" / "code" / "qap" / "rots2.cpp"
SIZES = (60, 100)
COMPILED = 0.3
"""A first chunk that took longer than this many seconds compiled something."""


def generated(n: int) -> list[QAP]:
    """One instance of each kind that QAPLIB has: uniform, flows on a grid, few large flows, a sparse tree, two classes."""
    rng = np.random.default_rng(n)
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


async def experience(path: Path) -> None:
    """Two seconds of every solver on every generated instance, after one to compile."""
    async with open_engine(f"sqlite:///{path}/qap.db") as engine:
        for problem in [problem for n in SIZES for problem in generated(n)]:
            for solver in FAMILY.solvers:
                if solver.refuses(problem) is None:
                    for seconds in (1.0, 2.0):
                        run = await engine.submit(problem, solver=solver.name, time_limit=seconds, fresh=True, seed=0)
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
    names: list[str], best: dict[str, float], seconds: float, seed: int, solver: str | None, experienced: Path
) -> dict[str, dict[str, object]]:
    """Every instance, on one log."""
    found = {}
    with folder() as path:
        shutil.copytree(experienced, path, dirs_exist_ok=True)
        async with open_engine(f"sqlite:///{path}/qap.db") as engine:
            for name in names:
                problem = QAP.from_qaplib(FOLDER / f"{name}.dat")
                found[name] = await measured(engine, problem, best[name], seconds, seed, solver)
                print(
                    f"  {seed} {name:9s} {found[name]['gap']:.3f} {found[name]['solver']} {found[name]['seconds']:.2f}",
                    flush=True,
                )
    return found


def peer(names: list[str], best: dict[str, float], seconds: float, seeds: int) -> dict[str, list[float]]:
    """Gaps in percent of the memetic in C; none where it refuses the instance."""
    with tempfile.TemporaryDirectory() as path:
        program = Path(path) / "rots"
        subprocess.run(["g++", "-O3", "-march=native", "-ffast-math", "-w", "-o", program, PEER], check=True)

        def gap(job: tuple[str, int]) -> float | None:
            name, seed = job
            numbers = [str(best[name]), str(seconds), str(seed), str(seconds)]
            command = [program, FOLDER / f"{name}.dat", "bma", "d", *numbers]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                return None
            return 100 * (json.loads(done.stdout)["best"] - best[name]) / (best[name] or 1)

        jobs = [(name, seed) for name in names for seed in range(1, seeds + 1)]
        with ThreadPoolExecutor(2) as threads:
            gaps = list(threads.map(gap, jobs))
    found: dict[str, list[float]] = {name: [] for name in names}
    for (name, _), value in zip(jobs, gaps, strict=True):
        if value is not None:
            found[name].append(value)
    return found


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float, nargs="*", default=[10.0, 1.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--solver")
    parser.add_argument("--suffix", default="", help="of the result file")
    options = parser.parse_args()
    tune_gc()
    cache_kernels()
    with (FOLDER / "best_known.csv").open() as file:
        best = {row["instance"]: float(row["best_known"]) for row in csv.DictReader(file)}
    names = options.only.split(",") if options.only else sorted(path.stem for path in FOLDER.glob("*.dat"))
    with folder() as path:
        if options.solver is None:
            asyncio.run(experience(path))
        for seconds in options.seconds:
            rows = compare(names, best, seconds, options.seeds, options.solver, path)
            report(f"qap_quality_{seconds:g}s{options.suffix}", rows)


def compare(
    names: list[str], best: dict[str, float], seconds: float, seeds: int, solver: str | None, experienced: Path
) -> list[dict[str, object]]:
    """Every seed, then the peer: sums, and a row for each instance that was missed once."""
    start = time.perf_counter()
    runs = [asyncio.run(all_of(names, best, seconds, seed, solver, experienced)) for seed in range(1, seeds + 1)]
    theirs = {name: statistics.median(v) for name, v in peer(names, best, seconds, seeds).items() if v}
    rows: list[dict[str, object]] = []
    gaps: dict[str, float] = {}
    for name in names:
        mine = [run[name] for run in runs]
        gaps[name] = statistics.median(float(str(one["gap"])) for one in mine)
        solvers = ", ".join(sorted({str(one["solver"]).removeprefix("qap.") for one in mine}))
        took = statistics.median(float(str(one["seconds"])) for one in mine)
        worst = max(float(str(one["gap"])) for one in mine)
        row: dict[str, object] = {"instance": name, "median gap %": gaps[name], "worst gap %": worst}
        rows.append(row | {"C memetic, median gap %": theirs.get(name), "seconds": took, "solver": solvers})
    summaries: list[dict[str, object]] = [
        {"instance": f"all {len(names)}: matched, %", **of_all(gaps, theirs, matched)},
        {"instance": "mean", **of_all(gaps, theirs, statistics.mean)},
        {"instance": "worst", **of_all(gaps, theirs, max)},
    ]
    summaries[0]["solver"] = f"all of it: {time.perf_counter() - start:.0f} s"
    return summaries + [row for row in rows if float(str(row["worst gap %"])) > 0]


def matched(gaps: Iterable[float]) -> float:
    """Percent of them that are zero."""
    return 100 * statistics.mean(gap <= 0 for gap in gaps)


def of_all(
    ours: dict[str, float], theirs: dict[str, float], fold: Callable[[Iterable[float]], float]
) -> dict[str, object]:
    """One figure of all our medians, and of theirs."""
    return {"median gap %": fold(ours.values()), "C memetic, median gap %": fold(theirs.values()) if theirs else None}


if __name__ == "__main__":
    main()
