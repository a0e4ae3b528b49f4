"""Sliding counter: the count of this window, and of the one before in proportion to what still overlaps the last period.

It supposes that the requests of the window before were evenly spread. See "How we built rate limiting capable of scaling to
millions of domains" (Cloudflare, 2017). No kept library has it with exact arithmetic.
"""

from .limit import Limit
from .meter import State


class SlidingCounter:
    """The state is the start of a window since the epoch, the count in it, and the count in the one before.

    ``cost`` is granted when ``before * (window - elapsed) / window + count + cost <= amount``.
    """

    size = 3
    fresh: State = (0, 0, 0)

    def __init__(self, limit: Limit) -> None:
        self.quota, self.window = limit.amount, limit.period

    def take(self, state: State, now: int, cost: int) -> State | None:
        start, count, before = self._in_window(state, now)
        return (start, count + cost, before) if cost <= self._free(start, count, before, now) else None

    def left(self, state: State, now: int) -> tuple[int, int]:
        start, count, before = self._in_window(state, now)
        last = 2 if count else 1 if before else 0
        return max(0, self._free(start, count, before, now)), start + last * self.window - now if last else 0

    def wait(self, state: State, now: int, cost: int) -> int | None:
        if cost > self.quota:
            return None
        start, count, before = self._in_window(state, now)
        if cost <= self._free(start, count, before, now):
            return 0
        free, at = self.quota - cost - count, start
        if free < 0:  # not before the next window, in which this one's count fades
            free, before, at = self.quota - cost, count, start + self.window
        return at + self.window - free * self.window // before - now

    def _free(self, start: int, count: int, before: int, now: int) -> int:
        overlap = before * (start + self.window - now)
        return self.quota - count - -(-overlap // self.window)

    def _in_window(self, state: State, now: int) -> State:
        start = now - now % self.window
        if state[0] == start:
            return state
        return (start, 0, state[1] if state[0] == start - self.window else 0)
