"""Logging in: a password, then a code where the user has an authenticator. Tried too often, it is refused unseen."""

import hmac

import anyio.to_thread

from mezan.engine import account_events as ev
from mezan.projections.principals import DEFAULT_PROJECT, State, User

from . import recovery, totp
from .attempts import Attempts, attempted
from .desk import Accounts
from .errors import CodeNeeded, Unauthenticated
from .passwords import Hashing, hash_password, outdated
from .people import code_name

LONGEST = 256
WRONG = "the login, password and code must be right; one of them is not"


class Logins:
    """Checks what people type. Nothing but success says which part was wrong, and unknown logins take as long."""

    def __init__(self, accounts: Accounts, hashing: Hashing, attempts: Attempts) -> None:
        self._accounts, self._hashing, self._attempts = accounts, hashing, attempts

    async def login(self, login: str, password: str, *, code: str | None = None, address: str = "") -> User:
        """The user ``name`` or ``name@project`` who has this password, and this one-time or recovery code if it needs one.

        Raises:
            Unauthenticated: something is wrong, or the user is disabled.
            CodeNeeded: the password is right and there is no ``code``.
            TooManyAttempts: it was tried too often; nothing was looked at.
        """
        one = self._named(login)
        name, _, project = login[:LONGEST].strip().partition("@")
        # spelled alike whether or not there is such a user: `ann` and `ann@default` are counted together, or the limit would tell
        account = f"{name.lower()}@{project or DEFAULT_PROJECT}"
        # people type passwords where the login belongs
        told = {"who": one.id, "project": one.project} if one else {"who": "", "project": ""}
        attempt = await attempted(self._attempts, account, address, **told)
        right = await self._password_is(one, password)
        if one is None or not right or not self._accounts.principals.enabled(one.project, one.id):
            raise Unauthenticated(WRONG, **told)
        if one.totp is not None:
            if not code:
                await anyio.to_thread.run_sync(self._attempts.succeeded, attempt)
                raise CodeNeeded("a code of the authenticator, or a recovery code, is needed as well", **told)
            if not await self._code_is(one, code):
                raise Unauthenticated(WRONG, **told)
        await anyio.to_thread.run_sync(self._attempts.succeeded, attempt)
        return one

    def _named(self, login: str) -> User | None:
        if len(login) > LONGEST:
            return None
        name, _, project = login.strip().partition("@")
        return self._accounts.principals.user_named(project or DEFAULT_PROJECT, name.lower())

    async def _password_is(self, one: User | None, password: str) -> bool:
        secrets, kept_as = self._accounts.secrets, None if one is None else one.password
        content = await anyio.to_thread.run_sync(secrets.hash_of, kept_as or "nobody's")  # as long for nobody
        stored = None if content is None else content.decode()
        right = await self._hashing.matches(stored, password)
        if right and stored is not None and kept_as is not None and outdated(stored):
            # the same password at today's cost is no new password: it stays under its name, and no session ends
            better = await anyio.to_thread.run_sync(hash_password, password)
            await anyio.to_thread.run_sync(secrets.keep_hash, kept_as, better.encode())
        return right

    async def _code_is(self, one: User, code: str) -> bool:
        code = code.strip()
        if len(code) <= 8:
            return await self._one_time(one, code.replace(" ", ""))
        return await self._recovery(one, code)

    async def _one_time(self, one: User, code: str) -> bool:
        secrets, kept_as, now = self._accounts.secrets, one.totp or "", self._accounts.clock() / 1e6

        def take() -> bool:
            secret = secrets.unseal(kept_as)
            step = None if secret is None else totp.accepted_step(secret.decode(), code, now)
            return step is not None and secrets.advance(kept_as, step)

        return await anyio.to_thread.run_sync(take)

    async def _recovery(self, one: User, code: str) -> bool:
        digest, secrets, base = recovery.digest(one.id, code), self._accounts.secrets, one.recovery
        numbers = list(one.codes)
        if digest is None or base is None:
            return False

        def take() -> int | None:
            kept = {number: secrets.hash_of(code_name(base, number)) for number in numbers}
            fits = [number for number, one in kept.items() if one is not None and hmac.compare_digest(one, digest)]
            return next((number for number in fits if secrets.spend(code_name(base, number))), None)

        number = await anyio.to_thread.run_sync(take)
        if number is None:
            return False

        def decide(state: State) -> list[ev.AccountEvent]:
            used = ev.RecoveryCodeUsed(project=one.project, user=one.id, number=number)
            return [used] if number in state.users[one.id].codes else []

        by = self._accounts.principal_of(one.id, one.id)
        await self._accounts.record(one.project, decide, by=by)
        return True
