"""Many requests at once: all are checked before any is recorded, and they are recorded together."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread

from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput
from mezan.solvers.problem import Problem
from mezan.solvers.seeds import derive

from .cohorts import Cohort, Place
from .handle import Run
from .scheduler import Job
from .submitting import Options, Submission, prepared

AT_ONCE = 512
"""Requests that wait for the disk together."""
SEED_BITS = 53


async def submissions(catalog: Catalog, problems: Sequence[Any], options: Options, worker: str) -> list[Submission]:
    """One request per problem, each with the seed and the idempotency key of its index.

    Raises:
        BadInput: a problem breaks a rule; the message names its index.
    """
    if not isinstance(problems, Sequence) or isinstance(problems, str | bytes):
        msg = f"many problems must be given as a list; got {type(problems).__name__}: use `submit` for one"
        raise BadInput(msg)

    def check() -> list[Submission]:
        found = []
        for i, problem in enumerate(problems):
            try:
                own = _of(options, i)
                found.append(prepared(catalog, problem, own, worker))
            except BadInput as error:
                msg = f"problem {i} of {len(problems)}: {error}"
                raise type(error)(msg) from error
        return found

    return await anyio.to_thread.run_sync(check)


def _of(options: Options, index: int) -> Options:
    seed, key = options.seed, options.idempotency_key
    return replace(
        options,
        seed=None if seed is None else derive(seed, "many", index) & (1 << SEED_BITS) - 1,
        idempotency_key=None if key is None else f"{key}/{index}",
    )


async def record_many(
    asked: Sequence[Submission],
    record: Callable[[Submission, Place | None], Awaitable[Run]],
    queue: Callable[[Sequence[Job]], None],
) -> list[Run]:
    """Record requests side by side, so that they share commits; the runs are in the order of the requests.

    ``queue`` lets jobs start that were held for others of their shape.

    Raises:
        Exception: the first error that a request met; those recorded before it go on.
    """
    runs: dict[int, Run] = {}
    places = _places(asked, queue)
    errors: list[Exception] = []

    async def one(i: int) -> None:
        try:
            runs[i] = await record(asked[i], places[i])
        except Exception as error:  # noqa: BLE001 - raised below, as itself and not in a group
            errors.append(error)

    try:
        for start in range(0, len(asked), AT_ONCE):
            async with anyio.create_task_group() as tasks:
                for i in range(start, min(start + AT_ONCE, len(asked))):
                    tasks.start_soon(one, i)
            if errors:
                raise errors[0]
    finally:
        for i, place in enumerate(places):  # nobody waits for what was not recorded
            if place is not None and i not in runs:
                place.leave()
    return [runs[i] for i in range(len(asked))]


def _places(asked: Sequence[Submission], queue: Callable[[Sequence[Job]], None]) -> list[Place | None]:
    """A place for each run of one task, among those whose problems have its type and size: only those may share calls."""
    kinds: list[tuple[type[Problem], int] | None] = []
    for one in asked:
        problem = next(iter(one.problems.values()))
        kinds.append((type(problem), problem.size) if len(one.problems) == 1 else None)
    cohorts = {kind: Cohort(count, queue) for kind, count in Counter(kinds).items() if kind is not None and count > 1}
    return [Place(cohorts[kind]) if kind in cohorts else None for kind in kinds]
