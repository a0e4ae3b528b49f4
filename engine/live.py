"""Projections in memory: what each has folded, what of it is not saved yet, and which have broken."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
import structlog
from anyio.lowlevel import checkpoint
from typing_extensions import TypeIs

from .context import acting
from .errors import ProjectionBroken
from .folds import Projection, ProjectionStore, Row, RowProjection, Save, Saved, SharedRowProjection, StoredRow
from .log import EventLog, Recorded

MOST_ROWS = 4_000
"""Rows without a last event that are kept in memory; others are refolded from their streams when needed."""
CHUNK = 256
"""Events folded between two looks at the event loop."""
AT_ONCE = 100
"""Rows that are refolded with one read of the log."""
PAGE = 2_000
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Kept:
    """A row in memory: its value, stream, and the position of its first event."""

    row: Row | None
    stream: str
    position: int


@dataclass(slots=True)
class Broken:
    """Where and why a fold failed."""

    position: int
    error: str


def has_rows(projection: Projection[Any] | RowProjection) -> TypeIs[RowProjection]:
    """Whether a projection folds into rows, not into one value."""
    return hasattr(projection, "key")


def is_shared(projection: Projection[Any] | RowProjection) -> TypeIs[SharedRowProjection]:
    """Whether several streams share a projection's rows."""
    return hasattr(projection, "shared")


class Live:
    """What both kinds have: folded from ``loaded`` on, stored up to ``saved`` in ``generation``.

    ``saves`` is False where nothing may be stored: the follower only reads, or a newer fold version has been stored.
    """

    def __init__(self, projection: Projection[Any] | RowProjection, generation: int, position: int) -> None:
        self.projection = projection
        self.name = projection.name
        self.generation = generation
        self.loaded = position
        self.saved = position
        self.broken: Broken | None = None
        self.saves = True

    def apply(self, event: Recorded) -> None:
        """Fold one event."""
        raise NotImplementedError

    def take(self, position: int) -> Save:
        """What is to be saved as of ``position``."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise ProjectionBroken if a fold has failed."""
        if self.broken is not None:
            msg = (
                f"projection {self.name} must fold every event; it failed at position {self.broken.position} "
                f"({self.broken.error}): fix it and rebuild it"
            )
            raise ProjectionBroken(msg)


class LiveState(Live):
    """A projection that folds into one value."""

    def __init__(
        self, projection: Projection[Any], generation: int = 0, position: int = 0, content: bytes | None = None
    ) -> None:
        super().__init__(projection, generation, position)
        self.fold = projection
        self.state = projection.initial() if content is None else projection.load(content)
        self._apply = projection.apply

    def apply(self, event: Recorded) -> None:
        """Fold one event."""
        self.state = self._apply(self.state, event)

    def take(self, position: int) -> Save:
        """The value as it is now; what was loaded may be ahead of the others, which are catching up."""
        at = max(position, self.loaded)
        return Save(self.name, self.fold.version, self.generation, at, self.fold.dump(self.state))


