"""The one object that an app holds."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import copy_context
from datetime import datetime
from functools import partial
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread
import structlog

from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput, SolverFailed
from mezan.solvers.pack import unpack
from mezan.solvers.problem import Problem
from mezan.solvers.seeds import derive
from mezan.solvers.selection.past.results import PastResults
from mezan.solvers.selection.registry import Policies

from . import events as e
from . import faults
from .admission import Admission
from .attempting import Parts
from .choosing import StandingsOf, candidates_for, profile
from .clock import micros
from .cohorts import Place
from .conductor import Conductor
from .context import acting
from .context import tenant as tenant_now
from .errors import RunNotFound, StoreError
from .executors import execute
from .experiments import Experiments, settle
from .follower import Follower
from .handle import Result, Run
from .ids import new_id
from .importing import Imported, Progress, import_results
from .leases import LEASE_SECONDS, Lease
from .log import NEW, EventLog, Write
from .many import record_many, submissions
from .predicting import Prediction, predict
from .recovery import adopt
from .replay import Replayer, ReplayReport
from .results import result
from .run import NOTHING, RunState, decide, fold
from .scheduler import Scheduler
from .seeding import KnownOf
from .shadow import Shadow
from .shadows import LOWEST, Shadows, SpentOf, Wanted
from .slots import Slots
from .stores.sqlite import SQLiteStore
from .streams import whole_stream
from .submitting import Options, Submission, submission

logger = structlog.get_logger(__name__)
LARGE = 20_000
"""Packed problems above this many bytes are unpacked on a thread."""


class Engine:
    """Submits, runs, explains and replays. Made by `mezan.api.open_engine`."""

    def __init__(
        self,
        store: SQLiteStore,
        follower: Follower,
        *,
        catalog: Catalog,
        policies: Policies,
        standings: StandingsOf,
        standings_read: Sequence[str],
        capacity: Mapping[str, int],
        largest_batch: int = 64,
        shared: Slots | None = None,
        known: KnownOf | None = None,
        shadow: Shadow | None = None,
        shadow_seconds: SpentOf | None = None,
        experiments: Experiments | None = None,
    ) -> None:
        self._store, self.follower = store, follower
        self.catalog, self.policies = catalog, policies
        self._standings, self._standings_read, self._known = standings, standings_read, known
        self._experiments = experiments
        slots = Slots({}) if shared is None else shared
        self._processes = slots.processes
        self.scheduler = Scheduler(
            partial(execute, self._processes), capacity, largest_batch=largest_batch, shared=slots.turns
        )
        self._shadows: Shadows | None = None
        if shadow is not None and shadow_seconds is not None:
            used = shadow_seconds
            self._shadows = Shadows(shadow, self._shadow, self._busy, lambda: used(self.follower.states, micros()))
        self._conductors: dict[str, Conductor] = {}
        self._unrecorded: dict[str, BaseException] = {}
        self._tasks: anyio.abc.TaskGroup | None = None
        self._parts: Parts | None = None
        self.adopted: list[str] = []
        """Runs of dead workers that this engine has taken over."""

    @property
    def log(self) -> EventLog:
        """The event log."""
        return self._store

    @property
    def store(self) -> SQLiteStore:
        """The database: log, artifacts, read models."""
        return self._store

    @asynccontextmanager
    async def running(self, *, recover: bool = True, hand_over: bool = False) -> AsyncIterator["Engine"]:
        """Take requests until the block ends; runs still going then are cancelled, or left for the next engine."""
        lease = await self._enter()
        try:
            async with self._processes.used(), anyio.create_task_group() as background:
                background.start_soon(self.follower.run)
                background.start_soon(self._heartbeat, recover)
                async with anyio.create_task_group() as slots:
                    self.scheduler.start(slots)
                    try:
                        async with anyio.create_task_group() as self._tasks:
                            if recover:
                                await self._recover()
                            if self._shadows is not None:
                                self._tasks.start_soon(self._shadows.run)
                            await settle(self._store, self._experiments, self.follower.states)
                            try:
                                yield self
                            finally:
                                if self._shadows is not None:
                                    self._shadows.stop()
                                for conductor in list(self._conductors.values()):
                                    if hand_over and conductor.journal.request.purpose != "shadow":
                                        conductor.hand_over()
                                    else:
                                        conductor.cancel("the engine was closed")
                    finally:
                        self._tasks = None
                        slots.cancel_scope.cancel()
                background.cancel_scope.cancel()
        finally:
            # also after an error: whatever it left unfinished may then be taken over at once
            with anyio.CancelScope(shield=True):
                await self._leave(lease)

    async def _leave(self, lease: Lease) -> None:
        try:
            await self._store.transact(lambda _: None)  # what was queued needs the lease
            await (self._parts.lease if self._parts else lease).release()
        except StoreError as error:
            logger.warning("lease not released", error=str(error))

    async def _enter(self) -> Lease:
        lease = Lease(self._store, new_id("worker"))
        await lease.acquire()
        self._parts = Parts(
            log=self._store,
            follower=self.follower,
            scheduler=self.scheduler,
            catalog=self.catalog,
            policies=self.policies,
            standings=self._standings,
            lease=lease,
            load_problem=self.problem,
            load_artifact=self._store.artifact,
            known=self._known,
            experiments=self._experiments,
            admission=Admission(few=max(2, sum(self.scheduler.capacity.values()))),
        )
        return lease

    async def _heartbeat(self, recover: bool) -> None:
        while True:
            await anyio.sleep(LEASE_SECONDS / 4)
            await self._processes.tidy()
            try:
                if self._parts is not None and not await self._parts.lease.renew():
                    logger.error("this worker was replaced; its runs go on elsewhere", worker=self._parts.lease.worker)
                    await self._enter()
                if recover:
                    await self._recover()
            except StoreError as error:
                logger.warning("heartbeat failed", error=str(error))

    async def _recover(self) -> None:
        if self._parts is None or self._tasks is None:
            return
        async for run, state, requested_at, tenant, actor in adopt(
            self._store, self.follower, self._parts.lease, set(self._conductors)
        ):
            shadow = state.request is not None and state.request.purpose == "shadow"
            with acting(in_tenant=tenant, as_actor=actor):
                self._start(run, state, requested_at, {})
            if shadow:  # nobody waits for it, and the run that it followed is long over
                self._conductors[run].cancel("its worker is gone")
            else:
                self.adopted.append(run)

    # submitting

    async def submit(
        self,
        problem: Problem | Mapping[str, Problem],
        *,
        time_limit: float = 10.0,
        iterations: int | None = None,
        target: float | None = None,
        gap: float | None = None,
        seed: int | None = None,
        policy: str | None = None,
        solver: str | None = None,
        priority: int = 0,
        deadline: float | None = None,
        idempotency_key: str | None = None,
        after: Mapping[str, tuple[str, ...]] | None = None,
        fresh: bool = False,
        pans: Sequence[str] | None = None,
        purpose: e.Purpose = "request",
        within: str | None = None,
    ) -> Run:
        """Ask for a problem to be solved (or several, by task name); returns once the request is durable.

        Args:
            problem: an instance, or a mapping of task names to instances that are solved in one run.
            time_limit: seconds of solving per task, compilation included.
            iterations: kernel iterations per task, for a result that does not depend on the machine's speed.
            target: stop at an objective at least this good.
            gap: stop within so many percent of the proved bound; without effect where a family has none.
            seed: all randomness of the run derives from it; drawn, and recorded, when None.
            policy: the selection policy's name; None leaves it to the engine's setting for the family.
            solver: use this solver and no other; goes before the one that a problem prefers itself (a QAP's ``mode``).
            priority: higher runs first.
            deadline: seconds from now after which nothing of the run may still be working.
            idempotency_key: submitting again under the same key returns the first run.
            after: task names that must succeed before a task starts.
            fresh: start from nothing; otherwise a solver that can starts from the best result that the log has for the
                same instance, and never ends worse.
            pans: two solvers (``("hybrid", "enhanced")``) that race on the instance and tell each other what they find.
                They share ``time_limit``; ``iterations`` are for each. A race starts from nothing, and is a rated match.
            purpose: who wants it: a user (``request``), or the engine for its own knowledge.
            within: the stream that the run belongs to, such as a benchmark's.

        Raises:
            BadInput: an argument breaks a rule; nothing was recorded.
            StoreError: the database refused; nothing was recorded.
        """
        if self._tasks is None or self._parts is None:
            msg = "the engine must be open to submit; use `async with open_engine(...) as engine:`"
            raise BadInput(msg)
        options = Options(
            time_limit=time_limit,
            iterations=iterations,
            target=target,
            gap=gap,
            seed=seed,
            policy=policy,
            solver=solver,
            priority=priority,
            deadline=deadline,
            idempotency_key=idempotency_key,
            after=after or {},
            fresh=fresh,
            pans=pans,
            purpose=purpose,
            within=within,
        )
        options.check(self.policies)
        return await self._record(await submission(self.catalog, problem, options, self._parts.lease.worker))

    async def submit_many(
        self, problems: Sequence[Problem | Mapping[str, Problem]], *, seed: int | None = None, **options: Any
    ) -> list[Run]:
        """Submit one run per problem with the same options, all checked before any is recorded; same-shape runs share calls.

        Args:
            problems: what :meth:`submit` takes, any number of times.
            seed: each run's seed derives from it and its index; drawn when None.
            options: as for :meth:`submit`; an ``idempotency_key`` is the beginning of each run's own (``key/0``, ``key/1``, ...).

        Raises:
            BadInput: an option breaks a rule, or the problem at the index that the message names; nothing was recorded.
            StoreError: the database refused; what was recorded before goes on.
        """
        if self._parts is None:
            msg = "the engine must be open to submit; use `async with open_engine(...) as engine:`"
            raise BadInput(msg)
        asked = Options(seed=seed, **options)
        asked.check(self.policies)
        worker = self._parts.lease.worker
        wanted = await submissions(self.catalog, problems, asked, worker)
        return await record_many(wanted, self._record, self.scheduler.queue)

    async def _record(self, asked: Submission, place: Place | None = None) -> Run:
        if self._tasks is None or self._parts is None:
            msg = "the engine was closed before the request was recorded; submit it to an open one"
            raise BadInput(msg)
        self._parts.admission.requested()
        events = decide(asked.requested, NOTHING)
        state = fold(events)
        run = new_id("run")
        now = time.time()
        try:
            done = await self._store.append(
                Write(run, events, NEW),
                artifacts=asked.artifacts,
                idempotency=asked.once,
                fence=self._parts.lease.fence,
            )
        except BaseException:
            # cancelled, or told of an error by the commit: the request may be recorded all the same, and must get an end
            self._tasks.start_soon(self._disown, run, now)
            raise
        if done.duplicate:
            if place is not None:
                place.leave()
            return Run(self, done.stream)
        faults.reach("run.requested")
        self._start(run, state, now, asked.problems, place)
        return Run(self, run)

    def _start(
        self,
        run: str,
        state: RunState,
        requested_at: float,
        problems: Mapping[str, Problem],
        place: Place | None = None,
    ) -> None:
        if self._tasks is None or self._parts is None:  # pragma: no cover - submit has looked
            raise SolverFailed("the engine is closed")
        conductor = Conductor(self._parts, run, state, requested_at, problems, place)
        self._conductors[run] = conductor
        if self._shadows is not None and conductor.journal.request.purpose != "shadow":
            self._shadows.arrived()
        tasks = self._tasks

        def begin() -> None:
            tasks.start_soon(self._conduct, conductor, name=run)

        conductor.admit(partial(copy_context().run, begin))

    async def _conduct(self, conductor: Conductor) -> None:
        try:
            await conductor.conduct()
            await settle(self._store, self._experiments, self.follower.states)
        finally:
            del self._conductors[conductor.run]
            conductor.leave()
            if conductor.unrecorded is not None:
                self._unrecorded[conductor.run] = conductor.unrecorded
            if self._shadows is not None:
                self._shadows.ended(conductor.run, tenant_now.get(), conductor.journal.state)

    async def _disown(self, run: str, requested_at: float) -> None:
        """End a run whose submission was cancelled, if its request was recorded."""
        with anyio.CancelScope(shield=True):
            try:
                await self._store.transact(lambda _: None)  # whatever was queued before is decided then
                state = fold(recorded.event for recorded in await whole_stream(self._store, run))
            except StoreError as error:
                logger.warning("cancelled request not ended", run=run, error=str(error))
                return
            if state.version and self._tasks is not None:
                self._start(run, state, requested_at, {})
                self._conductors[run].cancel("its submission was cancelled")

    # shadows

    def _busy(self) -> bool:
        """Whether a run is going that is not a shadow."""
        return any(conductor.journal.request.purpose != "shadow" for conductor in self._conductors.values())

    async def _shadow(self, wanted: Wanted) -> Conductor | None:
        """Submit a shadow run; None when it has been run before."""
        if self._parts is None:
            return None
        request, spec = wanted.request, wanted.request.tasks[0]
        options = Options(
            **{name: getattr(request.budget, name) for name in ("time_limit", "iterations", "target", "gap")},
            seed=request.seed,
            solver=wanted.solver,
            priority=LOWEST,
            idempotency_key=wanted.key,
            fresh=True,
            purpose="shadow",
            within=wanted.run,
        )
        with acting(in_tenant=wanted.tenant, correlated=wanted.run):
            problem = {spec.task: await self.problem(spec)}
            run = await self._record(await submission(self.catalog, problem, options, self._parts.lease.worker))
        return self._conductors.get(run.id)

    @property
    def shadows_due(self) -> int:
        """Shadow runs that wait or are going."""
        return 0 if self._shadows is None else self._shadows.due

    async def shadowed(self) -> None:
        """Return once every shadow that is due has been run; at once where nothing is shadowed."""
        if self._shadows is not None:
            await self._shadows.settled()

    # asking

    async def run(self, run: str) -> Run:
        """A run by its id, or by an unambiguous beginning of one; raises RunNotFound."""
        return Run(self, await self.find(run))

    async def find(self, run: str) -> str:
        """The full id of a run; raises RunNotFound for none or several."""
        found = await self._store.streams_like(run)
        if len(found) != 1:
            near = f"it is the beginning of {len(found)} runs: {', '.join(found[:3])}" if found else "there is none"
            msg = f"a run id must name one run; {run!r} does not: {near}"
            raise RunNotFound(msg)
        return found[0]

    async def cancel(self, run: str, reason: str) -> None:
        """See :meth:`Run.cancel`; only the process that runs it can."""
        conductor = self._conductors.get(run)
        if conductor is not None:
            conductor.cancel(reason)
            await conductor.finished.wait()
            return
        if not (await self.state(run)).over:
            msg = f"run {run} belongs to another process and must be cancelled there"
            raise BadInput(msg)

    async def state(self, run: str) -> RunState:
        """Where a run stands, folded from its events; raises RunNotFound."""
        history = await whole_stream(self._store, run)
        if not history:
            msg = f"a run id must name one run; there is none called {run!r}"
            raise RunNotFound(msg)
        return fold(recorded.event for recorded in history)

    async def result_of(self, run: str) -> Result:
        """Wait for a run of this or another process to end; see :meth:`Run.result`."""
        conductor = self._conductors.get(run)
        if conductor is not None:
            await conductor.finished.wait()
            if conductor.journal.recorded:
                journal = conductor.journal
                return await result(run, journal.state, journal.final, conductor.solutions, self.solution)
        why = self._unrecorded.get(run) if conductor is None else conductor.unrecorded
        if why is not None:
            msg = f"the end of run {run} could not be recorded ({why}); it is resumed when the database is opened again"
            raise StoreError(msg) from why
        async for recorded in Run(self, run).events():
            last = recorded.event
        return await result(run, await self.state(run), last, {}, self.solution)

    def incumbents(self, run: str) -> Mapping[str, Any]:
        """Task to the best solution so far of a run of this process; live, and still there when the run was cancelled."""
        conductor = self._conductors.get(run)
        return {} if conductor is None else conductor.solutions

    async def solution(self, digest: str) -> Any:
        """A solution array by its digest; raises StoreError when it is no longer kept."""
        content = await self._store.artifact(digest)
        if content is None:
            raise StoreError(f"the solution {digest[:12]} is not in the database; restore it from a copy")
        return unpack(content)["solution"]

    async def problem(self, spec: e.TaskSpec) -> Problem:
        """A task's problem, from its artifact; raises StoreError when it is no longer kept."""
        content = await self._store.artifact(spec.problem)
        if content is None:
            raise StoreError(f"the problem {spec.problem[:12]} is not in the database; restore it from a copy")
        kind = self.catalog.family(spec.family).problem

        def rebuild() -> Problem:
            built: Problem = kind.from_content(unpack(content), name=spec.label, best_known=spec.best_known)
            return built

        return rebuild() if len(content) < LARGE else await anyio.to_thread.run_sync(rebuild)

    # learning from elsewhere

    async def import_results(self, results: PastResults, progress: Progress | None = None) -> Imported:
        """Record past results, each once: what an earlier call has recorded is left out.

        Args:
            results: see `mezan.solvers.selection.past.from_csv.read` and `mezan.solvers.selection.past.aslib`.
            progress: called with (events recorded, in all).

        Raises:
            BadInput: the family has other features here; nothing was recorded.
            StoreError: the database refused; the same call goes on from there.
        """
        if self._tasks is None:
            msg = "the engine must be open to import results; use `async with open_engine(...) as engine:`"
            raise BadInput(msg)
        known = self._standings(self.follower.states, results.family, {}, self.follower.position).examples.names
        given = tuple(sorted(next(iter(results.features.values()), {})))
        if known and given and known != given:
            msg = (
                f"instances of {results.family} must have the features that it has here, {', '.join(known)}; "
                f"{results.source} has {', '.join(given)}: leave the features out, or name another family"
            )
            raise BadInput(msg)

        def cluster_of(family: str, features: Mapping[str, float]) -> str:
            states, position = self.follower.states, self.follower.position
            return self._standings(states, family, features, position, compared=False).cluster

        return await import_results(self._store, self.follower, results, cluster_of, progress)

    async def predict(
        self, problem: Problem, *, policy: str | None = None, seed: int = 0, at: int | None = None
    ) -> Prediction:
        """What would be chosen now, and what to expect of every solver; nothing is recorded or solved.

        Args:
            problem: the instance.
            policy: as for :meth:`submit`.
            seed: of a policy that draws lots.
            at: a log position: what would have been chosen then.

        Raises:
            BadInput: there is no such policy, or no solver takes the problem.
        """
        family, decides = self.catalog.family_of(problem), self.policies.policy(policy, type(problem).family)
        past = at is not None or self._tasks is None
        if past:  # or opened read-only: nothing is followed
            head = await self._store.head()
            position = min(head.position if head else 0, at if at is not None else 2**63)
            states = await self.follower.as_of_many(self._standings_read, position)
        features, bound = await anyio.to_thread.run_sync(profile, family, problem)
        candidates = await anyio.to_thread.run_sync(candidates_for, family, problem, ())
        if not past:
            await self.follower.settle()
            states, position = dict(self.follower.states), self.follower.position
        standings = self._standings(states, family.name, features, position)
        key = derive(seed, "main", 1, "policy")
        return await anyio.to_thread.run_sync(
            predict, family, problem, features, bound, decides, standings, candidates, key
        )

    # explaining

    async def why(self, run: str, *, task: str | None = None) -> e.SolverChosen:
        """The decision card of a run's last choice (of ``task``); raises RunNotFound when nothing was chosen."""
        cards = [
            recorded.event
            for recorded in await whole_stream(self._store, run)
            if isinstance(recorded.event, e.SolverChosen) and task in {None, recorded.event.task}
        ]
        if not cards:
            msg = f"a run must have chosen a solver to say why; {run!r} has not" + (
                f" for task {task!r}" if task else ""
            )
            raise RunNotFound(msg)
        return cards[-1]

    async def verify_choice(self, run: str) -> ReplayReport:
        """Refold the log up to each choice's ``as_of`` and choose again: the cards must be equal to the bit."""
        return await self._replayer().choices(run)

    async def replay(self, run: str) -> ReplayReport:
        """Execute a run again, repeating its recorded work, and name the first event that comes out differently."""
        return await self._replayer().execute(run)

    def _replayer(self) -> Replayer:
        return Replayer(
            self._store, self.follower, self.catalog, self.policies, self._standings, self._standings_read, self.problem
        )

    async def as_of(self, projection: str, at: int | datetime) -> Any:
        """A projection as it was at a log position or a time."""
        return await self.follower.as_of(projection, at)
