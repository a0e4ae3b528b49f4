"""Feeds the log to the projections: live in memory, saved in batches, rebuilt beside the live ones, read as of any time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import anyio
import structlog
from anyio.lowlevel import checkpoint

from mezan.solvers.errors import BadInput

from . import context
from .errors import StoreError
from .folds import Dumped, Projection, ProjectionStore, Row, RowProjection, Save, Saved
from .listing import Keep, Rows, listable, rows_now, rows_then, tail
from .live import (
    CHUNK,
    PAGE,
    Live,
    LiveRows,
    LiveShared,
    LiveState,
    States,
    Track,
    blank,
    fold_row,
    has_rows,
    is_shared,
    load,
)
from .log import EventLog, Recorded
from .past import Lent, Past
from .snapshots import LEAST, PENDING, Keeper
from .travel import position_of, row_as_of, rows_as_of

LARGEST_PAGE = 1_000
Progress = Callable[[int, int], None]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProjectionStatus:
    """One projection: folded up to ``position`` in memory, stored up to ``saved``; ``error`` at ``failed_at`` if it broke.

    ``saves`` is False when the follower only reads, or when another process has stored a newer version of the fold.
    """

    name: str
    version: int
    generation: int
    position: int
    saved: int
    error: str | None
    failed_at: int | None
    saves: bool


class Follower:
    """Runs projections. ``start``, then give every commit to ``observe`` and keep ``run`` going; ``close`` at the end.

    Rows are saved after ``flush_events`` events or ``flush_seconds``; values after ``save_every`` events and on
    ``close``; for time travel values are kept as `snapshots.py` says, at least ``snapshot_events`` events apart. What is not saved when a process
    dies is folded again from the log at the next start. With ``read_only`` nothing is saved: values are live, rows are
    those that a saving process has stored.
    """

    def __init__(
        self,
        log: EventLog,
        store: ProjectionStore,
        projections: Sequence[Projection[Any] | RowProjection],
        *,
        flush_events: int = 2_000,
        flush_seconds: float = 0.25,
        save_every: int = 10_000,
        snapshot_events: int = LEAST,
        read_only: bool = False,
    ) -> None:
        self._events, self._store = log, store
        self._projections = {projection.name: projection for projection in projections}
        self._track = Track([blank(projection) for projection in projections], 0)
        self.states = States(self._track)
        self._flush_events, self._flush_seconds = flush_events, flush_seconds
        self._save_every, self._least = save_every, snapshot_events
        self._read_only = read_only
        self._keeper = Keeper(store, least=snapshot_events)
        self._past = Past(log, store, self.values)
        self._started = self._behind = False
        self._flushed = self._states_saved = 0
        self._changed, self._urgent = anyio.Event(), anyio.Event()
        self._reading, self._saving, self._rebuilding = anyio.Lock(), anyio.Lock(), anyio.Lock()
        self._waiters: list[tuple[int, anyio.Event]] = []
        self.save_error: str | None = None
        """Why the last background save failed; None when it succeeded. Nothing is lost: it is tried again."""

    @property
    def position(self) -> int:
        """The last event folded into the live projections."""
        return self._track.position

    @property
    def values(self) -> Mapping[str, Projection[Any]]:
        """The projections that fold to one value, by name."""
        return {name: p for name, p in self._projections.items() if not has_rows(p)}

    def state(self, name: str) -> Any:
        """The live value of a projection at :attr:`position`: read it before the next ``await``, and do not change it.

        Raises:
            KeyError: no such value projection.
            ProjectionBroken: its fold failed.
        """
        return self.states[name]

    def live(self, name: str) -> Live:
        """A projection in memory; a rebuild puts another in its place, and this one is then fed no more."""
        return self._track.lives[name]

    def status(self) -> list[ProjectionStatus]:
        """How each projection is doing."""
        return [
            ProjectionStatus(
                live.name,
                live.projection.version,
                live.generation,
                self.position if live.broken is None else live.broken.position - 1,
                live.saved,
                live.broken.error if live.broken else None,
                live.broken.position if live.broken else None,
                live.saves,
            )
            for live in self._track.lives.values()
        ]

    # following

    def observe(self, events: Sequence[Recorded]) -> None:
        """Take a commit: consecutive events in log order, or none when another process wrote. Never raises for a fold."""
        if not self._started:
            return
        if not events or events[0].position > self.position + 1:
            self._behind = True
            self._hurry()
            return
        if events[-1].position <= self.position:
            return
        self._feed(events)
        self._changed.set()
        if self.position - self._flushed >= self._flush_events:
            self._hurry()

    async def start(self) -> None:
        """Load what is stored, rebuild what another fold version stored, and catch up with the log."""
        stored = await self._stored()
        kept = {} if self._read_only else await self._store.snapshots()
        head = await self._events.head()
        end = head.position if head else 0
        stale = []
        for name, projection in self._projections.items():
            live = load(projection, stored.get(name), end)
            if live is None and self._read_only:
                live = blank(projection)
            if live is None:
                stale.append(name)
            else:
                live.saves &= not self._read_only
                self._track.replace(live)
                if live.saves and isinstance(live, LiveState):
                    state = None if (saved := stored.get(name)) is None else saved.state
                    self._keeper.begin(live, kept.get(name), len(state or b""))
        self._track.position = min(
            (self._track.lives[n].loaded for n in self._projections if n not in stale), default=end
        )
        if stale:
            _log.info("rebuilding projections", names=stale, events=end)
            await self._rebuild(stale, None)
        self._flushed = self._states_saved = self.position
        self._started = True
        await self.catch_up()

    async def _stored(self) -> Mapping[str, Saved]:
        stored = await self._store.saved()
        new = [blank(projection) for name, projection in self._projections.items() if name not in stored]
        if not new or self._read_only:
            return stored
        # generation 0 must exist before anything can be saved in it
        return await self._store.save([live.take(0) for live in new])

    async def run(self) -> None:
        """Catch up and save in the background until cancelled. A failed save is reported, and tried again."""
        while True:
            await self._changed.wait()
            with anyio.move_on_after(self._flush_seconds):
                await self._urgent.wait()
            self._changed, self._urgent = anyio.Event(), anyio.Event()
            try:
                if self._behind:
                    await self.catch_up()
                await self.flush(states=self.position - self._states_saved >= self._save_every)
                self.save_error = None
            except Exception as error:  # noqa: BLE001 - read models can be folded again; the engine must go on
                self.save_error = str(error)
                _log.error("read models not saved", error=self.save_error, position=self.position)
                self._changed.set()
                await anyio.sleep(self._flush_seconds)

    async def close(self) -> None:
        """Save everything; the follower takes no more events."""
        self._started = False
        await self.flush(states=True)

    async def wait_for(self, position: int) -> None:
        """Return once the live projections have folded ``position``."""
        if self.position < position:
            await self.catch_up()
        if self.position < position:
            folded = anyio.Event()
            self._waiters.append((position, folded))
            await folded.wait()

    async def catch_up(self) -> None:
        """Fold what the log has beyond :attr:`position`, whoever wrote it."""
        async with self._reading:
            while True:
                self._behind = False
                page = await self._events.read(after=self.position, limit=PAGE)
                if not page:
                    return
                for i in range(0, len(page), CHUNK):
                    self._feed(page[i : i + CHUNK])
                    await checkpoint()
                self._changed.set()
                if self.position - self._flushed >= PAGE:
                    await self.flush(states=self.position - self._states_saved >= self._save_every)

    def _feed(self, events: Sequence[Recorded]) -> None:
        self._track.feed(events)
        if not self._read_only:
            self._keeper.weigh(events)
            self._keeper.note(self._track)
        if self._waiters:
            for position, folded in self._waiters:
                if position <= self.position:
                    folded.set()
            self._waiters = [waiter for waiter in self._waiters if waiter[0] > self.position]

    def _hurry(self) -> None:
        self._changed.set()
        self._urgent.set()

    # saving

    async def flush(self, *, states: bool = False) -> None:
        """Save positions and changed rows (and values, with ``states``) in one transaction; then what is due for time travel.

        Raises:
            StoreError: nothing was saved; the same will be saved by the next call.
        """
        async with self._saving:
            saves = await self._save_track(self._track, states=states)
            self._keeper.offer(saves)
            await self._keeper.collect(self._track)
            await self._keeper.write()

    async def _save_track(self, track: Track, *, states: bool) -> list[Save]:
        saves: list[Save] = []
        if states:
            for live in track.states:
                if live.saves:
                    _take(track, live, saves)
                    await checkpoint()
        for rows in track.rows:
            await self._refold(rows, track)
        # no await from here to the store: rows and their position belong together
        taken = [rows for rows in track.rows if rows.saves and rows.complete]
        taken = [rows for rows in taken if track.position > rows.saved or rows.dirty]
        taken = [rows for rows in taken if _take(track, rows, saves)]
        position = track.position
        if track is self._track:
            self._flushed = position
        if not saves:
            return []
        try:
            stored = await self._store.save(saves)
        except BaseException:
            for rows in taken:
                rows.failed()
            self._changed.set()
            raise
        for rows in taken:
            rows.done()
        for save in saves:
            track.lives[save.name].saved = save.position
        if track is self._track:
            if states:
                self._states_saved = position
            await self._adopt(saves, stored)
        return saves

    async def _refold(self, rows: LiveRows, track: Track) -> None:
        try:
            await rows.refold(self._events, self._store, track)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - as in Track.feed
            track.quarantine(rows, track.position, error)

    async def _adopt(self, saves: Sequence[Save], stored: Mapping[str, Saved]) -> None:
        """Another process may have rebuilt a projection: go on in its generation, and write what it had not folded."""
        for save in saves:
            live, found = self._track.lives[save.name], stored.get(save.name)
            if found is None or found.generation == live.generation:
                continue
            if found.version != save.version:
                live.saves = False
                self._track.replace(live)
                _log.warning("projection superseded", projection=save.name, version=save.version, stored=found.version)
                continue
            live.generation, live.saved = found.generation, found.position
            if isinstance(live, LiveRows) and found.position < save.position:
                position = found.position
                handles = live.projection.handles
                while page := await self._events.read(after=position, upto=save.position, types=handles, limit=PAGE):
                    position = page[-1].position
                    for event in page:
                        live.forget(event)
                self._changed.set()

    # rebuilding

    async def rebuild(self, name: str, progress: Progress | None = None) -> None:
        """Fold one projection again from the first event, beside the live one, and put it in its place.

        ``progress`` is called with (position, end). Raises ProjectionBroken when the fold fails; the live one stays.
        """
        await self._rebuild([self._projections[name].name], progress)

    async def rebuild_all(self, progress: Progress | None = None) -> None:
        """Fold every projection again, reading the log once."""
        await self._rebuild(list(self._projections), progress)

    async def _rebuild(self, names: Sequence[str], progress: Progress | None) -> None:
        async with self._rebuilding:
            fresh: list[Live] = []
            for name in names:
                generation = await self._store.begin_rebuild(name, self._projections[name].version)
                fresh.append(blank(self._projections[name], generation))
            self._keeper.pause(names)
            try:
                await self._fold_beside(Track(fresh, 0), progress)
            finally:
                self._keeper.resume()
            self._changed.set()

    async def _fold_beside(self, track: Track, progress: Progress | None) -> None:
        fresh, keeper = list(track.lives.values()), Keeper(self._store, least=self._least)
        for live in fresh:
            if isinstance(live, LiveState):
                self._past.forget(live.name)
                keeper.begin(live, None)
        await self._fold_upto_live(track, keeper, progress)
        async with self._saving:
            keeper.offer(await self._save_track(track, states=True))
            await keeper.write()
            for live in fresh:
                live.check()
            for live in fresh:
                await self._store.swap(live.name, live.generation)
            await self._fold_upto_live(track, keeper, None)
            # no await since the last look at the live position: the swap loses nothing
            for live in fresh:
                live.check()
                self._track.replace(live)
            self._keeper.adopt(keeper)

    async def _fold_upto_live(self, track: Track, keeper: Keeper, progress: Progress | None) -> None:
        handles = track.handles
        unsaved = track.position
        while track.position < (end := self.position):
            page = await self._events.read(after=track.position, upto=end, types=handles, limit=PAGE)
            keeper.weigh(page)
            for i in range(0, len(page), CHUNK):
                track.feed(page[i : i + CHUNK])
                await keeper.grow(track)
                await checkpoint()
            await keeper.write(pending=PENDING)
            if len(page) < PAGE:
                track.position = end
            for live in track.lives.values():
                live.check()
            if track.position - unsaved >= 4 * PAGE:
                unsaved = track.position
                await self._save_track(track, states=False)
            if progress is not None:
                progress(track.position, end)

    # reading

    async def settle(self) -> None:
        """Fold what this process knows to be in the log: nothing to do, unless another process wrote in between."""
        if self._behind:
            await self.catch_up()

    async def row(self, name: str, key: str) -> Row | None:
        """One row as it is now: from memory while it moves, else from the store. Do not change it."""
        while True:
            live = self._track.lives[name]
            saved = live.saved
            if isinstance(live, LiveRows) and (kept := live.rows.get(key)) is not None:
                return kept.row
            found = await self._store.row(name, key)
            if not isinstance(live, LiveShared):
                return None if found is None else found.data
            if (live, saved) == (
                self._track.lives[name],
                live.saved,
            ):  # else what was merged on top may have been saved
                now = live.merged(key, found)
                return None if now is None else now.row

    async def rows(
        self,
        name: str,
        *,
        tag: str | None = None,
        keep: Keep | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Rows:
        """The newest rows as they are now, saved or not, newest first event first.

        Args:
            name: a projection whose rows belong to one stream each.
            tag: only rows of this tag.
            keep: only rows that it is true of; it must be quick. One call looks at about 5,000 rows.
            before: a position to page from, as the page before says.
            limit: how many at most, from 1 to 1,000.

        Raises:
            KeyError: there is no such projection.
        """
        _check_limit(limit)
        store, live = await self._listed(name)
        return await rows_now(store, live, tag=tag, keep=keep, before=before, limit=limit)

    async def rows_as_of(
        self,
        name: str,
        at: int | datetime,
        *,
        tag: str | None = None,
        keep: Keep | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Rows:
        """As :meth:`rows`, of a position or a time: the rows that had begun, each as it was then (and its tag too)."""
        _check_limit(limit)
        position = await position_of(self._events, at)
        store, live = await self._listed(name)
        return await rows_then(self._events, store, live, position, tag=tag, keep=keep, before=before, limit=limit)

    async def _listed(self, name: str) -> tuple[ProjectionStore | None, Callable[[], LiveRows]]:
        """Where rows are: those that are stored, if they can be used, and those in memory."""
        await self.settle()
        live = listable(self._track.lives[name])
        if live.saves and not self._read_only:
            if not live.complete:
                async with self._saving:
                    await self._refold(live, self._track)
            return self._store, lambda: listable(self._track.lives[name])
        fresh, usable = await tail(self._events, self._store, live.fold)
        return self._store if usable else None, lambda: fresh

    async def as_of(self, name: str, at: int | datetime, *, key: str | None = None, stream: str | None = None) -> Any:
        """A projection as of a position or a time: its value, a dict of all its rows, or the row of ``key`` (None: not yet).

        A value is folded from the nearest snapshot before; one row from its ``stream`` alone (default: where it is stored),
        or from the whole log where streams share it.

        Raises:
            ValueError: a time without a time zone.
        """
        position = await position_of(self._events, at)
        projection = self._projections[name]
        if not has_rows(projection):
            return (await self._values_as_of([name], position))[name]
        if key is None:
            return await rows_as_of(self._events, projection, position)
        if is_shared(projection):
            return await row_as_of(self._events, projection, position, key)
        if stream is None:
            live = self._track.lives[name]
            kept = live.rows.get(key) if isinstance(live, LiveRows) else None
            found = kept or await self._store.row(name, key)
            if found is None:
                return None
            stream = found.stream
        past = await fold_row(self._events, projection, key, stream, context.tenant.get(), position)
        return None if past is None else past.row

    async def as_of_many(self, names: Sequence[str], at: int | datetime) -> dict[str, Any]:
        """Several values as of one position or time, by name: the log is read once for all of them.

        They are the caller's own: nothing that is kept here changes with them.

        Raises:
            KeyError: one of the names is no value projection.
            ValueError: a time without a time zone.
        """
        return await self._values_as_of(names, await position_of(self._events, at))

    async def lend(self, names: Sequence[str], at: int) -> Lent:
        """As :meth:`as_of_many`, for who reads one position after another: give the values back, and the next ones come sooner.

        They are only to be read, and not looked at any more after :meth:`give_back`.

        Raises:
            KeyError: one of the names is no value projection.
        """
        lent, made = await self._past.lend(names, at)
        await self._keep(made)
        return lent

    def give_back(self, lent: Lent) -> None:
        """Take back what :meth:`lend` gave."""
        self._past.give_back(lent)

    async def _values_as_of(self, names: Sequence[str], position: int) -> dict[str, Any]:
        values, made = await self._past.values(names, position)
        await self._keep(made)
        return values

    async def _keep(self, made: Sequence[Dumped]) -> None:
        """Keep for good what is worth it of the states that a reader folded."""
        for one in made:
            if self._started and not self._read_only and self._keeper.wants(one):
                await self._keeper.keep(one, self._projections[one.name].version)


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= LARGEST_PAGE:
        raise BadInput(f"a page must have 1 to {LARGEST_PAGE} rows; got {limit}")


def _take(track: Track, live: Live, saves: list[Save]) -> bool:
    """Add what ``live`` has to save; one that cannot say it has broken."""
    try:
        saves.append(live.take(track.position))
    except Exception as error:  # noqa: BLE001 - as in Track.feed
        track.quarantine(live, track.position, error)
        return False
    return True
