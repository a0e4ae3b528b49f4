"""Runs: the list, each of them, its events, its choice, its replay."""

from contextlib import suppress
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Query, Request, WebSocket
from starlette.responses import Response

from mezan.api.views.outcome import kept_solutions, outcome
from mezan.engine.engine import Engine
from mezan.engine.errors import RunNotFound
from mezan.engine.events import TERMINAL
from mezan.engine.log import Recorded
from mezan.engine.streams import whole_stream
from mezan.solvers.errors import MezanError

from ..asking import wait_in
from ..events import wire
from ..moments import AsOf, At, engine_of, moment_at, read_reply, reply
from ..problems import Refused, code_of
from ..streams import EVENT_STREAM, position_from, sse, websocket

router = APIRouter(tags=["runs"])
Json = dict[str, Any]
MOST_EVENTS = 1_000


async def history_at(engine: Engine, run: str, at: int | None) -> list[Recorded]:
    """A run's events up to a position; raises RunNotFound when there is none by then."""
    full = await engine.find(run)
    history = await whole_stream(engine.log, full)
    if at is not None:
        history = [recorded for recorded in history if recorded.position <= at]
    if not history:
        msg = f"run {full} did not exist at position {at}; look at a later one"
        raise RunNotFound(msg)
    return history


async def about(request: Request, run: str, at: int | None) -> Json:
    """A run as one object."""
    engine = engine_of(request)
    history = await history_at(engine, run, at)
    return {**outcome(history, await kept_solutions(engine.store, history)), "position": history[-1].position}


@router.get("/runs/{run}", summary="One run")
async def one(request: Request, run: str, moment: At) -> Response:
    """What was asked, what came out, how it went: the result of each task with its proved bound. The id may be cut short.

    With `Prefer: wait=SECONDS` the answer comes when the run has ended, or after so long as it is then.
    """
    wait = wait_in(request)
    if wait and moment.live:
        with anyio.move_on_after(wait), suppress(MezanError):  # how it ended is in the answer
            await (await moment.engine.run(run)).result()
        moment = await moment_at(moment.engine, None)
    return read_reply(request, moment, await about(request, run, moment.at))


@router.get("/runs/{run}/events", summary="A run's events, as a page or as a live stream")
async def events(
    request: Request,
    run: str,
    as_of: AsOf = None,
    after: Annotated[int | None, Query(ge=0, le=2**53, description="Only events after this position.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS)] = MOST_EVENTS,
) -> Response:
    """JSON by default. With `Accept: text/event-stream` every event as it happens, until the run's last.

    The id of a server-sent event is its log position: a client that comes back with `Last-Event-ID` misses nothing.
    """
    engine = engine_of(request)
    full = await engine.find(run)
    if EVENT_STREAM in request.headers.get("accept", ""):
        last = (await engine.log.read(stream=full, limit=1, backwards=True))[0]
        ended = last.position if last.type in TERMINAL else None
        return sse(request.app.state.broadcast, full, position_from(request, after), ended_at=ended)
    moment = await moment_at(engine, as_of)
    page = await engine.log.read(stream=full, after=after or 0, upto=moment.at, limit=limit)
    more = len(page) == limit
    then = "" if moment.at is None else f"&as_of={moment.at}"
    links = [("next", f"/runs/{full}/events?after={page[-1].position}&limit={limit}{then}")] if more else []
    return read_reply(request, moment, {"run": full, "events": [wire(e) for e in page], "more": more}, links)


@router.websocket("/runs/{run}/events")
async def socket(websocket_: WebSocket, run: str, after: int = 0) -> None:
    """The same over a WebSocket: one JSON text per event."""
    engine: Engine = websocket_.app.state.engine
    try:
        full = await engine.find(run)
        position = position_from(websocket_, after)
    except (MezanError, Refused) as error:
        await websocket_.close(1008, (error.code if isinstance(error, Refused) else code_of(error))[:120])
        return
    await websocket(websocket_, websocket_.app.state.broadcast, full, position)


@router.post("/runs/{run}/cancel", summary="Stop a run")
async def cancel(request: Request, run: str) -> Response:
    """Returns when that is recorded; a run that is over stays as it is."""
    engine = engine_of(request)
    handle = await engine.run(run)
    await handle.cancel("cancelled over HTTP")
    return reply(await about(request, handle.id, None))
