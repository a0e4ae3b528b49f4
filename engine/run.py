"""The life of a run as a pure state machine.

``decide`` says which events a command leads to, or that it does not fit; ``evolve`` folds an event into the state. Neither
reads a clock, a database or a random number: the engine passes what it measured inside the commands, which are
the events it would like to append.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal, TypeVar

from mezan.solvers.errors import BadInput

from . import events as e
from .errors import InvalidTransition

TaskStatus = Literal["waiting", "profiled", "chosen", "running", "succeeded", "failed", "cancelled"]
RunStatus = Literal["none", "requested", "running", "completed", "failed", "cancelled"]
OVER = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True)
class TaskState:
    """One problem inside a run.

    ``best`` is what the running attempt found itself, or started from; ``shared`` the best that it was told by the other pan
    of a race; ``spent`` the solver seconds that abandoned attempts had used, ``sliced`` those of slices that found nothing.
    """

    spec: e.TaskSpec
    status: TaskStatus = "waiting"
    attempt: int = 0
    profile: e.ProblemProfiled | None = None
    tightened: e.BoundTightened | None = None
    chosen: e.SolverChosen | None = None
    started: e.AttemptStarted | None = None
    checkpoint: e.CheckpointSaved | None = None
    best: float | None = None
    shared: float | None = None
    result: e.AttemptSucceeded | None = None
    excluded: tuple[str, ...] = ()
    transient_failures: int = 0
    spent: float = 0.0
    sliced: float = 0.0

    @property
    def bound(self) -> e.BoundSpec | None:
        """The tightest bound that is proved by now."""
        if self.tightened is not None:
            return e.BoundSpec(value=self.tightened.value, method=self.tightened.method)
        return None if self.profile is None else self.profile.bound


@dataclass(frozen=True)
class RunState:
    """A run as of ``version``, the number of its events folded so far."""

    version: int = 0
    status: RunStatus = "none"
    request: e.RunRequested | None = None
    worker: str = ""
    order: tuple[str, ...] = ()
    tasks: Mapping[str, TaskState] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """No more events will come."""
        return self.status in OVER

    @property
    def races(self) -> bool:
        """Its tasks are two solvers on one instance: one result is enough."""
        return self.request is not None and bool(self.request.pans)

    def ready(self) -> list[str]:
        """Tasks that may start: waiting, and everything before them has succeeded."""
        return [
            name
            for name in self.order
            if self.tasks[name].status == "waiting"
            and all(self.tasks[before].status == "succeeded" for before in self.tasks[name].spec.after)
        ]


NOTHING = RunState()


@dataclass(frozen=True, slots=True)
class Cancel:
    """Command: stop everything; ``progress`` maps each running task to its (iterations, seconds)."""

    reason: str
    progress: Mapping[str, tuple[int, float]] = field(default_factory=dict)


Command = e.Event | Cancel
"""A command is an event that the engine would like to append, or a cancellation."""


def plan(tasks: Iterable[e.TaskSpec]) -> tuple[str, ...]:
    """Task names in an order that respects ``after``; raises BadInput for duplicates, unknown names and cycles."""
    specs = list(tasks)
    if len(specs) == 1 and not specs[0].after:
        return (specs[0].task,)
    names = {spec.task for spec in specs}
    if not specs or len(names) != len(specs):
        msg = f"a run needs one or more tasks with different names; got {[spec.task for spec in specs]}"
        raise BadInput(msg)
    for spec in specs:
        if missing := set(spec.after) - names:
            msg = f"task {spec.task!r} must come after tasks of the same run; {sorted(missing)} are not among {sorted(names)}"
            raise BadInput(msg)
    try:
        return tuple(TopologicalSorter({spec.task: spec.after for spec in specs}).static_order())
    except CycleError as error:
        msg = f"tasks must not wait for each other in a circle; got {' -> '.join(error.args[1])}"
        raise BadInput(msg) from error


def decide(command: Command, state: RunState, *, elapsed: float = 0.0) -> tuple[e.Event, ...]:
    """The events a command leads to; ``elapsed`` is seconds since the run was requested.

    Raises:
        InvalidTransition: the command does not fit the state; nothing should be appended.
    """
    match command:
        case e.RunRequested():
            if state.version:
                raise _misfit(command, "a run is requested once")
            return (command, e.RunPlanned(order=plan(command.tasks)))
        case _ if state.over or state.version == 0:
            raise _misfit(command, f"the run is {state.status}")
        case Cancel():
            stopped = [
                e.AttemptCancelled(
                    task=name,
                    attempt=task.attempt,
                    reason=command.reason,
                    iterations=command.progress.get(name, (0, 0.0))[0],
                    seconds=command.progress.get(name, (0, 0.0))[1],
                )
                for name, task in state.tasks.items()
                if task.status == "running"
            ]
            return (*stopped, e.RunCancelled(reason=command.reason, seconds=elapsed))
        case e.RunAdopted() | e.RunFailed():
            return (command,)
        case (
            e.ProblemProfiled()
            | e.SolverChosen()
            | e.AttemptStarted()
            | e.BoundTightened()
            | e.IncumbentFound()
            | e.IncumbentShared()
            | e.CheckpointSaved()
            | e.AttemptSucceeded()
            | e.AttemptFailed()
            | e.AttemptTimedOut()
            | e.AttemptAbandoned()
        ):
            return _decide_task(command, state, elapsed)
    raise _misfit(command, "the engine never asks for it")


_NEEDS: dict[type, frozenset[TaskStatus]] = {
    e.ProblemProfiled: frozenset({"waiting"}),
    e.SolverChosen: frozenset({"profiled"}),
    e.AttemptStarted: frozenset({"chosen"}),
    e.BoundTightened: frozenset({"chosen", "running"}),
    e.IncumbentFound: frozenset({"running"}),
    e.IncumbentShared: frozenset({"running"}),
    e.CheckpointSaved: frozenset({"running"}),
    e.AttemptSucceeded: frozenset({"running"}),
    e.AttemptFailed: frozenset({"running"}),
    e.AttemptTimedOut: frozenset({"running", "chosen"}),
    e.AttemptAbandoned: frozenset({"running"}),
}

TaskEvent = (
    e.ProblemProfiled
    | e.SolverChosen
    | e.AttemptStarted
    | e.BoundTightened
    | e.IncumbentFound
    | e.IncumbentShared
    | e.CheckpointSaved
    | e.AttemptSucceeded
    | e.AttemptFailed
    | e.AttemptTimedOut
    | e.AttemptAbandoned
)


def _decide_task(command: TaskEvent, state: RunState, elapsed: float) -> tuple[e.Event, ...]:
    task = state.tasks.get(command.task)
    if task is None:
        raise _misfit(command, f"the run has no task {command.task!r}")
    if task.status not in _NEEDS[type(command)]:
        raise _misfit(command, f"task {command.task!r} is {task.status}")
    match command:
        case e.IncumbentFound() if not _improves(task, command.objective):
            raise _misfit(command, f"{command.objective} does not improve on {_known(task)}")
        case e.IncumbentShared():
            _check_share(command, state, task)
        case e.BoundTightened() if not _tightens(task, command.value):
            raise _misfit(command, f"{command.value} is no tighter bound than {task.bound}")
        case e.AttemptSucceeded():
            return (command, *_completed(state, command.task, command.objective, elapsed))
        case e.AttemptFailed() if command.final:
            return (command, *_lost(state, command.task, command.error, command.message, elapsed))
        case e.AttemptTimedOut() if command.final:
            message = f"{command.solver} found no feasible solution within {command.budget.time_limit} s"
            return (command, *_lost(state, command.task, "timed-out", message, elapsed))
        case _:
            pass
    return (command,)


def _check_share(command: e.IncumbentShared, state: RunState, task: TaskState) -> None:
    source = state.tasks.get(command.source_task)
    if not state.races or source is None or source is task or source.status != "running":
        raise _misfit(command, f"task {command.source_task!r} is not the other pan of a race that goes on")
    if source.best != command.objective:
        raise _misfit(command, f"task {command.source_task!r} has found {source.best}, not {command.objective}")
    if not _improves(task, command.objective):
        raise _misfit(command, f"{command.objective} does not improve on {_known(task)}")


def _completed(state: RunState, task: str, objective: float, elapsed: float) -> tuple[e.Event, ...]:
    """The end of the run, when this was the last of its tasks; of a race, a pan that broke is not waited for."""
    others = [t for name, t in state.tasks.items() if name != task]
    enough = {"succeeded", "failed"} if state.races else {"succeeded"}
    if not all(t.status in enough for t in others):
        return ()
    objectives = {t.spec.task: t.result.objective for t in others if t.result} | {task: objective}
    return (e.RunCompleted(objectives=objectives, seconds=elapsed),)


def _lost(state: RunState, failed: str, error: str, message: str, elapsed: float) -> tuple[e.Event, ...]:
    """What follows when a task cannot be solved: the end of the run, unless another pan of a race goes on or has a result."""
    others = {name: t for name, t in state.tasks.items() if name != failed}
    if not state.races or all(t.status in {"failed", "cancelled"} for t in others.values()):
        return _fail(state, failed, error, message, elapsed)
    results = {name: t.result.objective for name, t in others.items() if t.result}
    going = any(t.status not in {"succeeded", "failed", "cancelled"} for t in others.values())
    return () if going else (e.RunCompleted(objectives=results, seconds=elapsed),)


def _fail(state: RunState, failed: str, error: str, message: str, elapsed: float) -> tuple[e.Event, ...]:
    others = [
        e.AttemptCancelled(task=name, attempt=t.attempt, reason=f"task {failed} failed", iterations=0, seconds=0.0)
        for name, t in state.tasks.items()
        if t.status == "running" and name != failed
    ]
    return (*others, e.RunFailed(task=failed, error=error, message=message, seconds=elapsed))


def _known(task: TaskState) -> float | None:
    """The best objective that the task's search has, found or told."""
    known = [value for value in (task.best, task.shared) if value is not None]
    if not known:
        return None
    return min(known) if task.spec.sense == "min" else max(known)


