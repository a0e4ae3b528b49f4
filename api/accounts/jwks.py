"""Keys that sign and verify tokens, each with one algorithm, and the documents that publish them (RFC 7517).

The algorithm belongs to the key. What a token claims about it is compared with it and never followed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from mezan.solvers.errors import BadInput

from .strict import base64url, strict_object, unbase64

if TYPE_CHECKING:
    from joserfc.jwk import Key

Algorithm = Literal["EdDSA", "Ed25519", "RS256", "HS256"]
"""``EdDSA`` and ``Ed25519`` are the same signatures under the names of RFC 8037 and RFC 9864."""
Jwk = dict[str, Any]
KTY: Final[Mapping[str, str]] = {"EdDSA": "OKP", "Ed25519": "OKP", "RS256": "RSA", "HS256": "oct"}
OWN: Final = ("EdDSA", "RS256", "HS256")
"""What own keys may be."""
BY_KTY: Final[Mapping[str, str]] = {"OKP": "EdDSA", "RSA": "RS256", "oct": "HS256"}
PUBLIC: Final[Mapping[str, tuple[str, ...]]] = {"OKP": ("crv", "x"), "RSA": ("n", "e")}
MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {**PUBLIC, "oct": ("k",)}
RSA_BITS = 3072
SIZED: Final[Mapping[str, str]] = {"RSA": "n", "oct": "k"}
BITS: Final[Mapping[str, tuple[int, int]]] = {"RSA": (2048, 8192), "oct": (256, 4096), "OKP": (0, 0)}
LARGEST_DOCUMENT, MOST_KEYS, LONGEST_KID = 2**18, 64, 128


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key that verifies tokens of one issuer, for one audience, by one algorithm.

    ``foreign`` keys are of issuers outside; ``until`` is when it verifies for the last time, in seconds since the epoch.
    """

    issuer: str
    kid: str
    algorithm: Algorithm
    audience: str
    key: "Key" = field(repr=False)
    foreign: bool = False
    until: float | None = None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of ours with its one algorithm. Importing an RSA key takes 0.1 s: keep it."""

    kid: str
    algorithm: str
    key: "Key" = field(repr=False)

    @classmethod
    def of(cls, jwk: Jwk) -> "SigningKey":
        """The key of a private JWK."""
        return cls(jwk["kid"], jwk["alg"], imported(jwk))


class KeySet:
    """Trusted keys by issuer and key id; two issuers may use one id."""

    def __init__(self, keys: Iterable[TrustedKey] = ()) -> None:
        self._keys = {(key.issuer, key.kid): key for key in keys}

    def find(self, issuer: str, kid: str) -> TrustedKey | None:
        """The only key that may verify a token with these names."""
        return self._keys.get((issuer, kid))

    def __len__(self) -> int:
        return len(self._keys)


def make_key(algorithm: str) -> Jwk:
    """A new private key as a JWK; its ``kid`` is the thumbprint (RFC 7638), or drawn where that would tell of the secret."""
    from joserfc.jwk import OctKey, OKPKey, RSAKey

    if algorithm not in OWN:
        msg = f"a signing key's algorithm must be one of {', '.join(OWN)}; got {algorithm!r}"
        raise BadInput(msg)
    made: Key
    if algorithm == "HS256":
        import secrets

        made, kid = OctKey.generate_key(256), base64url(secrets.token_bytes(12))
    else:
        made = OKPKey.generate_key("Ed25519") if algorithm == "EdDSA" else RSAKey.generate_key(RSA_BITS)
        kid = made.thumbprint()[:16]
    return {**made.as_dict(private=True), "kid": kid, "alg": algorithm, "use": "sig"}


def public(jwk: Jwk) -> Jwk | None:
    """What may be published of a key; None for one that is all secret."""
    members = PUBLIC.get(jwk["kty"])
    if members is None:
        return None
    return {name: jwk[name] for name in ("kty", *members, "kid", "alg", "use")}


def document(keys: Iterable[Jwk | None]) -> dict[str, list[Jwk]]:
    """The JWKS document of keys, without those that are all secret, whatever else they carry."""
    return {"keys": [shown for jwk in keys if jwk is not None and (shown := public(jwk)) is not None]}


def imported(jwk: Jwk) -> "Key":
    """A JWK as a key of joserfc's.

    Raises:
        BadInput: it is none, too weak, or of another curve than Ed25519.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    kid, kty = str(jwk.get("kid"))[:40], str(jwk.get("kty"))
    try:
        if kty == "OKP" and jwk["crv"] != "Ed25519":
            msg = f"an OKP key must be of Ed25519; {kid!r} is of {str(jwk['crv'])[:20]!r}"
            raise BadInput(msg)
        sized = unbase64(jwk[SIZED[kty]]) if kty in SIZED else b""
        bits = int.from_bytes(sized).bit_length() if kty == "RSA" else 8 * len(sized)
        least, most = BITS.get(kty, (0, 0))
        if not least <= bits <= most:
            msg = f"a key for {BY_KTY[kty]} must have {least} to {most} bits; {kid!r} has {bits}"
            raise BadInput(msg)
        key = import_key({name: value for name, value in jwk.items() if name not in {"use", "alg", "key_ops"}})
        key.get_op_key("verify")
    except BadInput:
        raise
    except (JoseError, ValueError, TypeError, KeyError) as error:
        msg = f"key {kid!r} must be a sound JWK; {type(error).__name__} while reading it"
        raise BadInput(msg) from error
    return key


