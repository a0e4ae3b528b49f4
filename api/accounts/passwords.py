"""Passwords: what they must be, and their argon2id hashes (RFC 9106), made on threads."""

import unicodedata
from functools import cache, cached_property
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from mezan.solvers.errors import BadInput

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LEAST, MOST = 12, 256
"""Characters after normalisation."""
MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
"""OWASP's minimum for argon2id: 19 MiB, two passes, one lane."""
AT_ONCE: Final = 2
"""Hashes computed at a time: what strangers can make us spend is bounded by it."""


def spelled(password: str) -> bytes:
    """What is hashed; a text that is not Unicode is somebody's too, namely nobody's."""
    return normal(password).encode(errors="surrogatepass")


def normal(password: str) -> str:
    """One spelling per password: NFKC, as NIST SP 800-63B says, so that keyboards do not matter."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, login: str) -> None:
    """Refuse passwords that are guessed first. No rules on kinds of characters: length is what counts.

    Raises:
        BadInput: too short, too long, with control characters, of very few different characters, or it is the login.
    """
    text = normal(password)
    if not LEAST <= len(text) <= MOST:
        msg = f"a password must have {LEAST} to {MOST} characters; got {len(text)}"
        raise BadInput(msg)
    if any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        raise BadInput("a password must not have control characters")
    if len(set(text)) < 5:
        raise BadInput("a password must have at least 5 different characters")
    name = login.partition("@")[0].casefold()
    if len(name) > 2 and len(text.casefold().replace(name, "")) < LEAST // 2:
        raise BadInput("a password must not be made of the login's name")


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


@cache
def _nobodys() -> str:
    """What the password of an unknown login is compared with, so that the answer takes as long."""
    import secrets

    return _hasher().hash(secrets.token_hex(32))


def hash_password(password: str) -> str:
    """The hash with its salt and cost, as argon2's own text. Takes tens of milliseconds."""
    return _hasher().hash(spelled(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether a password is the one that was hashed; as slow for None, which nothing matches."""
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password) > 4 * MOST:
        password = ""  # nobody's: normalising and hashing must not be made expensive
    try:
        return _hasher().verify(_nobodys() if stored is None else stored, spelled(password)) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """Whether a hash was made at another cost than today's."""
    return _hasher().check_needs_rehash(stored)


class Hashing:
    """Passwords hashed and compared off the event loop, ``at_once`` at a time; argon2 gives up the GIL meanwhile."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once

    @cached_property
    def _limit(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(self._at_once)

    async def hash(self, password: str) -> str:
        """See :func:`hash_password`."""
        return await anyio.to_thread.run_sync(hash_password, password, limiter=self._limit)

    async def matches(self, stored: str | None, password: str) -> bool:
        """See :func:`matches`."""
        return await anyio.to_thread.run_sync(matches, stored, password, limiter=self._limit)