def _improves(task: TaskState, objective: float) -> bool:
    known = _known(task)
    if known is None:
        return True
    return objective < known if task.spec.sense == "min" else objective > known


def _tightens(task: TaskState, value: float) -> bool:
    bound = task.bound
    if bound is None:
        return True
    return value > bound.value if task.spec.sense == "min" else value < bound.value


def _misfit(command: Command, why: str) -> InvalidTransition:
    msg = f"{type(command).__name__} does not fit here: {why}"
    return InvalidTransition(msg)


def evolve(state: RunState, event: e.Event) -> RunState:
    """The state after one more event; events that ``decide`` allowed always fit."""
    version = state.version + 1
    match event:
        case e.RunRequested():
            tasks = {spec.task: TaskState(spec) for spec in event.tasks}
            return RunState(version, "requested", event, event.worker, (), tasks)
        case e.RunPlanned():
            return _with(state, version=version, order=event.order)
        case e.RunCompleted():
            return _with(state, version=version, status="completed")
        case e.RunFailed():
            return _with(state, version=version, status="failed")
        case e.RunCancelled():
            return _with(state, version=version, status="cancelled")
        case e.RunAdopted():
            return _with(state, version=version, worker=event.worker)
        case e.AttemptCancelled() | e.ProblemProfiled() | e.SolverChosen() | e.AttemptStarted() | e.IncumbentFound():
            pass
        case e.BoundTightened() | e.IncumbentShared():
            pass
        case (
            e.CheckpointSaved() | e.AttemptSucceeded() | e.AttemptFailed() | e.AttemptTimedOut() | e.AttemptAbandoned()
        ):
            pass
        case _:
            msg = f"a run has no event {type(event).__name__}"
            raise InvalidTransition(msg)
    task = _evolve_task(state.tasks[event.task], event)
    return _with(state, version=version, status="running", tasks={**state.tasks, event.task: task})


