"""A race: the pans advance in turns on one thread, and after each round the better incumbent goes into the other pan.

Without a limit on iterations a round gives each pan the same *time*: one chunk beyond what the leader has used, its first
chunk, which compiles, left out. With one, a round gives each pan the same *iterations*, so that what they tell
each other, and with it every result, does not depend on the machine's speed.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio.to_thread

from mezan.engine import faults
from mezan.engine.artifacts import prepare
from mezan.engine.attempts import Found, NotFound, Outcome, Race, Stopped, Work
from mezan.engine.scheduler import Job

from . import kernels

if TYPE_CHECKING:
    from mezan.solvers.driver import Pace
    from mezan.solvers.scale import Pan

TURN = 0.05
"""Seconds of a pan's turn; about those of a chunk."""
ROUNDS = 32
LONGEST_LEG = 1024
"""With a limit on iterations they are run in so many rounds, or more where a round would be longer than this."""


@dataclass(slots=True)
class _Side:
    """One pan, and how it stands with its limits. ``used`` is the seconds of its chunks but the first."""

    name: str
    work: Work
    pan: "Pan"
    pace: "Pace"
    used: float = 0.0
    begun: bool = False
    stopped: Stopped | None = None

    def ending(self) -> Stopped | None:
        """What ends the whole race: the proof of an exact solver, or an incumbent that is good enough."""
        if self.pan.done and self.work.solver.exact:
            return "done"
        return None if self.pan.best is None else self.work.reached(self.pan.best.objective)


@dataclass(slots=True)
class _Run:
    job: Job
    race: Race
    alive: set[str]
    sides: dict[str, _Side] = field(default_factory=dict)
    last: dict[str, Outcome] = field(default_factory=dict)
    start: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Of the whole race, with what was spent before a restart."""
        return self.race.spent + time.perf_counter() - self.start

    @property
    def remaining(self) -> float:
        """Seconds until the time limit, which the pans share, or the deadline."""
        work = next(iter(self.race.pans.values()))
        return min(work.budget.time_limit - self.seconds, work.deadline - time.perf_counter())

    def running(self) -> list[_Side]:
        """Those that have not stopped."""
        return [side for side in self.sides.values() if side.stopped is None]

    def broke(self, name: str, error: Exception) -> None:
        """A pan is out. While another is in it is told at once; the last one is the race's outcome."""
        side = self.sides.pop(name, None)
        self.alive.discard(name)
        iterations = 0 if side is None else side.pan.iterations
        ended = NotFound(why="failed", iterations=iterations, seconds=self.seconds, error=error)
        if self.alive:
            self.race.broke(name, ended)
        else:
            self.last[name] = ended


async def race(job: Job, device: str) -> None:
    """Run a race to its end. Its outcome says how each pan ended that did not break on the way."""
    run = _Run(job, job.work, set(job.work.pans))
    for work in run.race.pans.values():
        work.started(1, 0, device)
    faults.reach("attempt.started")
    await _open(run)
    saved_at = time.perf_counter()
    while not job.cancelled and not _over(run):
        await _exchange(run)
        begun = bool(run.sides) and all(side.pan.best is not None for side in run.sides.values())
        if begun and time.perf_counter() - saved_at >= kernels.CHECKPOINT_SECONDS:
            await _save(run)
            saved_at = time.perf_counter()
        running = run.running()
        clock = max((side.used for side in running), default=0.0) + TURN
        for side in running:
            if not job.cancelled:
                await _turn(run, side, clock)
    job.finish(None if job.cancelled else _outcomes(run))


async def _open(run: _Run) -> None:
    from mezan.solvers.driver import Pace
    from mezan.solvers.scale import Pan, restore

    for name, work in run.race.pans.items():
        try:
            pan = await anyio.to_thread.run_sync(Pan, work.family, work.solver, work.problem, work.seed)
            if run.race.resume is not None:
                await anyio.to_thread.run_sync(restore, run.race.resume, {name: pan})
        except Exception as error:  # noqa: BLE001 - whatever a kernel raises is its attempt's failure
            run.broke(name, error)
        else:
            run.sides[name] = _Side(name, work, pan, Pace(TURN))


