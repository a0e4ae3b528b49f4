"""The token of a session against requests that other sites forge (double submit).

It is an HMAC under the cookie's own secret: who has the token cannot make the cookie of it, who has not the cookie cannot make the
token, and another session's does not fit.
"""

import hashlib
import hmac

from .errors import Csrf
from .strict import base64url


def csrf_token(cookie: str) -> str:
    """The token that belongs to a cookie: 256 bits in base64url."""
    return base64url(hmac.digest(cookie.encode(errors="replace"), b"mezan csrf 1", hashlib.sha256))


def check_csrf(cookie: str, token: str | None) -> None:
    """Refuse an unsafe request that does not bring its session's token.

    Raises:
        Csrf: there is none, or another session's.
    """
    if not hmac.compare_digest(csrf_token(cookie).encode(), (token or "").encode(errors="replace")):
        raise Csrf("a request that changes something must bring its session's token in Mezan-CSRF")
