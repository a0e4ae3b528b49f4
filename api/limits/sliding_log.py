"""Sliding log: at most ``amount`` in every stretch of one period, exactly; it remembers when each was taken."""

from bisect import bisect_left

from pyrate_limiter import Rate, SlidingWindowLog

from .limit import Limit
from .meter import State

_ALGORITHM = SlidingWindowLog()


class SlidingLog:
    """The state is the times of what was taken in the last period, oldest first.

    pyrate-limiter decides. It counts an entry that is exactly one interval old; a period that is open on its left is the same
    as its interval less one microsecond.
    """

    fresh: State = ()

    def __init__(self, limit: Limit) -> None:
        self.quota = self.size = limit.amount
        self.window = limit.period
        self._rates = [Rate(limit.amount, limit.period - 1)]

    def take(self, state: State, now: int, cost: int) -> State | None:
        live = self._live(state, now)
        if not _ALGORITHM.admit(self._rates, (len(live),), cost).allowed:
            return None
        return live + (now,) * cost

    def left(self, state: State, now: int) -> tuple[int, int]:
        live = self._live(state, now)
        return self.quota - len(live), live[-1] + self.window - now if live else 0

    def wait(self, state: State, now: int, cost: int) -> int | None:
        if cost > self.quota:
            return None
        live = self._live(state, now)
        if len(live) + cost <= self.quota:
            return 0
        offset = _ALGORITHM.blocking_offset(self._rates[0], cost)
        return _ALGORITHM.retry_after(self._rates[0], now, None if offset is None else live[-1 - offset])

    def _live(self, state: State, now: int) -> State:
        start = _ALGORITHM.window_start(self._rates[0], now)
        return state if not state or state[0] >= start else state[bisect_left(state, start) :]
