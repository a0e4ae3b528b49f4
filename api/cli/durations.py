"""Durations as people write them."""

import re
from datetime import timedelta

from mezan.solvers.errors import BadInput

UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str, option: str) -> timedelta:
    """``90d``, ``12h``, ``30min``, ``45s``, ``2w`` or ``0``; raises BadInput."""
    found = re.fullmatch(r"([0-9]{1,6})(s|min|h|d|w)", text.strip())
    if text.strip() == "0":
        return timedelta(0)
    if found is None:
        msg = f"{option} must be a whole number with one of {', '.join(UNITS)}, such as 90d; got {text[:40]!r}"
        raise BadInput(msg)
    return timedelta(**{UNITS[found[2]]: int(found[1])})
