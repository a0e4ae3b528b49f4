"""One attempt: a chosen solver on one task, from its place in the queue to the event that says how it ended."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.to_thread
import structlog

from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import MezanError, SolverFailed, Transient
from mezan.solvers.pack import Array, pack
from mezan.solvers.problem import Bound, Family, Problem, loss
from mezan.solvers.seeds import derive
from mezan.solvers.selection.registry import Policies
from mezan.solvers.solver import Solver

from . import events as e
from . import faults
from .admission import Admission
from .artifacts import digest_of, prepare
from .attempts import Found, NotFound, Outcome, Stopped, Work
from .choosing import StandingsOf, named
from .cohorts import Place
from .experiments import Experiments
from .follower import Follower
from .journal import Journal
from .leases import Lease
from .limits import budget_of, reached
from .log import Artifact, EventLog
from .placing import Placing
from .run import TaskState
from .scheduler import Job, Scheduler
from .seeding import KnownOf, Seed, best_known, seed_of
from .tightening import may_tighten, tighten

logger = structlog.get_logger(__name__)
MAX_ATTEMPTS = 3
"""Solvers tried on one task when the earlier ones broke, or found nothing in their slice of time."""
LEAST_LEFT = 0.05
"""The share of the time limit that must be left for another solver to be tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What every conductor of an engine shares."""

    log: EventLog
    follower: Follower
    scheduler: Scheduler
    catalog: Catalog
    policies: Policies
    standings: StandingsOf
    lease: Lease
    load_problem: Callable[[e.TaskSpec], Awaitable[Problem]]
    load_artifact: Callable[[str], Awaitable[bytes | None]]
    known: KnownOf | None = None
    experiments: Experiments | None = None
    placing: Placing = field(default_factory=Placing)
    tightening: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    admission: Admission = field(default_factory=Admission)


@dataclass(slots=True)
class Progress:
    """How far a task's search is: what the event of a cancellation says."""

    iterations: int = 0
    seconds: float = 0.0


