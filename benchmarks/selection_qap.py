"""QAPLIB at two seconds: the default policy over 300 requests against every single solver.

usage: python benchmarks/selection_qap.py [--collect | --collect-again] [--seconds S]

``--collect`` runs every QAP solver on every instance through the engine, two runs side by side, and keeps
what came out in ``data/qap_2s.json``: gaps to the best known value, features and seconds. Kernels are compiled before. Without it
the kept table is read. The requests are three passes over the instances, each in an order of its own; the policy is the real
one, reads the real projections, sees only what the chosen solver did, and pays the gap that the table has for it.

``--collect-again`` repeats every solver twice, with other seeds, on the instances where the memetic ones differ. What one draw of
all solvers tells of another one is what the best of policies could learn: the row "the best of the other draws" has seen two whole
draws of each instance before its first request, chooses whoever did best in them, and pays a third.
"""

import argparse
import asyncio
import csv
import json
import multiprocessing
import random
import statistics
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from common import HERE, SHARED, folder, report
from selection_online import Log

from mezan.api import cache_kernels, open_engine, tune_gc
from mezan.engine import events as ev
from mezan.engine.choosing import profile
from mezan.engine.engine import Engine
from mezan.projections import standings
from mezan.solvers.gaps import gap
from mezan.solvers.problem import Bound, loss
from mezan.solvers.qap import QAP
from mezan.solvers.qap.family import FAMILY
from mezan.solvers.selection.policy import Candidate
from mezan.solvers.selection.registry import Policies

PASSES = 3
AGAIN = (2, 3)
"""The seeds of the repetitions."""
MEMETIC = "qap.aggressive", "qap.enhanced", "qap.instance_adaptive", "qap.hybrid"
COMPILED = 0.2
"""A run that compiled for longer than this is repeated."""


def instances() -> dict[str, QAP]:
    """The instances of QAPLIB that are there, with best known values, by name."""
    at = Path(SHARED) / "qaplib"
    with (at / "best_known.csv").open() as file:
        names = [row["instance"] for row in csv.DictReader(file)]
    found = {name: QAP.from_qaplib(at / f"{name}.dat") for name in names if (at / f"{name}.dat").exists()}
    return {name: problem for name, problem in found.items() if problem.best_known}


async def one(engine: Engine, problem: QAP, solver: str, seconds: float, seed: int = 1) -> dict[str, Any]:
    """One outcome, of a run that compiled nothing; a failure has no objective."""
    for _ in range(3):
        run = await engine.submit(
            problem, solver=solver, time_limit=seconds, fresh=True, seed=seed, target=problem.best_known
        )
        try:
            result = (await run.result()).only
        except Exception as error:  # noqa: BLE001 - any failure is this cell's outcome
            return {"objective": None, "seconds": seconds, "error": str(error)}
        if result.compile_seconds < COMPILED:
            break
    return {"objective": result.objective, "seconds": result.seconds}


async def for_each(solvers: Sequence[str], cell: Callable[[str], Coroutine[Any, Any, None]]) -> None:
    """``cell`` of the solvers: of those on one core side by side, of those on every core alone."""
    islands = {s.name for s in FAMILY.solvers if s.islands}
    async with asyncio.TaskGroup() as group:
        for solver in solvers:
            if solver not in islands:
                group.create_task(cell(solver))
    for solver in solvers:
        if solver in islands:
            await cell(solver)


