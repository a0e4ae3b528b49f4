"""Procedures: one call each. Short ones share a thread hop; those that hold the GIL get a process of their own."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import anyio
import anyio.to_thread

from mezan.engine import faults
from mezan.engine.attempts import Found, NotFound, Outcome, Work
from mezan.engine.scheduler import Job
from mezan.solvers.budget import Budget
from mezan.solvers.errors import SolverFailed
from mezan.solvers.solver import Answer, load

from .processes import Processes

GRACE = 2.0
"""Seconds beyond its time limit after which a procedure is given up."""
SLICE_GRACE = 0.1
"""The same for a slice of time, as a share of it; it is at most `GRACE`."""


async def inline(jobs: Sequence[Job], device: str) -> None:
    """Run several short procedures in one thread hop."""
    for job in jobs:
        job.work.started(1, 0, device)
    faults.reach("attempt.started")
    works = [job.work for job in jobs]
    outcomes = await anyio.to_thread.run_sync(lambda: [_attempt(work, load(work.solver)) for work in works])
    for job, outcome in zip(jobs, outcomes, strict=True):
        _deliver(job, outcome)


async def one(processes: Processes, job: Job, device: str) -> None:
    """Run one procedure on a thread that is left behind, or in a process that is killed, when the job is cancelled or out of time."""
    work: Work = job.work
    work.started(1, 0, device)
    faults.reach("attempt.started")
    start = time.perf_counter()
    budget = _until(work.deadline - start, work.budget)
    outcome: Outcome
    grace = min(GRACE, SLICE_GRACE * budget.time_limit) if work.sliced else GRACE
    with anyio.move_on_after(min(budget.time_limit + grace, max(0.0, work.deadline - start))) as job.scope:
        try:
            if work.solver.runs_in == "thread":
                procedure = partial(load(work.solver), work.problem, budget, work.seed)
                answer = await anyio.to_thread.run_sync(procedure, abandon_on_cancel=True)
            else:
                answer = await processes.call(work.solver, work.problem, budget, work.seed)
            outcome = await anyio.to_thread.run_sync(_checked, work, answer, start)
        except Exception as error:  # noqa: BLE001 - whatever a solver raises is that attempt's failure
            outcome = NotFound(why="failed", seconds=time.perf_counter() - start, error=error)
    if job.scope.cancelled_caught:
        outcome = NotFound(why="cancelled" if job.cancelled else "timed-out", seconds=time.perf_counter() - start)
    _deliver(job, outcome)


def _until(left: float, budget: Budget) -> Budget:
    """A budget that also ends at the run's deadline."""
    return budget if left >= budget.time_limit else replace(budget, time_limit=max(left, 1e-3))


def _attempt(work: Work, procedure: Any) -> Outcome:
    start = time.perf_counter()
    try:
        return _checked(work, procedure(work.problem, work.budget, work.seed), start)
    except Exception as error:  # noqa: BLE001 - whatever a solver raises is that attempt's failure
        return NotFound(why="failed", seconds=time.perf_counter() - start, error=error)


def _checked(work: Work, answer: Answer, start: float) -> Outcome:
    """The answer with its objective recomputed; an answer that the evaluator refuses is a failure."""
    seconds = time.perf_counter() - start
    checked = work.family.evaluate(work.problem, answer.solution)
    if not checked.feasible:
        error = SolverFailed(f"{work.solver.name} must return feasible solutions; the evaluator says: {checked.why}")
        return NotFound(why="failed", seconds=seconds, error=error)
    return Found(
        objective=checked.objective,
        solution=answer.solution,
        stopped="done",
        iterations=0,
        seconds=seconds,
        proved_optimal=answer.proved_optimal,
        work=answer.work,
    )


def _deliver(job: Job, outcome: Outcome) -> None:
    if job.cancelled:
        job.finish(NotFound(why="cancelled", seconds=outcome.seconds))
        return
    job.finish(outcome)
