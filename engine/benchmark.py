"""Runs a grid of solvers, instances and seeds as ordinary runs, recorded as a benchmark that can be gone on with.

Each cell is submitted under an idempotency key of its own, so that of several processes, and after any crash, one run
counts. By default one cell runs at a time: cells that share the machine, or a call of the same kernel, share their seconds.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread

from mezan.solvers.budget import Budget
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput
from mezan.solvers.problem import Family, Problem

from . import events as e
from .artifacts import prepare
from .engine import Engine
from .environment import snapshot
from .errors import RunCancelledError, RunFailedError, WrongExpectedVersion
from .grids import DONE, Benchmark, Cell, Key, benchmark_of, keys_of, stream_of
from .log import NEW, Artifact, Write
from .run import RunState

MAX_CELLS = 1_000_000
MAX_SEEDS = 10_000
MAX_JOBS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A benchmark to be made: ``solvers`` None takes the whole portfolio; seeds are 1 to ``seeds``; times in seconds."""

    name: str
    problems: Sequence[Problem]
    solvers: Sequence[str] | None = None
    seeds: int = 1
    time_limit: float = 10.0
    iterations: int | None = None
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One cell has ended: ``done`` of ``total`` are, and this one as its run left it."""

    done: int
    total: int
    key: Key
    state: RunState


@dataclass(frozen=True, slots=True)
class Grid:
    """A plan that keeps every rule: its solvers, its instances with their content, and the cells that are refused."""

    family: Family[Any]
    solvers: tuple[e.GridSolver, ...]
    instances: tuple[e.GridInstance, ...]
    refused: tuple[e.GridRefusal, ...]
    artifacts: list[Artifact]


def checked(catalog: Catalog, plan: Plan) -> Grid:
    """What a plan asks for.

    Raises:
        BadInput: it breaks a rule.
    """
    stream_of(plan.name)
    Budget(time_limit=plan.time_limit, iterations=plan.iterations)
    _whole("--seeds", plan.seeds, MAX_SEEDS)
    _whole("--jobs", plan.jobs, MAX_JOBS)
    if not plan.problems:
        raise BadInput("a benchmark must have at least one instance; name problem files")
    family = catalog.family_of(plan.problems[0])
    if others := {problem.family for problem in plan.problems} - {family.name}:
        names = ", ".join(sorted({family.name, *others}))
        raise BadInput(f"the instances of a benchmark must be of one family; these are of {names}: make one for each")
    entries = [catalog.solver(name) for name in _solvers(family, plan.solvers)]
    if (cells := len(plan.problems) * len(entries) * plan.seeds) > MAX_CELLS:
        raise BadInput(f"a benchmark must have at most {MAX_CELLS} cells; this one has {cells}")
    artifacts: dict[str, Artifact] = {}
    instances, refused = [], []
    for problem in plan.problems:
        content, digest = problem.packed()
        if digest in artifacts:
            raise BadInput(f"the instances of a benchmark must differ; {problem.name or digest[:12]} is given twice")
        artifacts[digest] = prepare("problem", content, digest)
        about = {"label": problem.name, "size": problem.size, "best_known": problem.best_known}
        instances.append(e.GridInstance(instance=digest, **about))
        reasons = [(entry.name, entry.refuses(problem)) for entry in entries]
        refused += [e.GridRefusal(solver=name, instance=digest, why=why) for name, why in reasons if why is not None]
    solvers = tuple(e.GridSolver(solver=entry.name, version=entry.version) for entry in entries)
    return Grid(family, solvers, tuple(instances), tuple(refused), list(artifacts.values()))


def _opened(plan: Plan, grid: Grid) -> e.BenchmarkOpened:
    return e.BenchmarkOpened(
        name=plan.name,
        family=grid.family.name,
        sense=grid.family.sense,
        solvers=grid.solvers,
        instances=grid.instances,
        refused=grid.refused,
        seeds=tuple(range(1, plan.seeds + 1)),
        budget=e.BudgetSpec(time_limit=plan.time_limit, iterations=plan.iterations),
        jobs=plan.jobs,
        environment=snapshot(),
    )


def _solvers(family: Family[Any], wanted: Sequence[str] | None) -> list[str]:
    names = [solver.name for solver in family.solvers]
    if wanted is None:
        return names
    if not wanted:
        raise BadInput(f"a benchmark must have at least one solver of {', '.join(names)}")
    for i, name in enumerate(wanted):
        if name not in names:
            raise BadInput(
                f"a solver of a {family.name} benchmark must be one of {', '.join(names)}; got {name[:80]!r}"
            )
        if name in wanted[:i]:
            raise BadInput(f"the solvers of a benchmark must differ; {name} is named twice")
    return list(wanted)


def _whole(name: str, value: int, most: int) -> None:
    if not (type(value) is int and 1 <= value <= most):
        raise BadInput(f"{name} must be a whole number from 1 to {most}; got {value!r}")


async def open_benchmark(engine: Engine, plan: Plan) -> Benchmark:
    """Record a new benchmark; one of that name and the same grid is gone on with.

    Raises:
        BadInput: the plan breaks a rule, or the name belongs to another grid.
    """

    def make() -> tuple[e.BenchmarkOpened, list[Artifact]]:
        grid = checked(engine.catalog, plan)
        return _opened(plan, grid), grid.artifacts

    opened, artifacts = await anyio.to_thread.run_sync(make)
    try:
        await engine.log.append(Write(stream_of(plan.name), [opened], NEW), artifacts=artifacts)
    except WrongExpectedVersion:
        kept = await benchmark_of(engine.log, plan.name)
        if (what := _other(kept.opened, opened)) is not None:
            msg = f"benchmark {plan.name} is there already with other {what}; give another --name, or none"
            raise BadInput(msg) from None
        return await resume_benchmark(engine, kept, jobs=plan.jobs)
    return await benchmark_of(engine.log, plan.name)


def _other(kept: e.BenchmarkOpened, asked: e.BenchmarkOpened) -> str | None:
    """The first part of two grids that differs."""
    parts = ("family", "solvers", "seeds", "budget")
    if (found := next((name for name in parts if getattr(kept, name) != getattr(asked, name)), None)) is not None:
        return found
    same = {each.instance for each in kept.instances} == {each.instance for each in asked.instances}
    return None if same else "instances"


async def resume_benchmark(engine: Engine, kept: Benchmark, *, jobs: int = 1) -> Benchmark:
    """Record that the cells that are left are run from here, in this environment; a closed benchmark stays as it is.

    Raises:
        BadInput: a solver is not registered any more, or at another version: its cells would not compare.
    """
    _whole("--jobs", jobs, MAX_JOBS)
    if kept.closed is not None:
        return kept
    for entry in kept.opened.solvers:
        if (now := engine.catalog.solver(entry.solver).version) != entry.version:
            msg = f"benchmark {kept.name} was begun with {entry.solver} v{entry.version}, which is v{now} here; begin another"
            raise BadInput(msg)
    environment = await anyio.to_thread.run_sync(snapshot)
    done = sum(cell.status in DONE for cell in kept.cells)
    event = e.BenchmarkResumed(done=done, jobs=jobs, environment=environment)
    await engine.log.append(Write(kept.stream, [event]))
    return await benchmark_of(engine.log, kept.name)


async def run_cells(engine: Engine, kept: Benchmark, *, jobs: int = 1, report: Callable[[Step], None]) -> Benchmark:
    """Run the cells that have no outcome yet, ``jobs`` at a time, and close the benchmark once all have one.

    Cancelled from outside it leaves the benchmark open; a cell that somebody cancelled leaves it open too.
    """
    if kept.closed is not None:
        return kept
    for run in list(engine.adopted):  # what a dead process left is disturbed: it is tried again from its beginning
        request = (await engine.state(run)).request
        if request is not None and request.within == kept.stream:
            await engine.cancel(run, "its worker died; the benchmark tries the cell again")
    kept = await benchmark_of(engine.log, kept.name)
    cells = {cell.key: cell for cell in kept.cells}
    left = deque(key for key in keys_of(kept.opened) if cells[key].status not in DONE)
    total = len(left) + sum(cell.status in DONE for cell in kept.cells)
    done = total - len(left)
    problems: dict[str, Problem] = {}

    async def work() -> None:
        nonlocal done
        while left:
            key = left.popleft()
            if key.instance not in problems:
                problems[key.instance] = await engine.problem(_task(kept.opened, key))
            state = await _run(engine, kept, cells[key], problems[key.instance])
            done += 1
            report(Step(done, total, key, state))

    async with anyio.create_task_group() as tasks:
        for _ in range(min(jobs, len(left))):
            tasks.start_soon(work)
    return await _close(engine, kept.name)


def _task(opened: e.BenchmarkOpened, key: Key) -> e.TaskSpec:
    """What names a cell's problem in the artifacts."""
    about = next(each for each in opened.instances if each.instance == key.instance)
    return e.TaskSpec(
        task="main",
        family=opened.family,
        sense=opened.sense,
        problem=about.instance,
        size=about.size,
        label=about.label,
        best_known=about.best_known,
    )


