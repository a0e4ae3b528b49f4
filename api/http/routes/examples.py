"""Instances to try things on: they ship with the families and are in no log."""

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope
from mezan.api.views.gallery import gallery

from ..access import Router, needs
from ..moments import engine_of, reply
from ..problems import Refused

router = Router(tags=["solve"])


@router.get("/examples", summary="Small instances of each family")
@needs(Scope.RUNS_READ)
async def examples(
    request: Request, family: Annotated[str | None, Query(max_length=80, description="Of this family only.")] = None
) -> Response:
    """Each with the body that `POST /solve` takes."""
    catalog = engine_of(request).catalog
    return reply(gallery(catalog, None if family is None else [catalog.family(family).name]))


@router.get("/examples/{name}", summary="One of them")
@needs(Scope.RUNS_READ)
async def example(request: Request, name: str) -> Response:
    """By its name."""
    found = {one["name"]: one for one in gallery(engine_of(request).catalog)}
    if name not in found:
        raise Refused("not-found", f"an example must be one of {', '.join(found)}; got {name[:80]!r}")
    return reply(found[name])
