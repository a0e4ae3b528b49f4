"""Who there is and what each may do: users, keys, roles, projects, sessions, refresh tokens, signing keys, issuers.

Folded from the log of accounts. Nothing here is a secret, or says one. Scopes are the strings that events hold; what they mean is
`mezan.api.accounts.scopes`. Times are microseconds since the epoch.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from mezan.engine.log import Recorded

from .canonical import dumps, loads

DEFAULT_PROJECT: Final = "default"
MOST_SESSIONS = 16
"""Sessions, and families of refresh tokens, that a user has at a time; of more, the oldest are forgotten."""
LEAST_SWEEP = 1_024


@dataclass(slots=True)
class RoleDef:
    """A role that a project has defined."""

    scopes: list[str]
    includes: list[str]


@dataclass(slots=True)
class Project:
    """A project; ``roles`` are its own, beside the built-in ones. ``version`` is that of its stream of events."""

    name: str
    title: str = ""
    added_at: int = 0
    disabled: bool = False
    roles: dict[str, RoleDef] = field(default_factory=dict)
    version: int = 0


@dataclass(slots=True)
class User:
    """A user. ``password``, ``totp`` and ``recovery`` are the names that the secrets file keeps them under, None where there is none.

    ``codes`` are the numbers of the recovery codes that are left; ``sessions`` and ``families`` are ids, the oldest first.
    """

    id: str
    project: str
    name: str
    role: str
    added_at: int
    disabled: bool = False
    password: str | None = None
    password_at: int | None = None
    totp: str | None = None
    recovery: str | None = None
    codes: list[int] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    families: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Key:
    """An API key; ``previous`` names the secret before the last rotation, accepted until ``previous_until``."""

    id: str
    project: str
    prefix: str
    name: str
    kept_as: str
    role: str | None
    scopes: list[str]
    owner: str | None
    issued_at: int
    expires_at: int | None = None
    rotated_at: int | None = None
    previous: str | None = None
    previous_until: int = 0
    revoked_at: int | None = None


@dataclass(slots=True)
class Session:
    """A browser's session that was not closed; it may have expired."""

    id: str
    project: str
    user: str
    kept_as: str
    opened_at: int
    expires_at: int
    address: str


@dataclass(slots=True)
class Family:
    """Refresh tokens that follow from one login; ``kept_as`` is the one that was not used yet, ``spent`` those that were, the latest last."""

    id: str
    project: str
    user: str
    kept_as: str
    scopes: list[str]
    issued_at: int
    expires_at: int
    spent: list[str] = field(default_factory=list)


@dataclass(slots=True)
class SigningKey:
    """A key of our tokens; ``until`` is when a retired one is no longer accepted, None while it signs."""

    kid: str
    algorithm: str
    kept_as: str
    public: dict[str, Any] | None
    made_at: int
    until: int | None = None


@dataclass(slots=True)
class Issuer:
    """A foreign issuer whose tokens are accepted."""

    issuer: str
    audience: str
    algorithm: str
    keys: list[dict[str, Any]]
    project: str
    role: str
    kept_as: str | None


@dataclass(slots=True)
class State:
    """Everybody, by id; ``names``, ``prefixes`` find them by (project, name) and by a key's prefix.

    ``revoked`` maps a token's ``jti`` to when it would have ended. ``changes`` grows with every event after which somebody may do less, or
    something else, than before: what was found out about a credential holds while it stays the same.
    """

    projects: dict[str, Project] = field(default_factory=lambda: {DEFAULT_PROJECT: Project(DEFAULT_PROJECT)})
    users: dict[str, User] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    families: dict[str, Family] = field(default_factory=dict)
    signing: dict[str, SigningKey] = field(default_factory=dict)
    issuers: dict[str, Issuer] = field(default_factory=dict)
    revoked: dict[str, int] = field(default_factory=dict)
    sweep_at: int = LEAST_SWEEP
    changes: int = 0
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    prefixes: dict[str, str] = field(default_factory=dict)

    def user_named(self, project: str, name: str) -> User | None:
        """The user of a project with this name."""
        found = self.names.get((project, name))
        return None if found is None else self.users[found]

    def key_with(self, prefix: str) -> Key | None:
        """The key with this prefix, whatever its state."""
        found = self.prefixes.get(prefix)
        return None if found is None else self.keys[found]

    def enabled(self, project: str, user: str | None = None) -> bool:
        """Whether a project, and a user of it, are let in."""
        known = self.projects.get(project)
        if known is None or known.disabled:
            return False
        return user is None or (user in self.users and not self.users[user].disabled)


