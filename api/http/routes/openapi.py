"""The OpenAPI document."""

import hashlib

import anyio.to_thread
import orjson
from fastapi import FastAPI, Request
from starlette.responses import Response

from ..access import Router, public
from ..moments import JSON, unchanged

router = Router(include_in_schema=False)


@router.get("/openapi.json")
@public
async def openapi(request: Request) -> Response:
    """Made when it is first asked for, which takes a while: on a thread."""
    state = request.app.state
    if state.document is None:
        state.document = await anyio.to_thread.run_sync(_made, request.app)
    content, tag = state.document
    headers = {"etag": tag, "cache-control": "no-cache"}
    if unchanged(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=JSON)


def _made(app: FastAPI) -> tuple[bytes, str]:
    content = orjson.dumps(app.openapi())
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
