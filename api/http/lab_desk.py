"""Comparisons of policies on the log, made one at a time in the background; each is made once and kept."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import anyio
import structlog

from mezan.api.open import STANDINGS_READ
from mezan.api.views.lab import document
from mezan.engine.engine import Engine
from mezan.engine.lab import compare
from mezan.engine.lab_log import READ
from mezan.projections import DEFAULT, standings
from mezan.solvers.errors import MezanError

from .problems import Refused

Json = dict[str, Any]
KEPT = 64
WAITING = 16
"""Comparisons that may wait; of more, the one that was asked for longest ago is given up."""
PATIENCE = 2.0
"""Seconds after which a comparison that nobody asks for again is given up."""
LOOK = 0.25
"""Seconds between the first and a later look of a page before its comparison is begun: a slider only passes by."""
REST = 4.0
"""A page that follows the log has a comparison made again after this many times the seconds that the last one took."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """Which policies, on which decisions: those of ``family`` (None: all) with ``since < position``."""

    policies: tuple[str, ...]
    family: str | None
    since: int


@dataclass(slots=True, eq=False)
class Job:
    """A comparison as of ``upto``; ``waiters`` hold on to it, pages only look at it now and then."""

    question: Question
    upto: int
    first: float
    asked: float
    done: int = 0
    of: int = 0
    waiters: int = 0
    result: Json | None = None
    error: Exception | None = None
    seconds: float = 0.0
    ended: float = 0.0
    finished: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope | None = None

    @property
    def over(self) -> bool:
        """It has a result or an error."""
        return self.finished.is_set()

    @property
    def wanted(self) -> bool:
        """Somebody waits for it, or has looked again."""
        return self.waiters > 0 or self.asked - self.first >= LOOK


class LabDesk:
    """Takes questions, works on the latest, and keeps the last answers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._jobs: OrderedDict[tuple[Question, int], Job] = OrderedDict()
        self._woken = anyio.Event()

    async def run(self) -> None:
        """Work until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._tidy)
            while True:
                self._woken = anyio.Event()
                waiting = [job for job in self._jobs.values() if job.wanted and not job.over]
                if not waiting:
                    await self._woken.wait()
                    continue
                await self._work(max(waiting, key=lambda job: (job.waiters > 0, job.asked)))

    async def _work(self, job: Job) -> None:
        began = time.monotonic()

        def progress(done: int, of: int) -> None:
            job.done, job.of = done, of

        engine, question = self._engine, job.question
        with anyio.CancelScope() as job.scope:
            try:
                report = await compare(
                    engine.log,
                    [engine.policies.policy(name) for name in question.policies],
                    projections=[p for p in DEFAULT if p.name in STANDINGS_READ],  # type: ignore[misc]
                    standings=standings,
                    catalog=engine.catalog,
                    family=question.family,
                    since=question.since,
                    upto=job.upto,
                    progress=progress,
                )
                job.result = await anyio.to_thread.run_sync(document, report)
            except Exception as error:  # noqa: BLE001 - it is told to whoever asks; the desk goes on
                job.error = error
                if not isinstance(error, MezanError):
                    _log.exception("comparison broke", question=question, exc_info=error)
        job.seconds = time.monotonic() - began
        if job.scope.cancelled_caught:
            self._forget(job)
        job.scope, job.ended = None, time.monotonic()
        job.finished.set()
        while len(self._jobs) > KEPT:
            oldest = next((one for one in self._jobs.values() if one.over and not one.waiters), None)
            if oldest is None:
                return
            self._forget(oldest)

    def _forget(self, job: Job) -> None:
        self._jobs.pop((job.question, job.upto), None)

    async def _tidy(self) -> None:
        """Give up what nobody has asked for lately."""
        while True:
            await anyio.sleep(PATIENCE / 4)
            waiting = [job for job in self._jobs.values() if not job.over and not job.waiters]
            stale = [job for job in waiting if time.monotonic() - job.asked > PATIENCE]
            for job in stale:
                if job.scope is not None:
                    job.scope.cancel()
                else:
                    self._forget(job)
                    job.finished.set()

    def _job(self, question: Question, upto: int) -> Job:
        job = self._jobs.get((question, upto))
        now = time.monotonic()
        if job is None:
            if sum(not one.over for one in self._jobs.values()) >= WAITING:
                idle = [one for one in self._jobs.values() if not (one.over or one.waiters or one.scope)]
                if not idle:
                    raise Refused("store-busy", f"{WAITING} comparisons wait already; ask again when some are done")
                self._forget(min(idle, key=lambda one: one.asked))
            job = self._jobs[question, upto] = Job(question, upto, now, now)
        job.asked = now
        self._woken.set()
        self._jobs.move_to_end((question, upto))
        return job

    async def _relevant(self, upto: int) -> int:
        """The last event up to a position that a comparison reads: up to there, and up to the position, it is the same."""
        last = await self._engine.log.read(upto=upto, types=READ, limit=1, backwards=True)
        return last[0].position if last else 0

    async def report(self, question: Question, upto: int) -> Json:
        """The comparison as of a position; waits until it is made.

        Raises:
            BadInput: there is nothing to compare on.
        """
        exact = await self._relevant(upto)
        while True:
            job = self._job(question, exact)
            job.waiters += 1
            self._woken.set()
            try:
                await job.finished.wait()
            finally:
                job.waiters -= 1
            if job.error is not None:
                raise job.error
            if job.result is not None:  # else it was given up just before this began to wait
                return {**job.result, "as_of": upto}

    async def glance(self, question: Question, upto: int, *, live: bool) -> tuple[Job, bool]:
        """What there is by now, made in the background, and whether a later one is due.

        It is the comparison as of the position; where that is ``live`` and moves on, the last one that was made.
        """
        exact = await self._relevant(upto)
        if live:
            same = [job for job in self._jobs.values() if job.question == question and job.upto <= exact]
            made = max((job for job in same if job.over), key=lambda job: job.upto, default=None)
            going = next((job for job in same if not job.over), None)
            if going is not None:
                self._job(question, going.upto)
            if made is not None and made.upto < exact:
                if going is None and time.monotonic() - made.ended >= REST * made.seconds:
                    self._job(question, exact)
                return made, True
            if going is not None and made is None:
                return going, False
        return self._job(question, exact), False
