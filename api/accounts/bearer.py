"""Who shows a bearer text: an API key or an access token, ours or a trusted issuer's."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from mezan.projections.principals import State

from .desk import Accounts
from .errors import ExpiredToken, InvalidToken, RevokedToken
from .keys import MARK
from .principal import Principal
from .signing import SigningKeys
from .standing import known
from .tokens import LEEWAY, LONGEST, Claims
from .verified import Verified

MOST: Final = 10_000
"""Tokens that are remembered."""


@dataclass(frozen=True, slots=True)
class _Proved:
    """A token that was verified: good before ``until``, while nobody's rights have changed since ``changes``."""

    principal: Principal
    changes: int
    until: float


class Bearers:
    """Authenticates, and remembers by SHA-256 what it has verified: a token costs its signature once."""

    def __init__(self, accounts: Accounts, keys: SigningKeys) -> None:
        self._accounts, self._keys = accounts, keys
        self._verified = Verified()
        self._proved: OrderedDict[bytes, _Proved] = OrderedDict()

    async def authenticate(self, text: str) -> Principal:
        """Who shows it; it waits only where a key is seen for the first time.

        Raises:
            InvalidToken: malformed, unknown, wrongly signed, or not for this server.
            ExpiredToken: it was good.
            NotYetValidToken: it will be good.
            RevokedToken: it was good, or its owner, project or login has ended.
        """
        if text.startswith(MARK):
            return await self._accounts.authenticate_key(text)
        if len(text) > LONGEST:
            raise InvalidToken(f"a token must have at most {LONGEST} characters")
        name = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
        now = self._accounts.clock() / 1e6
        proved = self._proved.get(name)
        if proved is not None and proved.changes == self._accounts.principals.changes and now < proved.until:
            self._proved.move_to_end(name)
            return proved.principal
        self._proved.pop(name, None)
        claims = self._verified.claims(text, await self._keys.trusted(), now)
        if claims.login is not None and claims.login not in self._accounts.principals.families:
            await self._accounts.catch_up()  # another process may have begun this login just now
        state = self._accounts.principals
        principal = self._principal(claims, state, now)
        ends = [claims.expires + LEEWAY, *([] if claims.key.until is None else [claims.key.until])]
        self._proved[name] = _Proved(principal, state.changes, min(*ends, _key_ends(claims, state)))
        if len(self._proved) > MOST:
            self._proved.popitem(last=False)
        return principal

    async def claims(self, text: str) -> Claims:
        """What a token says, whether or not its owner is still let in; raises as :meth:`authenticate`."""
        if len(text) > LONGEST:
            raise InvalidToken(f"a token must have at most {LONGEST} characters")
        return self._verified.claims(text, await self._keys.trusted(), self._accounts.clock() / 1e6)

    def _principal(self, claims: Claims, state: State, now: float) -> Principal:
        if claims.key.foreign:
            return self._foreigner(claims, state)
        key = state.keys.get(claims.subject)
        owner = key or state.users.get(claims.subject)
        # a refusal is told to the owner's project, whatever project the token names
        told = {"who": claims.subject, "project": owner.project if owner is not None else ""}
        if claims.id in state.revoked:
            raise RevokedToken("the token was revoked; ask for another", **told)
        scopes = known(list(claims.scopes))
        if key is not None:
            if key.revoked_at is not None or not state.enabled(key.project, key.owner):
                raise RevokedToken("the token's client was revoked or disabled", **told)
            if now >= _key_ends(claims, state):
                raise ExpiredToken("the token's client has expired", **told)
            found = Principal(
                key.id, key.name, "key", key.project, self._accounts.standing.of_key(state, key) & scopes, key.id
            )
        else:
            family = state.families.get(claims.login or "")
            if family is None or family.user != claims.subject:
                raise RevokedToken("the token's login has ended; log in again", **told)
            found = self._accounts.principal_of(claims.subject, claims.subject, scopes=scopes)
        if found.project != claims.project:
            raise InvalidToken("the token's project must be its owner's", **told)
        return found

    def _foreigner(self, claims: Claims, state: State) -> Principal:
        """Somebody whom an issuer vouches for: it has the issuer's role, whatever scopes its token names."""
        issuer = state.issuers[claims.key.issuer]
        who = f"{issuer.issuer}#{claims.subject}"
        told = {"who": who[:128], "project": issuer.project}
        if claims.id is not None and f"{issuer.issuer}#{claims.id}" in state.revoked:
            raise RevokedToken("the token was revoked; ask for another", **told)
        if not state.enabled(issuer.project):
            raise RevokedToken("the issuer's project is disabled", **told)
        scopes = self._accounts.standing.roles(state, issuer.project).get(issuer.role, frozenset())
        return Principal(who, claims.subject, "token", issuer.project, scopes, who)


def _key_ends(claims: Claims, state: State) -> float:
    key = None if claims.key.foreign else state.keys.get(claims.subject)
    return float("inf") if key is None or key.expires_at is None else key.expires_at / 1e6
