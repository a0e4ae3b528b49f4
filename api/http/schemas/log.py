"""The log and the read models that follow it."""

from dataclasses import dataclass
from typing import Any

from .events import Digest, Event, Position


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """Events in order; ``reached`` is how far was looked, ``more`` whether there is more to look at (its address is in ``Link``)."""

    events: tuple[Event, ...]
    reached: int
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last event; ``recorded_at`` in microseconds since the epoch."""

    position: Position
    hash: Digest
    recorded_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHead:
    """A head that was kept outside of the database, to be found in the chain."""

    head: Head | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a look at the whole chain found: ``head`` is the last sound event, ``position`` and ``problem`` where and how it breaks."""

    ok: bool
    checked: int
    head: Head | None
    position: int | None
    problem: str | None
    against: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel:
    """A projection: folded up to ``position``, stored up to ``saved``, ``lag`` events behind; ``error`` says why it stands still."""

    projection: str
    version: int
    generation: int
    position: int
    saved: int
    lag: int
    error: str | None
    failed_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModels:
    """Every projection, and the log's end."""

    head: int
    projections: tuple[ReadModel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A projection folded again beside the live one, which it replaced. ``identical`` is null when the old one stood still."""

    projection: str
    generation: int
    position: int
    seconds: float
    kind: str
    identical: bool | None
    differences: tuple[dict[str, Any], ...]
    more: bool
    after: dict[str, Any]
    before: dict[str, Any] | None = None
    compared: int | None = None
    stood_at: int | None = None
