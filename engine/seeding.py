"""Never worse than it knows: the best result in the log for an instance is where a search of it may start."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
import structlog

from mezan.solvers.pack import Array, unpack
from mezan.solvers.problem import Family, Problem

from . import context
from .events import SeedSpec
from .follower import Follower

logger = structlog.get_logger(__name__)
LARGE = 64
"""A solution of a problem above this size is checked on a thread."""


@dataclass(frozen=True, slots=True)
class Known:
    """The best checked result of an instance: whose it is, its objective, its solution's digest, and whether it is proved."""

    run: str
    objective: float
    solution: str
    proved_optimal: bool


KnownOf = Callable[[Follower, str, str, str], Awaitable[Known | None]]
"""(follower, family, instance, tenant) -> the best result; given by the composition root."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A known result with its solution at hand, checked again."""

    spec: SeedSpec
    solution: Array
    proved_optimal: bool = False


async def seed_of(
    spec: SeedSpec,
    family: Family[Any],
    problem: Problem,
    load: Callable[[str], Awaitable[bytes | None]],
    *,
    proved_optimal: bool = False,
) -> Seed | None:
    """The seed that a spec names; None when its solution is no longer kept, or is not worth what was recorded."""
    content = await load(spec.solution)
    if content is None:
        logger.warning("known solution is no longer kept", run=spec.run, solution=spec.solution)
        return None

    def check() -> Seed | str:
        try:
            solution = unpack(content)["solution"]
            checked = family.evaluate(problem, solution)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, a search can do without
            return str(error)
        if not checked.feasible or checked.objective != spec.objective:
            return checked.why or f"it is worth {checked.objective}, not {spec.objective}"
        return Seed(spec, solution, proved_optimal)

    found = check() if problem.size <= LARGE else await anyio.to_thread.run_sync(check)
    if isinstance(found, Seed):
        return found
    logger.warning("known solution not used", run=spec.run, solution=spec.solution, why=found)
    return None


async def best_known(
    known: KnownOf,
    follower: Follower,
    family: Family[Any],
    problem: Problem,
    instance: str,
    load: Callable[[str], Awaitable[bytes | None]],
) -> Seed | None:
    """The best result that the log has for an instance of the ambient tenant, as a seed; one primary-key look-up."""
    best = await known(follower, family.name, instance, context.tenant.get())
    if best is None:
        return None
    spec = SeedSpec(run=best.run, objective=best.objective, solution=best.solution)
    return await seed_of(spec, family, problem, load, proved_optimal=best.proved_optimal)
