"""Seeds are derived, never drawn: the same run, task and attempt always get the same stream."""

import hashlib

import numpy as np

from .pack import Array


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed from a parent seed and the names of what it is for (SHA-256, so streams do not overlap)."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def key_data(seed: int) -> Array:
    """A seed as a raw ``uint32[2]`` JAX key (threefry)."""
    return np.array([seed >> 32 & 0xFFFFFFFF, seed & 0xFFFFFFFF], np.uint32)