async def collect(seconds: float, at: Path, count: int) -> bool:
    """Every solver on the next ``count`` instances that are not kept yet; whether there were any."""
    kept: dict[str, Any] = json.loads(at.read_text()) if at.exists() else {"seconds": seconds, "instances": {}}
    missing = {name: problem for name, problem in instances().items() if name not in kept["instances"]}
    slots = asyncio.Semaphore(2)
    with folder() as path:
        async with open_engine(f"sqlite:///{path}/qap.db", capacity={"cpu": 2}) as engine:
            for name, problem in list(missing.items())[:count]:
                began = time.perf_counter()
                features, bound = profile(FAMILY, problem)
                assert bound is not None
                able = [s.name for s in FAMILY.solvers if s.refuses(problem) is None]
                cells: dict[str, Any] = {}

                async def cell(solver: str, problem: QAP = problem, cells: dict[str, Any] = cells) -> None:
                    async with slots:
                        cells[solver] = await one(engine, problem, solver, seconds)

                await for_each(able, cell)
                known = Bound(bound.value, bound.method)
                for entry in cells.values():
                    value = entry["objective"]
                    entry["gap"] = 100.0 if value is None else gap(value, problem.best_known)
                    entry["loss"] = 1.0 if value is None else loss(value, known, "min")
                kept["instances"][name] = {"features": features, "best_known": problem.best_known, "solvers": cells}
                at.write_text(json.dumps(kept, indent=1) + "\n")
                print(
                    f"  {name:9s} {time.perf_counter() - began:5.1f} s ",
                    " ".join(f"{s.removeprefix('qap.')}={entry['gap']:.2f}" for s, entry in cells.items()),
                    flush=True,
                )
    return bool(missing)


async def collect_again(at: Path, count: int) -> bool:
    """Every solver with the seeds of `AGAIN` on the next ``count`` instances that need it; whether there were any."""
    kept: dict[str, Any] = json.loads(at.read_text())
    slots, problems = asyncio.Semaphore(2), instances()
    missing = [
        name
        for name, entry in kept["instances"].items()
        if any("again" not in cell for cell in entry["solvers"].values()) and differ(entry["solvers"])
    ]
    with folder() as path:
        async with open_engine(f"sqlite:///{path}/qap.db", capacity={"cpu": 2}) as engine:
            for name in missing[:count]:
                problem, cells = problems[name], kept["instances"][name]["solvers"]
                assert problem.best_known is not None

                async def again(solver: str, problem: QAP = problem, cells: dict[str, Any] = cells) -> None:
                    async with slots:
                        found = [
                            (await one(engine, problem, solver, kept["seconds"], seed))["objective"] for seed in AGAIN
                        ]
                    cells[solver]["again"] = [
                        100.0 if value is None else gap(value, problem.best_known) for value in found
                    ]

                await for_each(list(cells), again)
                at.write_text(json.dumps(kept, indent=1) + "\n")
                print(f"  {name}", flush=True)
    return bool(missing)


def differ(cells: dict[str, Any]) -> bool:
    """Whether the memetic solvers have not all come to the same."""
    return len({cells[solver]["gap"] for solver in MEMETIC}) > 1


def part(seconds: float, at: Path, again: bool) -> bool:
    """A part of the collection in a process of its own."""
    cache_kernels()
    tune_gc()
    return asyncio.run(collect_again(at, 5) if again else collect(seconds, at, 20))


def play(kept: dict[str, Any], name: str, order: int) -> list[tuple[str, str, float]]:
    """The requests in one order: instance, solver and gap of each."""
    policy = Policies.default().policy(name)
    chance, log, played = random.Random(order), Log(), []
    for _ in range(PASSES):
        for instance in chance.sample(sorted(kept["instances"]), len(kept["instances"])):
            entry = kept["instances"][instance]
            features, cells = entry["features"], entry["solvers"]
            about = {"task": "main", "family": "qap", "instance": instance}
            log.add(ev.ProblemProfiled(**about, size=1, features=features, seconds=0.0))
            seen = standings(log.states, "qap", features, log.position)
            candidates = [
                Candidate(s.name, s.version, None if s.name in cells else "it refuses the problem", s.prior)
                for s in FAMILY.solvers
            ]
            pick = policy.choose(seen, features, candidates, chance.getrandbits(62)).solver
            cell, version = cells[pick], next(s.version for s in FAMILY.solvers if s.name == pick)
            spec = ev.BudgetSpec(time_limit=kept["seconds"])
            about |= {"attempt": 1, "solver": pick, "version": version, "cluster": seen.cluster, "budget": spec}
            if cell["objective"] is None:
                log.add(ev.AttemptTimedOut(**about, seconds=cell["seconds"]))
            else:
                log.add(
                    ev.AttemptSucceeded(
                        **about, sense="min", objective=cell["objective"], solution="-", bound=None, proved_optimal=False,
                        loss=cell["loss"], stopped="time", iterations=1, seconds=cell["seconds"], compile_seconds=0.0,
                    )
                )  # fmt: skip
            played.append((instance, pick, cell["gap"]))
    return played


