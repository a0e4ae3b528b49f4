"""Sessions of browsers: a cookie that scripts cannot read, and a token against requests forged by other sites.

A session is always made by a login and never taken from the browser, so nobody can plant one (fixation). The CSRF token is an
HMAC under the session's own secret: who has it cannot make the cookie of it, and who has not the cookie cannot make it.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from .handles import Handle, make_handle, read_handle
from .refusals import CsrfRefused, Refused
from .strict import base64url

KIND: Final = "mzs"
LIFETIME: Final = 12 * 3600.0
"""Seconds that a session lasts."""
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Session:
    """An open session: whose it is, and until when (seconds since the epoch)."""

    id: str
    user: str
    expires: float
    closed: bool = False


def make_cookie(session: str) -> Handle:
    """A new secret for a session's id."""
    return make_handle(KIND, session)


def read_cookie(text: str) -> Handle | None:
    """What a cookie says it is."""
    return read_handle(KIND, text)


def check(session: Session | None, now: float, *, genuine: bool) -> Session:
    """The session, if its cookie is genuine and it is open.

    Raises:
        Refused: it is not; nothing says which.
    """
    if session is None or not genuine or session.closed or now >= session.expires:
        raise Refused("the session must be open; log in again")
    return session


def csrf_token(cookie: str) -> str:
    """The token that belongs to a cookie: 256 bits, base64url."""
    return base64url(hmac.digest(cookie.encode(), b"mezan csrf 1", hashlib.sha256))


def check_csrf(cookie: str, token: str | None) -> None:
    """Refuse an unsafe request that does not bring its session's token.

    Raises:
        CsrfRefused: there is none, or another session's.
    """
    given = (token or "").encode(errors="replace")
    if not hmac.compare_digest(csrf_token(cookie).encode(), given):
        raise CsrfRefused("a request that changes something must bring its session's token in Mezan-CSRF")
