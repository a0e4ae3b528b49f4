"""Recovery codes: ten that each let their owner in once without the authenticator."""

import hashlib
import secrets
from collections.abc import Callable
from typing import Final

COUNT: Final = 10
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base32: nothing that can be mistaken for something else."""
_MISTAKEN: Final = str.maketrans("oil", "011")


def make_codes(draw: Callable[[int], bytes] = secrets.token_bytes) -> tuple[str, ...]:
    """New codes of 80 bits each, in four groups of four characters."""
    return tuple(_code(draw(10)) for _ in range(COUNT))


def _code(content: bytes) -> str:
    number = int.from_bytes(content)
    text = "".join(_LETTERS[number >> shift & 31] for shift in range(75, -1, -5))
    return "-".join(text[i : i + 4] for i in range(0, 16, 4))


def digest(user: str, code: str) -> bytes | None:
    """What is kept of a code; None for a text that cannot be one. Case, hyphens and blanks do not matter.

    A plain hash will do for 80 random bits; the owner is part of it, so that equal hashes cannot be looked for.
    """
    if len(code) > 64:
        return None
    text = code.lower().replace("-", "").replace(" ", "").translate(_MISTAKEN)
    if len(text) != 16 or not set(text) <= set(_LETTERS):
        return None
    return hashlib.sha256(f"{user}\0{text}".encode()).digest()