class LiveRows(Live):
    """A projection that folds into one row per key; holds the rows that are still moving or not saved yet."""

    def __init__(self, projection: RowProjection, generation: int = 0, position: int = 0) -> None:
        super().__init__(projection, generation, position)
        self.fold = projection
        self.opens = projection.opens
        self.rows: dict[str, Kept] = {}
        self.dirty: dict[str, None] = {}
        self.saving: dict[str, None] = {}
        self.ended: list[str] = []
        self.missing: dict[str, Recorded] = {}

    def apply(self, event: Recorded) -> None:
        """Fold one event into its row; a row whose beginning was not seen here is noted as missing."""
        key = self.fold.key(event)
        kept = self.rows.get(key)
        if kept is None:
            if event.type not in self.opens or key in self.missing:
                self.missing[key] = event
                return
            kept = self.rows[key] = Kept(None, event.stream, event.position)
        elif key in self.saving:
            # the store may still be reading this dict
            kept.row = orjson.loads(orjson.dumps(kept.row))
            del self.saving[key]
        kept.row = self.fold.apply(kept.row, event)
        self.dirty[key] = None

    def forget(self, event: Recorded) -> None:
        """Refold the event's row from its stream before the next save."""
        key = self.fold.key(event)
        self.rows.pop(key, None)
        self.dirty.pop(key, None)
        self.saving.pop(key, None)
        self.missing[key] = event

    async def refold(self, log: EventLog, store: ProjectionStore, track: "Track") -> None:
        """Fold every missing row from its stream, up to where ``track`` is."""
        while self.missing:
            some, upto = dict(islice(self.missing.items(), AT_ONCE)), track.position
            streams = {(event.tenant, event.stream) for event in some.values()}
            histories = await log.histories(sorted(streams), upto=upto, types=self.fold.handles)
            folded = 0
            for key, event in some.items():
                if (history := histories.get((event.tenant, event.stream))) is not None:
                    kept = _folded(self.fold, key, history)
                    folded += len(history)
                else:  # too long to be read with others
                    kept = await fold_row(log, self.fold, key, event.stream, event.tenant, upto)
                # an event that arrived while reading is noted in `missing`, and the row is folded again
                if self.missing[key].position <= upto:
                    del self.missing[key]
                    if kept is not None:
                        self.rows[key] = kept
                        self.dirty[key] = None
                if folded >= CHUNK:
                    folded = 0
                    await checkpoint()

    @property
    def complete(self) -> bool:
        """Whether what is in memory can be saved: no row is missing."""
        return not self.missing

    def take(self, position: int) -> Save:
        """Every row that changed since the last save; must be answered by :meth:`done` or :meth:`failed`."""
        rows, self.ended = [], []
        for key in self.dirty:
            kept = self.rows[key]
            row = kept.row or {}
            rows.append(StoredRow(key, kept.stream, kept.position, self.fold.tag(row), row))
            if self.fold.settled(row):
                self.ended.append(key)
        self.saving, self.dirty = self.dirty, {}
        return Save(self.name, self.fold.version, self.generation, position, None, rows)

    def done(self) -> None:
        """The rows taken are stored: drop those that have ended, and the oldest beyond the limit."""
        for key in self.ended:
            if key in self.saving:
                del self.rows[key]
        self.saving, self.ended = {}, []
        spare = len(self.rows) - MOST_ROWS
        if spare > 0:
            for key in [key for key in self.rows if key not in self.dirty][:spare]:
                del self.rows[key]

    def failed(self) -> None:
        """The rows taken are not stored: take them again."""
        self.dirty = self.saving | self.dirty
        self.saving = {}


class LiveShared(LiveRows):
    """Rows that several streams share: one that is not in memory is read from the store and merged with what came since."""

    def __init__(self, projection: SharedRowProjection, generation: int = 0, position: int = 0) -> None:
        super().__init__(projection, generation, position)
        self.waiting: dict[str, list[Recorded]] = {}
        self.merged_upto = position

    def apply(self, event: Recorded) -> None:
        """Merge one event, now or when its row has been read."""
        key = self.fold.key(event)
        if key in self.rows:
            super().apply(event)
        else:
            self.missing[key] = event
            self.waiting.setdefault(key, []).append(event)

    def forget(self, event: Recorded) -> None:
        """Save the event's row again: a row in memory has merged all that it saw, so nothing is to be dropped."""
        self.apply(event)

    async def refold(self, log: EventLog, store: ProjectionStore, track: "Track") -> None:
        """Read the rows that are missing now and merge what waits for them; those of events that arrive meanwhile come next time."""
        upto, keys = track.position, list(self.missing)
        stored = await store.rows_of(self.name, keys, self.generation) if keys else {}
        for key in keys:
            kept = self.merged(key, stored.get(key))
            del self.missing[key], self.waiting[key]
            if kept is not None:
                self.rows[key] = kept
                self.dirty[key] = None
        self.merged_upto = upto

    @property
    def complete(self) -> bool:
        """Always, as of an earlier position: that a row has merged later events as well does no harm."""
        return True

    def take(self, position: int) -> Save:
        """See :class:`LiveRows`; saved up to where nothing waits for its row."""
        return super().take(self.merged_upto)

    def merged(self, key: str, stored: StoredRow | None) -> Kept | None:
        """A row as it is now, given what the store has of it."""
        if (kept := self.rows.get(key)) is not None:
            return kept
        kept = None if stored is None else Kept(stored.data, stored.stream, stored.position)
        for event in self.waiting.get(key, ()):
            if kept is None:
                kept = Kept(None, event.stream, event.position)
            kept.row = self.fold.apply(kept.row, event)
        return kept


