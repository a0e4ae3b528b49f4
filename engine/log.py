"""The event log: what is kept of each event, and what every store must do with it."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

import orjson

from . import events as _events
from .upcast import decode, upcast

Durability = Literal["full", "relaxed"]

ANY: Final = -1
"""Expected version: append whatever the stream's version is."""
NEW: Final = 0
"""Expected version: the stream must not exist yet."""
GENESIS: Final = bytes(32)
"""The hash before the first event."""


@dataclass(slots=True)
class Recorded:
    """One event as the log keeps it. Treat as immutable; ``data`` and ``event`` are decoded on first use.

    ``payload`` is the JSON exactly as hashed; ``digest`` its SHA-256; ``hash`` chains it to its predecessor;
    ``recorded_at`` is microseconds since the epoch, never decreasing; ``causation`` is ``stream@version`` of the
    event that caused this one.
    """

    position: int
    tenant: str
    stream: str
    version: int
    type: str
    schema: int
    payload: str
    digest: bytes
    causation: str | None
    correlation: str
    actor: str
    recorded_at: int
    hash: bytes
    _data: dict[str, Any] | None = field(default=None, repr=False, compare=False)
    _event: _events.AnyEvent | None = field(default=None, repr=False, compare=False)

    @property
    def data(self) -> dict[str, Any]:
        """The payload as a dict in the current schema of its type; do not change it."""
        if self._data is None:
            self._data = upcast(self.type, self.schema, orjson.loads(self.payload))
        return self._data

    @property
    def event(self) -> _events.AnyEvent:
        """The payload as a validated event; raises UnreadableEvent for a type or schema this version does not know."""
        if self._event is None:
            self._event = decode(self.type, self.schema, self.payload)
        return self._event

    def forget(self) -> None:
        """Drop what was decoded; it is decoded again when somebody asks."""
        self._data = self._event = None

    @property
    def ref(self) -> str:
        """``stream@version``, the name other events call this one by."""
        return f"{self.stream}@{self.version}"

    @property
    def time(self) -> datetime:
        """When it was recorded, in UTC."""
        return datetime.fromtimestamp(self.recorded_at / 1e6, UTC)

    def header(self) -> bytes:
        """Everything but the payload, as hashed."""
        return header(
            self.position, self.tenant, self.stream, self.version, self.type, self.schema,
            self.causation, self.correlation, self.actor, self.recorded_at,
        )  # fmt: skip


def header(*fields: str | int | None) -> bytes:
    """Header fields as one JSON array: unambiguous, and the same bytes on every platform."""
    return orjson.dumps(fields)


def link(previous: bytes, head: bytes, digest: bytes) -> bytes:
    """The chain: SHA-256 over the previous hash, the header and the payload's digest."""
    return hashlib.sha256(previous + head + digest).digest()


@dataclass(frozen=True, slots=True)
class Artifact:
    """Content to be stored under its SHA-256 (hex) in the same transaction as the events that refer to it.

    ``stored`` is the content as written, ``encoding`` how (``raw`` or ``zlib``), ``size`` its length before that.
    """

    digest: str
    kind: str
    size: int
    encoding: str
    stored: bytes


class Write(NamedTuple):
    """Events for one stream. ``expected`` is the version the stream must have: exact, ``NEW`` or ``ANY``.

    ``causation`` names what caused the first event; each later one is caused by the one before it.
    """

    stream: str
    events: Sequence[_events.Event]
    expected: int = ANY
    causation: str | None = None


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The first append under ``key`` wins; the same key with another ``fingerprint`` is an error."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Fence:
    """An append under a lease: refused when ``token`` is no longer the lease's."""

    lease: str
    token: int


class Appended(NamedTuple):
    """Where an append landed. ``duplicate`` means that an earlier append under the same key did the work."""

    stream: str
    first: int
    last: int
    version: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the log at one moment. Keep it outside the database: without it, a cut-off tail cannot be seen."""

    position: int
    hash: str
    recorded_at: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What ``verify`` found: ``position`` is the first broken event, ``problem`` says how it is broken."""

    ok: bool
    checked: int
    head: Head | None
    position: int | None = None
    problem: str | None = None


class EventLog(ABC):
    """An append-only, totally ordered, durable log. One contract suite runs over every implementation."""

    @abstractmethod
    async def append(
        self,
        *writes: Write,
        artifacts: Sequence[Artifact] = (),
        forget: Sequence[str] = (),
        idempotency: Idempotency | None = None,
        fence: Fence | None = None,
    ) -> Appended:
        """Append to one or several streams, atomically; return when the commit is durable.

        Raises:
            WrongExpectedVersion: a stream is not at its expected version; carries the actual one.
            IdempotencyConflict: the key was used with another fingerprint.
            LeaseLost: the fence's token is stale.
            StoreError: the database is locked, read-only, full or corrupt; nothing was written.
        """

    @abstractmethod
    def append_soon(self, *writes: Write, artifacts: Sequence[Artifact] = (), fence: Fence | None = None) -> None:
        """Queue an append that commits with the next one, or within 10 ms; its failure surfaces in the next append to the same stream."""

    @abstractmethod
    async def read(
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        stream: str | None = None,
        types: Collection[str] | None = None,
        limit: int | None = None,
        backwards: bool = False,
    ) -> list[Recorded]:
        """Events with ``after < position <= upto`` in log order (or backwards), at most ``limit`` (default 1,000)."""

    @abstractmethod
    async def ends(self, streams: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """The position of the last event of each (tenant, stream) that there is."""

    @abstractmethod
    async def histories(
        self, streams: Sequence[tuple[str, str]], *, upto: int, types: Collection[str]
    ) -> Mapping[tuple[str, str], Sequence[Recorded]]:
        """The events of each (tenant, stream) up to a position, in order; streams with more than 1,000 of them are left out."""

    @abstractmethod
    def subscribe(
        self, *, after: int = 0, stream: str | None = None, types: Collection[str] | None = None
    ) -> AsyncIterator[Recorded]:
        """Every event after a position, first those recorded, then each new one as it commits, in any process. Never skips, never repeats."""

    @abstractmethod
    async def head(self) -> Head | None:
        """The last event's position, hash and time; None for an empty log."""

    @abstractmethod
    async def position_at(self, recorded_at: int) -> int:
        """The last position recorded at or before a time (microseconds since the epoch); 0 when there is none."""

    @abstractmethod
    async def verify(
        self, head: Head | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Verification:
        """Recompute every digest and the hash chain, and compare with a head exported earlier.

        ``progress`` is called with (position, end) after every page.
        """