def _evolve_task(task: TaskState, event: TaskEvent | e.AttemptCancelled) -> TaskState:
    match event:
        case e.ProblemProfiled():
            return _with(task, status="profiled", profile=event)
        case e.SolverChosen():
            return _with(task, status="chosen", chosen=event, attempt=event.attempt)
        case e.AttemptStarted():
            known = task.best if event.seeded_from is None else event.seeded_from.objective
            return _with(task, status="running", started=event, attempt=event.attempt, best=known)
        case e.BoundTightened():
            return _with(task, tightened=event)
        case e.IncumbentFound():
            return _with(task, best=event.objective)
        case e.IncumbentShared():
            return _with(task, shared=event.objective)
        case e.CheckpointSaved():
            return _with(task, checkpoint=event)
        case e.AttemptSucceeded():
            return _with(task, status="succeeded", result=event, best=event.objective)
        case e.AttemptFailed() if event.retry_in is not None:
            return _with(
                task, status="chosen", transient_failures=task.transient_failures + 1, checkpoint=None, best=None
            )
        case e.AttemptFailed():
            status: TaskStatus = "failed" if event.final else "profiled"
            return _with(task, status=status, excluded=(*task.excluded, event.solver), checkpoint=None, best=None)
        case e.AttemptTimedOut() if event.final:
            return _with(task, status="failed")
        case e.AttemptTimedOut():
            return _with(
                task,
                status="profiled",
                excluded=(*task.excluded, event.solver),
                checkpoint=None,
                best=None,
                spent=0.0,
                sliced=task.sliced + event.seconds,
            )
        case e.AttemptCancelled():
            return _with(task, status="cancelled")
        case e.AttemptAbandoned():
            # what came after the last checkpoint is lost and will be found again, so its incumbents must fit again
            return _with(task, status="chosen", spent=event.seconds, best=None, shared=None)


S = TypeVar("S", TaskState, RunState)


def _with(state: S, **changes: Any) -> S:
    """What dataclasses.replace does, at a fifth of its cost: a run evolves a dozen times."""
    new = object.__new__(type(state))
    new.__dict__.update(state.__dict__)
    new.__dict__.update(changes)
    return new


def fold(history: Iterable[e.Event]) -> RunState:
    """The state after a whole stream."""
    state = NOTHING
    for event in history:
        state = evolve(state, event)
    return state
