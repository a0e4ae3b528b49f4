"""Read models: how far each has come, and folding one again."""

from fastapi import Request
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope
from mezan.api.views.projections import statuses
from mezan.solvers.catalog import unknown

from ..access import Router, needs
from ..moments import engine_of, reply
from ..rebuilding import rebuilt
from ..working import Working

router = Router(tags=["projections"])


@router.get("/projections", summary="Every read model with its position and lag")
@needs(Scope.METRICS_READ)
async def listed(request: Request) -> Response:
    """Folded up to `position` in memory, stored up to `saved`; `lag` is how many events it is behind the log's end."""
    engine = engine_of(request)
    end = await engine.log.head()
    return reply({"head": end.position if end else 0, "projections": statuses(engine.follower, end)})


@router.post("/projections/{projection}/rebuild", summary="Fold one again from the first event")
@needs(Scope.PROJECTIONS_REBUILD)
async def rebuild(request: Request, projection: str) -> Response:
    """Beside the live one, which it then replaces; answers what came out differently (nothing, unless something was wrong).

    With `Accept: text/event-stream` there are `progress` events and then the `result`. Closing the connection stops it, and
    the live one stays.
    """
    follower = engine_of(request).follower
    names = [status.name for status in follower.status()]
    if projection not in names:
        raise unknown("projection", projection[:80], names)
    return Working(request, lambda progress: rebuilt(request.app.state.audits, projection, progress))
