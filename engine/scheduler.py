"""Who runs next: priorities, deadlines, slots per device, and same-shape jobs gathered into one call."""

import heapq
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import anyio
import anyio.abc
import structlog

from mezan.solvers import buckets

from .cohorts import Place

logger = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class Job:
    """One attempt waiting for a slot.

    Attributes:
        work: what the executor needs; opaque here.
        priority: higher runs first; ties go to the earlier deadline, then to the earlier arrival.
        deadline: on the ``anyio.current_time()`` clock.
        device: which kind of slot it needs.
        group: jobs with equal groups that wait together run in one call; None runs alone.
        weight: bytes that it holds while it runs; a batch, padding included, stays below the scheduler's limit.
        place: where runs were submitted together, its place among them; it may be held for the others of its group.
        cancelled: set by :meth:`Scheduler.cancel`; executors look at it between chunks.
        scope: the executor's cancel scope, for work that cannot look.
    """

    work: Any
    priority: int = 0
    deadline: float = float("inf")
    device: str = "cpu"
    group: Hashable | None = None
    weight: int = 0
    place: Place | None = None
    cancelled: bool = False
    taken: bool = False
    scope: anyio.CancelScope | None = None
    finished: anyio.Event = field(default_factory=anyio.Event)
    outcome: Any = None

    def finish(self, outcome: Any) -> None:
        """Deliver the outcome to whoever waits in :meth:`Scheduler.run`; the first one counts."""
        if not self.finished.is_set():
            self.outcome = outcome
            self.finished.set()


Execute = Callable[[Sequence[Job], str], Awaitable[None]]
_Entry = tuple[int, float, int, Job]


class Scheduler:
    """Runs jobs on a fixed number of slots per device.

    Args:
        execute: runs a batch of jobs of one group to the end, calling ``finish`` on each.
        capacity: slots per device.
        largest_batch: most jobs gathered into one call.
        heaviest_batch: most bytes that the jobs of one call may hold together (a single job may hold more).
        shared: per device what schedulers of one process take turns by; who waits longest is next, and it then takes its best job.
    """

    def __init__(
        self,
        execute: Execute,
        capacity: Mapping[str, int],
        *,
        largest_batch: int = 64,
        heaviest_batch: int = 2**28,
        shared: Mapping[str, anyio.CapacityLimiter] | None = None,
    ) -> None:
        self._execute, self._capacity, self._shared = execute, dict(capacity), shared or {}
        self._largest_batch, self._heaviest_batch = largest_batch, heaviest_batch
        self._arrivals = count()
        self._queues: dict[str, list[_Entry]] = {device: [] for device in capacity}
        self._groups: dict[tuple[str, Hashable], list[_Entry]] = {}
        self._idle: dict[str, list[anyio.Event]] = {device: [] for device in capacity}
        self.waiting = 0
        self.running = 0

    @property
    def capacity(self) -> Mapping[str, int]:
        """Slots per device."""
        return self._capacity

    def start(self, tasks: anyio.abc.TaskGroup) -> None:
        """Start the slots inside a task group; cancelling the group ends them."""
        for device, slots in self._capacity.items():
            for _ in range(slots):
                tasks.start_soon(self._slot, device)

    async def run(self, job: Job) -> Any:
        """Queue a job and wait for its outcome; cancelling the wait cancels the job.

        A job that is still waiting at its deadline never starts, and its outcome is None; one that runs watches it itself.
        """
        self.waiting += 1
        if (place := job.place) is not None and place.kept and job.group is not None:
            place.cohort.arrive(job, (job.device, job.group), self._most(job))
            place.leave()
        else:
            self.queue([job])
        try:
            with anyio.move_on_at(job.deadline) if job.deadline < float("inf") else nullcontext():
                await job.finished.wait()
            if not job.taken:
                self.cancel(job)
            await job.finished.wait()
        except BaseException:
            self.cancel(job)
            raise
        return job.outcome

    def queue(self, jobs: Sequence[Job]) -> None:
        """Let jobs of :meth:`run` start; those queued together are seen together."""
        for job in jobs:
            entry = (-job.priority, job.deadline, next(self._arrivals), job)
            heapq.heappush(self._queues[job.device], entry)
            if job.group is not None:
                heapq.heappush(self._groups.setdefault((job.device, job.group), []), entry)
        for job in jobs:
            if idle := self._idle[job.device]:
                idle.pop().set()

    def cancel(self, job: Job) -> None:
        """Stop a job: one that waits never starts, one that runs stops at its next chunk (or its scope is cancelled)."""
        job.cancelled = True
        if not job.taken:
            job.taken = True
            self.waiting -= 1
            job.finish(None)
        elif job.scope is not None:
            job.scope.cancel()

    async def _slot(self, device: str) -> None:
        turn: AbstractAsyncContextManager[Any] = self._shared.get(device) or nullcontext()
        while True:
            wake = None
            async with turn:
                if jobs := self._take(device):
                    await self._work(jobs, device)
                else:
                    wake = anyio.Event()
                    self._idle[device].append(wake)
            if wake is not None:
                await wake.wait()

    async def _work(self, jobs: Sequence[Job], device: str) -> None:
        self.running += len(jobs)
        try:
            await self._execute(jobs, device)
        except Exception as error:  # noqa: BLE001 - reaches each job's owner; the slot must live on
            for job in jobs:
                job.finish(error)
        finally:
            self.running -= len(jobs)
            for job in jobs:  # an executor that was itself cancelled has finished nobody
                job.finish(None)

    def _take(self, device: str) -> list[Job]:
        first = _pop(self._queues[device])
        if first is None:
            return []
        jobs = [first]
        if first.group is not None:
            waiting = self._groups[device, first.group]
            most = self._most(first)
            if first.weight:
                most = buckets.take(1 + sum(not entry[3].taken for entry in waiting), most)
            while len(jobs) < most and (job := _pop(waiting)) is not None:
                jobs.append(job)
            while waiting and waiting[0][3].taken:
                heapq.heappop(waiting)
            if not waiting:
                del self._groups[device, first.group]
        self.waiting -= len(jobs)
        return jobs

    def _most(self, job: Job) -> int:
        """Jobs like this one that a call may have; kernels are padded, and the padding weighs as much."""
        if job.weight == 0:
            return self._largest_batch
        return min(self._largest_batch, buckets.within(self._heaviest_batch // job.weight))


def _pop(queue: list[_Entry]) -> Job | None:
    while queue:
        job = heapq.heappop(queue)[3]
        if not job.taken:
            job.taken = True
            return job
    return None
