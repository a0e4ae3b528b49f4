"""Artifacts: problems, solutions and checkpoints by their SHA-256. Never as HTML."""

import re
from typing import Annotated

import anyio.to_thread
import orjson
from fastapi import Path, Request
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope
from mezan.api.views.artifacts import arrays_of
from mezan.solvers.errors import BadInput

from ..access import Router, needs
from ..moments import JSON, engine_of, unchanged
from ..problems import Refused

router = Router(tags=["artifacts"])
BYTES = "application/octet-stream"
MOST_AS_JSON = 4 * 2**20
"""Bytes of an artifact that are written out as JSON."""
Digest = Annotated[str, Path(max_length=200, description="SHA-256 in hex, as events name it.")]


@router.get(
    "/artifacts/{digest}",
    summary="An artifact",
    responses={200: {"content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}}},
)
@needs(Scope.RUNS_READ)
async def one(request: Request, digest: Digest) -> Response:
    """Its arrays as JSON, or with `Accept: application/octet-stream` its bytes, as a file to keep."""
    content = None
    if re.fullmatch("[0-9a-f]{64}", digest) is not None:
        content = await engine_of(request).store.artifact(digest)
    if content is None:
        raise Refused("artifact-not-found", f"an artifact must be kept to be read; {digest[:64]!r} is not")
    raw = BYTES in request.headers.get("accept", "")
    tag = f'"{digest[:32]}-{"raw" if raw else "json"}"'
    headers = {"etag": tag, "cache-control": "private, max-age=31536000, immutable", "vary": "accept"}
    if unchanged(request, tag):
        return Response(status_code=304, headers=headers)
    if raw:
        headers["content-disposition"] = f'attachment; filename="{digest[:16]}.bin"'
        return Response(content, headers=headers, media_type=BYTES)
    if len(content) > MOST_AS_JSON:
        raise Refused("not-acceptable", f"an artifact of more than {MOST_AS_JSON} bytes is only given as {BYTES}; this one has {len(content)}")  # fmt: skip
    try:
        body = await anyio.to_thread.run_sync(lambda: orjson.dumps(arrays_of(digest, content)))
    except BadInput as error:
        raise Refused("not-acceptable", f"this artifact is only given as {BYTES}: {error}") from None
    return Response(body, headers=headers, media_type=JSON)
