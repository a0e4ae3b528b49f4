"""Refresh tokens: each is good for once and gives the next; one that comes twice ends its whole family (RFC 9700, section 4.14.2).

A family begins with a login. Its tokens are ``mzr_FAMILY-NUMBER.SECRET``, numbered from 0. The hash of each is kept under the
family's name and its number until the family ends, so that a spent token can be told from a made-up one: nobody can end a family
who never had a token of it.
"""

from typing import Final

from .errors import ExpiredToken, InvalidToken, RevokedToken
from .handles import Handle, make_handle, read_handle

KIND: Final = "mzr"
LIFETIME: Final = 30 * 24 * 3600
"""Seconds from the login until the family ends, however often it is used."""
MOST: Final = 50_000
"""Tokens of a family."""


def kept_under(base: str, number: int) -> str:
    """The name of a token's hash."""
    return f"{base}.{number}"


def base_of(kept_as: str) -> tuple[str, int]:
    """What :func:`kept_under` made a name of."""
    base, _, number = kept_as.rpartition(".")
    return base, int(number)


def make(family: str, number: int) -> Handle:
    """A family's token of that number."""
    return make_handle(KIND, f"{family}-{number}")


def read(text: str) -> tuple[str, int, Handle]:
    """The family and number that a text names.

    Raises:
        InvalidToken: it is no refresh token.
    """
    handle = read_handle(KIND, text)
    family, _, number = handle.id.rpartition("-") if handle else ("", "", "")
    if handle is None or not family or not number.isdecimal() or len(number) > 5 or str(int(number)) != number:
        raise InvalidToken("a refresh token must be one that was given out here; this one is not")
    return family, int(number), handle


def judge(good: int | None, number: int, *, genuine: bool, over: bool) -> bool:
    """Whether a token is spent, which means that it was stolen; False for the one that is good now.

    Args:
        good: the number of the family's good token; None where the family has ended, or never was.
        number: the token's.
        genuine: its hash is that of its number.
        over: the family's time is over.

    Raises:
        InvalidToken: made up.
        RevokedToken: of a family that has ended.
        ExpiredToken: the family has ended by time.
    """
    if good is None:
        raise RevokedToken("the refresh token's login must not have ended; log in again")
    if not genuine or number > good:
        raise InvalidToken("a refresh token must be one that was given out here; this one is not")
    if over or good >= MOST:
        raise ExpiredToken("the refresh token has expired; log in again")
    return number < good
