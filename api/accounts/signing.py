"""The keys of tokens as they stand: our own, made and rotated here, and those of trusted issuers."""

import json
from collections import OrderedDict
from typing import Final

import anyio
import anyio.to_thread

from mezan.engine import account_events as ev
from mezan.projections.principals import DEFAULT_PROJECT, Issuer, State
from mezan.projections.principals import SigningKey as Made
from mezan.solvers.errors import BadInput

from . import rules
from .desk import Accounts
from .errors import Forbidden
from .jwks import Jwk, KeySet, SigningKey, TrustedKey, document, foreign_jwks, imported, make_key, public
from .principal import LOCAL, Principal
from .rotation import OwnKey, retired_until, signer, verifying
from .secrets import new_name

ISSUER: Final = "mezan"
"""What our tokens say they are of and for. Those of another Mezan have other keys."""
ALGORITHM: Final = "EdDSA"
MOST_ISSUERS, LONGEST_NAME = 100, 200
MOST_LOADED: Final = 256


class SigningKeys:
    """Keeps imported keys at hand, and follows the log: a key that another process has made or withdrawn counts at once."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._lock = anyio.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._set = KeySet()
        self._trusted: dict[tuple[str, ...], TrustedKey] = {}
        self._private: OrderedDict[str, Jwk] = OrderedDict()
        self._signers: dict[str, SigningKey] = {}

    # verifying

    async def trusted(self) -> KeySet:
        """Every key that verifies; it waits only where one is new."""
        state = self._accounts.principals
        stamp = (id(state), state.changes, len(state.signing))
        if stamp != self._stamp:
            made = dict([*await self._own(state), *await self._foreign(state)])
            self._trusted, self._set, self._stamp = made, KeySet(made.values()), stamp
        return self._set

    async def _own(self, state: State) -> list[tuple[tuple[str, ...], TrustedKey]]:
        found = []
        alive = verifying([_own(key) for key in state.signing.values()], self._accounts.clock() / 1e6)
        for key in list(state.signing.values()):
            if key.kid not in alive:
                continue
            jwk = key.public or await self._unsealed(key.kept_as)
            if jwk is not None and jwk["alg"] == key.algorithm:
                until = None if key.until is None else key.until / 1e6
                found.append(self._kept(ISSUER, ISSUER, jwk, foreign=False, until=until))
        return found

    async def _foreign(self, state: State) -> list[tuple[tuple[str, ...], TrustedKey]]:
        found = []
        for issuer in list(state.issuers.values()):
            keys = issuer.keys
            if issuer.kept_as is not None:
                keys = (await self._unsealed(issuer.kept_as) or {}).get("keys", [])
            found += [self._kept(issuer.issuer, issuer.audience, jwk, foreign=True) for jwk in keys]
        return found

    def _kept(
        self, issuer: str, audience: str, jwk: Jwk, *, foreign: bool, until: float | None = None
    ) -> tuple[tuple[str, ...], TrustedKey]:
        source = (issuer, audience, json.dumps(jwk, sort_keys=True), str(until))
        known = self._trusted.get(source)
        made = known or TrustedKey(issuer, jwk["kid"], jwk["alg"], audience, imported(jwk), foreign, until)
        return source, made

    async def _unsealed(self, name: str) -> Jwk | None:
        if name not in self._private:
            content = await anyio.to_thread.run_sync(self._accounts.secrets.unseal, name)
            if content is None:
                return None
            self._private[name] = json.loads(content)
            if len(self._private) > MOST_LOADED:
                self._private.popitem(last=False)
        return self._private[name]

    # signing

    async def signer(self) -> SigningKey:
        """The key that signs now; the first is made when it is needed."""
        if self._due() is None:
            async with self._lock:
                if self._due() is None:
                    await self.rotate(first=True)
        kid = self._due()
        assert kid is not None
        if kid not in self._signers:
            jwk = await self._unsealed(self._accounts.principals.signing[kid].kept_as)
            if jwk is None:
                msg = f"the secrets file must hold the signing key {kid}; it does not: restore it, or run `mezan tokens rotate-keys`"
                raise BadInput(msg)
            self._signers = {kid: await anyio.to_thread.run_sync(SigningKey.of, jwk)}
        return self._signers[kid]

    def _due(self) -> str | None:
        keys = [_own(key) for key in self._accounts.principals.signing.values()]
        return signer(keys, self._accounts.clock() / 1e6)

    async def rotate(
        self, algorithm: str = ALGORITHM, *, stolen: bool = False, first: bool = False, by: Principal = LOCAL
    ) -> Made:
        """Make a key that signs from in 10 s on. Those before verify until their last token has expired, or if stolen no more.

        Args:
            algorithm: EdDSA, RS256 or HS256.
            stolen: refuse at once what the earlier keys have signed.
            first: make one only if none signs.
            by: who does it: the command line, which can write the files; others are refused.

        Raises:
            BadInput: another algorithm.
            Forbidden: signing keys are for all projects.
        """
        _only_local(by)
        jwk = await anyio.to_thread.run_sync(make_key, algorithm)
        accounts, kept_as = self._accounts, new_name("jwk")
        await anyio.to_thread.run_sync(accounts.secrets.seal, kept_as, json.dumps(jwk).encode())
        made = ev.SigningKeyMade(kid=jwk["kid"], algorithm=jwk["alg"], kept_as=kept_as, public=public(jwk))

        def decide(state: State) -> list[ev.AccountEvent]:
            now = accounts.clock()
            if first and self._due() is not None:
                return []
            until = now if stolen else int(retired_until(now / 1e6) * 1e6)
            before = [
                ev.SigningKeyRetired(kid=key.kid, until=until, reason="stolen" if stolen else "rotated")
                for key in state.signing.values()
                if key.until is None or (stolen and key.until > now)
            ]
            return [made, *before]

        if await accounts.record(DEFAULT_PROJECT, decide, by=by) is None:
            await anyio.to_thread.run_sync(accounts.secrets.forget, kept_as)
            return accounts.principals.signing[self._due() or ""]
        await self._forget_old()
        return accounts.principals.signing[jwk["kid"]]

    async def _forget_old(self) -> None:
        """A private key that verifies nothing any more is of no use but to a thief."""
        now = self._accounts.clock()
        old = [key.kept_as for key in self._accounts.principals.signing.values() if key.until and key.until <= now]
        if old:
            await anyio.to_thread.run_sync(self._accounts.secrets.forget, *old)

    def document(self) -> dict[str, list[Jwk]]:
        """The JWKS that others verify our tokens with: public keys only."""
        now = self._accounts.clock()
        keys = self._accounts.principals.signing.values()
        return document(key.public for key in keys if key.until is None or key.until > now)

    # issuers

    async def trust(
        self,
        issuer: str,
        jwks: bytes,
        *,
        audience: str = ISSUER,
        algorithm: str | None = None,
        role: str = "viewer",
        project: str = DEFAULT_PROJECT,
        by: Principal = LOCAL,
    ) -> Issuer:
        """Accept tokens of an issuer, or on other terms than before: whoever brings one has ``role`` in ``project``.

        Args:
            issuer: exactly what its tokens say in ``iss``.
            jwks: its JWKS document.
            audience: what its tokens must say in ``aud``.
            algorithm: the only one; needed where the document has keys for several, or symmetric ones.
            role: of the project.
            project: the only one that its tokens are good for.
            by: the command line; others are refused.

        Raises:
            BadInput: a document, name or algorithm that is not sound.
            NotThere: no such project or role.
            Forbidden: one may not.
        """
        _only_local(by)
        for what, text in (("an issuer", issuer), ("an audience", audience)):
            if not 0 < len(text) <= LONGEST_NAME or not text.isprintable() or text != text.strip() or "#" in text:
                msg = f"{what} must be 1 to {LONGEST_NAME} printable characters without #; got {text[:60]!r}"
                raise BadInput(msg)
        if issuer == ISSUER:
            raise BadInput(f"an issuer must not be called {ISSUER!r}, as this server is")
        chosen, keys = foreign_jwks(jwks, algorithm)
        accounts, kept_as = self._accounts, None
        if chosen == "HS256":
            kept_as = new_name("issuer")
            await anyio.to_thread.run_sync(accounts.secrets.seal, kept_as, json.dumps({"keys": keys}).encode())
        event = ev.IssuerTrusted(
            issuer=issuer, audience=audience, algorithm=chosen, keys=() if kept_as else tuple(keys), project=project,
            role=role, kept_as=kept_as,
        )  # fmt: skip

        def decide(state: State) -> list[ev.AccountEvent]:
            rules.project_in(state, project)
            rules.role_scopes(state, accounts.standing, project, role)
            if issuer not in state.issuers and len(state.issuers) >= MOST_ISSUERS:
                raise BadInput(f"there must be at most {MOST_ISSUERS} issuers")
            return [event]

        await accounts.record(project, decide, by=by)
        return accounts.principals.issuers[issuer]

    async def distrust(self, issuer: str, *, by: Principal = LOCAL) -> bool:
        """Refuse an issuer's tokens again; False where it was not trusted."""
        _only_local(by)
        known = self._accounts.principals.issuers.get(issuer)
        if known is None:
            return False
        event = ev.IssuerDropped(issuer=issuer, project=known.project)
        await self._accounts.record(known.project, lambda state: [event] if issuer in state.issuers else [], by=by)
        if known.kept_as is not None:
            await anyio.to_thread.run_sync(self._accounts.secrets.forget, known.kept_as)
        return True


def _own(key: Made) -> OwnKey:
    return OwnKey(key.kid, key.made_at / 1e6, None if key.until is None else key.until / 1e6)


def _only_local(by: Principal) -> None:
    if by.kind != "local":
        raise Forbidden("keys of tokens must be administered on the command line", who=by.id, project=by.project)
