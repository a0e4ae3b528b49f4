"""What each kind of error means."""

from dataclasses import asdict
from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from ..access import Router, public
from ..moments import reply
from ..problems import KINDS, Refused

router = Router(tags=["errors"])


@router.get("/problems", summary="Every kind of error")
@public
async def problems() -> Response:
    """The kinds of errors by code; a problem's `type` is `/problems/CODE`."""
    return reply([{"type": f"/problems/{code}", **asdict(kind)} for code, kind in KINDS.items()])


@router.get("/problems/{code}", summary="One kind of error")
@public
async def one(code: Annotated[str, Path(json_schema_extra={"enum": [*KINDS]})]) -> Response:
    """Its status, title and what to do about it."""
    if code not in KINDS:
        raise Refused("not-found", f"an error's code must be one of {', '.join(KINDS)}; got {code[:40]!r}")
    return reply({"type": f"/problems/{code}", **asdict(KINDS[code])})
