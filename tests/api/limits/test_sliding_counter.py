"""The sliding counter against that of another library."""

import limits as other
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.api.limits.limit import Limit
from mezan.api.limits.sliding_counter import SlidingCounter


class Clock:
    """What `limits` takes for the module ``time``."""

    def __init__(self):
        self.seconds = 1_024_000_000.0

    def time(self):
        return self.seconds


@settings(max_examples=150, deadline=None)
@given(
    amount=st.integers(1, 9),
    window=st.sampled_from([4, 16, 64]),
    coming=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 3)), max_size=40),
)
def test_another_library_agrees_but_for_its_rounding(amount, window, coming):
    """`limits` rounds the share of the window before down: it grants what ours grants, and at most one more."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("limits.storage.memory.time", clock)
        patch.setattr("limits.strategies.time", clock)
        storage = other.storage.MemoryStorage()
        storage.timer.cancel()
        theirs = other.strategies.SlidingWindowCounterRateLimiter(storage)
        item = other.RateLimitItemPerSecond(amount, window)
        ours = SlidingCounter(Limit(amount, window * 1_000_000, "sliding-counter"))
        state = ours.fresh
        for gap, cost in coming:
            clock.seconds += gap * window / 256  # exact in binary
            now = round(clock.seconds * 1_000_000)
            after = ours.take(state, now, cost)
            if after is not None:
                assert theirs.hit(item, "k", cost=cost)
                state = after
            elif theirs.test(item, "k", cost=cost):
                assert ours.left(state, now)[0] == cost - 1
