"""A race: two attempts on one instance as one job, from their chosen solvers to the events that say how they ended.

What both must have or neither, a checkpoint or the results, is one append: a worker that dies leaves no half of it.
"""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mezan.solvers.errors import SolverFailed
from mezan.solvers.pack import pack

from . import events as e
from . import faults
from .artifacts import digest_of
from .attempting import Attempt, Parts, Progress, loop_deadline, perf_deadline
from .attempts import Found, NotFound, Outcome, Race
from .journal import Journal
from .log import Artifact
from .scheduler import Job

if TYPE_CHECKING:
    from mezan.solvers.driver import Incumbent


class Racing:
    """Made for the pans of a race that have not broken, by task; :meth:`run` takes them to their ends."""

    def __init__(
        self,
        parts: Parts,
        journal: Journal,
        attempts: Mapping[str, Attempt],
        progress: Mapping[str, Progress],
        over: Callable[[], bool],
    ) -> None:
        self._parts, self._journal, self._attempts = parts, journal, attempts
        self._progress, self._over = progress, over
        self._out: set[str] = set()

    async def run(self) -> None:
        """Queue, race, and record the ends."""
        request, attempts = self._journal.request, self._attempts
        resume = await self._resume()
        for attempt in attempts.values():
            attempt.begin(anew=resume is None)
        works = {name: attempt.work() for name, attempt in attempts.items()}
        job = Job(
            Race(
                pans=works,
                told=self._told,
                saved=self._saved,
                broke=self._broke,
                resume=resume,
                spent=max(work.spent for work in works.values()),
            ),
            priority=request.priority,
            deadline=loop_deadline(request.deadline),
            device=await next(iter(attempts.values())).device(),
        )
        try:
            outcome: dict[str, Outcome] | BaseException | None = await self._parts.scheduler.run(job)
        finally:
            faults.reach("attempt.finished")
        await self._end(outcome)

    async def _resume(self) -> bytes | None:
        """The checkpoint that all pans share; None, and so a start from nothing, when they share none or it is gone."""
        saved = {None if a.saved is None else a.saved.checkpoint for a in self._attempts.values()}
        digest = saved.pop()
        return None if saved or digest is None else await self._parts.load_artifact(digest)

    # what the executor reports, on the event loop

    def _told(
        self,
        receiver: str,
        source: str,
        incumbent: "Incumbent",
        iterations: int,
        source_iterations: int,
        seconds: float,
    ) -> None:
        if self._over():
            return
        event = e.IncumbentShared(
            task=receiver,
            attempt=self._attempts[receiver].number,
            source_task=source,
            source_attempt=self._attempts[source].number,
            objective=incumbent.objective,
            solution=digest_of(pack({"solution": incumbent.solution})),
            iterations=iterations,
            source_iterations=source_iterations,
            seconds=seconds,
        )
        self._journal.soon(event, self._attempts[receiver].ref)

    def _saved(self, artifact: Artifact, iterations: Mapping[str, int], seconds: float) -> None:
        if self._over():
            return
        for name, count in iterations.items():
            self._progress[name].iterations, self._progress[name].seconds = count, seconds
            self._attempts[name].checkpoints.append(artifact.digest)
        saved = [
            e.CheckpointSaved(
                task=name,
                attempt=self._attempts[name].number,
                checkpoint=artifact.digest,
                iterations=count,
                seconds=seconds,
            )
            for name, count in iterations.items()
        ]
        self._journal.all_soon(saved, artifacts=(artifact,))
        faults.reach("attempt.checkpoint")

    def _broke(self, name: str, ended: NotFound) -> None:
        if not self._over():
            self._out.add(name)
            attempt = self._attempts[name]
            self._journal.soon(attempt.failed(ended), attempt.ref)

    # how it ends

    async def _end(self, outcome: dict[str, Outcome] | BaseException | None) -> None:
        going = [name for name in self._attempts if name not in self._out]
        if isinstance(outcome, dict):
            outcomes = outcome
        elif outcome is None and perf_deadline(self._journal.request.deadline) <= time.perf_counter() + 0.05:
            outcomes = dict.fromkeys(going, NotFound(why="timed-out"))
        else:
            error = outcome or SolverFailed("the executor ended without an outcome")
            outcomes = dict.fromkeys(going, NotFound(why="failed", error=error))
        ends: list[e.Event] = []
        kept: list[Artifact] = []
        for name in going:
            attempt, ended = self._attempts[name], outcomes[name]
            if isinstance(ended, Found):
                event, artifact = attempt.succeeded(ended, self._rival(name, outcomes))
                ends.append(event)
                kept.append(artifact)
            else:
                ends.append(attempt.failed(ended))
        forget = {digest for attempt in self._attempts.values() for digest in attempt.checkpoints}
        await self._journal.append_all(ends, artifacts=tuple(kept), forget=tuple(sorted(forget)))

    def _rival(self, name: str, outcomes: Mapping[str, Outcome]) -> e.RivalSpec:
        spec = next(spec for spec in self._journal.request.tasks if spec.task != name)
        ended = outcomes.get(spec.task)
        return e.RivalSpec(
            task=spec.task,
            solver=spec.solver or "",
            objective=ended.objective if isinstance(ended, Found) else None,
        )
