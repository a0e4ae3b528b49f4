"""From the end of a run to what its user gets: a result, or the error that says why there is none."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from . import events as e
from .errors import RunCancelledError, RunFailedError
from .handle import Result, TaskResult
from .run import RunState


async def result(
    run: str,
    state: RunState,
    last: e.Event | None,
    solutions: Mapping[str, Any],
    load: Callable[[str], Awaitable[Any]],
) -> Result:
    """The result of a run that ended with ``last``; solutions that are not at hand are loaded by digest.

    Raises:
        RunFailedError: the run failed.
        RunCancelledError: it was cancelled.
    """
    match last:
        case e.RunFailed():
            raise RunFailedError(run, last.error, last.message)
        case e.RunCancelled():
            raise RunCancelledError(f"run {run} was cancelled: {last.reason}")
        case e.RunCompleted():
            pass
        case _:
            raise RunFailedError(run, "unfinished", "it has no terminal event")
    tasks: dict[str, TaskResult] = {}
    for name, task in state.tasks.items():
        if task.result is None and state.races:
            continue  # a pan that broke; the other has the result
        if task.result is None:
            raise RunFailedError(run, "unfinished", f"task {name} has no result")
        solution = solutions.get(name)
        if solution is None:
            solution = await load(task.result.solution)
        tasks[name] = _task_result(task.spec, task.result, solution)
    if state.request is None:
        raise RunFailedError(run, "unfinished", "it has no request")
    asked = state.request
    return Result(run=run, policy=asked.policy, seed=asked.seed, seconds=last.seconds, tasks=tasks, pans=asked.pans)


def _task_result(spec: e.TaskSpec, found: e.AttemptSucceeded, solution: Any) -> TaskResult:
    return TaskResult(
        task=spec.task,
        family=spec.family,
        sense=spec.sense,
        label=spec.label,
        solver=found.solver,
        version=found.version,
        objective=found.objective,
        solution=solution,
        bound=None if found.bound is None else found.bound.value,
        bound_method=None if found.bound is None else found.bound.method,
        best_known=spec.best_known,
        proved_optimal=found.proved_optimal,
        stopped=found.stopped,
        iterations=found.iterations,
        seconds=found.seconds,
        compile_seconds=found.compile_seconds,
        seeded_from=None if found.seeded_from is None else found.seeded_from.run,
        seed_objective=None if found.seeded_from is None else found.seeded_from.objective,
    )