class Attempt:
    """Made for one task whose solver is chosen; :meth:`run` takes it to its end.

    ``solutions`` is where the best of each task is kept for whoever asks. ``over`` says that the run has ended: a batch
    goes on for its other runs, and nothing more is recorded of this one.

    Attributes:
        number: counts the attempts on its task, from 1.
        saved: the checkpoint of an abandoned attempt that it may go on from.
        checkpoints: digests that are no longer needed once it has ended.
        ref: the event that its own events follow from, once it has started.
    """

    def __init__(
        self,
        parts: Parts,
        journal: Journal,
        name: str,
        family: Family[Any],
        problem: Problem,
        progress: Progress,
        solutions: dict[str, Array],
        over: Callable[[], bool],
    ) -> None:
        self._parts, self._journal, self._name, self._family, self._problem = parts, journal, name, family, problem
        self._progress, self._solutions, self._over = progress, solutions, over
        task = self._task
        if task.chosen is None or task.profile is None:
            msg = f"task {name!r} must be profiled and have a chosen solver before an attempt"
            raise SolverFailed(msg)
        self._profile, self._chosen = task.profile, task.chosen
        self._solver: Solver[Any] = parts.catalog.solver(task.chosen.solver)
        again = task.started is not None and task.started.attempt >= task.attempt
        self.number = task.attempt + 1 if again else task.attempt
        self.saved = task.checkpoint if again else None
        self._seed = derive(journal.request.seed, name, self.number)
        self.checkpoints = [] if task.checkpoint is None else [task.checkpoint.checkpoint]
        self.ref: str | None = None
        self._known: Seed | None = None
        self._begun = anyio.Event()
        share = task.chosen.time_share
        # a kernel has a solution from its first chunk on
        self._sliced = share is not None and self._solver.runs_in != "kernel" and self._another()
        self._spec = _left(journal.request.budget, task.sliced, share if self._sliced else None)

    @property
    def _task(self) -> TaskState:
        return self._journal.state.tasks[self._name]

    async def run(self, retry_in: float | None, place: Place | None = None) -> None:
        """Queue, solve, and record the end. Raises a transient failure again, when it may be retried after ``retry_in``.

        ``place`` is among the runs that it was submitted with.
        """
        request = self._journal.request
        resume = None if self.saved is None else await self._parts.load_artifact(self.saved.checkpoint)
        started = self._task.started
        if resume is not None and started is not None and (had := started.seeded_from) is not None:
            self._known = await seed_of(had, self._family, self._problem, self._parts.load_artifact)
            resume = None if self._known is None else resume  # what it found may be worse than what it was handed
        self.begin(anew=resume is None)
        if resume is None:
            self._known = await self._look_up()
            if self._known is not None and (stopped := self._enough(self._known)) is not None:
                self._started(1, 0, "none")
                await self._found(_handed(self._known, stopped))
                return
        group, weight = await self._parts.placing.group(self._solver, self._problem)
        job = Job(
            self.work(resume),
            priority=request.priority,
            deadline=loop_deadline(request.deadline),
            device=await self.device(),
            group=group if resume is None else None,
            weight=weight,
            place=place,
        )
        try:
            outcome: Outcome | BaseException | None = await self._scheduled(job)
        finally:
            faults.reach("attempt.finished")
        if outcome is None and perf_deadline(request.deadline) <= time.perf_counter() + 0.05:
            outcome = NotFound(why="timed-out")
        if outcome is None:
            outcome = NotFound(why="failed", error=SolverFailed("the executor ended without an outcome"))
        if isinstance(outcome, BaseException):
            outcome = NotFound(why="failed", error=outcome)
        if isinstance(outcome, NotFound) and outcome.why == "timed-out" and self._known is not None:
            if self._task.status == "chosen":
                self._started(1, 0, "none")
            outcome = _handed(self._known, "time", outcome.seconds)
        await (self._found(outcome) if isinstance(outcome, Found) else self._not_found(outcome, retry_in))

    def begin(self, *, anew: bool) -> None:
        """From nothing, or from the checkpoint of an abandoned attempt, whose seed it then keeps."""
        if anew:
            self.saved = None
        elif (started := self._task.started) is not None:
            self._seed = started.seed

    def work(self, resume: bytes | None = None) -> Work:
        """What an executor needs of it."""
        request, task = self._journal.request, self._task
        return Work(
            family=self._family,
            solver=self._solver,
            problem=self._problem,
            budget=budget_of(self._spec, task.bound, self._family),
            seed=self._seed,
            started=self._started,
            improved=self._improved,
            saved=self._keep,
            reached=self._reached,
            resume=resume,
            known=self._known,
            spent=task.spent if self.saved else 0.0,
            deadline=perf_deadline(request.deadline),
            sliced=self._sliced,
        )

    async def _scheduled(self, job: Job) -> Any:
        """The job's outcome; while a kernel works on it, a better bound may be found beside it."""
        if self._solver.runs_in != "kernel" or not may_tighten(self._family, self._task, self._spec):
            return await self._parts.scheduler.run(job)
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._tighten)
            outcome = await self._parts.scheduler.run(job)
            beside.cancel_scope.cancel()
        return outcome

    async def _tighten(self) -> None:
        await self._begun.wait()
        limiter = self._parts.tightening
        event = await tighten(self._family, self._problem, lambda: self._task, self.number, limiter)
        if event is not None and not self._over() and self._task.status == "running":
            self._journal.soon(event, self.ref)

    async def _look_up(self) -> Seed | None:
        """The best result that the log has for this instance, where the solver can start from one and may."""
        parts = self._parts
        if parts.known is None or not self._solver.seedable or self._journal.request.fresh:
            return None
        instance = self._profile.instance
        return await best_known(parts.known, parts.follower, self._family, self._problem, instance, parts.load_artifact)

    def _enough(self, known: Seed) -> Stopped | None:
        """Whether there is nothing to search for beyond a known result."""
        return "target" if known.proved_optimal else self._reached(known.spec.objective)

    async def device(self) -> str:
        """Which kind of slot it needs."""
        device = await self._parts.placing.device(self._solver)
        return device if device in self._parts.scheduler.capacity else "cpu"

    # what the executor reports, on the event loop

    def _started(self, lanes: int, lane: int, device: str) -> None:
        if self._over():
            return
        saved, known = self.saved, self._known
        if known is not None:
            self._solutions.setdefault(self._name, known.solution)
        self._journal.soon(
            e.AttemptStarted(
                task=self._name,
                attempt=self.number,
                solver=self._solver.name,
                version=self._solver.version,
                seed=self._seed,
                worker=self._journal.state.worker,
                device=device,
                lanes=lanes,
                lane=lane,
                resumed_from=None if saved is None else saved.checkpoint,
                iterations=0 if saved is None else saved.iterations,
                seeded_from=None if known is None else known.spec,
            )
        )
        self.ref = self._journal.ref

    def _improved(self, objective: float, solution: Array, iterations: int, seconds: float) -> None:
        if self._over():
            return
        self._progress.iterations, self._progress.seconds = iterations, seconds
        self._solutions[self._name] = solution
        event = e.IncumbentFound(
            task=self._name,
            attempt=self.number,
            objective=objective,
            solution=digest_of(pack({"solution": solution})),
            iterations=iterations,
            seconds=seconds,
        )
        self._journal.soon(event, self.ref)

    def _keep(self, artifact: Artifact, iterations: int, seconds: float) -> None:
        if self._over():
            return
        self._progress.iterations, self._progress.seconds = iterations, seconds
        self.checkpoints.append(artifact.digest)
        event = e.CheckpointSaved(
            task=self._name, attempt=self.number, checkpoint=artifact.digest, iterations=iterations, seconds=seconds
        )
        self._journal.soon(event, self.ref, (artifact,))
        faults.reach("attempt.checkpoint")

    def _reached(self, objective: float) -> Stopped | None:
        self._begun.set()  # a chunk is done, so the kernel is compiled
        return reached(self._spec, self._task.bound, self._family, objective)

    # how it ends

    @property
    def _about(self) -> dict[str, Any]:
        """What every ending of an attempt says, so that ratings fold from it alone."""
        return {
            "task": self._name, "attempt": self.number, "solver": self._solver.name, "version": self._solver.version,
            "family": self._family.name, "instance": self._profile.instance, "cluster": self._chosen.cluster,
            "budget": self._spec,
        }  # fmt: skip

    async def _found(self, found: Found) -> None:
        event, kept = self.succeeded(found)
        await self._journal.append(event, self.ref, (kept,), tuple(self.checkpoints))

    def succeeded(self, found: Found, rival: e.RivalSpec | None = None) -> tuple[e.AttemptSucceeded, Artifact]:
        """The event of its success, and the solution that it refers to."""
        family, first, bound = self._family, self._profile.bound, self._task.bound
        content = pack({"solution": found.solution})
        self._solutions[self._name] = found.solution
        event = e.AttemptSucceeded(
            **self._about,
            sense=family.sense,
            objective=found.objective,
            solution=digest_of(content),
            bound=bound,
            proved_optimal=found.proved_optimal or (bound is not None and bound.value == found.objective),
            loss=loss(found.objective, None if first is None else Bound(first.value, first.method), family.sense),
            stopped=found.stopped,
            iterations=found.iterations,
            seconds=found.seconds,
            compile_seconds=found.compile_seconds,
            work=dict(found.work),
            seeded_from=None if self._known is None else self._known.spec,
            rival=rival,
        )
        return event, prepare("solution", content, event.solution)

    async def _not_found(self, ended: NotFound, retry_in: float | None) -> None:
        event = self.failed(ended, retry_in)
        await self._journal.append(event, self.ref)
        if isinstance(event, e.AttemptFailed) and event.retry_in is not None and ended.error is not None:
            raise ended.error

    def failed(self, ended: NotFound, retry_in: float | None = None) -> e.AttemptFailed | e.AttemptTimedOut:
        """The event of its end without a result; one that never started is started for it."""
        journal, solver = self._journal, self._solver
        if self._task.status == "chosen":  # every ending needs a beginning
            self._started(1, 0, "none")
        if ended.why == "timed-out":
            return e.AttemptTimedOut(**self._about, seconds=ended.seconds, final=not self._goes_on(ended.seconds))
        error = ended.error or SolverFailed(f"{solver.name} was stopped from outside")
        transient = isinstance(error, Transient) and retry_in is not None
        self._progress.iterations, self._progress.seconds = 0, 0.0
        self._solutions.pop(self._name, None)
        failure = e.AttemptFailed(
            **self._about,
            error=code_of(error),
            message=text_of(error),
            transient=isinstance(error, Transient),
            retry_in=retry_in if transient else None,
            final=not transient and not self._another(),
            seconds=ended.seconds,
            seeded_from=None if self._known is None else self._known.spec,
        )
        logger.warning(
            "attempt failed",
            run=journal.run,
            task=self._name,
            solver=solver.name,
            error=failure.message,
            final=failure.final,
        )
        return failure

    def _goes_on(self, seconds: float) -> bool:
        """Whether another solver is chosen after a slice of so many seconds, for the time that is left."""
        request = self._journal.request
        left = request.budget.time_limit - self._task.sliced - seconds
        least = LEAST_LEFT * request.budget.time_limit
        return self._sliced and min(left, perf_deadline(request.deadline) - time.perf_counter()) >= least

    def _another(self) -> bool:
        """Whether the policy may choose again: not when the user named the solver, and not for ever."""
        excluded = {*self._task.excluded, self._solver.name}
        able = any(c.refused is None and c.solver not in excluded for c in self._chosen.candidates)
        return named(self._journal.request, self._name) is None and able and len(excluded) < MAX_ATTEMPTS


