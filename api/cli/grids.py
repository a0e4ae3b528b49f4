"""`mezan bench run`: a grid, cell by cell, with progress; everything that can be refused is refused before a database is made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from mezan.engine.grids import DONE as ENDED
from mezan.engine.grids import stream_of
from mezan.engine.stores.schema import path_of
from mezan.solvers.budget import Budget
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput

from .errors import DONE, RUN_FAILED
from .inputs import problem_from
from .options import database
from .output import clean, console, notice, number

if TYPE_CHECKING:
    from mezan.engine.benchmark import Plan, Step
    from mezan.engine.grids import Benchmark


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options of one call."""

    sources: tuple[str, ...]
    solvers: str
    seeds: int
    time_limit: float
    iterations: int | None
    name: str | None
    family: str | None
    jobs: int
    db: str
    as_json: bool
    quiet: bool

    @property
    def named(self) -> list[str] | None:
        """The solvers asked for; None for all."""
        return None if self.solvers == "all" else [name.strip() for name in self.solvers.split(",") if name.strip()]


def run(asked: Asked) -> int:
    """Run a new grid, or what is left of one, and return the exit code."""
    catalog = Catalog.default()
    Budget(time_limit=asked.time_limit, iterations=asked.iterations)
    path_of(database(asked.db))
    if asked.name is not None:
        stream_of(asked.name)
    elif not asked.sources:
        raise BadInput(
            "a benchmark must be given instances; name problem files, or a benchmark to go on with by --name"
        )
    problems = [problem_from(source, asked.family, catalog) for source in asked.sources]

    from mezan.api.process import cache_kernels, tune_gc
    from mezan.engine.benchmark import Plan, checked

    name = asked.name or f"{problems[0].family}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    plan = Plan(
        name=name, problems=problems, solvers=asked.named, seeds=asked.seeds, time_limit=asked.time_limit,
        iterations=asked.iterations, jobs=asked.jobs,
    )  # fmt: skip
    if problems:
        checked(catalog, plan)
    cache_kernels()
    tune_gc()
    return anyio.run(_run, asked, plan, catalog)


async def _run(asked: Asked, plan: "Plan", catalog: Catalog) -> int:
    from mezan.api.open import open_engine
    from mezan.engine.benchmark import open_benchmark, resume_benchmark, run_cells
    from mezan.engine.grids import benchmark_of

    from .reading import opened
    from .session import Interrupt

    if not plan.problems:  # which must be there: no database is made for it
        async with opened(asked.db) as store:
            await benchmark_of(store, plan.name)
    interrupt, finished = Interrupt(), None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(interrupt.listen)
        with interrupt.scope:
            async with open_engine(database(asked.db), catalog=catalog) as engine:
                if plan.problems:
                    kept = await open_benchmark(engine, plan)
                else:
                    kept = await resume_benchmark(engine, await benchmark_of(engine.log, plan.name), jobs=plan.jobs)
                _begin(kept, quiet=asked.quiet)
                with progress(kept, quiet=asked.quiet) as report:
                    finished = await run_cells(engine, kept, jobs=plan.jobs, report=report)
        tasks.cancel_scope.cancel()
    if finished is None:
        notice(f"benchmark {plan.name} is not finished; go on with: mezan bench run --name {plan.name}")
        return 128 + (interrupt.signal or 2)
    from .benchmarks import print_outcome

    print_outcome(finished, as_json=asked.as_json)
    return DONE if finished.closed is not None else RUN_FAILED


def _begin(kept: "Benchmark", *, quiet: bool) -> None:
    done, total = _so_far(kept)
    if quiet or kept.closed is not None:
        return
    refused = len(kept.opened.refused) * len(kept.opened.seeds)
    note = f", {refused} refused" if refused else ""
    notice(f"benchmark {kept.name}: {total} cells to run{note}" + (f", {done} of them done before" if done else ""))


def _so_far(kept: "Benchmark") -> tuple[int, int]:
    ran = [cell for cell in kept.cells if cell.status != "refused"]
    return sum(cell.status in ENDED for cell in ran), len(ran)


@contextmanager
def progress(kept: "Benchmark", *, quiet: bool) -> Iterator[Callable[["Step"], None]]:
    """A bar with the time that is left on a terminal, a line per cell elsewhere."""
    labels = {each.instance: each.label or each.instance[:12] for each in kept.opened.instances}

    def line(step: "Step") -> str:
        task = next(iter(step.state.tasks.values()))
        found = step.state.status if task.result is None else number(task.result.objective)
        return f"{step.key.solver} on {labels[step.key.instance]}, seed {step.key.seed}: {found}"

    errors = console(error=True)
    if quiet or not errors.is_terminal:
        yield lambda step: None if quiet else notice(f"{step.done}/{step.total} {line(step)}")
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(),
    )  # fmt: skip
    done, total = _so_far(kept)
    with Progress(*columns, console=errors, transient=True) as drawn:
        task = drawn.add_task(clean(kept.name), total=total, completed=done)
        yield lambda step: drawn.update(task, completed=step.done, description=clean(line(step)))
