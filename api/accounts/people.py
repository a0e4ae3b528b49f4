"""What users prove themselves with: passwords, authenticators, recovery codes; set by themselves or who administers them."""

from dataclasses import dataclass, field

import anyio.to_thread

from mezan.engine import account_events as ev
from mezan.projections.principals import State, User
from mezan.solvers.errors import BadInput

from . import recovery, rules, totp
from .attempts import Attempts, attempted
from .desk import Accounts
from .errors import Forbidden, NotThere, RevokedToken
from .passwords import Hashing, check_password
from .principal import LOCAL, Principal
from .secrets import new_name


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret for an authenticator, shown once: in base32, and as the URL that a QR code would hold."""

    secret: str = field(repr=False)
    url: str = field(repr=False)


def check_may_change(accounts: Accounts, by: Principal, user: str) -> User:
    """The user, if somebody may change what it proves itself with: itself, or who administers it and may do no less.

    Raises:
        NotThere: no such user in one's project.
        Forbidden: one may not.
    """
    state, standing = accounts.principals, accounts.standing
    if by.id != user:
        return rules.touched_user(state, standing, by, user)
    one = rules.visible_user(state, by, user)
    rules.check_holds(by, standing.of_user(state, one), f"user {one.name}")  # a narrow token must not become its owner
    return one


class People:
    """Changes what users prove themselves with; every change is an event that says nothing of the secret."""

    def __init__(self, accounts: Accounts, hashing: Hashing, attempts: Attempts) -> None:
        self._accounts, self._hashing, self._attempts = accounts, hashing, attempts

    async def set_password(
        self, user: str, password: str, *, current: str | None = None, by: Principal = LOCAL
    ) -> User:
        """Set a password; sessions and refresh tokens of before are over. Who changes its own must give the current one.

        Raises:
            BadInput: it is too short, too long or guessed first.
            Forbidden: one may not, or ``current`` is wrong.
            NotThere: no such user.
        """
        one = check_may_change(self._accounts, by, user)
        check_password(password, one.name)
        await self._check_current(one, current, by)
        hashed = await self._hashing.hash(password)
        await self.keep_password(one, hashed, by=by)
        return self._accounts.principals.users[user]

    async def keep_password(self, one: User, hashed: str, *, by: Principal) -> None:
        """Keep a hash as a user's, under a new name, and forget the one before."""
        accounts, kept_as, before = self._accounts, new_name("password"), one.password
        await anyio.to_thread.run_sync(accounts.secrets.keep_hash, kept_as, hashed.encode())
        event = ev.PasswordSet(project=one.project, user=one.id, kept_as=kept_as)
        await accounts.record(one.project, lambda state: _if_there(state, one.id, event), by=by)
        if before is not None:
            await anyio.to_thread.run_sync(accounts.secrets.forget, before)

    async def begin_totp(self, user: str, *, by: Principal = LOCAL) -> Enrolment:
        """A secret for an authenticator; nothing changes until :meth:`confirm_totp` has seen a code of it.

        Raises:
            BadInput: the user has one; disable it first.
            Forbidden, NotThere: one may not; only users themselves, or the command line.
        """
        one = self._itself(user, by)
        if one.totp is not None:
            raise BadInput(f"an authenticator must be disabled before another is enabled; {one.name} has one")
        secret = totp.make_secret()
        await anyio.to_thread.run_sync(self._accounts.secrets.seal, _pending(user), secret.encode())
        return Enrolment(secret, totp.otpauth(secret, f"{one.name}@{one.project}"))

    async def confirm_totp(self, user: str, code: str, *, by: Principal = LOCAL) -> tuple[str, ...]:
        """Turn the authenticator on, with a code of it; returns new recovery codes, which are shown once.

        Raises:
            BadInput: no secret is waiting, or the code is not of it.
            Forbidden, NotThere: one may not.
        """
        accounts, one = self._accounts, self._itself(user, by)
        secret = await anyio.to_thread.run_sync(accounts.secrets.unseal, _pending(user))
        step = None if secret is None else totp.accepted_step(secret.decode(), code, accounts.clock() / 1e6)
        if secret is None or step is None:
            why = "none is waiting: enable it first" if secret is None else "that is no code of now: look at the clock"
            raise BadInput(f"an authenticator must be confirmed with a code that it shows; {why}")
        kept_as = new_name("totp")
        await anyio.to_thread.run_sync(accounts.secrets.seal, kept_as, secret)
        await anyio.to_thread.run_sync(accounts.secrets.advance, kept_as, step)  # the code is spent

        def decide(state: State) -> list[ev.AccountEvent]:
            if state.users[user].totp is not None:
                raise BadInput(f"an authenticator must be disabled before another is enabled; {one.name} has one")
            return [ev.TotpEnabled(project=one.project, user=user, kept_as=kept_as)]

        await accounts.record(one.project, decide, by=by)
        await anyio.to_thread.run_sync(accounts.secrets.forget, _pending(user))
        return await self.make_codes(user, by=by)

    async def disable_totp(self, user: str, *, current: str | None = None, by: Principal = LOCAL) -> bool:
        """Let a password be enough; recovery codes are gone. False where there was no authenticator.

        Raises:
            Forbidden: one may not, or who does it for itself has not given its password.
            NotThere: no such user.
        """
        one = check_may_change(self._accounts, by, user)
        if one.totp is None:
            return False
        await self._check_current(one, current, by)
        event = ev.TotpDisabled(project=one.project, user=user)
        names = [one.totp, *_code_names(one)]
        await self._accounts.record(one.project, lambda state: _if_there(state, user, event), by=by)
        await anyio.to_thread.run_sync(self._accounts.secrets.forget, *names)
        return True

    async def make_codes(self, user: str, *, by: Principal = LOCAL) -> tuple[str, ...]:
        """New recovery codes, shown once; earlier ones are gone.

        Raises:
            BadInput: the user has no authenticator.
            Forbidden, NotThere: one may not.
        """
        accounts, one = self._accounts, self._itself(user, by)
        if one.totp is None:
            raise BadInput(f"recovery codes must be for an authenticator; {one.name} has none")
        codes, kept_as, before = recovery.make_codes(), new_name("recovery"), _code_names(one)

        def keep() -> None:
            for number, code in enumerate(codes):
                digest = recovery.digest(user, code)
                assert digest is not None
                accounts.secrets.keep_hash(code_name(kept_as, number), digest)

        await anyio.to_thread.run_sync(keep)
        event = ev.RecoveryCodesMade(project=one.project, user=user, kept_as=kept_as, count=len(codes))
        await accounts.record(one.project, lambda state: _if_there(state, user, event), by=by)
        if before:
            await anyio.to_thread.run_sync(accounts.secrets.forget, *before)
        return codes

    def _itself(self, user: str, by: Principal) -> User:
        """Secrets of authenticators are shown to their owners only, not to administrators."""
        one = check_may_change(self._accounts, by, user)
        if by.kind != "local" and by.id != user:
            raise Forbidden("an authenticator must be set up by its owner", who=by.id, project=by.project)
        return one

    async def _check_current(self, one: User, current: str | None, by: Principal) -> None:
        """Who changes its own must know its password: a stolen session must not become an account, nor try passwords."""
        if by.id != one.id or one.password is None:
            return
        attempt = await attempted(self._attempts, f"{one.name}@{one.project}", "", who=one.id, project=one.project)
        stored = await anyio.to_thread.run_sync(self._accounts.secrets.hash_of, one.password)
        if not await self._hashing.matches(None if stored is None else stored.decode(), current or ""):
            raise Forbidden(
                "the current password must be given for this, and it must be right", who=by.id, project=by.project
            )
        await anyio.to_thread.run_sync(self._attempts.succeeded, attempt)


def if_enabled(state: State, user: str, event: ev.AccountEvent) -> list[ev.AccountEvent]:
    """An event that lets a user in, unless the user has been disabled meanwhile; raises RevokedToken."""
    one = state.users[user]
    if not state.enabled(one.project, user):
        raise RevokedToken("the user must be enabled; it is not", who=user, project=one.project)
    return [event]


def code_name(kept_as: str, number: int) -> str:
    """The name of a recovery code's hash."""
    return f"{kept_as}.{number}"


def _code_names(one: User) -> list[str]:
    return [] if one.recovery is None else [code_name(one.recovery, number) for number in one.codes]


def _pending(user: str) -> str:
    return f"pending-totp_{user}"


def _if_there(state: State, user: str, event: ev.AccountEvent) -> list[ev.AccountEvent]:
    if user not in state.users:
        raise NotThere(f"a user must be there; {user} is not")
    return [event]