class Principals:
    """See the module."""

    name = "principals"
    version = 1

    def initial(self) -> State:
        """The default project, and nobody."""
        return State()

    def apply(self, state: State, event: Recorded) -> State:
        """One act of administration, login or revocation."""
        data = event.data
        HANDLERS[event.type](state, data, event.recorded_at)
        if event.type not in HARMLESS:
            state.changes += 1
        # keys of tokens are of no project, and are recorded in the stream of the default one
        project = state.projects.get(event.stream.removeprefix(stream_of("")))
        if project is not None and event.stream == stream_of(project.name):
            project.version = event.version
        return state

    def dump(self, state: State) -> bytes:
        """See :class:`Projection`; the look-ups by name are left out."""
        kept = ("projects", "users", "keys", "sessions", "families", "signing", "issuers", "revoked")
        tables = {name: getattr(state, name) for name in kept}
        return dumps({**tables, "sweep_at": state.sweep_at, "changes": state.changes})

    def load(self, content: bytes) -> State:
        """See :class:`Projection`."""
        kept = loads(content)
        state = State(revoked=kept["revoked"], sweep_at=kept["sweep_at"], changes=kept["changes"])
        for name, one in kept["projects"].items():
            roles = {role: RoleDef(**held) for role, held in one["roles"].items()}
            state.projects[name] = Project(**{**one, "roles": roles})
        state.users = {name: User(**one) for name, one in kept["users"].items()}
        state.keys = {name: Key(**one) for name, one in kept["keys"].items()}
        state.sessions = {name: Session(**one) for name, one in kept["sessions"].items()}
        state.families = {name: Family(**one) for name, one in kept["families"].items()}
        state.signing = {name: SigningKey(**one) for name, one in kept["signing"].items()}
        state.issuers = {name: Issuer(**one) for name, one in kept["issuers"].items()}
        state.names = {(user.project, user.name): user.id for user in state.users.values()}
        state.prefixes = {key.prefix: key.id for key in state.keys.values()}
        return state

    @property
    def handles(self) -> frozenset[str]:
        """Every event of accounts but denials."""
        return HANDLED


def stream_of(project: str) -> str:
    """The stream of a project's administration; its version guards against two administrators at once."""
    return f"project_{project}"


Json = dict[str, Any]
Handler = Callable[[State, Json, int], None]


def _project_added(state: State, data: Json, at: int) -> None:
    name = data["project"]
    if name not in state.projects:
        state.projects[name] = Project(name, added_at=at)
    state.projects[name].title = data["title"]


def _disable_project(state: State, data: Json, at: int) -> None:
    state.projects[data["project"]].disabled = True
    for user in state.users.values():
        if user.project == data["project"]:
            _log_out(state, user)


def _enable_project(state: State, data: Json, at: int) -> None:
    state.projects[data["project"]].disabled = False


def _define_role(state: State, data: Json, at: int) -> None:
    state.projects[data["project"]].roles[data["role"]] = RoleDef(list(data["scopes"]), list(data["includes"]))


def _drop_role(state: State, data: Json, at: int) -> None:
    state.projects[data["project"]].roles.pop(data["role"], None)


def _add_user(state: State, data: Json, at: int) -> None:
    user = User(data["user"], data["project"], data["name"], data["role"], at)
    state.users[user.id] = user
    state.names[user.project, user.name] = user.id


def _set_role(state: State, data: Json, at: int) -> None:
    state.users[data["user"]].role = data["role"]


def _disable_user(state: State, data: Json, at: int) -> None:
    user = state.users[data["user"]]
    user.disabled = True
    _log_out(state, user)


def _enable_user(state: State, data: Json, at: int) -> None:
    state.users[data["user"]].disabled = False


def _set_password(state: State, data: Json, at: int) -> None:
    user = state.users[data["user"]]
    user.password, user.password_at = data["kept_as"], at
    _log_out(state, user)


def _log_out(state: State, user: User) -> None:
    _drop(state.sessions, user.sessions, list(user.sessions))
    _drop(state.families, user.families, list(user.families))


def _enable_totp(state: State, data: Json, at: int) -> None:
    state.users[data["user"]].totp = data["kept_as"]


def _disable_totp(state: State, data: Json, at: int) -> None:
    user = state.users[data["user"]]
    user.totp, user.recovery, user.codes = None, None, []


def _make_codes(state: State, data: Json, at: int) -> None:
    user = state.users[data["user"]]
    user.recovery, user.codes = data["kept_as"], list(range(data["count"]))


def _use_code(state: State, data: Json, at: int) -> None:
    user = state.users[data["user"]]
    user.codes = [number for number in user.codes if number != data["number"]]


def _issue_key(state: State, data: Json, at: int) -> None:
    fields = {name: data[name] for name in ("project", "prefix", "name", "kept_as", "role", "owner", "expires_at")}
    key = Key(id=data["key"], scopes=list(data["scopes"]), issued_at=at, **fields)
    state.keys[key.id] = key
    state.prefixes[key.prefix] = key.id


def _rotate_key(state: State, data: Json, at: int) -> None:
    key = state.keys[data["key"]]
    key.previous, key.previous_until = key.kept_as, data["previous_until"]
    key.kept_as, key.rotated_at = data["kept_as"], at


