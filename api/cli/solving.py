"""`mezan solve`: everything that can be refused is refused here, before the engine is loaded or a database made."""

from dataclasses import dataclass

from mezan.engine.stores.schema import path_of
from mezan.solvers.budget import Budget
from mezan.solvers.catalog import Catalog
from mezan.solvers.selection.registry import DEFAULT_POLICY, Policies

from .inputs import in_mode, problem_from
from .options import database


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of one call."""

    source: str
    db: str
    family: str | None
    time_limit: float
    iterations: int | None
    target: float | None
    gap: float | None
    mode: str | None
    fresh: bool
    seed: int | None
    solver: str | None
    policy: str | None
    priority: int
    idempotency_key: str | None
    as_json: bool
    quiet: bool


def solve(request: Request) -> int:
    """Solve, print, and return the exit code."""
    catalog, policies = Catalog.default(), Policies.default()
    Budget(time_limit=request.time_limit, iterations=request.iterations, target=request.target, gap=request.gap)
    policies.policy(request.policy or DEFAULT_POLICY)
    if request.solver is not None:
        catalog.solver(request.solver)
    path_of(database(request.db))
    problem = problem_from(request.source, request.family, catalog)
    if request.mode is not None:
        problem = in_mode(problem, request.mode)

    import anyio

    from mezan.api.process import tune_gc

    from .session import run

    tune_gc()
    return anyio.run(run, request, problem, catalog, policies)
