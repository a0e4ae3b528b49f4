"""The event types of accounts: who may do what, and who was refused. They are in a log of their own.

None holds a secret or a hash of one. Where something must be proved, ``kept_as`` is the random name under which its hash, or its
encrypted value, is kept in the secrets file; a name is used once, so a secret without its event, or an event before it, proves nothing.
Times are microseconds since the epoch. ``project`` is whose accounts these are.
"""

from typing import Literal

from .event import Event, Json

Algorithm = Literal["EdDSA", "RS256", "HS256"]


class ProjectAdded(Event):
    """A project with a log and accounts of its own."""

    project: str
    title: str = ""


class ProjectDisabled(Event):
    """Nobody of this project is let in, until it is enabled."""

    project: str
    reason: str = ""


class ProjectEnabled(Event):
    """A disabled project works again."""

    project: str


class RoleDefined(Event):
    """A role of a project, new or changed: its scopes, and those of the roles that it includes."""

    project: str
    role: str
    scopes: tuple[str, ...]
    includes: tuple[str, ...] = ()


class RoleDropped(Event):
    """A role of a project is no more."""

    project: str
    role: str


class UserAdded(Event):
    """A person, or whatever logs in; ``user`` is the id, ``name`` is unique in the project."""

    project: str
    user: str
    name: str
    role: str


class UserRoleSet(Event):
    """What a user may do is now what this role may."""

    project: str
    user: str
    role: str


class UserDisabled(Event):
    """The user, its keys, sessions and refresh tokens are refused; the sessions and refresh tokens for ever."""

    project: str
    user: str
    reason: str = ""


class UserEnabled(Event):
    """A disabled user, and the keys that belong to it, are let in again."""

    project: str
    user: str


class PasswordSet(Event):
    """A new password; sessions and refresh tokens of before are over."""

    project: str
    user: str
    kept_as: str


class TotpEnabled(Event):
    """From now on a login needs a code of this time-based generator as well."""

    project: str
    user: str
    kept_as: str


class TotpDisabled(Event):
    """A password is enough again; recovery codes are gone."""

    project: str
    user: str


class RecoveryCodesMade(Event):
    """So many codes for who has lost the generator; earlier ones are gone. Each is kept under ``kept_as`` and its number from 0."""

    project: str
    user: str
    kept_as: str
    count: int


class RecoveryCodeUsed(Event):
    """One of the codes was used, and works no more; the code's number says nothing of the code."""

    project: str
    user: str
    number: int


class KeyIssued(Event):
    """An API key, and an OAuth2 client: ``prefix`` is what finds it, and its ``client_id``.

    It may do what ``role`` may, or ``scopes`` where no role is given. With an ``owner`` it may never do more than that user.
    """

    project: str
    key: str
    prefix: str
    name: str
    kept_as: str
    role: str | None = None
    scopes: tuple[str, ...] = ()
    owner: str | None = None
    expires_at: int | None = None


class KeyRotated(Event):
    """A key has a new secret; the one before works until ``previous_until``."""

    project: str
    key: str
    kept_as: str
    previous_until: int


class KeyRevoked(Event):
    """A key works no more, for ever."""

    project: str
    key: str
    reason: str = ""


class SessionOpened(Event):
    """A user logged in with a browser."""

    project: str
    session: str
    user: str
    kept_as: str
    expires_at: int
    address: str = ""


class SessionClosed(Event):
    """A session is over before its time."""

    project: str
    session: str
    reason: str = ""


class RefreshIssued(Event):
    """A family of refresh tokens begins: each is used once, for the next and an access token with at most ``scopes``."""

    project: str
    family: str
    user: str
    kept_as: str
    scopes: tuple[str, ...]
    expires_at: int


class RefreshRotated(Event):
    """A refresh token was used; its successor is kept under ``kept_as``."""

    project: str
    family: str
    kept_as: str


class RefreshRevoked(Event):
    """A family is over: somebody logged out, or a token that had been used came again (``reused``), which a thief may have sent."""

    project: str
    family: str
    reason: str


class TokenRevoked(Event):
    """A token that would be valid until ``until`` is refused; ``jti`` is its id."""

    project: str
    jti: str
    until: int
    reason: str = ""


class SigningKeyMade(Event):
    """A key that our tokens are signed with from now on; ``public`` is its public JWK, None for HS256."""

    kid: str
    algorithm: Algorithm
    kept_as: str
    public: Json | None = None


class SigningKeyRetired(Event):
    """A key signs no more; what it has signed is accepted until ``until``: at once refused, where the key was stolen."""

    kid: str
    until: int
    reason: str = ""


class IssuerTrusted(Event):
    """Tokens of another issuer are accepted, or on other terms than before; whoever brings one has ``role`` in ``project``.

    ``keys`` are its public JWKs, every one for ``algorithm``; for HS256 the shared keys are kept under ``kept_as``.
    """

    issuer: str
    audience: str
    algorithm: Algorithm
    keys: tuple[Json, ...]
    project: str
    role: str
    kept_as: str | None = None


class IssuerDropped(Event):
    """Tokens of this issuer are refused again."""

    issuer: str
    project: str


class AccessDenied(Event):
    """Somebody was refused, ``times`` since the last such event: why (a problem's code), who (an id, a key's prefix, or nothing), from where.

    ``project`` is empty where none is known. ``path`` is the route's template, or the beginning of what was asked for.
    """

    reason: str
    project: str
    principal: str
    address: str
    path: str
    times: int = 1


AccountEvent = (
    ProjectAdded
    | ProjectDisabled
    | ProjectEnabled
    | RoleDefined
    | RoleDropped
    | UserAdded
    | UserRoleSet
    | UserDisabled
    | UserEnabled
    | PasswordSet
    | TotpEnabled
    | TotpDisabled
    | RecoveryCodesMade
    | RecoveryCodeUsed
    | KeyIssued
    | KeyRotated
    | KeyRevoked
    | SessionOpened
    | SessionClosed
    | RefreshIssued
    | RefreshRotated
    | RefreshRevoked
    | TokenRevoked
    | SigningKeyMade
    | SigningKeyRetired
    | IssuerTrusted
    | IssuerDropped
    | AccessDenied
)
