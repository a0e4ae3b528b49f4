"""Tokens that were verified before: the signature is checked once, everything that can change every time."""

import hashlib
from collections import OrderedDict
from typing import Final

from .jwks import KeySet
from .tokens import Claims, verify

MOST: Final = 4_096


class Verified:
    """Claims by the token's SHA-256, the ``most`` used last. A token whose key is not trusted any more is verified again."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._claims: OrderedDict[bytes, Claims] = OrderedDict()

    def claims(self, text: str, keys: KeySet, now: float) -> Claims:
        """The same as :func:`~mezan.api.accounts.tokens.verify`, and the same errors."""
        name = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
        known = self._claims.get(name)
        if known is not None and keys.find(known.key.issuer, known.key.kid) == known.key:
            known.check_time(now)
            self._claims.move_to_end(name)
            return known
        self._claims.pop(name, None)
        made = verify(text, keys, now)
        self._claims[name] = made
        if len(self._claims) > self._most:
            self._claims.popitem(last=False)
        return made

    def __len__(self) -> int:
        return len(self._claims)
