"""Fixed window: at most ``amount`` in each period since the epoch; up to twice as many may pass around a boundary."""

from pyrate_limiter import FixedWindow as Algorithm
from pyrate_limiter import Rate

from .limit import Limit
from .meter import State

_ALGORITHM = Algorithm()


class FixedWindow:
    """The state is the window's start and the count in it; pyrate-limiter decides, but would keep an entry per request."""

    size = 2
    fresh: State = (0, 0)

    def __init__(self, limit: Limit) -> None:
        self.quota, self.window = limit.amount, limit.period
        self._rate = Rate(limit.amount, limit.period)
        self._rates = [self._rate]

    def take(self, state: State, now: int, cost: int) -> State | None:
        start, used = self._in_window(state, now)
        return (start, used + cost) if _ALGORITHM.admit(self._rates, (used,), cost).allowed else None

    def left(self, state: State, now: int) -> tuple[int, int]:
        start, used = self._in_window(state, now)
        return self.quota - used, start + self.window - now if used else 0

    def wait(self, state: State, now: int, cost: int) -> int | None:
        if cost > self.quota:
            return None
        _, used = self._in_window(state, now)
        return 0 if used + cost <= self.quota else _ALGORITHM.retry_after(self._rate, now, None)

    def _in_window(self, state: State, now: int) -> tuple[int, int]:
        start = _ALGORITHM.window_start(self._rate, now)
        return start, state[1] if state[0] == start else 0
