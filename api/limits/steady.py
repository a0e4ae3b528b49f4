"""A clock that never goes back, whatever the machine's does."""

from typing import Final

SLACK: Final = 5_000_000
"""A step back of up to this many microseconds is waited out: time stands still meanwhile. After a longer one it goes on at once."""


def steady(raw: int, offset: int, latest: int) -> tuple[int, int]:
    """The time that counts, and the offset to keep, given the latest such time that was acted on.

    No step back makes time pass: whoever had used up a limit still has.
    """
    now = raw + offset
    if now >= latest:
        return now, offset
    return latest, offset if latest - now <= SLACK else latest - raw
