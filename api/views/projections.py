"""How far the read models have come."""

from typing import Any

from mezan.engine.follower import Follower
from mezan.engine.log import Head

Json = dict[str, Any]


def statuses(follower: Follower, end: Head | None) -> list[Json]:
    """One object per read model; ``error`` says why one stands still."""
    last = end.position if end else 0
    return [
        {
            "projection": status.name,
            "version": status.version,
            "generation": status.generation,
            "position": status.position,
            "saved": status.saved,
            "lag": max(0, last - status.position),
            "error": status.error,
            "failed_at": status.failed_at,
        }
        for status in follower.status()
    ]
