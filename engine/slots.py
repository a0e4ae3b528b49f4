"""What engines of one process share, so that together they use no more of the machine than one would."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from anyio import CapacityLimiter

from .executors import Processes


@dataclass(frozen=True, slots=True)
class Slots:
    """Slots that they take ``turns`` by, per device, and the processes that procedures run in."""

    turns: Mapping[str, CapacityLimiter]
    processes: Processes = field(default_factory=Processes)
