"""Read models as of now, read-only: what a saving process has stored, and the tail of the log folded on top."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from mezan.engine.errors import RunNotFound
from mezan.engine.folds import Projection, Row, RowProjection, StoredRow
from mezan.engine.listing import rows_now, rows_then, tail
from mezan.engine.log import Recorded
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.engine.streams import whole_stream
from mezan.engine.travel import position_of
from mezan.solvers.errors import BadInput

from .options import database

PAGE = 1_000


@asynccontextmanager
async def opened(db: str) -> AsyncIterator[SQLiteStore]:
    """A database to look at; it must exist."""
    async with SQLiteStore.open(database(db), read_only=True) as store:
        yield store


async def find_run(store: SQLiteStore, name: str) -> str:
    """The full id of a run named by its id, the beginning of one, or ``last`` (the newest that a user asked for); raises RunNotFound."""
    if name == "last":
        upto: int | None = None
        while page := await store.read(types=["RunRequested"], upto=upto, limit=100, backwards=True):
            newest = next((recorded for recorded in page if recorded.data["purpose"] == "request"), None)
            if newest is not None:
                return newest.stream
            upto = page[-1].position - 1
        raise RunNotFound("`last` must name the latest run; this database has none: solve something first")
    found = await store.streams_like(name) if name else []
    if name in found:
        return name
    if len(found) != 1:
        near = (
            f"it is the beginning of {len(found)} or more: {', '.join(found)}"
            if found
            else "there is none; see `mezan runs`"
        )
        raise RunNotFound(f"a run id must name one run; {name[:80]!r} does not: {near}")
    return found[0]


async def history_of(store: SQLiteStore, name: str) -> list[Recorded]:
    """Every event of a run named as for :func:`find_run`."""
    return await whole_stream(store, await find_run(store, name))


async def newest_rows(
    store: SQLiteStore,
    projection: RowProjection,
    as_of: str | None = None,
    *,
    tag: str | None,
    limit: int,
    keep: Callable[[Row], bool] | None = None,
) -> list[StoredRow]:
    """The rows to ``keep`` as of the log's end, a position or a time, newest first event first."""
    live, usable = await tail(store, store, projection)
    kept, rows = store if usable else None, lambda: live
    found: list[StoredRow] = []
    before: int | None = None
    at = None if as_of is None else await position_of(store, moment(as_of))
    while len(found) < limit:
        size = min(PAGE, limit - len(found))
        if at is None:
            page = await rows_now(kept, rows, tag=tag, keep=keep, before=before, limit=size)
        else:
            page = await rows_then(store, kept, rows, at, tag=tag, keep=keep, before=before, limit=size)
        found += page
        before = page.before
        if before is None:
            break
    return found


async def value(store: SQLiteStore, projection: Projection[Any], as_of: str | None) -> Any:
    """A projection's value now, or as of a position or a time."""
    if as_of is not None:
        from mezan.engine.travel import value_as_of

        return await value_as_of(store, projection, await position_of(store, moment(as_of)), store)
    from mezan.engine.follower import Follower

    follower = Follower(store, store, (projection,), read_only=True)
    await follower.start()
    return follower.state(projection.name)


def moment(text: str, option: str = "--as-of") -> int | datetime:
    """A log position, or an ISO 8601 time (without a zone: local time); raises BadInput."""
    if text.isdecimal() and len(text) < 19:
        return int(text)
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise BadInput(
            f"{option} must be a log position or a time like 2026-01-31T12:00:00+00:00; got {text[:40]!r}"
        ) from None
