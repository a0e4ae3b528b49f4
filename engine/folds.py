"""What a projection is, and what a store keeps of it. `follower.py` feeds, saves and rebuilds projections."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from .log import Recorded

S = TypeVar("S")
Row = dict[str, Any]
"""A JSON object: one row of a read model."""


class Projection(Protocol[S]):
    """Folds the log into one value (ratings, clusters, statistics).

    ``apply`` depends on its arguments alone: no clock, no input or output, no randomness but what a seed in the events
    gives. It owns the state it is given and may return it changed.
    """

    @property
    def name(self) -> str:
        """The read model's name, lower case."""

    @property
    def version(self) -> int:
        """Raised whenever the fold changes; stored state of another version is rebuilt."""

    @property
    def handles(self) -> frozenset[str]:
        """The event types that ``apply`` looks at; others are never passed to it."""

    def initial(self) -> S:
        """The state before the first event."""

    def apply(self, state: S, event: Recorded) -> S:
        """The state after one more event."""

    def dump(self, state: S) -> bytes:
        """Canonical JSON: equal states give equal bytes, and ``load(dump(s)) == s``."""

    def load(self, content: bytes) -> S:
        """What ``dump`` wrote."""


class RowProjection(Protocol):
    """Folds the log into one row per key (runs, decisions): the state of each key depends on its own events only."""

    @property
    def name(self) -> str:
        """The read model's name, lower case."""

    @property
    def version(self) -> int:
        """Raised whenever the fold changes; stored rows of another version are rebuilt."""

    @property
    def handles(self) -> frozenset[str]:
        """The event types that ``apply`` looks at."""

    @property
    def opens(self) -> frozenset[str]:
        """The types that are always the first event of their key; on any other, a row that is not in memory is refolded."""

    def key(self, event: Recorded) -> str:
        """The row an event belongs to; all events of one key are in one stream."""

    def apply(self, row: Row | None, event: Recorded) -> Row:
        """The row after one more event (a new dict, or the given one changed)."""

    def tag(self, row: Row) -> str:
        """A short string that rows are filtered by (a status, a family)."""

    def settled(self, row: Row) -> bool:
        """No later event is expected for this key; the follower may drop the row from memory."""


class SharedRowProjection(RowProjection, Protocol):
    """A row projection whose keys several streams share (the best result per instance).

    Its ``apply`` is a merge: the same events give the same row in any order, and an event taken twice changes nothing. So a
    row that is not in memory is not refolded: what is stored is merged with what came since.
    """

    @property
    def shared(self) -> Literal[True]:
        """Tells it from a projection whose rows belong to one stream each."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A stored projection: its fold version, generation (raised by each rebuild), position and value."""

    name: str
    version: int
    generation: int
    position: int
    state: bytes | None


@dataclass(frozen=True, slots=True)
class Dumped:
    """A value's state as bytes, as of ``position``; ``base`` is where it was folded from."""

    name: str
    position: int
    state: bytes
    base: int = 0


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row of a read model; ``position`` is that of its first event."""

    key: str
    stream: str
    position: int
    tag: str
    data: Row


@dataclass(frozen=True, slots=True)
class Save:
    """A projection's new position with what changed: all of it commits in one transaction, or none."""

    name: str
    version: int
    generation: int
    position: int
    state: bytes | None = None
    rows: Sequence[StoredRow] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state as of a position, as it is stored: what :mod:`mezan.engine.deltas` made of it, or the state itself."""

    name: str
    version: int
    position: int
    stored: bytes


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The snapshots of one projection: their fold version, the latest's position, how many they are, and their bytes."""

    version: int
    position: int
    count: int
    size: int


class ProjectionStore(ABC):
    """Where read models live; implemented by the same database as the log."""

    @abstractmethod
    async def saved(self) -> Mapping[str, Saved]:
        """Every projection as last saved, its live generation only."""

    @abstractmethod
    async def save(self, saves: Sequence[Save]) -> Mapping[str, Saved]:
        """Commit positions, states and rows together.

        A save whose generation is not the live one (or a rebuild under way), or whose position is behind the stored one,
        is skipped: another process is ahead, and equal folds have written equal rows. Returns what is stored now.
        """

    @abstractmethod
    async def begin_rebuild(self, name: str, version: int) -> int:
        """Open a new generation beside the live one and return its number; snapshots of this fold version are deleted."""

    @abstractmethod
    async def swap(self, name: str, generation: int) -> None:
        """Make a rebuilt generation the live one; delete the old rows and earlier versions' snapshots, in one transaction."""

    @abstractmethod
    async def row(self, name: str, key: str) -> StoredRow | None:
        """One row of the live generation."""

    @abstractmethod
    async def rows_of(self, name: str, keys: Sequence[str], generation: int) -> Mapping[str, StoredRow]:
        """Those rows of a generation that there are, by key."""

    @abstractmethod
    async def rows(
        self, name: str, *, tag: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[StoredRow]:
        """Rows of the live generation, newest first event first; ``before`` is a position to page from."""

    @abstractmethod
    async def keep(self, snapshots: Sequence[Snapshot]) -> None:
        """Keep states for time travel, all in one transaction."""

    @abstractmethod
    async def snapshots(self) -> Mapping[str, Snapshots]:
        """What is kept of each projection's newest fold version."""

    @abstractmethod
    async def nearest_snapshots(
        self, wanted: Mapping[str, tuple[int, int]], position: int
    ) -> Mapping[str, tuple[int, bytes]]:
        """By name the latest kept state at or before a position.

        ``wanted`` gives of each projection the fold version, and the position that its state must be beyond. One that
        cannot be restored is passed over.
        """

    async def nearest_snapshot(self, name: str, version: int, position: int) -> tuple[int, bytes] | None:
        """The latest kept state of one projection at or before a position, of this fold version."""
        return (await self.nearest_snapshots({name: (version, 0)}, position)).get(name)
