"""Whether the server lives, and whether it can take requests."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from mezan.engine.errors import StoreError

from ..moments import engine_of, reply

router = APIRouter(tags=["health"])


@router.get("/health/live", summary="The process answers")
async def live() -> Response:
    """Always 200 while the process runs."""
    return reply({"status": "live"})


@router.get("/health/ready", summary="The engine takes requests", responses={503: {"description": "Not ready."}})
async def ready(request: Request) -> Response:
    """200 when the database answers and every read model follows the log; 503 and the reasons otherwise."""
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
    about = {"status": "not ready" if reasons else "ready", "position": last, "folded": engine.follower.position, "reasons": reasons}  # fmt: skip
    return reply(about, 503 if reasons else 200)
