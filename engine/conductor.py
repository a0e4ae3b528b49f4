"""Takes one run from where it stands to its end: profile, choose, attempt, and again where a choice allows it."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
import stamina
import structlog

from mezan.solvers.budget import Budget
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import MezanError, SolverFailed, Transient
from mezan.solvers.pack import Array, pack
from mezan.solvers.problem import Bound, Family, Problem, loss
from mezan.solvers.seeds import derive
from mezan.solvers.selection.forced import Forced
from mezan.solvers.selection.registry import Policies
from mezan.solvers.solver import Solver, load

from . import events as e
from . import faults
from .artifacts import digest_of, prepare
from .attempts import Found, NotFound, Outcome, Work
from .choosing import StandingsOf, candidates_for, choose
from .errors import LeaseLost
from .follower import Follower
from .leases import Lease
from .log import Artifact, EventLog, Write
from .recovery import whole_stream
from .run import Cancel, Command, RunState, TaskState, decide, evolve, fold
from .scheduler import Job, Scheduler

logger = structlog.get_logger(__name__)
SMALL = 32
"""Problems up to this size are profiled on the event loop: a thread hop would cost more."""
TRANSIENT_RETRIES = 3
FIRST_PAUSE = 0.1
END_TRIES = 4
MAX_ATTEMPTS = 3
"""Solvers tried on one task when the earlier ones broke."""


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


class Conductor:
    """One run in this process. ``finished`` is set when its last event is durable, or when it was lost to another worker."""

    def __init__(
        self, parts: Parts, run: str, state: RunState, requested_at: float, problems: Mapping[str, Problem]
    ) -> None:
        self.run, self.state = run, state
        self.problems = dict(problems)
        self.solutions: dict[str, Array] = {}
        self.finished = anyio.Event()
        self.error: BaseException | None = None
        self.recorded = False
        """The end of the run is in the log; what was decided and then refused does not count."""
        self.unrecorded: BaseException | None = None
        """Why the end of the run could not be written; it stays unfinished in the log."""
        self.final: e.Event | None = None
        self._parts, self._requested_at = parts, requested_at
        self._scope = anyio.CancelScope()
        self._reason = "engine closed"
        self._progress: dict[str, tuple[int, float]] = {}

    async def conduct(self) -> None:
        """Run to the end. Whatever happens, the log gets a terminal event, unless another worker owns the run now."""
        try:
            with self._scope:
                await self._tasks()
            if self._scope.cancelled_caught and not self.state.over:
                await self._append(Cancel(self._reason, self._progress))
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._end(Cancel(self._reason, self._progress))
            raise
        except Exception as raised:
            self.error = error = _first(raised)
            if isinstance(error, LeaseLost):
                logger.warning("run lost to another worker", run=self.run)
                return
            logger.exception("run failed", run=self.run)
            failed = e.RunFailed(task=None, error=_code(error), message=_text(error), seconds=self._elapsed())
            with anyio.CancelScope(shield=True):
                await self._end(failed, doubtful=True)
        finally:
            faults.reach("run.finished")
            self.finished.set()

    def cancel(self, reason: str) -> None:
        """Stop at the next chunk and record it."""
        self._reason = reason
        self._scope.cancel()

    async def _end(self, command: Command, *, doubtful: bool = False) -> None:
        """Record the end. After an append that failed the state is ahead of the log, so it is folded again first."""
        failure: Exception | None = None
        for _ in range(END_TRIES):
            try:
                if doubtful:
                    await self._refold()
                if not self.state.over:
                    await self._append(command)
                return  # noqa: TRY300
            except LeaseLost as error:
                self.error = error
                logger.warning("run lost to another worker", run=self.run)
                return
            except Exception as error:  # noqa: BLE001 - an earlier append's failure may surface here, and then it is tried again
                doubtful, failure = True, error
        # the store refuses: the run stays unfinished in the log and is taken up at the next opening
        self.unrecorded = failure
        logger.error("terminal event not recorded", run=self.run, error=str(failure))

    async def _refold(self) -> None:
        history = await whole_stream(self._parts.log, self.run)
        self.state = fold(recorded.event for recorded in history)
        self.final = history[-1].event if self.state.over else None
        self.recorded = self.state.over

    # events

    def _elapsed(self) -> float:
        return max(0.0, time.time() - self._requested_at)

    def _stage(self, command: Command, cause: str | None) -> Write:
        expected = self.state.version
        events = decide(command, self.state, elapsed=self._elapsed())
        for event in events:
            self.state = evolve(self.state, event)
        if self.state.over:
            self.final = events[-1]
        return Write(self.run, events, expected, cause or f"{self.run}@{expected}")

    def _soon(self, command: Command, cause: str | None = None, artifacts: tuple[Artifact, ...] = ()) -> None:
        write = self._stage(command, cause)
        self._parts.log.append_soon(write, artifacts=artifacts, fence=self._parts.lease.fence)

    async def _append(
        self,
        command: Command,
        cause: str | None = None,
        artifacts: tuple[Artifact, ...] = (),
        forget: tuple[str, ...] = (),
    ) -> None:
        write = self._stage(command, cause)
        over = self.state.over
        # what has been decided is recorded even when a cancellation arrives meanwhile
        with anyio.CancelScope(shield=True):
            await self._parts.log.append(write, artifacts=artifacts, forget=forget, fence=self._parts.lease.fence)
        self.recorded = self.recorded or over

    # tasks

    async def _tasks(self) -> None:
        unfinished = [name for name, task in self.state.tasks.items() if task.status != "succeeded"]
        if len(unfinished) == 1:
            await self._task(unfinished[0])
            return
        started: set[str] = set()
        async with anyio.create_task_group() as tasks:

            async def one(name: str) -> None:
                await self._task(name)
                if self.state.over:
                    tasks.cancel_scope.cancel()
                else:
                    start()

            def start() -> None:
                under_way = [n for n, t in self.state.tasks.items() if t.status in {"profiled", "chosen"}]
                for name in (*self.state.ready(), *under_way):
                    if name not in started:
                        started.add(name)
                        tasks.start_soon(one, name)

            start()

    async def _task(self, name: str) -> None:
        problem = self.problems.get(name)
        if problem is None:
            problem = self.problems[name] = await self._parts.load_problem(self.state.tasks[name].spec)
        family = self._parts.catalog.family_of(problem)
        while not self.state.over:
            task = self.state.tasks[name]
            match task.status:
                case "waiting":
                    await self._profile(task, family, problem)
                case "profiled":
                    self._choose(task, family, problem)
                case "chosen":
                    await self._attempts(name, family, problem)
                case _:
                    return

    async def _profile(self, task: TaskState, family: Family[Any], problem: Problem) -> None:
        def run() -> e.ProblemProfiled:
            start = time.perf_counter()
            features = {key: float(value) for key, value in family.features(problem).items()}
            bound = family.bound(problem)
            return e.ProblemProfiled(
                task=task.spec.task,
                family=family.name,
                instance=task.spec.problem,
                size=problem.size,
                features=features,
                bound=None if bound is None else e.BoundSpec(value=bound.value, method=bound.method),
                seconds=time.perf_counter() - start,
            )

        self._soon(run() if problem.size <= SMALL else await anyio.to_thread.run_sync(run))
        faults.reach("run.profiled")

    def _choose(self, task: TaskState, family: Family[Any], problem: Problem) -> None:
        request, profile = self._request, task.profile
        if profile is None:
            msg = f"task {task.spec.task!r} must be profiled before a solver is chosen"
            raise SolverFailed(msg)
        follower, attempt = self._parts.follower, task.attempt + 1
        policy = Forced(request.solver) if request.solver else self._parts.policies.policy(request.policy)
        standings = self._parts.standings(follower.states, family.name, profile.features, follower.position)
        card = choose(
            policy,
            standings,
            profile.features,
            candidates_for(family, problem, task.excluded),
            task=task.spec.task,
            attempt=attempt,
            key=derive(request.seed, task.spec.task, attempt, "policy"),
            excluded=task.excluded,
            forced=request.solver is not None,
        )
        self._soon(card)
        faults.reach("run.chosen")

    @property
    def _request(self) -> e.RunRequested:
        if self.state.request is None:
            msg = f"run {self.run} must begin with RunRequested"
            raise SolverFailed(msg)
        return self.state.request

    # attempts

    async def _attempts(self, name: str, family: Family[Any], problem: Problem) -> None:
        """One attempt, tried again after a pause while its failures are transient."""
        try:
            await self._attempt(name, family, problem, FIRST_PAUSE)
        except Transient:
            # the first attempt stays outside: entering a retry loop costs more than a short run
            await anyio.sleep(FIRST_PAUSE)
            async for again in stamina.retry_context(
                on=Transient,
                attempts=TRANSIENT_RETRIES,
                timeout=None,
                wait_initial=2 * FIRST_PAUSE,
                wait_max=5.0,
                wait_jitter=0.0,
            ):
                with again:
                    pause = again.next_wait if again.num < TRANSIENT_RETRIES else None
                    await self._attempt(name, family, problem, pause)

    async def _attempt(self, name: str, family: Family[Any], problem: Problem, retry_in: float | None) -> None:
        task, request = self.state.tasks[name], self._request
        if task.chosen is None:
            msg = f"task {name!r} must have a chosen solver before an attempt"
            raise SolverFailed(msg)
        solver = self._parts.catalog.solver(task.chosen.solver)
        again = task.started is not None and task.started.attempt >= task.attempt
        number = task.attempt + 1 if again else task.attempt
        saved = task.checkpoint if again else None
        resume = None if saved is None else await self._parts.load_artifact(saved.checkpoint)
        if resume is None:
            saved = None
        seed = task.started.seed if saved and task.started else derive(request.seed, name, number)
        begun = _Begun(self, task, solver, number, seed, None if saved is None else saved)
        group, weight = await self._group(solver, problem)
        job = Job(
            Work(
                family=family,
                solver=solver,
                problem=problem,
                budget=_budget(request.budget, task, family),
                seed=seed,
                started=begun.started,
                improved=begun.improved,
                saved=begun.saved,
                resume=resume,
                spent=task.spent if saved else 0.0,
                deadline=_perf_deadline(request.deadline),
            ),
            priority=request.priority,
            deadline=anyio.current_time() + (_perf_deadline(request.deadline) - time.perf_counter()),
            device=await self._device(solver),
            group=group if resume is None else None,
            weight=weight,
        )
        try:
            outcome: Outcome | BaseException | None = await self._parts.scheduler.run(job)
        finally:
            faults.reach("attempt.finished")
        await self._conclude(name, family, solver, outcome, begun, retry_in)

    async def _device(self, solver: Solver[Any]) -> str:
        if solver.runs_in != "kernel":
            return "cpu"

        def platform() -> str:
            from mezan.solvers.driver import kernel_platform

            return kernel_platform()

        device = await anyio.to_thread.run_sync(platform)
        return device if device in self._parts.scheduler.capacity else "cpu"

    async def _group(self, solver: Solver[Any], problem: Problem) -> tuple[Any, int]:
        """What must be equal to share a call, and the bytes that one lane of it holds."""
        if solver.runs_in == "inline":
            return solver.name, 0
        if solver.runs_in != "kernel":
            return None, 0

        def key() -> tuple[Any, int]:
            from mezan.solvers.driver import lane_bytes, shape_key

            kernel = load(solver)
            shape = shape_key(kernel, problem)
            return (solver.name, shape), lane_bytes(kernel, shape)

        return await anyio.to_thread.run_sync(key)

    async def _conclude(
        self,
        name: str,
        family: Family[Any],
        solver: Solver[Any],
        outcome: Outcome | BaseException | None,
        begun: "_Begun",
        retry_in: float | None,
    ) -> None:
        task, budget = self.state.tasks[name], self._request.budget
        profile, chosen = task.profile, task.chosen
        if profile is None or chosen is None:
            msg = f"task {name!r} must be profiled and have a solver when its attempt ends"
            raise SolverFailed(msg)
        if outcome is None and _perf_deadline(self._request.deadline) <= time.perf_counter() + 0.05:
            outcome = NotFound(why="timed-out")
        if outcome is None:
            outcome = NotFound(why="failed", error=SolverFailed("the executor ended without an outcome"))
        if isinstance(outcome, BaseException):
            outcome = NotFound(why="failed", error=outcome)
        about = {
            "task": name, "attempt": begun.attempt, "solver": solver.name, "version": solver.version,
            "family": family.name, "instance": profile.instance, "cluster": chosen.cluster, "budget": budget,
        }  # fmt: skip
        cause = begun.ref
        if isinstance(outcome, Found):
            bound = None if profile.bound is None else Bound(profile.bound.value, profile.bound.method)
            content = pack({"solution": outcome.solution})
            self.solutions[name] = outcome.solution
            event = e.AttemptSucceeded(
                **about,
                sense=family.sense,
                objective=outcome.objective,
                solution=digest_of(content),
                bound=profile.bound,
                proved_optimal=outcome.proved_optimal or (bound is not None and bound.value == outcome.objective),
                loss=loss(outcome.objective, bound, family.sense),
                stopped=outcome.stopped,
                iterations=outcome.iterations,
                seconds=outcome.seconds,
                compile_seconds=outcome.compile_seconds,
                work=dict(outcome.work),
            )
            await self._append(event, cause, (prepare("solution", content, event.solution),), tuple(begun.checkpoints))
            return
        if task.status == "chosen":  # it never started, and every ending needs a beginning
            begun.started(1, 0, "none")
        if outcome.why == "timed-out":
            await self._append(e.AttemptTimedOut(**about, seconds=outcome.seconds), cause)
            return
        error = outcome.error or SolverFailed(f"{solver.name} was stopped from outside")
        transient = isinstance(error, Transient) and retry_in is not None
        self._progress.pop(name, None)
        failure = e.AttemptFailed(
            **about,
            error=_code(error),
            message=_text(error),
            transient=isinstance(error, Transient),
            retry_in=retry_in if transient else None,
            final=not transient and not self._another(task, family, begun),
            seconds=outcome.seconds,
        )
        await self._append(failure, cause)
        logger.warning(
            "attempt failed", run=self.run, task=name, solver=solver.name, error=failure.message, final=failure.final
        )
        if transient:
            raise error

    def _another(self, task: TaskState, family: Family[Any], begun: "_Begun") -> bool:
        """Whether the policy may choose again: not when the user named the solver, and not for ever."""
        excluded = {*task.excluded, begun.solver.name}
        problem = self.problems[task.spec.task]
        able = any(s.name not in excluded and s.refuses(problem) is None for s in family.solvers)
        return self._request.solver is None and able and len(excluded) < MAX_ATTEMPTS


class _Begun:
    """The callbacks of one attempt; they turn what an executor reports into events."""

    def __init__(
        self,
        owner: Conductor,
        task: TaskState,
        solver: Solver[Any],
        attempt: int,
        seed: int,
        saved: e.CheckpointSaved | None,
    ) -> None:
        self._owner, self._task, self.solver, self.attempt = owner, task.spec.task, solver, attempt
        self._seed, self._saved = seed, saved
        self.checkpoints: list[str] = [] if task.checkpoint is None else [task.checkpoint.checkpoint]
        self.ref: str | None = None

    def _over(self) -> bool:
        """A batch goes on for its other runs after this one has ended; nothing more is recorded of it then."""
        return self._owner.finished.is_set() or self._owner.state.over

    def started(self, lanes: int, lane: int, device: str) -> None:
        owner, saved = self._owner, self._saved
        if self._over():
            return
        owner._soon(  # noqa: SLF001 - one object in two classes
            e.AttemptStarted(
                task=self._task,
                attempt=self.attempt,
                solver=self.solver.name,
                version=self.solver.version,
                seed=self._seed,
                worker=owner.state.worker,
                device=device,
                lanes=lanes,
                lane=lane,
                resumed_from=None if saved is None else saved.checkpoint,
                iterations=0 if saved is None else saved.iterations,
            )
        )
        self.ref = f"{owner.run}@{owner.state.version}"

    def improved(self, objective: float, solution: Array, iterations: int, seconds: float) -> None:
        owner = self._owner
        if self._over():
            return
        owner._progress[self._task] = (iterations, seconds)  # noqa: SLF001
        owner.solutions[self._task] = solution
        digest = digest_of(pack({"solution": solution}))
        event = e.IncumbentFound(
            task=self._task,
            attempt=self.attempt,
            objective=objective,
            solution=digest,
            iterations=iterations,
            seconds=seconds,
        )
        owner._soon(event, self.ref)  # noqa: SLF001

    def saved(self, artifact: Artifact, iterations: int, seconds: float) -> None:
        owner = self._owner
        if self._over():
            return
        owner._progress[self._task] = (iterations, seconds)  # noqa: SLF001
        self.checkpoints.append(artifact.digest)
        event = e.CheckpointSaved(
            task=self._task, attempt=self.attempt, checkpoint=artifact.digest, iterations=iterations, seconds=seconds
        )
        owner._soon(event, self.ref, (artifact,))  # noqa: SLF001
        faults.reach("attempt.checkpoint")


def _budget(spec: e.BudgetSpec, task: TaskState, family: Family[Any]) -> Budget:
    """The run's limits; a proved bound is a target too, since nothing can be better."""
    target = spec.target
    bound = task.profile.bound if task.profile else None
    if bound is not None and (target is None or family.better(target, bound.value)):
        target = bound.value
    return Budget(time_limit=spec.time_limit, iterations=spec.iterations, target=target)


def _perf_deadline(deadline: float | None) -> float:
    return float("inf") if deadline is None else time.perf_counter() + deadline - time.time()


def _first(error: BaseException) -> BaseException:
    """What went wrong, out of the group that several tasks fail in; a lost lease before anything that follows from it."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    causes = [_first(inner) for inner in error.exceptions]
    return next((cause for cause in causes if isinstance(cause, LeaseLost)), causes[0])


def _text(error: BaseException) -> str:
    """An error's message as text that can be stored, whatever is in it."""
    return str(error).encode(errors="replace").decode() or type(error).__name__


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, MezanError) else type(error).__name__
