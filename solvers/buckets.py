"""Padded sizes, so that few programs are compiled and same-bucket problems can share a call."""

LANES = (1, 4, 16, 64)
"""Batch sizes that programs are compiled for."""


def bucket(n: int) -> int:
    """The padded size for ``n``: steps of 8 up to 64, of 16 up to 256, of 64 above (padding costs (m/n)^2)."""
    step = 8 if n <= 64 else 16 if n <= 256 else 64
    return max(8, -(-n // step) * step)


def lanes(count: int) -> int:
    """The padded batch size for ``count`` instances: the next of :data:`LANES`, or of the multiples of the largest."""
    most = LANES[-1]
    return next((size for size in LANES if size >= count), -(-count // most) * most)


def take(waiting: int, most: int) -> int:
    """How many of ``waiting`` instances, ``most`` at once, a call should take so that at least half of its lanes have one."""
    count = min(waiting, most)
    fewer = max((size for size in LANES if size <= count), default=1)
    return count if 2 * count >= lanes(count) else fewer


def within(most: int) -> int:
    """The largest padded batch size of at most ``most`` lanes, and at least one."""
    return (
        max((size for size in LANES if size <= most), default=1) if most < LANES[-1] else most // LANES[-1] * LANES[-1]
    )
