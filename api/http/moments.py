"""The moment that a read is about: now, or any earlier position of the log."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import Depends, Query, Request
from starlette.responses import Response

from mezan.engine.engine import Engine
from mezan.engine.folds import StoredRow
from mezan.engine.travel import position_of
from mezan.solvers.errors import BadInput

JSON = "application/json"


class Moment:
    """Reads of one request: all of them are the fold of the log up to the same position.

    Attributes:
        engine: the engine.
        at: the position asked for, at most :attr:`head`; None for now.
        head: the last position that is known here.
    """

    def __init__(self, engine: Engine, at: int | None, head: int) -> None:
        self.engine, self.at, self.head = engine, at, head

    @property
    def live(self) -> bool:
        """Whether it is now."""
        return self.at is None

    @property
    def position(self) -> int:
        """What the reads are the fold of."""
        return self.head if self.at is None else self.at

    async def states(self, *names: str) -> Mapping[str, Any]:
        """Values of projections by name; read them before the next ``await``, and do not change them."""
        if self.at is None:
            return self.engine.follower.states
        return {name: await self.engine.as_of(name, self.at) for name in names}

    async def rows(
        self, name: str, *, tag: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[StoredRow]:
        """Rows of a projection, newest first event first, each as it was then."""
        follower = self.engine.follower
        await follower.flush()
        rows = await self.engine.store.rows(
            name, tag=tag, before=before or (None if self.at is None else self.at + 1), limit=limit
        )
        if self.at is None:
            return rows
        past = [(row, await follower.as_of(name, self.at, key=row.key, stream=row.stream)) for row in rows]
        return [replace(row, data=data) for row, data in past if data is not None]


async def moment_at(engine: Engine, given: str | None) -> Moment:
    """The moment of a position or an ISO 8601 time with a zone; now for None. Raises BadInput."""
    await engine.follower.settle()
    head = engine.follower.position
    if given is None or given in {"", "live"}:
        return Moment(engine, None, head)
    if given.isdecimal() and len(given) < 19:
        return Moment(engine, min(int(given), head), head)
    try:
        position = await position_of(engine.log, datetime.fromisoformat(given.replace(" ", "+")))
    except (ValueError, OverflowError):
        msg = f"as_of must be a log position or a time with its zone, like 2026-01-31T12:00:00Z; got {given[:40]!r}"
        raise BadInput(msg) from None
    return Moment(engine, min(position, head), head)


AsOf = Annotated[
    str | None,
    Query(
        max_length=64,
        description="A log position or an ISO 8601 time: everything is answered as it was then.",
        examples=["1200", "2026-01-31T12:00:00Z"],
    ),
]


async def _moment(request: Request, as_of: AsOf = None) -> Moment:
    return await moment_at(engine_of(request), as_of)


At = Annotated[Moment, Depends(_moment)]
"""What a reading route takes."""


def engine_of(request: Request) -> Engine:
    """The engine that the application was made for."""
    engine: Engine = request.app.state.engine
    return engine


def reply(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(orjson.dumps(document, default=_plain), status, headers, JSON)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def tag_of(moment: Moment, *more: object) -> str:
    """The entity tag of an answer that is a function of its URL and the moment's position."""
    return 'W/"' + "-".join(map(str, (moment.position, *more))) + '"'


def unchanged(request: Request, tag: str) -> bool:
    """Whether the caller holds this answer already."""
    asked = request.headers.get("if-none-match")
    return asked is not None and (asked.strip() == "*" or tag in (part.strip() for part in asked.split(",")))


def read_reply(request: Request, moment: Moment, document: Any, links: Sequence[tuple[str, str]] = ()) -> Response:
    """A JSON response with its entity tag, position and links."""
    headers = {"etag": tag_of(moment), "cache-control": "no-cache", "mezan-position": str(moment.position)}
    if links:
        headers["link"] = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links)
    return reply(document, headers=headers)
