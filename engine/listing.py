"""Rows newest first, as of now or of an earlier position, what is not saved yet among them."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final

import orjson
from anyio.lowlevel import checkpoint

from . import context
from .folds import ProjectionStore, Row, RowProjection, StoredRow
from .live import PAGE, LiveRows, LiveShared, Track, fold_row
from .log import EventLog

SCANNED: Final = 5_000
"""Rows that one call looks at, at most."""
CHUNK: Final = 250
"""Rows looked at between two reads."""

Keep = Callable[[Row], bool]


class Rows(list[StoredRow]):
    """Rows, newest first event first. ``before`` is where to go on: a position, None after the last row.

    A page may be short, even empty, and yet have a ``before``: so many rows were looked at that the call stopped.
    """

    def __init__(self, rows: Iterable[StoredRow] = (), before: int | None = None) -> None:
        super().__init__(rows)
        self.before = before


async def rows_now(
    store: ProjectionStore | None,
    live: Callable[[], LiveRows],
    *,
    tag: str | None,
    keep: Keep | None,
    before: int | None,
    limit: int,
) -> Rows:
    """Rows as ``live`` has folded them, merged with those that are stored, if any are.

    What is missing in ``live`` must have been refolded.
    """
    found: list[StoredRow] = []
    cursor, scanned = before, 0
    while True:
        rows, saved = live(), live().saved
        # one that changed since it was saved may have another tag now: those in memory are looked at apart
        page = [] if store is None else await store.rows(rows.name, tag=tag, before=cursor, limit=max(limit, CHUNK))
        if rows is not live() or saved != rows.saved:  # what was in memory may have been saved and dropped
            continue
        full = len(page) == max(limit, CHUNK)
        end = page[-1].position if full else 0
        moving = _moving(rows, end, cursor)
        merged = [*moving.values(), *(row for row in page if row.key not in moving)]
        scanned += len(merged)
        for row in sorted(merged, key=lambda row: -row.position):
            if tag in {None, row.tag} and (keep is None or keep(row.data)):
                found.append(_own(row) if row.key in moving else row)
                if len(found) == limit:
                    return Rows(found, row.position)
        if not full:
            return Rows(found)
        cursor = end
        if scanned >= SCANNED:
            return Rows(found, cursor)
        await checkpoint()


def _moving(rows: LiveRows, end: int, before: int | None) -> dict[str, StoredRow]:
    """The rows in memory from position ``end`` on."""
    return {
        key: StoredRow(key, kept.stream, kept.position, rows.fold.tag(kept.row), kept.row)
        for key, kept in rows.rows.items()
        if kept.row is not None and end <= kept.position and (before is None or kept.position < before)
    }


def _own(row: StoredRow) -> StoredRow:
    """A copy that the fold does not change."""
    return StoredRow(row.key, row.stream, row.position, row.tag, orjson.loads(orjson.dumps(row.data)))


async def rows_then(
    log: EventLog,
    store: ProjectionStore | None,
    live: Callable[[], LiveRows],
    position: int,
    *,
    tag: str | None,
    keep: Keep | None,
    before: int | None,
    limit: int,
) -> Rows:
    """Rows whose first event is at or before ``position``, each as it was then.

    A row whose stream has no later event is as it is stored; others are folded again from their streams alone.
    """
    found: list[StoredRow] = []
    cursor = position + 1 if before is None else min(before, position + 1)
    scanned = 0
    while True:
        page = await rows_now(store, live, tag=None, keep=None, before=cursor, limit=min(CHUNK, max(limit, 25)))
        for row in await _as_of(log, live(), page, position):
            if tag in {None, row.tag} and (keep is None or keep(row.data)):
                found.append(row)
                if len(found) == limit:
                    return Rows(found, row.position)
        if page.before is None:
            return Rows(found)
        cursor, scanned = page.before, scanned + len(page)
        if scanned >= SCANNED:
            return Rows(found, cursor)


async def _as_of(log: EventLog, live: LiveRows, rows: Sequence[StoredRow], position: int) -> list[StoredRow]:
    fold, certain = live.fold, min(position, live.saved)
    streams = {(_tenant(row), row.stream) for row in rows}
    ends = await log.ends(sorted(streams))
    changed = {stream for stream in streams if ends.get(stream, 0) > certain}
    histories = await log.histories(sorted(changed), upto=position, types=fold.handles)
    by_key: dict[tuple[str, str, str], Row] = {}
    for i, event in enumerate(chain.from_iterable(histories.values())):
        key = (event.tenant, event.stream, fold.key(event))
        by_key[key] = fold.apply(by_key.get(key), event)
        if i % CHUNK == CHUNK - 1:
            await checkpoint()
    then = []
    for row in rows:
        tenant = _tenant(row)
        if (tenant, row.stream) not in changed:
            then.append(row)
            continue
        if (tenant, row.stream) in histories:
            data = by_key.get((tenant, row.stream, row.key))
        else:
            kept = await fold_row(log, fold, row.key, row.stream, tenant, position)
            data = None if kept is None else kept.row
        if data is not None:
            then.append(StoredRow(row.key, row.stream, row.position, fold.tag(data), data))
    return then


def _tenant(row: StoredRow) -> str:
    tenant = row.data.get("tenant")
    return tenant if isinstance(tenant, str) else context.tenant.get()


async def tail(log: EventLog, store: ProjectionStore, projection: RowProjection) -> tuple[LiveRows, bool]:
    """The rows that changed since another process saved them last, and whether what it saved is of this fold version.

    For those who only read.
    """
    saved = (await store.saved()).get(projection.name)
    usable = saved is not None and saved.version == projection.version
    live = LiveRows(projection, saved.generation if saved else 0, saved.position if saved and usable else 0)
    track = Track([live], live.saved)
    while page := await log.read(after=track.position, types=track.handles, limit=PAGE):
        for i in range(0, len(page), CHUNK):
            track.feed(page[i : i + CHUNK])
            await checkpoint()
    await live.refold(log, store, track)
    live.check()
    return live, usable


def listable(live: object) -> LiveRows:
    """A projection's rows, if each belongs to one stream; raises KeyError for others."""
    if isinstance(live, LiveRows) and not isinstance(live, LiveShared):
        return live
    raise KeyError("only the rows of a projection that belong to one stream each can be listed")
