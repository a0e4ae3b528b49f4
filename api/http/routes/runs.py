"""Runs: the list, each of them, its events, its choice, its replay."""

from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import urlencode

import anyio
from fastapi import Query, Request, WebSocket
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope
from mezan.api.views.artifacts import kept, referred
from mezan.api.views.history import history_at, not_yet
from mezan.api.views.outcome import kept_solutions, outcome
from mezan.api.views.runs import EVERY, PURPOSES, STATUSES, Wanted, listed, purpose_of
from mezan.api.views.why import explained, explanation_at, reported
from mezan.engine.engine import Engine
from mezan.engine.events import TERMINAL
from mezan.solvers.errors import MezanError

from ..access import Router, needs, require
from ..asking import wait_in
from ..denials import record
from ..events import wire
from ..moments import AsOf, At, engine_of, known_reply, moment_at, read_reply, reply
from ..problems import Refused, code_of
from ..streams import EVENT_STREAM, position_from, sse, websocket

router = Router(tags=["runs"])
Json = dict[str, Any]
MOST_EVENTS = 1_000
MOST_RUNS = 1_000


async def about(request: Request, run: str, at: int | None) -> Json:
    """A run as one object."""
    engine = engine_of(request)
    history = await history_at(engine, run, at)
    return {**outcome(history, await kept_solutions(engine.store, history)), "position": history[-1].position}


async def existed(engine: Engine, run: str, at: int | None) -> None:
    """Raise RunNotFound for a run whose first event is after ``at``."""
    if at is not None and not await engine.log.read(stream=run, upto=at, limit=1):
        raise not_yet(run, at)


