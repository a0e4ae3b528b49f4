"""What is installed: solvers and policies."""

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope
from mezan.api.views import catalogue
from mezan.solvers.selection.registry import DEFAULT_POLICY

from ..access import Router, needs
from ..moments import At, engine_of, known_reply, read_reply, reply

router = Router(tags=["catalogue"])


@router.get("/solvers", summary="Families and their solvers")
@needs(Scope.RUNS_READ)
async def solvers(
    request: Request, family: Annotated[str | None, Query(max_length=80, description="One family only.")] = None
) -> Response:
    """Every family with the files that it reads and its portfolio: versions, references, and what is guaranteed."""
    catalog = engine_of(request).catalog
    listed = [catalog.family(family)] if family else list(catalog)
    return reply({"families": catalogue.families(listed)})


@router.get("/solvers/{solver}", summary="One solver and what became of its attempts")
@needs(Scope.RUNS_READ)
async def solver(request: Request, solver: str, moment: At) -> Response:
    """Its entry in the portfolio, and per version that has been tried the attempts, failures, mean loss and mean seconds."""
    if (known := known_reply(request, moment)) is not None:
        return known
    stats = (await moment.states("solver_stats"))["solver_stats"]
    return read_reply(request, moment, catalogue.about_solver(moment.engine.catalog, solver[:120], stats))


@router.get("/policies", summary="Selection policies")
@needs(Scope.RUNS_READ)
async def policies(request: Request) -> Response:
    """What may be named as `policy`; `default` marks the one that decides where nothing is named."""
    return reply({"policies": catalogue.policies(engine_of(request).policies, DEFAULT_POLICY)})
