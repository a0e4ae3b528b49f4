"""Kernels: a batch of same-shape problems advanced together, chunk by chunk, each lane with its own limits."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio.to_thread

from mezan.engine import faults
from mezan.engine.artifacts import prepare
from mezan.engine.attempts import Found, NotFound, Stopped, Work
from mezan.engine.log import Artifact
from mezan.engine.scheduler import Job
from mezan.solvers.errors import SolverFailed

if TYPE_CHECKING:
    from mezan.solvers.driver import Incumbent, LaneReport
    from mezan.solvers.islands import Driven

CHECKPOINT_SECONDS = 2.0


@dataclass(slots=True)
class _Lane:
    job: Job
    work: Work
    best: "Incumbent | None" = None

    def remaining(self, seconds: float) -> float:
        """Seconds that are left of this lane's time limit, or until its deadline."""
        left = self.work.budget.time_limit - self.work.spent - seconds
        return min(left, self.work.deadline - time.perf_counter())


async def drive(jobs: Sequence[Job], device: str) -> None:
    """Run one vmapped call after another until every lane has stopped; between chunks look at limits and cancellation."""
    from mezan.solvers.driver import Pace

    start = time.perf_counter()
    lanes = {i: _Lane(job, job.work) for i, job in enumerate(jobs)}
    try:
        driven = await anyio.to_thread.run_sync(_prepare, [job.work for job in jobs])
        for i, lane in lanes.items():
            lane.best = _given(lane.work)
            lane.work.started(driven.lanes, i, device)
        faults.reach("attempt.started")
        pace, saved_at = Pace(), start
        while lanes:
            now = time.perf_counter()
            limits = [left for lane in lanes.values() if (left := _left(lane.work, driven.iterations)) is not None]
            longest = max(lane.remaining(now - start) for lane in lanes.values())
            count = pace.next(longest, min(limits) if limits else None)
            reports = await anyio.to_thread.run_sync(driven.advance, count)
            faults.reach("attempt.chunk")
            pace.ran(count, time.perf_counter() - now)
            for i in list(lanes):
                if _settle(lanes[i], reports[i], driven, time.perf_counter() - start):
                    del lanes[i]
            if lanes and time.perf_counter() - saved_at >= CHECKPOINT_SECONDS:
                for i, lane in lanes.items():
                    artifact = await anyio.to_thread.run_sync(_checkpoint, driven, i)
                    lane.work.saved(artifact, driven.iterations, lane.work.spent + time.perf_counter() - start)
                saved_at = time.perf_counter()
    except Exception as error:  # noqa: BLE001 - whatever a kernel raises is these attempts' failure
        for lane in lanes.values():
            lane.job.finish(NotFound(why="failed", seconds=time.perf_counter() - start, error=error))


def _prepare(works: Sequence[Work]) -> "Driven":
    from mezan.solvers.islands import drive_for

    first = works[0]
    driven = drive_for(first.family, first.solver, [w.problem for w in works], [w.seed for w in works])
    if first.resume is not None:
        driven.restore(first.resume)
        return driven
    given = {i: incumbent for i, work in enumerate(works) if (incumbent := _given(work)) is not None}
    if given:
        driven.inject(given)
    return driven


def _given(work: Work) -> "Incumbent | None":
    """The known result that a search starts from."""
    from mezan.solvers.driver import Incumbent

    return None if work.known is None else Incumbent(work.known.spec.objective, work.known.solution)


def _checkpoint(driven: "Driven", index: int) -> Artifact:
    return prepare("checkpoint", driven.checkpoint(index))


def _left(work: Work, iterations: int) -> int | None:
    return None if work.budget.iterations is None else max(1, work.budget.iterations - iterations)


def _settle(lane: _Lane, report: "LaneReport", driven: "Driven", seconds: float) -> bool:
    """Report what a chunk found; finish the job and return True when its lane has stopped."""
    work, total = lane.work, lane.work.spent + seconds
    if report.error is not None:
        lane.job.finish(NotFound(why="failed", iterations=driven.iterations, seconds=total, error=report.error))
        return True
    if report.incumbent is not None:
        lane.best = report.incumbent
        faults.reach("attempt.incumbent")
        work.improved(lane.best.objective, lane.best.solution, driven.iterations, total)
    if lane.job.cancelled:
        lane.job.finish(NotFound(why="cancelled", iterations=driven.iterations, seconds=total))
        return True
    stopped = _stopped(lane, report, driven.iterations, seconds)
    if stopped is None:
        return False
    best = lane.best
    if best is None:  # the driver reports the first incumbent of every lane after its first chunk
        raise SolverFailed(f"{work.solver.name} must have an incumbent after its first chunk; it has none")
    lane.job.finish(
        Found(
            objective=best.objective,
            solution=best.solution,
            stopped=stopped,
            iterations=driven.iterations,
            seconds=total,
            compile_seconds=driven.compile_seconds,
            proved_optimal=stopped == "done" and work.solver.exact,
        )
    )
    return True


def _stopped(lane: _Lane, report: "LaneReport", iterations: int, seconds: float) -> Stopped | None:
    budget = lane.work.budget
    if report.done:
        return "done"
    if lane.best is not None and (stopped := lane.work.reached(lane.best.objective)) is not None:
        return stopped
    if budget.iterations is not None and iterations >= budget.iterations:
        return "iterations"
    return "time" if lane.remaining(seconds) <= 0 else None
