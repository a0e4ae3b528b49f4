"""The accounts of a database: who is who, and every act of administration."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import anyio.to_thread
import structlog

from mezan.engine import account_events as ev
from mezan.engine import faults
from mezan.engine.clock import micros
from mezan.engine.context import acting
from mezan.engine.context import actor as ambient
from mezan.engine.errors import StoreError, WrongExpectedVersion
from mezan.engine.follower import Follower
from mezan.engine.ids import new_id
from mezan.engine.log import ANY, Appended, Recorded, Write
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.engine.travel import value_as_of
from mezan.projections.denials import Denials, Refused
from mezan.projections.principals import DEFAULT_PROJECT, Key, Principals, Project, State, User, stream_of

from . import rules
from .book import DenialBook
from .errors import InvalidToken, NotThere, RevokedToken
from .files import Files, check_project_name
from .keys import PREFIX_FORM, KeyRing, new_key
from .principal import LOCAL, Principal
from .scopes import Scope
from .secrets import Secrets, new_name
from .standing import Standing

Decide = Callable[[State], Sequence[ev.AccountEvent]]
GRACE: Final = timedelta(days=1)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Issued:
    """A key with its text, which is shown once and kept nowhere."""

    key: Key
    text: str


class Accounts:
    """Made by :func:`mezan.api.accounts.open.open_accounts`.

    Commands take ``by``, who administers, and refuse what it may not; ``LOCAL`` (the command line: whoever can write the files)
    may everything. Users and keys are named by id; :meth:`user` and :meth:`key` find ids by what people write.
    """

    def __init__(
        self,
        store: SQLiteStore,
        follower: Follower,
        secrets: Secrets,
        files: Files,
        *,
        clock: Callable[[], int] = micros,
    ) -> None:
        self.store, self.secrets, self.files, self.clock = store, secrets, files, clock
        self.standing = Standing()
        self._follower = follower
        self._ring = KeyRing(lambda: self.principals, self.standing, self._kept)
        self._books: dict[str, DenialBook] = {}
        """One per project: what is refused in one neither hurries nor crowds out what is told to another."""

    # who is there

    @property
    def principals(self) -> State:
        """The live fold: read it before the next ``await``, and do not change it."""
        state: State = self._follower.state(Principals.name)
        return state

    @property
    def denials(self) -> Mapping[str, Refused]:
        """The live fold of denials by project; the empty name is for none that is known."""
        found: Mapping[str, Refused] = self._follower.state(Denials.name)
        return found

    @property
    def on(self) -> bool:
        """Whether there is anybody: the server asks for credentials from then on."""
        state = self.principals
        return bool(state.users or state.keys)

    @property
    def position(self) -> int:
        """The last event of the log of accounts that :attr:`principals` has folded."""
        return self._follower.position

    async def catch_up(self) -> None:
        """Read what other processes have recorded by now, without waiting for it to be noticed."""
        await self._follower.catch_up()

    def roles(self, project: str = DEFAULT_PROJECT) -> Mapping[str, frozenset[Scope]]:
        """Every role of a project with all its scopes."""
        return self.standing.roles(self.principals, project)

    def user(self, name: str) -> User:
        """A user by id, ``name@project``, or ``name`` (of the default project); raises NotThere."""
        state = self.principals
        login, _, project = name.partition("@")
        found = state.users.get(name) or state.user_named(project or DEFAULT_PROJECT, login)
        if found is None:
            raise NotThere(
                f"a user must be named by NAME, NAME@PROJECT or id; there is none {name[:80]!r}: see `mezan users list`"
            )
        return found

    def key(self, name: str) -> Key:
        """A key by id or prefix (with or without ``mzn_``, or the whole text); raises NotThere."""
        state = self.principals
        prefix = name.removeprefix("mzn_").partition(".")[0]
        found = state.keys.get(name) or state.key_with(prefix)
        if found is None:
            raise NotThere(
                f"a key must be named by its prefix or id; there is none {prefix[:30]!r}: see `mezan keys list`"
            )
        return found

    def principal_of(self, user: str, credential: str, *, scopes: frozenset[Scope] | None = None) -> Principal:
        """A user as the one who asks, with a session or token; at most ``scopes`` where they are given.

        Raises:
            RevokedToken: the user, or its project, is gone or disabled.
        """
        state = self.principals
        one = state.users.get(user)
        if one is None or not state.enabled(one.project, user):
            raise RevokedToken(
                "the user of this credential must be enabled; it is not", who=user, project=one.project if one else ""
            )
        held = self.standing.of_user(state, one)
        return Principal(one.id, one.name, "user", one.project, held if scopes is None else held & scopes, credential)

    async def as_of(self, position: int) -> State:
        """Everybody as of an earlier position of the log of accounts."""
        return await value_as_of(self.store, Principals(), position, self.store)

    async def trail(self, project: str, *, before: int | None = None, limit: int = 100) -> list[Recorded]:
        """The administration of a project, the newest first."""
        with acting(in_tenant=project):
            upto = None if before is None else before - 1
            return await self.store.read(stream=stream_of(project), upto=upto, limit=limit, backwards=True)

    # proving who one is

    async def authenticate_key(self, text: str) -> Principal:
        """Who shows this API key; a few microseconds for one that was seen before.

        Raises:
            InvalidToken: it is malformed, unknown or wrong; these are not told apart.
            ExpiredToken: it was good.
            RevokedToken: it was good, or its owner or project is disabled.
        """
        return await self._ring.authenticate(text, self.clock())

    async def authenticate_client(self, client_id: str, client_secret: str) -> Principal:
        """Who shows a key as OAuth2 client credentials: its prefix and secret; raises as :meth:`authenticate_key`."""
        if PREFIX_FORM.fullmatch(client_id) is None:
            raise InvalidToken("a client_id must be a key's prefix; this one is not")
        return await self.authenticate_key(f"mzn_{client_id}.{client_secret}")

    async def warm(self) -> None:
        """Read the hashes of all keys that are not revoked, so that no first request waits for the disk."""
        held = [key for key in self.principals.keys.values() if key.revoked_at is None]
        names = [name for key in held for name in (key.kept_as, key.previous) if name is not None]
        self._ring.learn(await anyio.to_thread.run_sync(self.secrets.hashes_of, names))

    async def _kept(self, name: str) -> bytes | None:
        return await anyio.to_thread.run_sync(self.secrets.hash_of, name)

    # recording

    async def record(
        self, project: str, decide: Decide, *, by: Principal = LOCAL, stream: str | None = None
    ) -> Appended | None:
        """Decide on the newest state and append, all or nothing; again where somebody else was faster. None: nothing to do.

        Args:
            project: whose accounts; its events are in the tenant of that name.
            decide: a pure function from the state to events; it raises what is to be refused.
            by: who does it; ``LOCAL`` leaves the ambient actor.
            stream: another than the project's stream of administration, and then without a guard against others at the same time.
        """
        while True:
            await self._follower.catch_up()
            state = self.principals
            events = list(decide(state))
            if not events:
                return None
            known = state.projects.get(project)
            expected = ANY if stream is not None else 0 if known is None else known.version
            actor = ambient.get() if by.kind == "local" else by.actor
            try:
                with acting(in_tenant=project, as_actor=actor):
                    done = await self.store.append(Write(stream or stream_of(project), events, expected))
            except WrongExpectedVersion:
                continue
            await self._follower.wait_for(done.last)
            return done

    def deny(self, reason: str, *, project: str = "", principal: str = "", address: str = "", path: str = "") -> None:
        """Record that somebody was refused. It never waits or raises; what repeats is counted and recorded every 10 s, or at the end."""
        project = project if project in self.principals.projects else ""
        denial = ev.AccessDenied(reason=reason, project=project, principal=principal, address=address, path=path)
        book = self._books.setdefault(project, DenialBook())
        for due in book.note(denial, self.clock()):
            with _recording(due) as write:
                self.store.append_soon(write)

    async def noted(self) -> None:
        """Return once every denial that was recorded before is in :attr:`denials`; what repeats may still be held back."""
        await self.store.transact(lambda _: None)
        await self.catch_up()

    async def close(self) -> None:
        """Record the denials that are held back."""
        for due in [due for book in self._books.values() for due in book.drain()]:
            with _recording(due) as write:
                await self.store.append(write)

    # projects and roles

    async def add_project(self, name: str, *, title: str = "", by: Principal = LOCAL) -> Project:
        """A project with a log and accounts of its own; raises Taken, BadInput, Forbidden."""
        check_project_name(name)
        await self.record(name, lambda state: rules.add_project(state, by, name, title), by=by)
        return self.principals.projects[name]

    async def disable_project(self, name: str, *, reason: str = "", by: Principal = LOCAL) -> Project:
        """Let nobody of it in; raises NotThere, BadInput, Forbidden."""
        await self.record(name, lambda state: rules.disable_project(state, by, name, reason), by=by)
        return self.principals.projects[name]

    async def enable_project(self, name: str, *, by: Principal = LOCAL) -> Project:
        """Let its users and keys in again; raises NotThere, Forbidden."""
        await self.record(name, lambda state: rules.enable_project(state, by, name), by=by)
        return self.principals.projects[name]

    async def define_role(
        self,
        name: str,
        *,
        scopes: Sequence[str] = (),
        includes: Sequence[str] = (),
        project: str = DEFAULT_PROJECT,
        by: Principal = LOCAL,
    ) -> frozenset[Scope]:
        """Make or change a role of a project, and return all its scopes; raises BadInput (a cycle, an unknown name), Forbidden."""
        await self.record(project, lambda state: rules.define_role(state, by, project, name, scopes, includes), by=by)
        return self.roles(project)[name]

    async def drop_role(self, name: str, *, project: str = DEFAULT_PROJECT, by: Principal = LOCAL) -> None:
        """Remove a role that nobody has; raises NotThere, BadInput, Forbidden."""
        await self.record(project, lambda state: rules.drop_role(state, by, project, name), by=by)

    # users

    async def add_user(self, name: str, *, role: str, project: str = DEFAULT_PROJECT, by: Principal = LOCAL) -> User:
        """A user without a password yet; raises Taken, NotThere (no such project or role), BadInput, Forbidden."""
        user = new_id("user")
        await self.record(
            project, lambda state: rules.add_user(state, self.standing, by, project, user, name, role), by=by
        )
        return self.principals.users[user]

    async def set_role(self, user: str, role: str, *, by: Principal = LOCAL) -> User:
        """Give a user another role; raises NotThere, Forbidden."""
        project = rules.visible_user(self.principals, by, user).project
        await self.record(project, lambda state: rules.set_role(state, self.standing, by, user, role), by=by)
        return self.principals.users[user]

    async def disable(self, user: str, *, reason: str = "", by: Principal = LOCAL) -> User:
        """Refuse a user and its keys, and end its sessions; raises NotThere, Forbidden."""
        project = rules.visible_user(self.principals, by, user).project
        await self.record(project, lambda state: rules.disable(state, self.standing, by, user, reason), by=by)
        return self.principals.users[user]

    async def enable(self, user: str, *, by: Principal = LOCAL) -> User:
        """Let a disabled user in again; raises NotThere, Forbidden."""
        project = rules.visible_user(self.principals, by, user).project
        await self.record(project, lambda state: rules.enable(state, self.standing, by, user), by=by)
        return self.principals.users[user]

    # keys

    async def issue_key(
        self,
        name: str,
        *,
        role: str | None = None,
        scopes: Sequence[str] = (),
        owner: str | None = None,
        expires_in: timedelta | None = None,
        project: str = DEFAULT_PROJECT,
        by: Principal = LOCAL,
    ) -> Issued:
        """A new API key with either a role or scopes; with an ``owner`` (a user's id) it never may more than that user.

        Raises:
            NotThere: no such project, role or owner.
            BadInput: both or neither of role and scopes, a scope that is none, a time that is not in the future.
            Forbidden: it would go beyond what ``by`` may do.
        """
        made, now = new_key(), self.clock()
        expires_at = None if expires_in is None else now + rules.length(expires_in, "a key's life")
        new = ev.KeyIssued(
            project=project, key=new_id("key"), prefix=made.prefix, name=name, kept_as=new_name("key"), role=role,
            scopes=tuple(dict.fromkeys(scopes)), owner=owner, expires_at=expires_at,
        )  # fmt: skip
        rules.issue_key(self.principals, self.standing, by, new, now)  # nothing is kept of what will be refused
        await anyio.to_thread.run_sync(self.secrets.keep_hash, new.kept_as, made.hashed)
        faults.reach("accounts.kept")
        await self.record(project, lambda state: rules.issue_key(state, self.standing, by, new, now), by=by)
        return Issued(self.principals.keys[new.key], made.text)

    async def rotate_key(self, key: str, *, grace: timedelta = GRACE, by: Principal = LOCAL) -> Issued:
        """A new secret for a key; the one before works for ``grace`` longer. Raises NotThere, BadInput, Forbidden."""
        project = rules.touched_key(self.principals, self.standing, by, key).project
        made, kept_as = new_key(self.principals.keys[key].prefix), new_name("key")
        until = self.clock() + rules.length(grace, "a grace", zero=True)
        rules.rotate_key(self.principals, self.standing, by, key, kept_as, until)
        await anyio.to_thread.run_sync(self.secrets.keep_hash, kept_as, made.hashed)
        faults.reach("accounts.kept")
        await self.record(project, lambda state: rules.rotate_key(state, self.standing, by, key, kept_as, until), by=by)
        return Issued(self.principals.keys[key], made.text)

    async def revoke_key(self, key: str, *, reason: str = "", by: Principal = LOCAL) -> Key:
        """Refuse a key for ever; raises NotThere, Forbidden."""
        project = rules.touched_key(self.principals, self.standing, by, key).project
        await self.record(project, lambda state: rules.revoke_key(state, self.standing, by, key, reason), by=by)
        return self.principals.keys[key]


@contextmanager
def _recording(denial: ev.AccessDenied) -> Iterator[Write]:
    """What to append of a denial, in the name of who was refused; a log that cannot be written holds nobody up."""
    with acting(in_tenant=denial.project or DEFAULT_PROJECT, as_actor=denial.principal or "anonymous"):
        try:
            yield Write(f"denials_{denial.project}" if denial.project else "denials", [denial])
        except StoreError as error:
            _log.warning("denial not recorded", reason=denial.reason, times=denial.times, error=str(error))
