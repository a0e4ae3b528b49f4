"""Linear axes of pictures that are drawn on the server."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values from ``low`` to ``high`` onto pixels from ``start`` to ``end`` (which may be the smaller)."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value lies."""
        span = self.high - self.low
        return self.start + (value - self.low) / (span or 1.0) * (self.end - self.start)

    def ticks(self, about: int = 5) -> list[float]:
        """Round values within the range, about so many: steps of 1, 2 or 5 times a power of ten."""
        span = self.high - self.low
        if not span > 0 or not math.isfinite(span):
            return [self.low]
        raw = span / max(1, about)
        power = 10.0 ** math.floor(math.log10(raw))
        step = next((s * power for s in (1, 2, 5) if s * power >= raw), 10 * power)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]


def spanning(values: Sequence[float], start: float, end: float, *, margin: float = 0.05) -> Axis:
    """An axis that holds all of some values, with a margin; one value, or none, gets a range of its own."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = (high - low) * margin or 1.0
    return Axis(low - room, high + room, start, end)
