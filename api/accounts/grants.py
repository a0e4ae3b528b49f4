"""Access and refresh tokens given out, renewed and revoked (RFC 6749, 7009, 9700)."""

import re
from typing import Final

import anyio.to_thread

from mezan.engine import account_events as ev
from mezan.engine.ids import new_id
from mezan.projections.principals import Family, State, User
from mezan.solvers.errors import BadInput

from . import refresh
from .bearer import Bearers
from .desk import Accounts
from .errors import Refused, Reused, RevokedToken
from .handles import Handle
from .oauth import ClientCredentials, OAuthError, Refresh, TokenAnswer, granted
from .people import check_may_change, if_enabled
from .principal import LOCAL, Principal
from .rotation import LONGEST_LIFETIME
from .rules import check_admin, check_holds
from .secrets import new_name
from .signing import ISSUER, SigningKeys
from .tokens import sign

TOKEN_ID: Final = re.compile(r"token_[0-9a-z]{26}")
LIFETIME = 900
"""Seconds that an access token lives unless told otherwise."""


class Grants:
    """The token endpoint's work. A user's tokens belong to a family and end with it; a client's end with its key."""

    def __init__(self, accounts: Accounts, keys: SigningKeys, bearers: Bearers) -> None:
        self._accounts, self._keys, self._bearers = accounts, keys, bearers

    async def for_user(
        self,
        user: User,
        *,
        scopes: frozenset[str] | None = None,
        lifetime: int = LIFETIME,
        renewable: bool = True,
        by: Principal | None = None,
    ) -> TokenAnswer:
        """Tokens for a user: who has just logged in, or whom ``by`` administers and may do no less.

        Args:
            user: whose.
            scopes: at most these of what the user may do; None: all.
            lifetime: seconds of the access token, at most a day.
            renewable: give a refresh token as well.
            by: who asks for them, if not the user itself.

        Raises:
            OAuthError: a scope that the user has not.
            BadInput: a lifetime out of range.
            Forbidden, NotThere: ``by`` may not.
            RevokedToken: the user is disabled.
        """
        accounts = self._accounts
        if not 1 <= lifetime <= LONGEST_LIFETIME:
            raise BadInput(f"an access token must live 1 to {LONGEST_LIFETIME:.0f} s; got {lifetime}")
        if by is not None and by.id != user.id:
            check_may_change(accounts, by, user.id)
        holder = accounts.principal_of(user.id, user.id)
        given = granted(scopes, frozenset(holder.scopes))
        if by is not None and by.kind != "local":
            check_holds(by, frozenset(one for one in holder.scopes if one in given), f"user {user.name}")
        family, base = new_id("login"), new_name("refresh")
        first = refresh.make(family, 0)
        if renewable:
            await anyio.to_thread.run_sync(accounts.secrets.keep_hash, refresh.kept_under(base, 0), first.digest)
        lasts = refresh.LIFETIME if renewable else lifetime
        event = ev.RefreshIssued(
            project=user.project, family=family, user=user.id, kept_as=refresh.kept_under(base, 0),
            scopes=tuple(sorted(given)), expires_at=accounts.clock() + lasts * 1_000_000,
        )  # fmt: skip
        await accounts.record(
            user.project,
            lambda state: if_enabled(state, user.id, event),
            by=by or holder,
            stream=f"logins_{user.id}",
        )
        access = await self._access(user.id, user.project, given, lifetime, family)
        return TokenAnswer(access, lifetime, given, first.text if renewable else None)

    async def answer(self, request: ClientCredentials | Refresh) -> TokenAnswer:
        """What the token endpoint answers.

        Raises:
            OAuthError: the client, the refresh token or the scope is not good; ``__cause__`` is why, for the audit.
        """
        if isinstance(request, Refresh):
            try:
                return await self._renewed(request)
            except Refused as error:
                raise OAuthError("invalid_grant", str(error)) from error
        try:
            client = await self._accounts.authenticate_client(request.client.id, request.client.secret)
        except Refused as error:
            raise OAuthError("invalid_client", "the client must show a key that is good") from error
        given = granted(request.scopes, frozenset(client.scopes))
        return TokenAnswer(await self._access(client.id, client.project, given, LIFETIME, None), LIFETIME, given)

    async def _access(
        self, subject: str, project: str, scopes: frozenset[str], lifetime: int, family: str | None
    ) -> str:
        key = await self._keys.signer()
        return sign(
            key, issuer=ISSUER, audience=ISSUER, subject=subject, project=project, scopes=scopes,
            now=self._accounts.clock() / 1e6, lifetime=lifetime, token_id=new_id("token"), login=family,
        )  # fmt: skip

    async def _renewed(self, request: Refresh) -> TokenAnswer:
        accounts = self._accounts
        name, number, handle = refresh.read(request.token)
        family = await self._judged(name, number, handle)
        user = accounts.principal_of(family.user, family.user)
        allowed = frozenset(family.scopes) & frozenset(user.scopes)
        given = granted(request.scopes, allowed)
        base, _ = refresh.base_of(family.kept_as)
        # of all processes one spends it; if it dies before its successor is recorded, the user must log in again
        if not await anyio.to_thread.run_sync(accounts.secrets.advance, base, number + 1):
            raise await self._stolen(family)
        following, kept_as = refresh.make(name, number + 1), refresh.kept_under(base, number + 1)
        await anyio.to_thread.run_sync(accounts.secrets.keep_hash, kept_as, following.digest)
        event = ev.RefreshRotated(project=family.project, family=name, kept_as=kept_as)
        done = await accounts.record(
            family.project, lambda state: _while_there(state, name, event), by=user, stream=f"logins_{family.user}"
        )
        if done is None:
            await anyio.to_thread.run_sync(accounts.secrets.forget, kept_as)
            raise RevokedToken("the refresh token's login must not have ended; log in again")
        return TokenAnswer(
            await self._access(family.user, family.project, given, LIFETIME, name), LIFETIME, given, following.text
        )

    async def _judged(self, name: str, number: int, handle: Handle) -> Family:
        """The family of a token that is good; raises as `refresh.judge`, and Reused."""
        accounts = self._accounts
        await accounts.catch_up()  # another process may have given this token out just now
        family = accounts.principals.families.get(name)
        base, good = ("", None) if family is None else refresh.base_of(family.kept_as)
        kept = None
        if family is not None:
            kept = await anyio.to_thread.run_sync(accounts.secrets.hash_of, refresh.kept_under(base, number))
        over = family is not None and accounts.clock() >= family.expires_at
        spent = refresh.judge(good, number, genuine=handle.is_of(kept), over=over)
        assert family is not None
        if spent:
            raise await self._stolen(family)
        return family

    async def _stolen(self, family: Family) -> Reused:
        await self._end(family, "reused", by=LOCAL)
        return Reused(
            "the refresh token was used before; every token of its login is revoked: log in again",
            who=family.user,
            project=family.project,
        )

    async def end(self, family: str, *, by: Principal, reason: str = "revoked") -> bool:
        """End a login's tokens, the access tokens too; False where they have ended.

        Raises:
            Forbidden, NotThere: it is another's, and one may not.
        """
        one = self._accounts.principals.families.get(family)
        if one is None:
            return False
        if by.id != one.user:
            check_may_change(self._accounts, by, one.user)
        await self._end(one, reason, by=by)
        return True

    async def _end(self, family: Family, reason: str, *, by: Principal) -> None:
        event = ev.RefreshRevoked(project=family.project, family=family.id, reason=reason)
        base, last = refresh.base_of(family.kept_as)
        await self._accounts.record(
            family.project,
            lambda state: _while_there(state, family.id, event),
            by=by,
            stream=f"logins_{family.user}",
        )
        names = [refresh.kept_under(base, number) for number in range(last + 2)]
        # the mark stays: whoever is in the middle of spending a token must still find it spent
        await anyio.to_thread.run_sync(self._accounts.secrets.forget, *names)

    async def revoke(self, text: str) -> None:
        """Revoke a token that somebody shows: an access token alone, a refresh token with its family (RFC 7009).

        Whoever has a token may revoke it. What is no token of ours is as good as revoked, and no error.
        """
        try:
            if text.startswith(f"{refresh.KIND}_"):
                name, number, handle = refresh.read(text)
                await self._end(await self._judged(name, number, handle), "revoked", by=LOCAL)
                return
            claims = await self._bearers.claims(text)
        except Refused:
            return
        if claims.id is None:
            return
        jti = f"{claims.key.issuer}#{claims.id}" if claims.key.foreign else claims.id
        project = claims.project
        if claims.key.foreign:
            project = self._accounts.principals.issuers[claims.key.issuer].project
        await self._revoke_id(jti, project or "", int((claims.expires + 60) * 1e6), "revoked by its holder", LOCAL)

    async def revoke_id(self, jti: str, *, project: str, reason: str = "", by: Principal = LOCAL) -> None:
        """Revoke an access token by its id (``jti``); raises BadInput, Forbidden."""
        check_admin(by, project)
        if TOKEN_ID.fullmatch(jti) is None:
            raise BadInput(f"a token's id must look like token_ and 26 letters and digits; got {jti[:60]!r}")
        until = self._accounts.clock() + int((LONGEST_LIFETIME + 60) * 1e6)
        await self._revoke_id(jti, project, until, reason, by)

    async def _revoke_id(self, jti: str, project: str, until: int, reason: str, by: Principal) -> None:
        event = ev.TokenRevoked(project=project, jti=jti, until=until, reason=reason)
        await self._accounts.record(project, lambda state: [] if jti in state.revoked else [event], by=by)


def _while_there(state: State, family: str, event: ev.AccountEvent) -> list[ev.AccountEvent]:
    return [event] if family in state.families else []
