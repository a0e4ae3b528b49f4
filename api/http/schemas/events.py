"""Events of the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

Position = Annotated[int, Field(ge=0, description="A place in the log.")]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. ``data`` is in the current schema of its type; ``hash`` chains it to the event before."""

    position: Position
    stream: str
    version: int
    type: str
    schema: int
    data: Mapping[str, Any]
    causation: str | None
    correlation: str
    actor: str
    recorded_at: datetime
    digest: Digest
    hash: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Events of one run in order; ``more`` says whether another page may follow (its address is in ``Link``)."""

    run: str
    events: tuple[Event, ...]
    more: bool
