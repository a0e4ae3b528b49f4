"""API keys: ``mzn_PREFIX.SECRET``. The prefix finds the key, the secret proves it: 32 random bytes, kept as their SHA-256."""

import base64
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from mezan.projections.principals import Key, State

from .errors import ExpiredToken, InvalidToken, RevokedToken
from .principal import Principal
from .standing import Standing

MARK: Final = "mzn_"
FORM: Final = re.compile(r"mzn_([a-z2-7]{12})\.([A-Za-z0-9_-]{43})")
PREFIX_FORM: Final = re.compile(r"[a-z2-7]{12}")
LENGTH: Final = 60
MOST: Final = 10_000
"""Texts, and hashes, that are remembered."""
NEVER: Final = 2**63
_NOBODY: Final = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a new key is made of; ``text`` is shown once and kept nowhere."""

    prefix: str
    text: str
    hashed: bytes


def new_key(prefix: str | None = None) -> NewKey:
    """A random key, or a random secret for a prefix."""
    prefix = prefix or base64.b32encode(secrets.token_bytes(8)).decode().lower()[:12]
    secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    return NewKey(prefix, f"{MARK}{prefix}.{secret}", hash_of(secret))


def hash_of(secret: str) -> bytes:
    """What is kept of a secret of high entropy."""
    return hashlib.sha256(secret.encode()).digest()


def parsed(text: str) -> tuple[str, str] | None:
    """Prefix and secret; None for what is no key's text."""
    found = FORM.fullmatch(text) if len(text) == LENGTH else None
    return None if found is None else (found[1], found[2])


@dataclass(frozen=True, slots=True)
class _Proved:
    """A text that was verified: good before ``until``, while nobody's rights have changed since ``changes``."""

    principal: Principal
    changes: int
    until: int


class KeyRing:
    """Verifies keys, and remembers by the SHA-256 of the whole text which it has verified.

    Args:
        state: the live fold of accounts.
        standing: computes scopes.
        kept: the hash that is kept under a name; called once per name, since names are used once.
    """

    def __init__(
        self, state: Callable[[], State], standing: Standing, kept: Callable[[str], Awaitable[bytes | None]]
    ) -> None:
        self._state, self._standing, self._kept = state, standing, kept
        self._proved: OrderedDict[bytes, _Proved] = OrderedDict()
        self._hashes: OrderedDict[str, bytes] = OrderedDict()

    def learn(self, hashes: Mapping[str, bytes]) -> None:
        """Take hashes by the names under which they are kept: a key that was never seen then answers as fast as others."""
        for name, hashed in list(hashes.items())[-MOST:]:
            self._hashes[name] = hashed

    async def authenticate(self, text: str, now: int) -> Principal:
        """Who shows this key; ``now`` in microseconds. It waits only where a key is seen for the first time.

        Raises:
            InvalidToken: it is malformed, unknown or wrong; these are not told apart.
            ExpiredToken: it was good.
            RevokedToken: it was good, or its owner or project is disabled.
        """
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() if len(text) == LENGTH else b""
        proved = self._proved.get(digest)
        if proved is not None and proved.changes == self._state().changes and now < proved.until:
            self._proved.move_to_end(digest)
            return proved.principal
        self._proved.pop(digest, None)
        found = parsed(text)
        if found is None:
            raise InvalidToken("an API key must look like mzn_PREFIX.SECRET; this one does not")
        prefix, secret = found
        hashed = hash_of(secret)
        while True:
            key = self._state().key_with(prefix)
            names = [] if key is None else [key.kept_as, *([] if key.previous is None else [key.previous])]
            known = [await self._hash(name) for name in names]
            if key is None or key.kept_as == names[0]:
                break  # nobody rotated it meanwhile
        matches = [hmac.compare_digest(hashed, one or _NOBODY) for one in known or [None]]
        if key is None or not any(matches):
            raise InvalidToken("an API key must be one that was issued here; this one is not", who=prefix)
        proved = self._admit(key, now, current=matches[0])
        self._remember(digest, proved)
        return proved.principal

    def _admit(self, key: Key, now: int, *, current: bool) -> _Proved:
        """What a proved key is good for; no await since the state was read."""
        state = self._state()
        told = {"who": key.id, "project": key.project}
        if key.revoked_at is not None:
            raise RevokedToken(f"API key {key.prefix} was revoked: ask for another", **told)
        until = min(NEVER if key.expires_at is None else key.expires_at, NEVER if current else key.previous_until)
        if now >= until:
            why = (
                "has expired" if current or (key.expires_at or NEVER) <= now else "has a new secret since its rotation"
            )
            raise ExpiredToken(f"API key {key.prefix} {why}: ask for another", **told)
        if not state.enabled(key.project, key.owner):
            raise RevokedToken(f"API key {key.prefix} belongs to a user or project that is disabled", **told)
        scopes = self._standing.of_key(state, key)
        principal = Principal(key.id, key.name, "key", key.project, scopes, key.id)
        return _Proved(principal, state.changes, until)

    def _remember(self, digest: bytes, proved: _Proved) -> None:
        self._proved[digest] = proved
        if len(self._proved) > MOST:
            self._proved.popitem(last=False)

    async def _hash(self, name: str) -> bytes | None:
        found = self._hashes.get(name)
        if found is None:
            found = await self._kept(name)
            if found is not None:
                self._hashes[name] = found
                if len(self._hashes) > MOST:
                    self._hashes.popitem(last=False)
        return found
