"""A better bound, proved beside the search: a run may then stop sooner, and say that its result is optimal."""

import time
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import structlog

from mezan.solvers.problem import Bound, Family, Problem

from . import events as e
from .run import TaskState

logger = structlog.get_logger(__name__)
LEAST_SECONDS = 1.0
"""Runs with a shorter time limit keep the bound that they were profiled with."""
HEAD_START = 0.25
"""Seconds of search, compilation not counted, before a bound is worked on: short runs are over by then, and cost nothing."""


def may_tighten(family: Family[Any], task: TaskState, budget: e.BudgetSpec) -> bool:
    """Whether a kernel's attempt on this task is worth a better bound.

    Not with a limit on iterations: when the bound arrives depends on the machine's speed, and such a run must not.
    """
    if family.tighten is None or budget.iterations is not None or budget.time_limit < LEAST_SECONDS:
        return False
    return task.bound is not None and task.tightened is None


async def tighten(
    family: Family[Any],
    problem: Problem,
    task: Callable[[], TaskState],
    attempt: int,
    limiter: anyio.CapacityLimiter,
) -> e.BoundTightened | None:
    """The event of a better bound; None when there is none, when it cannot be had, or when the search refutes it."""
    await anyio.sleep(HEAD_START)
    present, compute = task().bound, family.tighten
    if present is None or compute is None:
        return None
    start = time.perf_counter()
    try:
        known = Bound(present.value, present.method)
        found = await anyio.to_thread.run_sync(compute, problem, known, abandon_on_cancel=True, limiter=limiter)
    except Exception as error:  # noqa: BLE001 - foreign code; the search needs no better bound
        logger.warning("bound not tightened", family=family.name, error=str(error))
        return None
    if found is None or found.value == present.value or family.better(found.value, present.value):
        return None
    best = task().best
    if best is not None and family.better(best, found.value):
        logger.error("bound refuted by a solution", method=found.method, bound=found.value, objective=best)
        return None
    seconds = time.perf_counter() - start
    spec = task().spec.task
    return e.BoundTightened(task=spec, attempt=attempt, value=found.value, method=found.method, seconds=seconds)
