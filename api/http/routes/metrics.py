"""For Prometheus: every figure is a fold of the log."""

from fastapi import Request
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope

from ..access import Router, needs
from ..metrics import READ, Collector
from ..moments import At, tag_of, unchanged

router = Router(tags=["health"])


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    responses={200: {"content": {CONTENT_TYPE_LATEST: {"schema": {"type": "string"}}}}},
)
@needs(Scope.METRICS_READ)
async def metrics(request: Request, moment: At) -> Response:
    """Totals of runs and events, run times, outcomes per solver, work under way; now also the lag of each read model.

    Two reads at one position are equal.
    """
    headers = {"mezan-position": str(moment.position), "cache-control": "private, no-cache"}
    if not moment.live:
        headers["etag"] = tag_of(moment)
        if unchanged(request, headers["etag"]):
            return Response(status_code=304, headers=headers)
        collector = Collector(await moment.states(*READ), moment.position)
        return Response(generate_latest(collector), headers=headers, media_type=CONTENT_TYPE_LATEST)
    follower = moment.engine.follower
    head = await moment.engine.log.head()
    collector = Collector(
        follower.states,
        follower.position,
        head=head.position if head else 0,
        follower=follower.status(),
        save_failed=follower.save_error is not None,
    )
    headers["mezan-position"] = str(follower.position)
    return Response(generate_latest(collector), headers=headers, media_type=CONTENT_TYPE_LATEST)
