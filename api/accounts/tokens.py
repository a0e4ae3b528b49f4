"""Access tokens: JWT (RFC 7519) in the profile of RFC 9068, signed and verified.

The key is found by issuer and key id among those that are trusted, and with it the algorithm. Headers that bring or point to
a key (``jwk``, ``jku``, ``x5c``, ``x5u``) are never read; a token that demands an extension (``crit``) is refused.
"""

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from .errors import ExpiredToken, InvalidToken, NotYetValidToken, RevokedToken
from .jwks import KeySet, SigningKey, TrustedKey
from .strict import base64url, strict_object, unbase64

if TYPE_CHECKING:
    from joserfc.jws import JWSRegistry

LONGEST, LONGEST_HEADER, LONGEST_NAME = 8_192, 1_024, 255
LEEWAY: Final = 30.0
"""Seconds by which two clocks may differ."""
TYP: Final = "at+jwt"
FOREIGN_TYPES: Final = frozenset({TYP, "application/at+jwt", "jwt", None})
"""Many issuers have not come to RFC 9068 yet; their audience still has to be ours."""
LATEST: Final = 2.0**43
"""Seconds since the epoch beyond which a time is nonsense."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says; times are seconds since the epoch, and ``key`` is what verified it.

    ``id`` and ``project`` are None only in a foreign token, and ``scopes`` are then its issuer's own words.
    ``login`` is the family of tokens that one of ours belongs to, and ends with; None for a client's.
    """

    key: TrustedKey
    subject: str
    expires: float
    not_before: float | None
    issued: float | None
    id: str | None
    project: str | None
    scopes: frozenset[str]
    login: str | None = None

    def check_time(self, now: float) -> None:
        """Raise unless the token may be used now, give or take the leeway; an end is exclusive."""
        if self.key.until is not None and now >= self.key.until:
            raise RevokedToken("the token's key has been withdrawn; ask for a new token")
        if now >= self.expires + LEEWAY:
            raise ExpiredToken("the token has expired; ask for a new one")
        early = max(self.not_before or 0.0, self.issued or 0.0)
        if now < early - LEEWAY:
            raise NotYetValidToken("the token is for later; look at both clocks")


def sign(
    key: SigningKey, *, issuer: str, audience: str, subject: str, project: str, scopes: frozenset[str], now: float,
    lifetime: float, token_id: str, login: str | None = None,
) -> str:  # fmt: skip
    """An access token, signed by a private key with its one algorithm."""
    header = {"alg": key.algorithm, "kid": key.kid, "typ": TYP}
    start = int(now)
    claims = {
        "iss": issuer, "aud": audience, "sub": subject, "iat": start, "nbf": start, "exp": start + max(1, int(lifetime)),
        "jti": token_id, "project": project, "scope": " ".join(sorted(scopes)),
    }  # fmt: skip
    if login is not None:
        claims["sid"] = login
    signed = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    from joserfc.jws import JWSRegistry

    return f"{signed}.{base64url(JWSRegistry.algorithms[key.algorithm].sign(signed.encode(), key.key))}"


def verify(text: str, keys: KeySet, now: float) -> Claims:
    """The claims of a token that is signed by a trusted key, for our audience, and valid now.

    Raises:
        InvalidToken: it is not; the message does not say more than a stranger may know.
        ExpiredToken: it was valid.
        NotYetValidToken: it will be.
    """
    try:
        claims = _verified(text, keys)
    except InvalidToken:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidToken("the token must be a signed JWT of a trusted issuer") from error
    claims.check_time(now)
    return claims


def _verified(text: str, keys: KeySet) -> Claims:
    if len(text) > LONGEST:
        msg = f"a token must have at most {LONGEST} characters"
        raise InvalidToken(msg)
    parts = text.split(".")
    if not text.isascii() or len(parts) != 3 or len(parts[0]) > LONGEST_HEADER:
        raise InvalidToken("the token must be a signed JWT: three parts of base64url")
    header = strict_object(unbase64(parts[0]))
    if "crit" in header or "b64" in header or "zip" in header:
        raise InvalidToken("the token must not demand extensions")
    said = strict_object(unbase64(parts[1]))
    issuer, kid = said.get("iss"), header.get("kid")
    key = keys.find(issuer, kid) if isinstance(issuer, str) and isinstance(kid, str) else None
    if key is None or header.get("alg") != key.algorithm:
        raise InvalidToken("the token must be signed by a key that is known here, with that key's algorithm")
    _check_type(header.get("typ"), key)
    _check_signature(text, key)
    return _claims(said, key)


def _check_type(typ: Any, key: TrustedKey) -> None:
    said = typ.lower() if isinstance(typ, str) else typ
    allowed = FOREIGN_TYPES if key.foreign else {TYP}
    if not (said is None or isinstance(said, str)) or said not in allowed:
        raise InvalidToken(f"the token's type must be {TYP}")


def _check_signature(text: str, key: TrustedKey) -> None:
    from joserfc.errors import JoseError
    from joserfc.jws import deserialize_compact

    try:
        deserialize_compact(text, key.key, registry=_registry(key.algorithm))
    except (JoseError, ValueError, TypeError) as error:
        raise InvalidToken("the token's signature must be that of its key") from error


@cache
def _registry(algorithm: str) -> "JWSRegistry":
    """A registry that knows one algorithm, whatever the token says."""
    from joserfc.errors import UnsupportedAlgorithmError
    from joserfc.jws import JWSRegistry
    from joserfc.registry import Header

    class One(JWSRegistry):
        def get_alg(self, name: str) -> Any:
            if name != algorithm:
                raise UnsupportedAlgorithmError(f"only {algorithm}")
            return self.algorithms[algorithm]

        def check_header(self, header: Header) -> None:
            """What matters has been checked; keys and certificates in it are not even looked at."""

    made = One()
    made.max_header_length = LONGEST_HEADER
    return made


def _claims(said: dict[str, Any], key: TrustedKey) -> Claims:
    audience = said.get("aud")
    if key.audience not in (
        [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else ()
    ):
        raise InvalidToken("the token must be for this server (aud)")
    own = not key.foreign
    claims = Claims(
        key=key,
        subject=_text(said, "sub"),
        expires=_time(said, "exp"),
        not_before=_time(said, "nbf") if own or "nbf" in said else None,
        issued=_time(said, "iat") if own or "iat" in said else None,
        id=_text(said, "jti") if own or "jti" in said else None,
        project=_text(said, "project") if own else None,
        scopes=frozenset(_scope(said, own=own).split()),
        login=_text(said, "sid") if own and "sid" in said else None,
    )
    if own and claims.expires <= (claims.not_before or 0.0):
        raise InvalidToken("the token must end after it begins")
    return claims


def _scope(said: dict[str, Any], *, own: bool) -> str:
    scope = said.get("scope", None if own else "")
    if not isinstance(scope, str):
        if own:
            raise InvalidToken("the token must say its scope")
        return ""
    return scope


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or not value.isprintable():
        raise InvalidToken(f"the token's {name} must be 1 to {LONGEST_NAME} printable characters")
    return value


def _time(said: dict[str, Any], name: str) -> float:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST:
        raise InvalidToken(f"the token's {name} must be seconds since the epoch")
    return float(value)