def foreign_jwks(content: bytes, algorithm: str | None = None) -> tuple[str, list[Jwk]]:
    """The keys for signatures in somebody's JWKS document, and the algorithm that all of them are for.

    ``algorithm`` picks the keys for it where there are others; a symmetric one is only taken when asked for. Keys for
    encryption are passed over. A key that names no algorithm is for RS256 (RSA), EdDSA (Ed25519) or HS256.

    Raises:
        BadInput: no JWKS document; private keys; keys without an id, two with one id, weak ones, none, or for several algorithms.
    """
    if len(content) > LARGEST_DOCUMENT:
        msg = f"a JWKS document must have at most {LARGEST_DOCUMENT} bytes; got {len(content)}"
        raise BadInput(msg)
    if algorithm is not None and algorithm not in OWN:
        msg = f"the algorithm must be one of {', '.join(OWN)}; got {algorithm!r}"
        raise BadInput(msg)
    try:
        keys = strict_object(content).get("keys")
    except ValueError as error:
        msg = f"a JWKS document must be JSON; {error}"
        raise BadInput(msg) from error
    if not isinstance(keys, list) or not all(isinstance(jwk, dict) for jwk in keys):
        msg = 'a JWKS document must be {"keys": [...]} with an object per key (RFC 7517)'
        raise BadInput(msg)
    if len(keys) > MOST_KEYS:
        msg = f"a JWKS document must have at most {MOST_KEYS} keys; got {len(keys)}"
        raise BadInput(msg)
    return _of_one([_foreign(jwk) for jwk in keys if jwk.get("use", "sig") == "sig"], algorithm)


def _of_one(found: list[Jwk], algorithm: str | None) -> tuple[str, list[Jwk]]:
    named = {BY_KTY[jwk["kty"]] for jwk in found}
    if algorithm is None and (named == {"HS256"} or len(named) > 1):
        msg = f"one algorithm must be chosen; the document has keys for {', '.join(sorted(named))}"
        raise BadInput(msg)
    chosen = algorithm or next(iter(named), "")
    kept = [jwk for jwk in found if BY_KTY[jwk["kty"]] == chosen]
    if not kept or len({jwk["kid"] for jwk in kept}) < len(kept):
        msg = (
            f"a JWKS document must have keys for {chosen or 'signatures'}, each with a kid of its own; got {len(kept)}"
        )
        raise BadInput(msg)
    return chosen, kept


def _foreign(jwk: Jwk) -> Jwk:
    kid, kty = jwk.get("kid"), jwk.get("kty")
    if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID or not kid.isprintable():
        msg = f"every key must have a kid of 1 to {LONGEST_KID} printable characters"
        raise BadInput(msg)
    if not isinstance(kty, str) or kty not in BY_KTY:
        msg = f"a key must be RSA, OKP (Ed25519) or oct; {kid!r} is {str(kty)[:20]!r}"
        raise BadInput(msg)
    if "d" in jwk:
        msg = f"a JWKS document must hold public keys; {kid!r} is private: replace it, since it was shown"
        raise BadInput(msg)
    named = jwk.get("alg", BY_KTY[kty])
    if not isinstance(named, str) or KTY.get(named) != kty:
        msg = f"a key's algorithm must be RS256 (RSA), EdDSA or Ed25519 (OKP), HS256 (oct); {kid!r} has {str(named)[:20]!r}"
        raise BadInput(msg)
    shown = {name: jwk.get(name) for name in ("kty", *MEMBERS[kty])} | {"kid": kid, "alg": named, "use": "sig"}
    imported(shown)
    return shown
