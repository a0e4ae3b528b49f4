"""`mezan solve`: everything that can be refused is refused here, before the engine is loaded or a database made."""

from dataclasses import dataclass

from mezan.engine.pans import pans_of
from mezan.engine.shadow import Shadow
from mezan.engine.stores.schema import path_of
from mezan.solvers.budget import Budget
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput
from mezan.solvers.problem import Problem
from mezan.solvers.selection.registry import Policies

from .inputs import in_mode, problem_from
from .options import database


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of one call."""

    sources: tuple[str, ...]
    flows: str | None
    distances: str | None
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
    pans: str | None
    policy: str | None
    priority: int
    idempotency_key: str | None
    shadow: float
    as_json: bool
    quiet: bool


def names_of(pans: str | None) -> list[str] | None:
    """The names in a list with commas."""
    return None if pans is None else [name.strip() for name in pans.split(",") if name.strip()]


def _problems(request: Request, catalog: Catalog) -> list[Problem]:
    if request.flows is None and request.distances is None:
        if not request.sources:
            raise BadInput("a problem must be given: name a file, - for standard input, or --flows and --distances")
        return [problem_from(source, request.family, catalog) for source in request.sources]
    if request.sources or request.family not in {None, "qap"}:
        raise BadInput("--flows and --distances are a QAP of their own; leave other files and --family out")
    from .assignment import layout

    return [layout(request.flows, request.distances).problem]


def solve(request: Request) -> int:
    """Solve, print, and return the exit code."""
    catalog, policies = Catalog.default(), Policies.default()
    Budget(time_limit=request.time_limit, iterations=request.iterations, target=request.target, gap=request.gap)
    policies.policy(request.policy)
    if request.solver is not None:
        catalog.solver(request.solver)
    Shadow(share=request.shadow)
    path_of(database(request.db))
    problems = _problems(request, catalog)
    if request.mode is not None:
        problems = [in_mode(problem, request.mode) for problem in problems]
    if (pans := names_of(request.pans)) is not None:
        if request.solver is not None or request.mode is not None:
            raise BadInput("a race names its solvers by --pans; leave --solver and --mode out")
        for problem in problems:
            pans_of(catalog, problem, pans)

    import anyio

    from mezan.api.process import cache_kernels, tune_gc

    from .session import run

    cache_kernels()
    tune_gc()
    return anyio.run(run, request, problems, catalog, policies)
