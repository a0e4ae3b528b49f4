"""The five algorithms, by name."""

from collections.abc import Callable, Mapping
from typing import Final

from .fixed_window import FixedWindow
from .leaky_bucket import LeakyBucket
from .limit import Algorithm, Limit
from .meter import Meter
from .sliding_counter import SlidingCounter
from .sliding_log import SlidingLog
from .token_bucket import TokenBucket

BY_NAME: Final[Mapping[Algorithm, Callable[[Limit], Meter]]] = {
    "token-bucket": TokenBucket,
    "leaky-bucket": LeakyBucket,
    "fixed-window": FixedWindow,
    "sliding-log": SlidingLog,
    "sliding-counter": SlidingCounter,
}


def meter(limit: Limit) -> Meter:
    """What counts by a limit."""
    return BY_NAME[limit.algorithm](limit)
