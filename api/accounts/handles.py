"""Secrets that are handed out as text: ``KIND_ID.SECRET``. Kept is only the SHA-256 of the whole."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from .strict import base64url

LONGEST: Final = 192
_FORM: Final = re.compile(r"(mz[a-z])_([a-z]+_[a-z0-9-]{1,64})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Handle:
    """One such text: what kind it is (``mzs`` a session, ``mzr`` a refresh token), its public id, and the whole."""

    kind: str
    id: str
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """What is kept of it: 256 random bits need no slow hash."""
        return hashlib.sha256(self.text.encode()).digest()

    def is_of(self, digest: bytes | None) -> bool:
        """Whether it is the one that the digest was made of, in constant time."""
        return hmac.compare_digest(self.digest, bytes(32) if digest is None else digest) and digest is not None


def make_handle(kind: str, id: str, draw: Callable[[int], bytes] = secrets.token_bytes) -> Handle:  # noqa: A002
    """A new secret for an id."""
    return Handle(kind, id, f"{kind}_{id}.{base64url(draw(32))}")


def read_handle(kind: str, text: str) -> Handle | None:
    """What a text says it is; None where it cannot be one of that kind."""
    if len(text) > LONGEST or (form := _FORM.fullmatch(text)) is None or form[1] != kind:
        return None
    return Handle(kind, form[2], text)
