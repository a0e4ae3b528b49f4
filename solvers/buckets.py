"""Padded sizes, so that few programs are compiled and same-bucket problems can share a call."""


def bucket(n: int) -> int:
    """The padded size for ``n``: steps of 8 up to 64, of 16 up to 256, of 64 above (padding costs (m/n)^2)."""
    step = 8 if n <= 64 else 16 if n <= 256 else 64
    return max(8, -(-n // step) * step)


def lanes(count: int) -> int:
    """The padded batch size for ``count`` instances: the next power of two."""
    return 1 << (count - 1).bit_length()