class Track:
    """Several projections folded together, up to ``position``."""

    def __init__(self, lives: Sequence[Live], position: int) -> None:
        self.lives = {live.name: live for live in lives}
        self.position = position
        self._routes: dict[str, list[Live]] = {}
        self._route()

    @property
    def states(self) -> list[LiveState]:
        """Those that fold into a value and have not broken."""
        return [live for live in self.lives.values() if isinstance(live, LiveState) and live.broken is None]

    @property
    def rows(self) -> list[LiveRows]:
        """Those that fold into rows and have not broken."""
        return [live for live in self.lives.values() if isinstance(live, LiveRows) and live.broken is None]

    @property
    def handles(self) -> frozenset[str]:
        """Every type that one of them looks at."""
        return frozenset(self._routes)

    def replace(self, live: Live) -> None:
        """Put a rebuilt projection in the place of the one with its name."""
        self.lives[live.name] = live
        self._route()

    def feed(self, events: Sequence[Recorded]) -> None:
        """Fold events in log order; those already folded are skipped. A fold that raises breaks its projection only."""
        position, routes = self.position, self._routes
        for event in events:
            at = event.position
            if at <= position:
                continue
            for live in routes.get(event.type, ()):
                if at > live.loaded:
                    try:
                        live.apply(event)
                    except Exception as error:  # noqa: BLE001 - a projection is foreign code to its runner
                        self.quarantine(live, at, error)
                        routes = self._routes
            event.forget()  # while its memory is still in the processor's cache
        self.position = max(position, events[-1].position)

    def quarantine(self, live: Live, position: int, error: BaseException) -> None:
        """Stop folding into a projection; the others go on."""
        live.broken = Broken(position, f"{type(error).__name__}: {error}")
        _log.error("projection broke", projection=live.name, position=position, exc_info=error)
        self._route()

    def _route(self) -> None:
        self._routes = {}
        for live in self.lives.values():
            # rows that are no longer saved would pile up
            if live.broken is None and (live.saves or isinstance(live, LiveState)):
                for kind in live.projection.handles:
                    self._routes.setdefault(kind, []).append(live)


class States(Mapping[str, Any]):
    """The live values by projection name; reading one that broke raises ProjectionBroken."""

    def __init__(self, track: Track) -> None:
        self._track = track

    def __getitem__(self, name: str) -> Any:
        live = self._track.lives[name]
        if not isinstance(live, LiveState):
            raise KeyError(name)
        live.check()
        return live.state

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, live in self._track.lives.items() if isinstance(live, LiveState)])

    def __len__(self) -> int:
        return len(list(iter(self)))


def blank(projection: Projection[Any] | RowProjection, generation: int = 0) -> Live:
    """A projection before the first event."""
    return _rows(projection, generation) if has_rows(projection) else LiveState(projection, generation)


def _rows(projection: RowProjection, generation: int, position: int = 0) -> LiveRows:
    if is_shared(projection):
        return LiveShared(projection, generation, position)
    return LiveRows(projection, generation, position)


def load(projection: Projection[Any] | RowProjection, saved: Saved | None, end: int) -> Live | None:
    """What was stored, as it goes on; None when it must be rebuilt."""
    if saved is None or saved.version < projection.version or saved.position > end:
        return None
    if saved.version > projection.version:
        live = blank(projection, saved.generation)
        live.saves = False
        return live
    if has_rows(projection):
        return _rows(projection, saved.generation, saved.position)
    if saved.state is None:
        return None
    try:
        return LiveState(projection, saved.generation, saved.position, saved.state)
    except Exception as error:  # noqa: BLE001 - stored state is a cache: whatever is wrong with it, the log can replace it
        _log.warning(
            "stored projection unreadable", projection=projection.name, position=saved.position, exc_info=error
        )
        return None


def _folded(projection: RowProjection, key: str, events: Iterable[Recorded], kept: Kept | None = None) -> Kept | None:
    """One row after some more events of its stream; None while it has none."""
    for event in events:
        if projection.key(event) == key:
            if kept is None:
                kept = Kept(None, event.stream, event.position)
            kept.row = projection.apply(kept.row, event)
    return kept


async def fold_row(
    log: EventLog, projection: RowProjection, key: str, stream: str, tenant: str, upto: int
) -> Kept | None:
    """One row as of a position, from its stream alone; None when it has no event by then."""
    kept: Kept | None = None
    position = 0
    with acting(in_tenant=tenant):
        while page := await log.read(after=position, upto=upto, stream=stream, types=projection.handles, limit=PAGE):
            position = page[-1].position
            kept = _folded(projection, key, page, kept)
    return kept
