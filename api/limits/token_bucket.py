"""Token bucket: ``burst`` tokens at rest, refilled continuously by ``amount`` per ``period``; a request takes its cost or nothing."""

from pyrate_limiter import TokenBucket as Algorithm

from .buckets import Bucket


class TokenBucket(Bucket):
    """Bursts up to the bucket's size; over any time ``t`` at most ``burst + amount * t / period``."""

    algorithm = Algorithm()