async def _run(engine: Engine, kept: Benchmark, cell: Cell, problem: Problem) -> RunState:
    """One try of a cell, to its end; its number is in its key, so that each try is one run whoever makes it."""
    running = cell.status == "running"
    number = cell.tries if running else cell.tries + 1
    run = await engine.submit(
        problem,
        time_limit=kept.opened.budget.time_limit,
        iterations=kept.opened.budget.iterations,
        seed=cell.seed,
        solver=cell.solver,
        fresh=True,
        purpose="benchmark",
        within=kept.stream,
        idempotency_key=f"{kept.stream}/{cell.solver}/{cell.instance}/{cell.seed}/{number}",
    )
    with suppress(RunFailedError, RunCancelledError):  # recorded; the benchmark's outcome tells
        await run.result()
    return await engine.state(run.id)


async def _close(engine: Engine, name: str) -> Benchmark:
    while True:
        kept = await benchmark_of(engine.log, name)
        ran = [cell for cell in kept.cells if cell.status != "refused"]
        if kept.closed is not None or any(cell.status not in DONE for cell in ran):
            return kept
        seconds = await _since(engine, kept)
        failures = sum(cell.status != "ok" for cell in ran)
        closed = e.BenchmarkClosed(cells=len(ran), failures=failures, seconds=seconds)
        try:
            await engine.log.append(Write(kept.stream, [closed], kept.version))
        except WrongExpectedVersion:
            continue  # another process has written: look again
        return await benchmark_of(engine.log, name)


async def _since(engine: Engine, kept: Benchmark) -> float:
    """Seconds from the opening to the log's end, by the log's own clock."""
    head = await engine.log.head()
    return 0.0 if head is None else (head.recorded_at - kept.opened_at) / 1e6
