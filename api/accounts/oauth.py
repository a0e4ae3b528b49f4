"""OAuth 2.0's requests and errors (RFC 6749 sections 4.4, 5 and 6, RFC 7009) as plain values: no network, no accounts."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import unquote_plus

from mezan.solvers.errors import MezanError

LONGEST_BASIC, MOST_FIELDS, LONGEST_FIELD = 1_024, 16, 4_096
NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""Headers of every answer with a token in it (section 5.1)."""
OAuthCode = Literal[
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope",
]  # fmt: skip


class OAuthError(MezanError):
    """Raised for a request that gets no token; ``error`` is the standard's word, ``status`` the HTTP status."""

    code = "oauth"

    def __init__(self, error: OAuthCode, description: str) -> None:
        self.error, self.description = error, description
        self.status = 401 if error == "invalid_client" else 400
        super().__init__(description)

    def body(self) -> dict[str, str]:
        """The answer's JSON (section 5.2)."""
        return {"error": self.error, "error_description": self.description}

    def headers(self) -> dict[str, str]:
        """The answer's headers."""
        asks = {"WWW-Authenticate": 'Basic realm="mezan", charset="UTF-8"'} if self.status == 401 else {}
        return NO_STORE | asks


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, and the secret that it shows."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """A client wants a token for itself; ``scopes`` None is all that it has."""

    client: Client
    scopes: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token is to be spent; ``scopes`` None is what it has."""

    token: str = field(repr=False)
    scopes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """Tokens for whoever asked (section 5.1); ``expires_in`` is seconds."""

    access_token: str = field(repr=False)
    expires_in: int
    scopes: frozenset[str]
    refresh_token: str | None = field(default=None, repr=False)

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        made = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": " ".join(sorted(self.scopes)),
        }
        return made if self.refresh_token is None else {**made, "refresh_token": self.refresh_token}


def fields(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The fields of a form, each of which may come once (section 3.2); empty ones count as left out.

    Raises:
        OAuthError: one came twice, or there are too many, or too long ones.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise OAuthError("invalid_request", f"a parameter must come once; {_said(name)} came twice")
        if len(found) == MOST_FIELDS or len(name) > LONGEST_FIELD or len(value) > LONGEST_FIELD:
            raise OAuthError("invalid_request", f"at most {MOST_FIELDS} parameters of {LONGEST_FIELD} characters")
        found[name] = value
    return {name: value for name, value in found.items() if value}


def basic(header: str) -> Client:
    """The client of an ``Authorization: Basic`` header; id and secret are form-encoded in it (section 2.3.1).

    Raises:
        OAuthError: it is no such header.
    """
    scheme, _, text = header.partition(" ")
    try:
        if scheme.lower() != "basic" or len(text) > LONGEST_BASIC:
            raise ValueError(scheme)
        name, colon, secret = base64.b64decode(text.strip(), validate=True).decode().partition(":")
        if not colon:
            raise ValueError(colon)
    except (ValueError, binascii.Error) as error:
        raise OAuthError("invalid_client", "clients must use HTTP Basic with client_id and client_secret") from error
    return Client(unquote_plus(name), unquote_plus(secret))


def client_of(form: Mapping[str, str], authorization: str | None) -> Client | None:
    """The client that a request is of, by one method only; None where it shows none.

    Raises:
        OAuthError: by two methods, or half a client.
    """
    if authorization is not None:
        if "client_secret" in form:
            raise OAuthError("invalid_request", "a client must use one method to show its secret")
        client = basic(authorization)
        if form.get("client_id", client.id) != client.id:
            raise OAuthError("invalid_request", "client_id must be that of the Authorization header")
        return client
    if "client_secret" in form:
        if "client_id" not in form:
            raise OAuthError("invalid_client", "client_secret needs client_id")
        return Client(form["client_id"], form["client_secret"])
    return None


def token_request(pairs: Iterable[tuple[str, str]], authorization: str | None = None) -> ClientCredentials | Refresh:
    """What a request to the token endpoint asks for.

    Raises:
        OAuthError: something that is not offered, or not well formed.
    """
    form = fields(pairs)
    client = client_of(form, authorization)
    match form.get("grant_type"):
        case None:
            raise OAuthError("invalid_request", "grant_type is missing")
        case "client_credentials":
            if client is None:
                raise OAuthError("invalid_client", "client_credentials needs client_id and client_secret")
            return ClientCredentials(client, _scopes(form))
        case "refresh_token":
            if "refresh_token" not in form:
                raise OAuthError("invalid_request", "refresh_token is missing")
            return Refresh(form["refresh_token"], _scopes(form))
        case other:
            raise OAuthError(
                "unsupported_grant_type", f"grant_type must be client_credentials or refresh_token; got {_said(other)}"
            )


def revoke_request(pairs: Iterable[tuple[str, str]]) -> str:
    """The token that is to be revoked (RFC 7009, section 2.1); its hint is not needed.

    Raises:
        OAuthError: there is none.
    """
    form = fields(pairs)
    if "token" not in form:
        raise OAuthError("invalid_request", "token is missing")
    return form["token"]


def granted(asked: frozenset[str] | None, allowed: frozenset[str]) -> frozenset[str]:
    """The scopes of a new token: all that are allowed, or those asked for.

    Raises:
        OAuthError: more was asked than is allowed, or nothing is.
    """
    if asked is not None and not asked <= allowed:
        raise OAuthError("invalid_scope", f"scope must be among {' '.join(sorted(allowed)) or 'none'}")
    if not (given := allowed if asked is None else asked):
        raise OAuthError("invalid_scope", "there is no scope to grant")
    return given


def _scopes(form: Mapping[str, str]) -> frozenset[str] | None:
    return frozenset(form["scope"].split()) if "scope" in form else None


def _said(text: str) -> str:
    """A stranger's text within RFC 6749's characters for descriptions, cut."""
    return "".join(c if 32 <= ord(c) < 127 and c not in '"\\' else "?" for c in text[:40])
