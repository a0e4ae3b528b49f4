"""The time that events and leases are written in."""

import time


def micros() -> int:
    """Now, in microseconds since the epoch."""
    return time.time_ns() // 1_000