def end_of_leg(iterations: int, limit: int) -> int:
    """Where the turn of a pan ends that has come so far, out of ``limit``: it depends on these two alone."""
    length = min(-(-limit // ROUNDS), LONGEST_LEG)
    return min(limit, (iterations // length + 1) * length)


def _over(run: _Run) -> bool:
    """Stop the sides that have come to an end, all of them where one ends the race."""
    endings = [ending for side in run.sides.values() if (ending := side.ending()) is not None]
    for side in run.running():
        limit = side.work.budget.iterations
        if endings:
            side.stopped = endings[0]
        elif side.pan.best is None:  # whatever the time: it must have had a chunk
            continue
        elif side.pan.done:
            side.stopped = "done"
        elif limit is not None and side.pan.iterations >= limit:
            side.stopped = "iterations"
        elif run.remaining <= 0:
            side.stopped = "time"
    return not run.running()


async def _turn(run: _Run, side: _Side, clock: float) -> None:
    try:
        improved = await _search(run, side, clock)
    except Exception as error:  # noqa: BLE001 - whatever a kernel raises is its attempt's failure
        run.broke(side.name, error)
        return
    if improved and (best := side.pan.best) is not None:
        faults.reach("attempt.incumbent")
        side.work.improved(best.objective, best.solution, side.pan.iterations, run.seconds)


async def _search(run: _Run, side: _Side, clock: float) -> bool:
    """Chunks until the side has used up its share, then a look; once the time is up, nothing for a side that has begun."""
    pan, limit = side.pan, side.work.budget.iterations
    leg = None if limit is None else end_of_leg(pan.iterations, limit)
    while run.remaining > 0 or not side.begun:
        count = side.pace.next(run.remaining, None if leg is None else leg - pan.iterations)
        start = time.perf_counter()
        await anyio.to_thread.run_sync(pan.skip, count)
        faults.reach("attempt.chunk")
        took = time.perf_counter() - start
        side.pace.ran(count, took)
        side.used, side.begun = side.used + took * side.begun, True
        if pan.done or run.job.cancelled or (side.used >= clock if leg is None else pan.iterations >= leg):
            break
    return await anyio.to_thread.run_sync(pan.advance, 0)


async def _exchange(run: _Run) -> None:
    for receiver, source in list(_pairs(run)):
        if source.pan.best is not None and receiver.pan.wants(source.pan):
            try:
                await anyio.to_thread.run_sync(receiver.pan.tell, source.pan.best)
            except Exception as error:  # noqa: BLE001 - whatever a kernel raises is its attempt's failure
                run.broke(receiver.name, error)
            else:
                counts = receiver.pan.iterations, source.pan.iterations
                run.race.told(receiver.name, source.name, source.pan.best, *counts, run.seconds)


def _pairs(run: _Run) -> Iterator[tuple[_Side, _Side]]:
    """Who may be told, and by whom."""
    for receiver in run.running():
        for source in run.sides.values():
            if source is not receiver:
                yield receiver, source


async def _save(run: _Run) -> None:
    from mezan.solvers.scale import checkpoint

    pans = {name: side.pan for name, side in run.sides.items()}
    content = await anyio.to_thread.run_sync(checkpoint, pans)
    artifact = await anyio.to_thread.run_sync(prepare, "checkpoint", content)
    run.race.saved(artifact, {name: pan.iterations for name, pan in pans.items()}, run.seconds)


def _outcomes(run: _Run) -> dict[str, Outcome]:
    """The proof of an exact pan holds for the best of the race, whoever found that."""
    found = {name: side.pan.best for name, side in run.sides.items() if side.pan.best is not None}
    values = [best.objective for best in found.values()]
    proved = any(side.pan.done and side.work.solver.exact for side in run.sides.values())
    outcomes = dict(run.last)
    for name, best in found.items():
        side = run.sides[name]
        outcomes[name] = Found(
            objective=best.objective,
            solution=best.solution,
            stopped=side.stopped or "time",
            iterations=side.pan.iterations,
            seconds=run.seconds,
            compile_seconds=side.pan.compile_seconds,
            proved_optimal=proved and not any(side.work.family.better(value, best.objective) for value in values),
        )
    return outcomes
