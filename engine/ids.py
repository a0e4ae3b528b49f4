"""Run and worker ids: ULIDs, so that they sort by time and need no coordination."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """``prefix_`` and 26 characters of Crockford base 32: 48 bits of milliseconds, 80 random bits."""
    value = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return f"{prefix}_{''.join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))}"
