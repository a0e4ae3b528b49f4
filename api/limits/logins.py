"""Failed logins: few per account and address, more per account, so that a stranger cannot lock its owner out, and few per address."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from mezan.api.addresses import network
from mezan.engine.clock import micros
from mezan.solvers.errors import BadInput

from .limit import Limit
from .memory import Memory
from .shelf import Asked, Rule, Shelf
from .verdict import Verdict

TOGETHER: Final = Limit.parse("10/h token-bucket burst=5")
ACCOUNT: Final = Limit.parse("100/h token-bucket burst=50")
"""OWASP ASVS: no more than 100 failed attempts per hour on one account."""
ADDRESS: Final = Limit.parse("60/h token-bucket burst=20")


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt to log in: ask ``verdict.allowed`` before the password is looked at, and ``Logins.succeeded`` after."""

    verdict: Verdict
    asked: tuple[Asked, ...]
    at: int


class Logins:
    """Every attempt counts as failed from its beginning, so that many at once are no way around; a success is taken back.

    The limits are token buckets. ``account`` is whatever the client typed, whether or not there is such a one, so that the
    limits tell nothing; it is kept as a hash.
    """

    def __init__(
        self,
        *,
        together: Limit = TOGETHER,
        account: Limit = ACCOUNT,
        address: Limit = ADDRESS,
        shelf: Shelf | None = None,
        clock: Callable[[], int] = micros,
    ) -> None:
        """Raises BadInput when a limit is not a token bucket: only they can take back."""
        for limit in (together, account, address):
            if limit.algorithm != "token-bucket":
                msg = f"a limit of failed logins is a token-bucket, which can take back a success; got {limit}"
                raise BadInput(msg)
        self._together = Rule("login-account-address", together)
        self._account, self._address = Rule("login-account", account), Rule("login-address", address)
        self._shelf: Shelf = Memory() if shelf is None else shelf
        self._clock = clock

    def begin(self, account: str, address: str, *, now: int | None = None) -> Try:
        """Count an attempt on ``name@project`` from an address; refused ones are not counted.

        Raises:
            StoreError: the shared file cannot be used.
        """
        who, where = _digest(account), network(address)
        asked = ((self._together, f"{who} {where}"), (self._account, who), (self._address, where))
        at = self._clock() if now is None else now
        counts = self._shelf.take(asked, at)
        return Try(Verdict(all(one.wait == 0 for one in counts), counts), asked, at)

    def succeeded(self, attempt: Try, *, now: int | None = None) -> None:
        """Take it back: it was no failure. Call it once, for an attempt that was allowed."""
        if attempt.verdict.allowed:
            self._shelf.give(attempt.asked, max(0, (self._clock() if now is None else now) - attempt.at))


def _digest(account: str) -> str:
    return blake2b(account.strip().casefold().encode(errors="replace"), digest_size=16).hexdigest()
