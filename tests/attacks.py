"""Tokens that must be refused: made of a good one by whoever has no private key, or has another's."""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

LOADED = {}


def b64(content):
    """Base64url without padding, or of JSON."""
    raw = content if isinstance(content, bytes) else json.dumps(content, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(jwk, name):
    """A member of a JWK as bytes."""
    return base64.urlsafe_b64decode(jwk[name] + "=" * (-len(jwk[name]) % 4))


def signed(header, claims, jwk):
    """A JWT signed by the private JWK with cryptography itself; header and claims may be bytes."""
    text = f"{b64(header)}.{b64(claims)}"
    return f"{text}.{b64(signature(text.encode(), jwk))}"


def signature(text, jwk):
    """The signature of the JWK's kind."""
    if jwk["kty"] == "OKP":
        return ed25519.Ed25519PrivateKey.from_private_bytes(raw(jwk, "d")).sign(text)
    if jwk["kty"] == "oct":
        return hmac.digest(raw(jwk, "k"), text, "sha256")
    return rsa_key(jwk).sign(text, padding.PKCS1v15(), hashes.SHA256())


def rsa_key(jwk):
    """The private key of an RSA JWK; loading one takes a tenth of a second."""
    if jwk["n"] not in LOADED:
        LOADED[jwk["n"]] = _load(jwk)
    return LOADED[jwk["n"]]


def _load(jwk):
    n, e, d, p, q, dp, dq, qi = (int.from_bytes(raw(jwk, name)) for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi"))
    return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, rsa.RSAPublicNumbers(e, n)).private_key()


def public_texts(jwk):
    """Everything public that somebody may take for a shared secret: the JWK, its members, PEM and DER."""
    if jwk["kty"] == "OKP":
        key = ed25519.Ed25519PublicKey.from_public_bytes(raw(jwk, "x"))
        yield raw(jwk, "x")
        yield jwk["x"].encode()
    else:
        key = rsa_key(jwk).public_key()
        yield raw(jwk, "n")
        yield jwk["n"].encode()
    for form in (serialization.Encoding.PEM, serialization.Encoding.DER):
        yield key.public_bytes(form, serialization.PublicFormat.SubjectPublicKeyInfo)
    yield json.dumps({name: jwk[name] for name in jwk if name in {"kty", "crv", "x", "n", "e", "kid"}}).encode()


def forged(header, claims, jwk, thief):
    """Yield (name, token) of attacks on the signature: ``jwk`` is the victim's (only its public half is used), ``thief`` is ours."""
    for none in ("none", "None", "NONE", "nOnE", "", None, 0, True, [], ["EdDSA"], {}):
        bare = f"{b64({**header, 'alg': none})}.{b64(claims)}."
        yield f"alg {none!r} without a signature", bare
        yield f"alg {none!r} with a signature", bare + b64(b"x" * 64)
    without = {name: value for name, value in header.items() if name != "alg"}
    yield "no alg", f"{b64(without)}.{b64(claims)}.{b64(b'')}"
    for other in ("HS256", "HS384", "HS512"):
        if jwk["kty"] != "oct":
            for i, shared in enumerate(public_texts(jwk)):
                text = f"{b64({**header, 'alg': other})}.{b64(claims)}"
                digest = hmac.digest(shared, text.encode(), f"sha{other[2:]}")
                yield f"{other} keyed with public key {i}", f"{text}.{b64(digest)}"
    for other in ("RS256", "EdDSA", "Ed25519", "HS256", "ES256", "PS256", "RS512", "dir", "A256GCM", "Ed448"):
        if other != header["alg"]:
            yield f"{other} claimed, signed by another", signed({**header, "alg": other}, claims, thief)
    yield "another's signature", signed(header, claims, thief)
    shown = {name: thief[name] for name in thief if name in {"kty", "crv", "x", "n", "e"}}
    cert = b64(hashlib.sha256(b"certificate").digest())
    for name, extra in {
        "embedded jwk": {"jwk": shown},
        "embedded jwk of the same kid": {"jwk": {**shown, "kid": header["kid"]}},
        "jku": {"jku": "https://thief.example/jwks.json"},
        "x5u": {"x5u": "https://thief.example/cert.pem"},
        "x5c": {"x5c": [cert]},
        "x5t": {"x5t": cert},
    }.items():
        yield name, signed({**header, **extra}, claims, thief)
        yield f"{name} and no kid", signed({k: v for k, v in {**header, **extra}.items() if k != "kid"}, claims, thief)
    for kid in (
        "", "unknown", "../../../dev/null", "/dev/null", "..\\..\\nul", "' OR 1=1 --", "x\0", "*", "%", "%00", "a" * 600,
        "file:///dev/null", "http://thief.example/", None, 0, 1.5, True, [], [header["kid"]], {"kid": header["kid"]},
        header["kid"].upper() + "_", header["kid"] + " ", header["kid"] + "\0",
    ):  # fmt: skip
        yield f"kid {str(kid)[:30]!r}", signed({**header, "kid": kid}, claims, thief)
        text = f"{b64({**header, 'kid': kid, 'alg': 'HS256'})}.{b64(claims)}"
        yield f"kid {str(kid)[:30]!r}, empty key", f"{text}.{b64(hmac.digest(b'', text.encode(), 'sha256'))}"


def bent(good):
    """Yield (name, token) of a good token changed on the way."""
    header, claims, sig = good.split(".")
    changed = b64({**json.loads(raw({"h": claims}, "h")), "scope": "accounts:write"})
    yield "other claims", f"{header}.{changed}.{sig}"
    yield "no signature", f"{header}.{claims}."
    yield "no claims", f"{header}..{sig}"
    yield "two parts", f"{header}.{claims}"
    yield "five parts", f"{header}.{claims}.{sig}.{sig}.{sig}"
    yield "four parts", f"{good}.{sig}"
    yield "padding", f"{good}="
    yield "blank before", f" {good}"
    yield "newline after", f"{good}\n"
    yield "not ASCII", f"{good[:-1]}ä"
    yield "a lone surrogate", f"{good[:-1]}\ud800"
    yield "standard base64", good.replace("_", "/").replace("-", "+") + "+"
    yield "huge", f"{header}.{'A' * 10_000_000}.{sig}"
    yield "huge header", f"{'A' * 100_000}.{claims}.{sig}"
    yield "many dots", "." * 100_000
    yield "deep header", f"{b64(b'[' * 700)}.{claims}.{sig}"
    yield "deep claims", f"{header}.{b64(b'[' * 5_000)}.{sig}"
    deep = b64(b'{"a":' * 1_000)
    yield "deep objects", f"{header}.{deep}.{sig}"
    yield "empty", ""
    yield "JSON serialization", json.dumps({"protected": header, "payload": claims, "signature": sig})
    last = sig[-1]
    for other in "ABCDEFGH":
        if other != last:
            yield f"another last letter {other}", f"{good[:-1]}{other}"


def wrongly_signed(header, claims, jwk):
    """Yield (name, token): rightly signed, and yet not to be taken as it stands."""
    for name, value in {"crit": ["b64"], "b64": False, "zip": "DEF"}.items():
        yield name, signed({**header, name: value}, claims, jwk)
    yield "crit of something", signed({**header, "crit": ["exp"], "exp": 1}, claims, jwk)
    yield "crit empty", signed({**header, "crit": []}, claims, jwk)
    for typ in ("JWT", "jwt", "at+jwt+x", "logout+jwt", "", None, 1, ["at+jwt"], "dpop+jwt"):
        yield f"typ {typ!r}", signed({**header, "typ": typ}, claims, jwk)
    yield "no typ", signed({name: value for name, value in header.items() if name != "typ"}, claims, jwk)
    for aud in ("other", "", None, [], ["other"], 1, {"mezan": 1}, True, [["mezan"]]):
        yield f"aud {aud!r}", signed(header, {**claims, "aud": aud}, jwk)
    for iss in ("other", "", None, 1, ["mezan"], claims["iss"] + "/", claims["iss"].upper()):
        yield f"iss {iss!r}", signed(header, {**claims, "iss": iss}, jwk)
    for missing in ("iss", "aud", "exp", "nbf", "iat", "jti", "sub", "project", "scope"):
        yield f"no {missing}", signed(header, {name: value for name, value in claims.items() if name != missing}, jwk)
    for time in ("exp", "nbf", "iat"):
        for value in ("9999999999", None, True, [], {}, -1, 1e300, 10**400):
            yield f"{time} {str(value)[:20]}", signed(header, {**claims, time: value}, jwk)
        text = json.dumps({**claims, time: "@"}).replace('"@"', "NaN")
        yield f"{time} NaN", signed(header, text.encode(), jwk)
        text = json.dumps({**claims, time: "@"}).replace('"@"', "Infinity")
        yield f"{time} Infinity", signed(header, text.encode(), jwk)
    for name in ("sub", "jti", "project"):
        for value in ("", None, 7, ["user"], "x" * 300, "user\0", "user\n", True):
            yield f"{name} {str(value)[:20]!r}", signed(header, {**claims, name: value}, jwk)
    for value in (None, 7, ["runs:read"]):
        yield f"scope {value!r}", signed(header, {**claims, "scope": value}, jwk)
    twice = json.dumps(claims)[:-1] + ', "sub": "user_other"}'
    yield "duplicate sub", signed(header, twice.encode(), jwk)
    twice = json.dumps(claims)[:-1] + ', "\\u0073ub": "user_other"}'
    yield "duplicate sub, escaped", signed(header, twice.encode(), jwk)
    twice = json.dumps({**claims, "nested": {}})[:-2] + '{"a": 1, "a": 2}}'
    yield "duplicate nested", signed(header, twice.replace("{{", "{").encode(), jwk)
    twice = json.dumps(header)[:-1] + f', "alg": "{header["alg"]}"}}'
    yield "duplicate alg", signed(twice.encode(), claims, jwk)
    yield "claims a list", signed(header, b"[]", jwk)
    yield "claims no JSON", signed(header, b"hello", jwk)
    yield "claims not UTF-8", signed(header, b'{"a":"\xff"}', jwk)
    yield "claims with a BOM", signed(header, b"\xef\xbb\xbf" + json.dumps(claims).encode(), jwk)
    yield "ends before it begins", signed(header, {**claims, "exp": claims["nbf"]}, jwk)