def _left(spec: e.BudgetSpec, used: float, share: float | None) -> e.BudgetSpec:
    """The budget less the seconds that slices have used; a share of that time, where one is given."""
    if not used and share is None:
        return spec
    left = spec.time_limit - used
    return spec.model_copy(update={"time_limit": left if share is None else left * share})


def _handed(known: Seed, stopped: Stopped, seconds: float = 0.0) -> Found:
    """The known result as this attempt's own, without any work."""
    return Found(
        objective=known.spec.objective,
        solution=known.solution,
        stopped=stopped,
        iterations=0,
        seconds=seconds,
        proved_optimal=known.proved_optimal,
    )


def loop_deadline(deadline: float | None) -> float:
    """A moment since the epoch on the event loop's clock; infinity for none."""
    return float("inf") if deadline is None else anyio.current_time() + deadline - time.time()


def perf_deadline(deadline: float | None) -> float:
    """A moment since the epoch on the ``time.perf_counter()`` clock; infinity for none."""
    return float("inf") if deadline is None else time.perf_counter() + deadline - time.time()


def text_of(error: BaseException) -> str:
    """An error's message as text that can be stored, whatever is in it."""
    return str(error).encode(errors="replace").decode() or type(error).__name__


def code_of(error: BaseException) -> str:
    """The stable code under which an error is recorded."""
    return error.code if isinstance(error, MezanError) else type(error).__name__
