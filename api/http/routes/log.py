"""The event log: search, live, head, verification, export."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import Query, Request
from starlette.responses import Response, StreamingResponse

from mezan.api.accounts.scopes import Scope
from mezan.api.views.verification import head_document, kept_head, verification
from mezan.engine.engine import Engine
from mezan.engine.export import export as exported
from mezan.engine.log import Head
from mezan.engine.stores.searching import Found, Wanted, search

from ..access import Router, needs
from ..asking import must_be_json, object_in
from ..events import Broadcast, wire
from ..moments import AsOf, At, Moment, engine_of, known_reply, moment_at, read_reply
from ..problems import Refused
from ..streams import ALIVE, EVENT_STREAM, RETRY, event_stream, position_from
from ..working import Progress, Working

router = Router(tags=["log"])
Json = dict[str, Any]
NDJSON = "application/x-ndjson"
MOST_EVENTS = 1_000
MOST_TYPES = 40
CHUNK = 64 * 2**10
"""Bytes of an export that are sent at a time."""
Name = Annotated[str | None, Query(max_length=200)]


def wanted_from(
    types: str | None, stream: str | None, actor: str | None, correlation: str | None, text: str | None
) -> Wanted:
    """What is looked for, from a query; raises Refused for too many types. Empty words are none."""
    names = tuple(name.strip() for name in (types or "").split(",") if name.strip())
    if len(names) > MOST_TYPES:
        raise Refused("bad-parameters", f"types must name at most {MOST_TYPES} types; got {len(names)}")
    return Wanted(names, stream or None, actor or None, correlation or None, text or None)


async def found_at(engine: Engine, moment: Moment, wanted: Wanted, after: int, limit: int) -> Found:
    """Wanted events after a position, up to a moment; a bounded look."""
    return await search(engine.store.fetch, wanted, after=after, upto=moment.position, limit=limit)


async def head_at(engine: Engine, position: int) -> Head | None:
    """What the head was at a position: the event there with its hash; None before the first."""
    found = await engine.log.read(after=position - 1, upto=position, limit=1) if position else []
    return Head(position, found[0].hash.hex(), found[0].recorded_at) if found else None


@router.get("/log", summary="Events of every stream, as a page, as lines, or live")
@needs(Scope.LOG_READ)
async def log(
    request: Request,
    as_of: AsOf = None,
    after: Annotated[int | None, Query(ge=0, le=2**53, description="Only events after this position.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS, description="Of a page.")] = 100,
    types: Annotated[str | None, Query(max_length=1_000, description="Event types, separated by commas.")] = None,
    stream: Annotated[Name, Query(description="One stream, such as a run's id.")] = None,
    actor: Annotated[Name, Query(description="Who caused the event.")] = None,
    correlation: Annotated[Name, Query(description="What the event belongs to.")] = None,
    text: Annotated[
        Name, Query(description="Part of the data as JSON, of the stream, type or actor; case does not matter.")
    ] = None,
) -> Response:
    """A page of JSON by default; `more` and the link `next` say how to go on, also when a page is short: one page looks at
    no more than 100,000 positions.

    With `Accept: application/x-ndjson` every event up to the moment, one a line. With `Accept: text/event-stream` every
    event as it happens, its id being its position: with `Last-Event-ID` nothing is missed.
    """
    engine = engine_of(request)
    accept = request.headers.get("accept", "")
    wanted = wanted_from(types, stream, actor, correlation, text)
    last_seen = position_from(request, after)
    if EVENT_STREAM in accept:
        return _live(request.app.state.broadcast, wanted, last_seen)
    moment = await moment_at(engine, as_of)
    if NDJSON in accept:
        lines = _lines(engine, moment, wanted, after or 0)
        return StreamingResponse(lines, media_type=NDJSON, headers={"mezan-position": str(moment.position)})
    if (known := known_reply(request, moment)) is not None:
        return known
    found = await found_at(engine, moment, wanted, after or 0, limit)
    query = {"types": types, "stream": stream, "actor": actor, "correlation": correlation, "text": text, "as_of": as_of}
    kept = {name: value for name, value in query.items() if value} | {"after": found.reached, "limit": limit}
    links = [] if found.done else [("next", f"/log?{urlencode(kept)}")]
    document = {"events": [wire(event) for event in found.events], "reached": found.reached, "more": not found.done}
    return read_reply(request, moment, document, links)


async def _lines(engine: Engine, moment: Moment, wanted: Wanted, after: int) -> AsyncIterator[bytes]:
    done = False
    while not done:
        found = await found_at(engine, moment, wanted, after, 500)
        yield b"".join(orjson.dumps(wire(event), option=orjson.OPT_APPEND_NEWLINE) for event in found.events)
        after, done = found.reached, found.done


def _live(broadcast: Broadcast, wanted: Wanted, after: int) -> Response:
    async def frames() -> AsyncIterator[bytes]:
        yield RETRY
        async for batch in broadcast.frames(wanted.stream, after):
            yield b"".join(frame.sse for frame in batch if wanted.matches(frame.recorded)) or ALIVE

    return event_stream(frames())


@router.get("/log/head", summary="The last event's position and hash")
@needs(Scope.LOG_READ)
async def head(request: Request, moment: At) -> Response:
    """Keep it outside of the database: with it, `POST /log/verify` sees a log that was cut off or rewritten as a whole.

    `null` before the first event.
    """
    return read_reply(request, moment, head_document(await head_at(moment.engine, moment.position)))


@router.post("/log/verify", summary="Recompute every digest and the hash chain")
@needs(Scope.LOG_VERIFY)
async def verify(request: Request) -> Response:
    """The body may hold a `head` that was kept from `GET /log/head`, to be found in the chain.

    With `Accept: text/event-stream` there are `progress` events and then the `result`. Closing the connection stops it.
    """
    kept = await _kept(request)
    engine, desk = engine_of(request), request.app.state.audits

    async def work(progress: Progress) -> Json:
        async with desk.verifying:
            found = await engine.log.verify(kept, progress)
        return desk.verified(verification(found), kept)  # type: ignore[no-any-return]

    return Working(request, work)


async def _kept(request: Request) -> Head | None:
    if not (content := await request.body()):
        return None
    must_be_json(request)
    given = object_in(content)
    if set(given) - {"head"}:
        raise Refused("bad-input", f"the body may hold a head; got {', '.join(sorted(given))[:80]}")
    if given.get("head") is None:
        return None
    try:
        return kept_head(given["head"])
    except (ValueError, KeyError, TypeError):
        raise Refused(
            "bad-input", "head must be the object that GET /log/head answers, with position, hash and recorded_at"
        ) from None


@router.get("/log/export", summary="The whole log as a file")
@needs(Scope.LOG_READ)
async def export(request: Request) -> Response:
    """Events, artifacts and idempotency keys as JSON lines, for `mezan log import`: the same positions, the same hashes."""
    engine = engine_of(request)
    end = await engine.log.head()

    async def chunks() -> AsyncIterator[bytes]:
        gathered: list[bytes] = []
        size = 0
        async for line in exported(engine.store):
            gathered.append(line)
            size += len(line)
            if size >= CHUNK:
                yield b"".join(gathered)
                gathered, size = [], 0
        yield b"".join(gathered)

    name = f"mezan-{end.position if end else 0}.jsonl"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return StreamingResponse(chunks(), headers=headers, media_type=NDJSON)
