"""Takes one run from where it stands to its end: profile, choose, attempt, and again where a choice allows it."""

import time
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import anyio
import anyio.to_thread
import stamina
import structlog

from mezan.solvers.errors import SolverFailed, Transient
from mezan.solvers.pack import Array
from mezan.solvers.problem import Family, Problem
from mezan.solvers.seeds import derive
from mezan.solvers.selection.policy import compares, deliberates

from . import events as e
from . import faults
from .admission import Waiting
from .attempting import Attempt, Parts, Progress, code_of, loop_deadline, text_of
from .choosing import candidates_for, choose, explained, named, policy_for, profile
from .cohorts import Place
from .errors import LeaseLost, StoreError
from .experiments import assigned
from .journal import Journal
from .racing import Racing
from .run import Cancel, Command, RunState, TaskState

logger = structlog.get_logger(__name__)
SMALL = 32
"""Problems up to this size are profiled on the event loop: a thread hop would cost more."""
TRANSIENT_RETRIES = 3
FIRST_PAUSE = 0.1
END_TRIES = 4


class Conductor:
    """One run in this process.

    Attributes:
        error: what ended it badly.
        solutions: task to the best solution so far; changes while the run goes on.
        unrecorded: why the end of the run could not be written; it stays unfinished in the log.
    """

    def __init__(
        self,
        parts: Parts,
        run: str,
        state: RunState,
        requested_at: float,
        problems: Mapping[str, Problem],
        place: Place | None = None,
    ) -> None:
        self.run = run
        self.journal = Journal(parts.log, parts.lease, run, state, requested_at)
        self.error: BaseException | None = None
        self.unrecorded: BaseException | None = None
        self.solutions: dict[str, Array] = {}
        self._parts, self._problems = parts, dict(problems)
        self._progress: dict[str, Progress] = {}
        self._reason = "engine closed"
        self._place = place
        self._waiting: Waiting | None = None

    @cached_property
    def finished(self) -> anyio.Event:
        """Set when the run's last event is durable, or when it was lost to another worker."""
        return anyio.Event()

    @cached_property
    def _scope(self) -> anyio.CancelScope:
        return anyio.CancelScope()

    async def conduct(self) -> None:
        """Run to the end. Whatever happens, the log gets a terminal event, unless another worker owns the run now."""
        try:
            with self._scope:
                await self._tasks()
            if self._scope.cancelled_caught and not (self.journal.state.over or self.unrecorded):
                await self.journal.append(self._cancellation())
        except anyio.get_cancelled_exc_class():
            if self.unrecorded is None:
                with anyio.CancelScope(shield=True):
                    await self._end(self._cancellation())
            raise
        except Exception as raised:
            self.error = error = _first(raised)
            if isinstance(error, LeaseLost):
                logger.warning("run lost to another worker", run=self.run)
                return
            logger.exception("run failed", run=self.run)
            seconds = self.journal.elapsed()
            failed = e.RunFailed(task=None, error=code_of(error), message=text_of(error), seconds=seconds)
            with anyio.CancelScope(shield=True):
                await self._end(failed, doubtful=True)
        finally:
            faults.reach("run.finished")
            self.finished.set()

    def admit(self, begin: Callable[[], object]) -> None:
        """Call ``begin``, which has :meth:`conduct` run, when it is this run's turn; :meth:`leave` must follow in the end."""
        if self._place is not None:  # its cohort waits for it
            begin()
            return
        request = self.journal.request
        self._waiting = self._parts.admission.enter(request.priority, loop_deadline(request.deadline), begin)

    def leave(self) -> None:
        """Make room for the next; have nobody wait for a job of this run any more."""
        if self._place is not None:
            self._place.leave()
        if self._waiting is not None:
            self._parts.admission.leave()

    def cancel(self, reason: str) -> None:
        """Stop at the next chunk and record it."""
        self._reason = reason
        self._stop()

    def hand_over(self) -> None:
        """Stop at the next chunk and record nothing: whoever takes the run up goes on from its last checkpoint."""
        self.unrecorded = StoreError("its worker was closed")
        self._stop()

    def _stop(self) -> None:
        self._scope.cancel()
        if self._waiting is not None:
            self._parts.admission.hurry(self._waiting)

    def _cancellation(self) -> Cancel:
        return Cancel(self._reason, {name: (p.iterations, p.seconds) for name, p in self._progress.items()})

    async def _end(self, command: Command, *, doubtful: bool = False) -> None:
        """Record the end. After an append that failed the state is ahead of the log, so it is folded again first."""
        failure: Exception | None = None
        for _ in range(END_TRIES):
            try:
                if doubtful:
                    await self.journal.refold()
                if not self.journal.state.over:
                    await self.journal.append(command)
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

    async def _tasks(self) -> None:
        journal = self.journal
        if journal.state.races:
            await self._race()
            return
        unfinished = [name for name, task in journal.state.tasks.items() if task.status != "succeeded"]
        if len(unfinished) == 1:
            await self._task(unfinished[0])
            return
        started: set[str] = set()
        async with anyio.create_task_group() as tasks:

            async def one(name: str) -> None:
                await self._task(name)
                if journal.state.over:
                    tasks.cancel_scope.cancel()
                else:
                    start()

            def start() -> None:
                under_way = [n for n, t in journal.state.tasks.items() if t.status in {"profiled", "chosen"}]
                for name in (*journal.state.ready(), *under_way):
                    if name not in started:
                        started.add(name)
                        tasks.start_soon(one, name)

            start()

    async def _problem(self, name: str) -> Problem:
        if name not in self._problems:
            self._problems[name] = await self._parts.load_problem(self.journal.state.tasks[name].spec)
        return self._problems[name]

    async def _race(self) -> None:
        """Both pans are profiled, which is done once, and chosen like any task; then they are one job."""
        journal = self.journal
        problem = await self._problem(journal.request.pans[0])
        family = self._parts.catalog.family_of(problem)
        for name in journal.request.pans:
            if journal.state.tasks[name].status == "waiting":
                known = next((task.profile for task in journal.state.tasks.values() if task.profile), None)
                if known is None:
                    await self._profile(journal.state.tasks[name], family, problem)
                else:
                    journal.soon(known.model_copy(update={"task": name, "seconds": 0.0}))
            if journal.state.tasks[name].status == "profiled":
                await self._choose(journal.state.tasks[name], family, problem)
        progress = {
            name: self._progress.setdefault(name, Progress())
            for name in journal.request.pans
            if journal.state.tasks[name].status == "chosen"
        }
        attempts = {
            name: Attempt(self._parts, journal, name, family, problem, own, self.solutions, self._over)
            for name, own in progress.items()
        }
        await Racing(self._parts, journal, attempts, progress, self._over).run()

    async def _task(self, name: str) -> None:
        journal = self.journal
        problem = await self._problem(name)
        family = self._parts.catalog.family_of(problem)
        while not journal.state.over:
            task = journal.state.tasks[name]
            match task.status:
                case "waiting":
                    await self._profile(task, family, problem)
                case "profiled":
                    await self._choose(task, family, problem)
                case "chosen":
                    await self._attempts(name, family, problem)
                case _:
                    return

    async def _profile(self, task: TaskState, family: Family[Any], problem: Problem) -> None:
        def run() -> e.ProblemProfiled:
            start = time.perf_counter()
            features, bound = profile(family, problem)
            return e.ProblemProfiled(
                task=task.spec.task,
                family=family.name,
                instance=task.spec.problem,
                size=problem.size,
                features=features,
                bound=bound,
                seconds=time.perf_counter() - start,
            )

        self.journal.soon(run() if problem.size <= SMALL else await anyio.to_thread.run_sync(run))
        faults.reach("run.profiled")

    async def _choose(self, task: TaskState, family: Family[Any], problem: Problem) -> None:
        request, known = self.journal.request, task.profile
        if known is None:
            msg = f"task {task.spec.task!r} must be profiled before a solver is chosen"
            raise SolverFailed(msg)
        if problem.size <= SMALL:
            candidates = candidates_for(family, problem, task.excluded)
        else:
            candidates = await anyio.to_thread.run_sync(candidates_for, family, problem, task.excluded)
        follower, attempt = self._parts.follower, task.attempt + 1
        if task.excluded:
            await follower.catch_up()  # what failed here is evidence for what to try next
        solver = named(request, task.spec.task)
        tests = self._parts.experiments if solver is None else None
        running = () if tests is None else tests.running(follower.states)
        test = assigned(running, request, self.run, family.name, candidates) if running else None
        policies = self._parts.policies
        policy = test.policy(policies) if test else policy_for(policies, solver, request.policy, family.name)
        standings = self._parts.standings(
            follower.states, family.name, known.features, follower.position, compared=compares(policy)
        )
        chosen = partial(
            choose,
            policy,
            standings,
            known.features,
            candidates,
            task=task.spec.task,
            attempt=attempt,
            key=derive(request.seed, task.spec.task, attempt, "policy"),
            excluded=task.excluded,
            forced=solver is not None,
        )
        card = await anyio.to_thread.run_sync(chosen) if deliberates(policy, standings, candidates) else chosen()
        if self._parts.catalog.solver(card.solver).plan is not None:
            card = await anyio.to_thread.run_sync(explained, card, family, problem)
        if test:
            card = test.marked(card)
        self.journal.soon(card)
        faults.reach("run.chosen")

    async def _attempts(self, name: str, family: Family[Any], problem: Problem) -> None:
        """One attempt, tried again after a pause while its failures are transient."""
        progress = self._progress.setdefault(name, Progress())

        async def attempt(retry_in: float | None) -> None:
            one = Attempt(self._parts, self.journal, name, family, problem, progress, self.solutions, self._over)
            await one.run(retry_in, self._place)

        try:
            await attempt(FIRST_PAUSE)
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
                    await attempt(again.next_wait if again.num < TRANSIENT_RETRIES else None)

    def _over(self) -> bool:
        return self.finished.is_set() or self.journal.state.over


def _first(error: BaseException) -> BaseException:
    """What went wrong, out of the group that several tasks fail in; a lost lease before anything that follows from it."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    causes = [_first(inner) for inner in error.exceptions]
    return next((cause for cause in causes if isinstance(cause, LeaseLost)), causes[0])
