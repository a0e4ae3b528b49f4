"""Which of our keys signs at a moment, and how long a retired one verifies: rotation refuses nobody.

A new key is published at once and signs ``AHEAD`` seconds later, when every process has read of it; meanwhile the one before it
goes on. A retired key verifies until the last token that it can have signed has expired. A stolen one verifies nothing from that
moment on, and what it has signed is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .tokens import LEEWAY

AHEAD: Final = 10.0
"""Seconds from a key's publication to its first signature, and that a process may be late to read of it."""
LONGEST_LIFETIME: Final = 24 * 3600.0
"""Seconds that an access token of ours may live."""


@dataclass(frozen=True, slots=True)
class OwnKey:
    """One of our keys: when it was published, and until when it verifies, None before it is retired; seconds since the epoch."""

    kid: str
    made: float
    until: float | None = None


def signer(keys: Sequence[OwnKey], now: float) -> str | None:
    """The id of the key that signs now: the newest whose time has come, else the oldest; None when none may."""
    alive = sorted((key for key in keys if key.until is None or now < key.until), key=lambda key: (key.made, key.kid))
    ready = [key for key in alive if key.made + AHEAD <= now and not _spent(key, now)]
    fresh = [key for key in alive if not _spent(key, now)]
    return ready[-1].kid if ready else fresh[0].kid if fresh else None


def _spent(key: OwnKey, now: float) -> bool:
    """Whether a token signed now could outlive its key."""
    return key.until is not None and now + LONGEST_LIFETIME + LEEWAY > key.until


def retired_until(now: float) -> float:
    """Until when a key verifies that a key published now follows: it may sign for ``AHEAD`` more, or twice that in a late process."""
    return now + 2 * AHEAD + LONGEST_LIFETIME + LEEWAY


def verifying(keys: Sequence[OwnKey], now: float) -> frozenset[str]:
    """The ids of the keys that verify now."""
    return frozenset(key.kid for key in keys if key.until is None or now < key.until)