def simulate(kept: dict[str, Any], policies: Sequence[str], orders: int) -> list[dict[str, object]]:
    """Regret, the mean gap above that of each instance's best solver, of policies and of every solver that takes everything."""
    cells = {name: entry["solvers"] for name, entry in kept["instances"].items()}
    least = {name: min(cell["gap"] for cell in row.values()) for name, row in cells.items()}
    every = [s.name for s in FAMILY.solvers if all(s.name in row for row in cells.values())]
    rows: list[dict[str, object]] = []
    for solver in every:
        regret = [row[solver]["gap"] - least[name] for name, row in cells.items()]
        rows.append(
            {"who": solver, "regret, all requests": statistics.fmean(regret), "best on": sum(r <= 1e-9 for r in regret)}
        )
    rows.sort(key=lambda row: str(row["regret, all requests"]))
    half = PASSES * len(cells) // 2
    single = min(every, key=lambda solver: statistics.fmean(row[solver]["gap"] for row in cells.values()))
    rows += repeated(list(cells.values()), single)
    for name in policies:
        whole, late, behind = [], [], []
        for order in range(orders):
            played = play(kept, name, order)
            regret = [gap - least[instance] for instance, _, gap in played]
            rival = [cells[instance][single]["gap"] - least[instance] for instance, _, _ in played]
            whole.append(statistics.fmean(regret))
            late.append(statistics.fmean(regret[half:]))
            behind.append(statistics.fmean(rival[half:]))
        rows.append(
            {
                "who": f"policy {name}", "regret, all requests": statistics.fmean(whole), "regret, second half": statistics.fmean(late),
                f"{single} there": statistics.fmean(behind), "orders": orders,
            }
        )  # fmt: skip
    return rows


def repeated(table: list[dict[str, Any]], single: str) -> list[dict[str, object]]:
    """Regret in each of the three draws, on average, of the single best and of whoever did best in the two others.

    Where solvers were not repeated they are taken to do the same again.
    """
    draws = [
        [
            {
                solver: [cell["gap"], *cell.get("again", [cell["gap"]] * len(AGAIN))][draw]
                for solver, cell in row.items()
            }
            for row in table
        ]
        for draw in range(1 + len(AGAIN))
    ]
    alone, informed, cheating = [], [], []
    for draw, paid in enumerate(draws):
        others = [one for number, one in enumerate(draws) if number != draw]
        for i, gaps in enumerate(paid):
            best = min(gaps, key=lambda solver: (sum(one[i][solver] for one in others), solver != single))
            hindsight = min(gaps, key=lambda solver: (sum(one[i][solver] for one in draws), solver != single))
            least = min(gaps.values())
            alone.append(gaps[single] - least)
            informed.append(gaps[best] - least)
            cheating.append(gaps[hindsight] - least)
    return [
        {"who": who, "regret, all requests": statistics.fmean(regrets)}
        for who, regrets in (
            (f"{single}, three draws", alone),
            ("the best of the other draws", informed),
            ("the best of all draws, the one it pays too", cheating),
        )
    ]


def main() -> None:
    """Collect, or simulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collect", action="store_true")
    parser.add_argument("--collect-again", action="store_true")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--orders", type=int, default=5)
    parser.add_argument("--policies", default="default,elo_ucb,thompson,epsilon_greedy,ucb1,single_best")
    given = parser.parse_args()
    kept_at = HERE / "data" / f"qap_{given.seconds:g}s.json"
    if given.collect or given.collect_again:
        kept_at.parent.mkdir(exist_ok=True)
        context = multiprocessing.get_context("spawn")
        while True:  # a process that compiled hundreds of programs would run out of memory maps
            with context.Pool(1) as fresh:
                if not fresh.apply(part, (given.seconds, kept_at, given.collect_again)):
                    break
    report("selection_qap", simulate(json.loads(kept_at.read_text()), given.policies.split(","), given.orders))


if __name__ == "__main__":
    main()
