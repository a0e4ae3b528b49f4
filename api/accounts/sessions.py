"""Sessions of browsers. One is always made by a login and never taken from the browser, so nobody can plant one (fixation)."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import anyio.to_thread

from mezan.engine import account_events as ev
from mezan.engine.ids import new_id
from mezan.projections.principals import Session, User
from mezan.solvers.errors import BadInput

from .csrf import csrf_token
from .desk import Accounts
from .errors import ExpiredToken, Unauthenticated
from .handles import Handle, make_handle, read_handle
from .people import check_may_change, if_enabled
from .principal import Principal
from .secrets import new_name

KIND: Final = "mzs"
LIFETIME: Final = 12 * 3600
"""Seconds that a session lasts at most."""
MOST: Final = 4_096
"""Cookies that are remembered."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session: ``cookie`` is its secret, for the browser alone, ``csrf`` what its pages send back; ``lasts`` is seconds."""

    session: str
    cookie: str = field(repr=False)
    csrf: str = field(repr=False)
    lasts: int


@dataclass(frozen=True, slots=True)
class _Proved:
    """A cookie that was verified: good before ``until``, while nobody's rights have changed since ``changes``."""

    principal: Principal
    changes: int
    until: int


class Sessions:
    """Opens, recognises and closes sessions. A cookie that was seen before is recognised without reading anything."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._proved: OrderedDict[bytes, _Proved] = OrderedDict()

    async def open(self, user: User, *, address: str = "", lifetime: int = LIFETIME) -> Opened:
        """A session for a user who has just logged in; its oldest of more than 16 ends.

        Raises:
            RevokedToken: the user has been disabled meanwhile.
        """
        accounts, made = self._accounts, make_handle(KIND, new_id("session"))
        kept_as, expires = new_name("session"), accounts.clock() + lifetime * 1_000_000
        await anyio.to_thread.run_sync(accounts.secrets.keep_hash, kept_as, made.digest)
        by = accounts.principal_of(user.id, made.id)
        event = ev.SessionOpened(
            project=user.project,
            session=made.id,
            user=user.id,
            kept_as=kept_as,
            expires_at=expires,
            address=address[:64],
        )
        await accounts.record(
            user.project, lambda state: if_enabled(state, user.id, event), by=by, stream=f"logins_{user.id}"
        )
        return Opened(made.id, made.text, csrf_token(made.text), lifetime)

    async def principal(self, cookie: str) -> Principal:
        """Whose session a cookie is of.

        Raises:
            Unauthenticated: it is made up, or its session was closed.
            ExpiredToken: the session's time is over.
            RevokedToken: its user is disabled.
        """
        handle = read_handle(KIND, cookie)
        if handle is None:
            raise Unauthenticated("a session must be one that was opened here; log in")
        digest, accounts = handle.digest, self._accounts
        proved = self._proved.get(digest)
        if proved is not None and proved.changes == accounts.principals.changes and accounts.clock() < proved.until:
            self._proved.move_to_end(digest)
            return proved.principal
        seen = self._proved.pop(digest, None) is not None
        return self._admit(handle, await self._genuine(handle, seen=seen))

    async def _genuine(self, handle: Handle, *, seen: bool) -> Session:
        if handle.id not in self._accounts.principals.sessions:
            await self._accounts.catch_up()  # another process may have opened it just now
        session = self._accounts.principals.sessions.get(handle.id)
        kept_as = None if session is None else session.kept_as
        if not seen:
            kept = None
            if kept_as is not None:
                kept = await anyio.to_thread.run_sync(self._accounts.secrets.hash_of, kept_as)
            if not handle.is_of(kept):
                session = None
        if session is None:
            raise Unauthenticated("a session must be open; log in again")
        return session

    def _admit(self, handle: Handle, session: Session) -> Principal:
        accounts = self._accounts
        state = accounts.principals
        told = {"who": session.user, "project": session.project}
        if handle.id not in state.sessions:
            raise Unauthenticated("a session must be open; log in again", **told)
        if accounts.clock() >= session.expires_at:
            raise ExpiredToken("the session has expired; log in again", **told)
        principal = accounts.principal_of(session.user, session.id)
        self._proved[handle.digest] = _Proved(principal, state.changes, session.expires_at)
        if len(self._proved) > MOST:
            self._proved.popitem(last=False)
        return principal

    async def close(self, session: str, *, by: Principal, reason: str = "logged out") -> bool:
        """End a session; False where it has ended. Users end their own, administrators those of their project.

        Raises:
            Forbidden, NotThere: it is another's.
            BadInput: the reason is too long.
        """
        accounts = self._accounts
        if len(reason) > 64:
            raise BadInput(f"a reason must have at most 64 characters; got {len(reason)}")
        one = accounts.principals.sessions.get(session)
        if one is None:
            return False
        if by.kind != "local" and by.id != one.user:
            check_may_change(accounts, by, one.user)
        event = ev.SessionClosed(project=one.project, session=session, reason=reason)
        done = await accounts.record(
            one.project, lambda state: [event] if session in state.sessions else [], by=by, stream=f"logins_{one.user}"
        )
        await anyio.to_thread.run_sync(accounts.secrets.forget, one.kept_as)
        return done is not None

    def of(self, user: str) -> list[Session]:
        """A user's open sessions, the oldest first."""
        state, now = self._accounts.principals, self._accounts.clock()
        return [state.sessions[one] for one in state.users[user].sessions if state.sessions[one].expires_at > now]
