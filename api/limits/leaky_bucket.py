"""Leaky bucket as a meter: requests pour in, ``amount`` per ``period`` leak out continuously, and what would spill over is refused.

It is the mirror image of a token bucket (Turner 1986). It is told apart by its usual size: one, so that requests are evenly spaced.
"""

from pyrate_limiter import GCRA

from .buckets import Bucket


class LeakyBucket(Bucket):
    """Smooth: with a size of one no two requests are closer than ``period / amount``."""

    algorithm = GCRA()
