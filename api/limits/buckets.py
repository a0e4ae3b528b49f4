"""What the two bucket algorithms share: a theoretical arrival time, decided by pyrate-limiter's GCRA."""

from pyrate_limiter import GCRA, Rate

from .limit import Limit
from .meter import State

FINER = 1_000
"""pyrate-limiter's GCRA counts in thousandths of the time unit that it is given."""


class Bucket:
    """The Generic Cell Rate Algorithm (ITU-T I.371; Turner 1986): the state is when the bucket would be at rest again.

    The unit of time given to pyrate-limiter is a microsecond divided by the limit's amount. One token then takes
    ``period`` units whatever the amount is, so that nothing is rounded. Its waits and counts are floats: ours are integers.
    """

    size = 1
    fresh: State = (0,)
    algorithm: GCRA

    def __init__(self, limit: Limit) -> None:
        self.quota = limit.burst
        self._amount = limit.amount
        self._rates = [Rate(limit.amount, limit.period * limit.amount, burst=limit.burst)]
        self._each = limit.period * FINER
        self._full = self._each * limit.burst
        self._scale = limit.amount * FINER
        self.window = -(-self._full // self._scale)

    def take(self, state: State, now: int, cost: int) -> State | None:
        after, decision = self.algorithm.step(self._rates, state, now * self._amount, cost)
        return after if decision.allowed else None  # type: ignore[return-value]  # ints, though it says floats

    def left(self, state: State, now: int) -> tuple[int, int]:
        owed = state[0] - now * self._scale
        if owed <= 0:
            return self.quota, 0
        return max(0, (self._full - owed) // self._each), -(-owed // self._scale)

    def wait(self, state: State, now: int, cost: int) -> int | None:
        if cost > self.quota:
            return None
        short = max(0, state[0] - now * self._scale) + cost * self._each - self._full
        return max(0, -(-short // self._scale))

    def give(self, state: State, cost: int, elapsed: int) -> State:
        # some of it may have leaked away by itself since
        return (state[0] - max(0, cost * self._each - elapsed * self._scale),)
