"""QAPLIB at two seconds: the default policy over 300 requests against every single solver.

usage: python benchmarks/selection_qap.py [--collect] [--seconds S]

``--collect`` runs every QAP solver on every instance up to 100 facilities through the engine, two runs side by side, and keeps
what came out in ``data/qap_2s.json``: gaps to the best known value, features and seconds. Kernels are compiled before. Without it
the kept table is read. The requests are three passes over the instances, each in an order of its own; the policy is the real
one, reads the real projections, sees only what the chosen solver did, and pays the gap that the table has for it.
"""

import argparse
import asyncio
import csv
import json
import time
from pathlib import Path
from typing import Any

from common import HERE, SHARED, folder

from mezan.api import cache_kernels, open_engine, tune_gc
from mezan.engine.choosing import profile
from mezan.engine.engine import Engine
from mezan.solvers.gaps import gap
from mezan.solvers.problem import Bound, loss
from mezan.solvers.qap import QAP
from mezan.solvers.qap.family import FAMILY

LARGEST = 100
COMPILED = 0.2
"""A run that compiled for longer than this is repeated."""


def instances() -> dict[str, QAP]:
    """QAPLIB up to the largest size, with best known values, by name."""
    at = Path(SHARED) / "qaplib"
    with (at / "best_known.csv").open() as file:
        names = [row["instance"] for row in csv.DictReader(file)]
    found = {name: QAP.from_qaplib(at / f"{name}.dat") for name in names if (at / f"{name}.dat").exists()}
    return {name: problem for name, problem in found.items() if problem.size <= LARGEST and problem.best_known}


async def one(engine: Engine, problem: QAP, solver: str, seconds: float) -> dict[str, Any]:
    """One outcome, of a run that compiled nothing; a failure has no objective."""
    for _ in range(3):
        run = await engine.submit(
            problem, solver=solver, time_limit=seconds, fresh=True, seed=1, target=problem.best_known
        )
        try:
            result = (await run.result()).only
        except Exception as error:  # noqa: BLE001 - any failure is this cell's outcome
            return {"objective": None, "seconds": seconds, "error": str(error)}
        if result.compile_seconds < COMPILED:
            break
    return {"objective": result.objective, "seconds": result.seconds}


async def collect(seconds: float) -> dict[str, Any]:
    """Every solver on every instance."""
    kept: dict[str, Any] = {"seconds": seconds, "instances": {}}
    slots = asyncio.Semaphore(2)
    with folder() as path:
        async with open_engine(f"sqlite:///{path}/qap.db", capacity={"cpu": 2}) as engine:
            for name, problem in instances().items():
                began = time.perf_counter()
                features, bound = profile(FAMILY, problem)
                assert bound is not None
                alone = [s.name for s in FAMILY.solvers if s.islands]
                able = [s.name for s in FAMILY.solvers if s.refuses(problem) is None]
                cells: dict[str, Any] = {}

                async def cell(solver: str, problem: QAP = problem, cells: dict[str, Any] = cells) -> None:
                    async with slots:
                        cells[solver] = await one(engine, problem, solver, seconds)

                async with asyncio.TaskGroup() as group:
                    for solver in able:
                        if solver not in alone:
                            group.create_task(cell(solver))
                for solver in able:
                    if solver in alone:
                        await cell(solver)
                known = Bound(bound.value, bound.method)
                for entry in cells.values():
                    value = entry["objective"]
                    entry["gap"] = 100.0 if value is None else gap(value, problem.best_known)
                    entry["loss"] = 1.0 if value is None else loss(value, known, "min")
                kept["instances"][name] = {"features": features, "best_known": problem.best_known, "solvers": cells}
                print(
                    f"  {name:9s} {time.perf_counter() - began:5.1f} s ",
                    " ".join(f"{s.removeprefix('qap.')}={entry['gap']:.2f}" for s, entry in cells.items()),
                    flush=True,
                )
    return kept


def main() -> None:
    """Collect, or simulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collect", action="store_true")
    parser.add_argument("--seconds", type=float, default=2.0)
    given = parser.parse_args()
    kept_at = HERE / "data" / f"qap_{given.seconds:g}s.json"
    if given.collect:
        cache_kernels()
        tune_gc()
        kept_at.parent.mkdir(exist_ok=True)
        kept_at.write_text(json.dumps(asyncio.run(collect(given.seconds)), indent=1) + "\n")


if __name__ == "__main__":
    main()
