"""Benchmarks made up for tests of what is read out of them."""

import hashlib
from collections.abc import Callable, Sequence

from mezan.engine import events as ev
from mezan.engine.grids import Benchmark, Cell, Moment

ENVIRONMENT = ev.EnvironmentSpec(
    python="3.11.7", packages={"mezan": "0.1.0", "jax": "0.10.2"}, platform="Linux", cpu="one", cores=2, devices=("cpu:cpu",)
)  # fmt: skip


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def made(
    solvers: Sequence[str],
    instances: Sequence[str],
    outcome: Callable[[str, str, int], dict],
    *,
    seeds: int = 1,
    name: str = "made",
    sense: ev.Sense = "min",
    best_known: float | None = None,
    time_limit: float = 10.0,
    iterations: int | None = None,
    environment: ev.EnvironmentSpec = ENVIRONMENT,
    closed: bool = True,
) -> Benchmark:
    """``outcome(solver, instance, seed)`` gives the fields of a cell beside its key: at least the objective, or the status."""
    cells = []
    for instance in instances:
        for seed in range(1, seeds + 1):
            for solver in solvers:
                fields = {"status": "ok", "version": "1", "stopped": "done", "run": f"run_{len(cells)}", "tries": 1}
                fields |= outcome(solver, instance, seed)
                if fields.get("objective") is not None and "solution" not in fields:
                    fields["solution"] = digest(str(fields["objective"]))
                if fields.get("objective") is not None and "course" not in fields:
                    fields["course"] = (Moment(fields.get("seconds", 0.0), fields["objective"], 1),)
                cells.append(Cell(solver=solver, instance=digest(instance), seed=seed, **fields))
    opened = ev.BenchmarkOpened(
        name=name,
        family="qap",
        sense=sense,
        solvers=tuple(ev.GridSolver(solver=solver, version="1") for solver in solvers),
        instances=tuple(
            ev.GridInstance(instance=digest(i), label=i, size=10 + k, best_known=best_known)
            for k, i in enumerate(instances)
        ),
        refused=tuple(
            ev.GridRefusal(solver=c.solver, instance=c.instance, why="no") for c in cells if c.status == "refused" and c.seed == 1
        ),
        seeds=tuple(range(1, seeds + 1)),
        budget=ev.BudgetSpec(time_limit=time_limit, iterations=iterations),
        jobs=1,
        environment=environment,
    )  # fmt: skip
    failures = sum(cell.status in {"failed", "timeout"} for cell in cells)
    return Benchmark(
        opened=opened,
        opened_at=1_750_000_000_000_000,
        closed=ev.BenchmarkClosed(cells=len(cells), failures=failures, seconds=1.0) if closed else None,
        version=2,
        cells=tuple(cells),
        features={digest(i): {"n": 10.0 + k, "dominance": k / 3} for k, i in enumerate(instances)},
        profile_seconds={digest(i): 0.25 for i in instances},
    )
