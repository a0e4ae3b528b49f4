"""The moment that a read is about: now, or any earlier position of the log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from starlette.responses import Response

from mezan.api.views.plain import encoded
from mezan.engine.engine import Engine
from mezan.engine.listing import Keep, Rows
from mezan.engine.past import Lent
from mezan.engine.travel import position_of
from mezan.solvers.errors import BadInput

from .access import AFTER
from .given import Answers

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
        self._lent: list[Lent] = []

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
        lent = await self.engine.follower.lend(names, self.at)
        self._lent.append(lent)
        return lent

    def over(self) -> None:
        """Nothing that was read will be looked at again: states of the past go back, for the next moment to be folded from."""
        for lent in self._lent:
            self.engine.follower.give_back(lent)
        self._lent = []

    async def rows(
        self,
        name: str,
        *,
        tag: str | None = None,
        keep: Keep | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Rows:
        """Rows of a projection, newest first event first, each as it was then; see `Follower.rows`."""
        follower = self.engine.follower
        if self.at is None:
            return await follower.rows(name, tag=tag, keep=keep, before=before, limit=limit)
        return await follower.rows_as_of(name, self.at, tag=tag, keep=keep, before=before, limit=limit)


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
    moment = await moment_at(engine_of(request), as_of)
    if not moment.live:
        request.scope[AFTER] = moment.over  # a dependency that yields would cost every read 40 µs
    return moment


At = Annotated[Moment, Depends(_moment)]
"""What a reading route takes."""


def engine_of(request: Request) -> Engine:
    """The engine that the application was made for."""
    engine: Engine = request.app.state.engine
    return engine


def reply(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(encoded(document), status, headers, JSON)


def tag_of(moment: Moment) -> str:
    """The entity tag of an answer that is a function of its URL and the moment's position."""
    return f'W/"{moment.position}"'


def unchanged(request: Request, tag: str) -> bool:
    """Whether the caller holds this answer already."""
    asked = request.headers.get("if-none-match")
    return asked is not None and (asked.strip() == "*" or tag in (part.strip() for part in asked.split(",")))


def known_reply(request: Request, moment: Moment) -> Response | None:
    """The answer that was given to the same question at the same position, or that the caller holds it. Ask before computing.

    For JSON answers that are a function of the URL and the position: look at what the caller accepts first.
    """
    tag = tag_of(moment)
    if unchanged(request, tag):
        return Response(status_code=304, headers={"etag": tag})
    answers: Answers = request.app.state.answers
    found = answers.get(request, moment.position)
    return None if found is None else Response(found[0], headers=dict(found[1]), media_type=JSON)


def read_reply(request: Request, moment: Moment, document: Any, links: Sequence[tuple[str, str]] = ()) -> Response:
    """A JSON response with its entity tag, position and links."""
    headers = {"etag": tag_of(moment), "cache-control": "private, no-cache", "mezan-position": str(moment.position)}
    if links:
        headers["link"] = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links)
    made = reply(document, headers=headers)
    answers: Answers = request.app.state.answers
    answers.keep(request, moment.position, bytes(made.body), headers)
    return made
