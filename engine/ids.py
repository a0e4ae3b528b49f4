"""Run and worker ids: ULIDs, so that they sort by time and need no coordination."""

import os
import threading
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_SHIFTS = range(120, -1, -10)
_POOL = 4_096
"""Random bytes that are asked of the system at a time: in a virtual machine one call can cost as much as the rest of a request."""
_pool = bytearray()
_lock = threading.Lock()


def _begin_anew() -> None:
    """In a child process: it would draw what its parent draws, and another thread may have held the lock."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _pool.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def new_id(prefix: str) -> str:
    """``prefix_`` and 26 characters of Crockford base 32: 48 bits of milliseconds, 80 random bits."""
    value = (time.time_ns() // 1_000_000 << 80) | random_bits(80)
    return f"{prefix}_{''.join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])}"


def random_bits(count: int) -> int:
    """A random number of so many bits (whole bytes): for names and seeds, not for secrets."""
    size = count // 8
    with _lock:
        if len(_pool) < size:
            _pool.extend(os.urandom(_POOL))
        drawn = bytes(_pool[-size:])
        del _pool[-size:]
    return int.from_bytes(drawn)
