"""Whether the server lives, and whether it can take requests."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope
from mezan.engine.errors import StoreError

from ..access import Router, principal_of, public
from ..moments import engine_of, reply

router = Router(tags=["health"])


@router.get("/health/live", summary="The process answers")
@public
async def live() -> Response:
    """Always 200 while the process runs."""
    return reply({"status": "live"})


@router.get("/health/ready", summary="The engine takes requests", responses={503: {"description": "Not ready."}})
@public
async def ready(request: Request) -> Response:
    """200 when the database answers and every read model follows the log; 503 and the reasons otherwise.

    Positions and reasons are told to who may read metrics; to others `position` and `folded` are null.
    """
    engine = engine_of(request)
    reasons = [f"{s.name} broke at position {s.failed_at}: {s.error}" for s in engine.follower.status() if s.error]
    if engine.follower.save_error:
        reasons.append(f"read models are not saved: {engine.follower.save_error}")
    try:
        head = await engine.log.head()
    except StoreError as error:
        reasons.append(str(error))
        head = None
    last = head.position if head else 0
    about: dict[str, Any] = {"status": "not ready" if reasons else "ready", "position": last, "folded": engine.follower.position, "reasons": reasons}  # fmt: skip
    principal = principal_of(request)
    if principal is None or not principal.may(Scope.METRICS_READ):
        about |= {"position": None, "folded": None, "reasons": []}
    return reply(about, 503 if reasons else 200)
