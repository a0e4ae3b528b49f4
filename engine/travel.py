"""Projections as of an earlier moment, folded from the log; the live ones are not touched."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, TypeVar

from anyio.lowlevel import checkpoint

from .folds import Projection, ProjectionStore, Row, RowProjection
from .live import CHUNK, PAGE
from .log import EventLog, Recorded

S = TypeVar("S")


async def position_of(log: EventLog, at: int | datetime) -> int:
    """The last position recorded at or before a time; a position is returned as it is.

    Raises:
        ValueError: the time has no time zone.
    """
    if isinstance(at, int):
        return at
    if at.tzinfo is None:
        msg = f"a time must have a time zone (UTC is what events are recorded in); got {at.isoformat()}"
        raise ValueError(msg)
    return await log.position_at(round(at.timestamp() * 1e6))


async def value_as_of(
    log: EventLog, projection: Projection[S], position: int, snapshots: ProjectionStore | None = None
) -> S:
    """A projection's value as of a position, folded from the nearest snapshot, or from the first event without a store."""
    kept = await snapshots.nearest_snapshot(projection.name, projection.version, position) if snapshots else None
    start, state = (0, projection.initial()) if kept is None else (kept[0], projection.load(kept[1]))
    async for event in _handled(log, projection, start, position):
        state = projection.apply(state, event)
    return state


async def rows_as_of(log: EventLog, projection: RowProjection, position: int) -> dict[str, Row]:
    """Every row as of a position, by key: as much memory as that needs."""
    rows: dict[str, Row] = {}
    async for event in _handled(log, projection, 0, position):
        key = projection.key(event)
        rows[key] = projection.apply(rows.get(key), event)
    return rows


async def row_as_of(log: EventLog, projection: RowProjection, position: int, key: str) -> Row | None:
    """One row that several streams share, as of a position; None when it has no event by then."""
    row: Row | None = None
    async for event in _handled(log, projection, 0, position):
        if projection.key(event) == key:
            row = projection.apply(row, event)
    return row


async def _handled(
    log: EventLog, projection: Projection[Any] | RowProjection, after: int, upto: int
) -> AsyncIterator[Recorded]:
    while page := await log.read(after=after, upto=upto, types=projection.handles, limit=PAGE):
        for i, event in enumerate(page):
            if i % CHUNK == CHUNK - 1:
                await checkpoint()
            yield event
        after = page[-1].position
