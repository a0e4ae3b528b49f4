"""What a run was asked, to be asked again with one change."""

from typing import Any

import anyio.to_thread
import orjson
from fastapi import Request
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope
from mezan.api.views.gallery import body_of
from mezan.api.views.history import not_yet
from mezan.api.views.request import options_of
from mezan.engine.errors import StoreError
from mezan.engine.events import RunRequested
from mezan.solvers.catalog import Catalog

from ..access import Router, needs
from ..apart import Parcel, opened
from ..asking import HUGE
from ..moments import JSON, At, engine_of, tag_of, unchanged

router = Router(tags=["runs"])


@router.get("/runs/{run}/request", summary="What a run was asked")
@needs(Scope.RUNS_READ)
async def request_of(request: Request, run: str, moment: At) -> Response:
    """The body that `POST /solve` takes, with the seed that was recorded: change one member and send it again.

    A deadline, a time that has passed, is left out.
    """
    engine = engine_of(request)
    full = await engine.find(run)
    first = await engine.log.read(stream=full, upto=moment.at, limit=1)
    if not first or not isinstance(first[0].event, RunRequested):
        raise not_yet(full, moment.at)
    tag = tag_of(moment)
    headers = {"etag": tag, "cache-control": "no-cache", "mezan-position": str(moment.position)}
    if unchanged(request, tag):
        return Response(status_code=304, headers=headers)
    asked = first[0].event
    options, spec = options_of(asked), asked.tasks[0]
    content = await engine.store.artifact(spec.problem)
    if content is None:
        msg = f"the problem {spec.problem[:12]} is not in the database; restore it from a copy"
        raise StoreError(msg)
    sent = Parcel(spec.family, content, {"name": spec.label, "best_known": spec.best_known})
    apart = request.app.state.apart
    if len(content) < HUGE // 4 or apart is None:
        body = await anyio.to_thread.run_sync(_written, sent, options, engine.catalog)
    else:
        body = await apart.call(written, sent, options)
    return Response(body, headers=headers, media_type=JSON)


def written(sent: Parcel, options: dict[str, Any]) -> bytes:
    """A request as JSON, in the process for large bodies."""
    return _written(sent, options, Catalog.default())


def _written(sent: Parcel, options: dict[str, Any], catalog: Catalog) -> bytes:
    return orjson.dumps(body_of(opened(sent, catalog)) | options)
