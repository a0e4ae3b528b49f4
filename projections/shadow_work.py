"""What shadow runs have used: seconds of solving, per minute of the last 24 hours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import fsum
from typing import Any

from mezan.engine.events import TERMINAL
from mezan.engine.log import Recorded

from .canonical import dumps, loads

MINUTE = 60_000_000
"""Microseconds."""
DAY = 24 * 60
ENDS = frozenset({"AttemptSucceeded", "AttemptFailed", "AttemptTimedOut", "AttemptAbandoned"})


@dataclass(slots=True)
class Work:
    """``going``: each shadow run that has not ended, with the time its attempt started (0 before). ``minutes`` since the epoch to seconds."""

    going: dict[str, int] = field(default_factory=dict)
    minutes: dict[int, float] = field(default_factory=dict)


class ShadowWork:
    """Attempts of runs whose purpose is ``shadow``: their seconds, and of a cancelled one the time from its start."""

    name = "shadow_work"
    version = 1
    handles = frozenset({"RunRequested", "AttemptStarted", "AttemptCancelled"}) | ENDS | TERMINAL

    def initial(self) -> Work:
        """Nothing used."""
        return Work()

    def apply(self, state: Work, event: Recorded) -> Work:
        """One event; of other runs it changes nothing."""
        kind, stream = event.type, event.stream
        if kind == "RunRequested":
            if event.data["purpose"] == "shadow":
                state.going[stream] = 0
        elif (started := state.going.get(stream)) is None:
            return state
        elif kind == "AttemptStarted":
            state.going[stream] = event.recorded_at
        elif kind in TERMINAL:
            del state.going[stream]
        else:
            used = event.data["seconds"] if kind in ENDS else max(0, event.recorded_at - started) / 1e6
            minute = event.recorded_at // MINUTE
            state.minutes[minute] = state.minutes.get(minute, 0.0) + used
            for old in [kept for kept in state.minutes if kept <= minute - DAY]:
                del state.minutes[old]
        return state

    def dump(self, state: Work) -> bytes:
        """See :class:`Projection`."""
        return dumps({"going": state.going, "minutes": sorted(state.minutes.items())})

    def load(self, content: bytes) -> Work:
        """See :class:`Projection`."""
        kept = loads(content)
        return Work(kept["going"], dict(kept["minutes"]))


def shadow_seconds(states: Mapping[str, Any], now: int) -> float:
    """Seconds of solving that shadows have used in the 24 hours before ``now`` (microseconds since the epoch)."""
    work: Work = states["shadow_work"]
    return fsum(used for minute, used in work.minutes.items() if minute > now // MINUTE - DAY)
