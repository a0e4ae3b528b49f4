"""Refresh tokens: each is good for once and gives the next; one that comes twice ends its whole family (RFC 9700, 4.14.2).

A family begins with a login. Its tokens are counted; their ids are ``FAMILY-NUMBER``. Of each the hash is kept until the family
ends, so that a spent token can be told from a made-up one, and nobody can end a family who never had a token of it.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from .handles import Handle, make_handle, read_handle
from .refusals import Refused, Reused, TokenExpired, TokenInvalid, TokenRevoked

KIND: Final = "mzr"
LIFETIME: Final = 30 * 24 * 3600.0
"""Seconds from the login until the family ends, however often it was used."""
MOST_GENERATIONS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Family:
    """The tokens that came of one login: ``generation`` is the number of the only one that is good now."""

    id: str
    subject: str
    scopes: frozenset[str]
    expires: float
    generation: int = 0
    revoked: bool = False


def first(family: Family) -> Handle:
    """The token that a family begins with."""
    return make_handle(KIND, f"{family.id}-{family.generation}")


def following(family: Family) -> tuple[Family, Handle]:
    """The family after its token was spent, and the next token."""
    after = replace(family, generation=family.generation + 1)
    return after, first(after)


def read(text: str) -> tuple[str, int, Handle]:
    """The family and number that a text names.

    Raises:
        TokenInvalid: it is no refresh token.
    """
    handle = read_handle(KIND, text)
    family, _, number = handle.id.rpartition("-") if handle else ("", "", "")
    if handle is None or not family or not number.isdecimal() or len(number) > 5 or str(int(number)) != number:
        raise TokenInvalid("the refresh token must be one that was given out here")
    return family, int(number), handle


Judgement = Literal["good", "reused"]


def judge(family: Family | None, number: int, *, genuine: bool, now: float) -> Judgement:
    """Whether a token is the good one of its family, or a spent one; ``genuine`` says that its hash is that of ``number``.

    Raises:
        TokenInvalid: made up, or of no family.
        TokenRevoked: the family has ended.
        TokenExpired: the family has ended by time.
    """
    if family is None or not genuine or number > family.generation:
        raise TokenInvalid("the refresh token must be one that was given out here")
    if family.revoked:
        raise TokenRevoked("the refresh token has been revoked; log in again")
    if now >= family.expires or family.generation >= MOST_GENERATIONS:
        raise TokenExpired("the refresh token has expired; log in again")
    return "good" if number == family.generation else "reused"


def reused() -> Refused:
    """What whoever brings a spent token is told."""
    return Reused("the refresh token was used before; every token of its login is revoked: log in again")
