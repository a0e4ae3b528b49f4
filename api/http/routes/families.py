"""A door of its own for each family: `/qapflow/solve` takes what `/solve` takes, without its `type`."""

from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope
from mezan.solvers.catalog import Catalog

from ..access import Router, needs
from .solve import submitted


def doors(catalog: Catalog) -> dict[str, str]:
    """The family behind each door's path."""
    return {f"/{family.door or family.name}/solve": family.name for family in catalog}


def router_for(catalog: Catalog) -> Router:
    """The doors of the families that there are."""
    router = Router(tags=["solve"])
    for path, family in doors(catalog).items():
        router.add_api_route(
            path,
            _solving(family),
            methods=["POST"],
            summary=f"Solve a {family} problem",
            description=f"As `POST /solve` for a {family} problem; `type` may be left out.",
            status_code=202,
        )
    return router


def _solving(family: str) -> Callable[[Request], Awaitable[Response]]:
    @needs(Scope.RUNS_WRITE)
    async def solve(request: Request) -> Response:
        return await submitted(request, family)

    return solve