@router.get("/runs", summary="Runs, newest first")
@needs(Scope.RUNS_READ)
async def many(
    request: Request,
    moment: At,
    status: Annotated[
        str | None,
        Query(max_length=20, json_schema_extra={"enum": [*STATUSES]}, description=f"One of {', '.join(STATUSES)}."),
    ] = None,
    family: Annotated[str | None, Query(max_length=100)] = None,
    solver: Annotated[str | None, Query(max_length=100, description="That one of its tasks was given last.")] = None,
    policy: Annotated[str | None, Query(max_length=100, description="That was asked for, or that decided.")] = None,
    purpose: Annotated[
        str,
        Query(
            max_length=20,
            json_schema_extra={"enum": [*PURPOSES, EVERY]},
            description=f"One of {', '.join(PURPOSES)}, {EVERY}.",
        ),
    ] = "request",
    label: Annotated[str | None, Query(max_length=100, description="What the instance's name contains.")] = None,
    error: Annotated[str | None, Query(max_length=100, description="The kind of error that it ended with.")] = None,
    before: Annotated[
        int | None, Query(ge=0, le=2**53, description="Only runs that began before this position.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_RUNS)] = 100,
) -> Response:
    """One page; `Link: rel="next"` is where to go on, and absent after the last.

    A page may be short, even empty, and yet have a next: one request looks at a few thousand runs at most.
    """
    if (same := known_reply(request, moment)) is not None:
        return same
    wanted = Wanted(
        status=status or None,
        family=family or None,
        solver=solver or None,
        policy=policy or None,
        purpose=purpose_of(purpose),
        label=label or None,
        error=error or None,
    )
    rows = await moment.rows("runs", tag=wanted.status, keep=wanted.keep, before=before, limit=limit)
    links = []
    if rows.before is not None:
        query = {k: v for k, v in request.query_params.items() if k != "before"} | {"before": rows.before}
        links = [("next", f"/runs?{urlencode(query)}")]
    found = [listed(row.data) | {"position": row.position} for row in rows]
    return read_reply(request, moment, {"runs": found, "more": rows.before is not None, "before": rows.before}, links)


@router.get("/runs/{run}", summary="One run")
@needs(Scope.RUNS_READ)
async def one(request: Request, run: str, moment: At) -> Response:
    """What was asked, what came out, how it went: the result of each task with its proved bound. The id may be cut short.

    With `Prefer: wait=SECONDS` the answer comes when the run has ended, or after so long as it is then.
    """
    wait = wait_in(request)
    if wait and moment.live:
        with anyio.move_on_after(wait), suppress(MezanError):  # how it ended is in the answer
            await (await moment.engine.run(run)).result()
        moment = await moment_at(moment.engine, None)
    if (same := known_reply(request, moment)) is not None:
        return same
    return read_reply(request, moment, await about(request, run, moment.at))


@router.get("/runs/{run}/events", summary="A run's events, as a page or as a live stream")
@needs(Scope.RUNS_READ)
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
    moment = await moment_at(engine, as_of)
    full = await engine.find(run)
    last_seen = position_from(request, after)
    if EVENT_STREAM in request.headers.get("accept", ""):
        last = (await engine.log.read(stream=full, limit=1, backwards=True))[0]
        ended = last.position if last.type in TERMINAL else None
        return sse(request.app.state.broadcast, full, last_seen, ended_at=ended)
    await existed(engine, full, moment.at)
    page = await engine.log.read(stream=full, after=after or 0, upto=moment.at, limit=limit)
    more = len(page) == limit
    then = "" if moment.at is None else f"&as_of={moment.at}"
    links = [("next", f"/runs/{full}/events?after={page[-1].position}&limit={limit}{then}")] if more else []
    return read_reply(request, moment, {"run": full, "events": [wire(e) for e in page], "more": more}, links)


@router.websocket("/runs/{run}/events")
@needs(Scope.RUNS_READ)
async def socket(websocket_: WebSocket, run: str, after: int = 0) -> None:
    """The same over a WebSocket: one JSON text per event."""
    engine: Engine = websocket_.app.state.engine
    try:
        full = await engine.find(run)
        position = position_from(websocket_, after)
    except (MezanError, Refused) as error:
        record(websocket_.scope, code_of(error), error)
        await websocket_.close(1008, code_of(error)[:120])
        return
    last = (await engine.log.read(stream=full, limit=1, backwards=True))[0]
    if last.type in TERMINAL and position >= last.position:  # there will be nothing more
        await websocket_.accept()
        await websocket_.close()
        return
    await websocket(websocket_, websocket_.app.state.broadcast, full, position)


@router.post("/runs/{run}/cancel", summary="Stop a run")
@needs(Scope.RUNS_WRITE)
async def cancel(request: Request, run: str) -> Response:
    """Returns when that is recorded; a run that is over stays as it is."""
    engine = engine_of(request)
    handle = await engine.run(run)
    await handle.cancel("cancelled over HTTP")
    return reply(await about(request, handle.id, None))


@router.get("/runs/{run}/why", summary="Why a solver was chosen")
@needs(Scope.RUNS_READ)
async def why(
    request: Request,
    run: str,
    moment: At,
    task: Annotated[str | None, Query(max_length=100, description="Of a run with several tasks.")] = None,
    verify: Annotated[bool, Query(description="Choose again from the refolded log, and compare.")] = False,
) -> Response:
    """The decision card of its last choice, the instance beside its cluster, the outcomes that spoke, what would have changed it.

    With `verify=true` also `verification`: every choice of the run, made again from the log; that needs the scope `runs:replay`.
    """
    if not verify and (same := known_reply(request, moment)) is not None:
        return same
    engine = engine_of(request)
    history = await history_at(engine, run, moment.at)
    full = history[0].stream
    explanation = await explanation_at(engine, full, task, moment.at)
    report = None
    if verify:
        require(request, Scope.RUNS_REPLAY)
        async with request.app.state.replays:
            report = reported(await engine.verify_choice(full))
    shown = explained(explanation, history, task)
    return read_reply(request, moment, shown | {"verification": report})


@router.post("/runs/{run}/replay", summary="Execute a run again")
@needs(Scope.RUNS_REPLAY)
async def replay(request: Request, run: str) -> Response:
    """Repeats the recorded work and names the first event that comes out differently; nothing is recorded.

    Returns when that is done, which takes about as long as the run did. Only a run that has ended can be replayed.
    """
    engine = engine_of(request)
    full = await engine.find(run)
    last = (await engine.log.read(stream=full, limit=1, backwards=True))[0]
    if last.type not in TERMINAL:
        raise Refused("replaying-forbidden", f"a run must have ended to be replayed; {full} has not")
    async with request.app.state.replays:
        return reply(reported(await engine.replay(full)))


@router.get("/runs/{run}/artifacts", summary="A run's artifacts")
@needs(Scope.RUNS_READ)
async def artifacts(request: Request, run: str, moment: At) -> Response:
    """Problems, solutions and checkpoints that its events name, with the size and place of those that are kept."""
    if (same := known_reply(request, moment)) is not None:
        return same
    engine = engine_of(request)
    history = await history_at(engine, run, moment.at)
    named = referred(history)
    sizes = await engine.store.artifact_sizes([one["digest"] for one in named])
    return read_reply(request, moment, {"run": history[0].stream, "artifacts": kept(named, sizes)})
