"""Users, keys, roles and denials of the caller's project. No secret but a new key's text, which is told once."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=64)]
Reason = Annotated[str, Field(max_length=64)]
Given = Annotated[str, Field(max_length=200)]
Scopes = Annotated[tuple[Given, ...], Field(max_length=40)]
STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who asks: by which credential, of which project, and what it may do there."""

    id: str
    name: str
    kind: Literal["user", "key", "token", "local"]
    project: str
    scopes: tuple[str, ...]
    credential: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAccount:
    """A user; ``second_factor`` says whether a login needs a code as well."""

    id: str
    name: str
    project: str
    role: str
    scopes: tuple[str, ...]
    status: Literal["enabled", "disabled"]
    password: bool
    second_factor: bool
    recovery_codes: int
    sessions: int
    added_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAccount:
    """An API key: who it is, never its secret."""

    id: str
    prefix: str
    name: str
    project: str
    owner: str | None
    role: str | None
    scopes: tuple[str, ...]
    status: Literal["good", "expired", "revoked", "disabled"]
    issued_at: str | None
    rotated_at: str | None
    previous_until: str | None
    expires_at: str | None
    revoked_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey(KeyAccount):
    """A key with its text: it is told now and never again."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAccount:
    """A role: what it says itself, what it includes, and all that it may."""

    name: str
    project: str
    built_in: bool
    own_scopes: tuple[str, ...]
    includes: tuple[str, ...]
    scopes: tuple[str, ...]
    users: int
    keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Somebody was refused, ``times`` times since the last such event."""

    reason: str
    project: str
    principal: str
    address: str
    path: str
    times: int
    at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denials:
    """Refusals of the project's principals: how often for each reason, and the latest, the newest first."""

    project: str
    times: dict[str, int]
    latest: tuple[Denial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user to add."""

    __pydantic_config__ = STRICT

    name: Name
    role: Name = "viewer"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleOfUser:
    """A role to give."""

    __pydantic_config__ = STRICT

    role: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """A reason, for the log."""

    __pydantic_config__ = STRICT

    reason: Reason = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyToIssue:
    """A key to issue: with a role or with scopes, good for ``expires_in`` seconds or for ever."""

    __pydantic_config__ = STRICT

    name: Name
    role: Annotated[str, Field(max_length=64)] | None = None
    scopes: Scopes = field(default=())
    owner: Given | None = None
    expires_in: Annotated[int, Field(ge=1, le=3660 * 86_400)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """For how many seconds the secret before works on."""

    __pydantic_config__ = STRICT

    grace: Annotated[int, Field(ge=0, le=3660 * 86_400)] = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleToDefine:
    """A role to define, or to define anew."""

    __pydantic_config__ = STRICT

    scopes: Scopes = field(default=())
    includes: Scopes = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPassword:
    """A password to set; who changes its own gives the ``current`` one."""

    __pydantic_config__ = STRICT

    password: Annotated[str, Field(min_length=1, max_length=1_024)]
    current: Annotated[str, Field(max_length=1_024)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code that the authenticator shows."""

    __pydantic_config__ = STRICT

    code: Annotated[str, Field(min_length=1, max_length=64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The current password."""

    __pydantic_config__ = STRICT

    current: Annotated[str, Field(max_length=1_024)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What an authenticator is set up with, told once: a secret in base32, and as the URL that a QR code would hold."""

    secret: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodes:
    """Codes for when the authenticator is lost, told once; each works once."""

    recovery_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token (RFC 6749, section 5.1); ``expires_in`` is seconds."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    refresh_token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefused:
    """Why there is no token (RFC 6749, section 5.2)."""

    error: str
    error_description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """Public keys (RFC 7517)."""

    keys: tuple[dict[str, Any], ...]