def _revoke_key(state: State, data: Json, at: int) -> None:
    state.keys[data["key"]].revoked_at = at


def _open_session(state: State, data: Json, at: int) -> None:
    user = state.users[data["user"]]
    over = [one for one in user.sessions if state.sessions[one].expires_at <= at]
    _drop(state.sessions, user.sessions, over)
    if pushed_out := user.sessions[: max(0, len(user.sessions) + 1 - MOST_SESSIONS)]:
        _drop(state.sessions, user.sessions, pushed_out)
        state.changes += 1
    fields = {name: data[name] for name in ("project", "user", "kept_as", "expires_at", "address")}
    state.sessions[data["session"]] = Session(id=data["session"], opened_at=at, **fields)
    user.sessions.append(data["session"])


def _close_session(state: State, data: Json, at: int) -> None:
    if (session := state.sessions.get(data["session"])) is not None:
        _drop(state.sessions, state.users[session.user].sessions, [session.id])


def _issue_refresh(state: State, data: Json, at: int) -> None:
    user = state.users[data["user"]]
    over = [one for one in user.families if state.families[one].expires_at <= at]
    _drop(state.families, user.families, over)
    if pushed_out := user.families[: max(0, len(user.families) + 1 - MOST_SESSIONS)]:
        _drop(state.families, user.families, pushed_out)
        state.changes += 1
    fields = {name: data[name] for name in ("project", "user", "kept_as", "expires_at")}
    state.families[data["family"]] = Family(id=data["family"], scopes=list(data["scopes"]), issued_at=at, **fields)
    user.families.append(data["family"])


def _rotate_refresh(state: State, data: Json, at: int) -> None:
    if (family := state.families.get(data["family"])) is not None:
        family.spent = [*family.spent, family.kept_as][-MOST_SESSIONS:]
        family.kept_as = data["kept_as"]


def _revoke_refresh(state: State, data: Json, at: int) -> None:
    if (family := state.families.get(data["family"])) is not None:
        _drop(state.families, state.users[family.user].families, [family.id])


def _drop(table: dict[str, Any], listed: list[str], ids: Iterable[str]) -> None:
    for one in ids:
        listed.remove(one)
        del table[one]


def _revoke_token(state: State, data: Json, at: int) -> None:
    state.revoked[data["jti"]] = data["until"]
    if len(state.revoked) > state.sweep_at:
        state.revoked = {jti: until for jti, until in state.revoked.items() if until > at}
        state.sweep_at = max(LEAST_SWEEP, 2 * len(state.revoked))


def _make_signing_key(state: State, data: Json, at: int) -> None:
    fields = {name: data[name] for name in ("kid", "algorithm", "kept_as", "public")}
    state.signing[data["kid"]] = SigningKey(made_at=at, **fields)


def _retire_signing_key(state: State, data: Json, at: int) -> None:
    state.signing[data["kid"]].until = data["until"]


def _trust(state: State, data: Json, at: int) -> None:
    state.issuers[data["issuer"]] = Issuer(**{**data, "keys": list(data["keys"])})


def _drop_issuer(state: State, data: Json, at: int) -> None:
    state.issuers.pop(data["issuer"], None)


HANDLERS: Final[dict[str, Handler]] = {
    "ProjectAdded": _project_added,
    "ProjectDisabled": _disable_project,
    "ProjectEnabled": _enable_project,
    "RoleDefined": _define_role,
    "RoleDropped": _drop_role,
    "UserAdded": _add_user,
    "UserRoleSet": _set_role,
    "UserDisabled": _disable_user,
    "UserEnabled": _enable_user,
    "PasswordSet": _set_password,
    "TotpEnabled": _enable_totp,
    "TotpDisabled": _disable_totp,
    "RecoveryCodesMade": _make_codes,
    "RecoveryCodeUsed": _use_code,
    "KeyIssued": _issue_key,
    "KeyRotated": _rotate_key,
    "KeyRevoked": _revoke_key,
    "SessionOpened": _open_session,
    "SessionClosed": _close_session,
    "RefreshIssued": _issue_refresh,
    "RefreshRotated": _rotate_refresh,
    "RefreshRevoked": _revoke_refresh,
    "TokenRevoked": _revoke_token,
    "SigningKeyMade": _make_signing_key,
    "SigningKeyRetired": _retire_signing_key,
    "IssuerTrusted": _trust,
    "IssuerDropped": _drop_issuer,
}
HANDLED: Final = frozenset(HANDLERS)
HARMLESS: Final = frozenset({"ProjectAdded", "UserAdded", "KeyIssued", "SessionOpened", "RefreshIssued", "RefreshRotated", "RecoveryCodesMade", "RecoveryCodeUsed", "SigningKeyMade"})  # fmt: skip
"""After these nobody who is known may do less; where a new session or family ends the user's oldest, that counts as a change."""
