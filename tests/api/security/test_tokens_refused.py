"""Tokens that are forged, bent, late, early or for somebody else, shown to a real server: nobody gets in."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from attacks import bent, forged, raw, signed, wrongly_signed

from mezan.api.accounts.door import Door
from mezan.api.accounts.jwks import make_key
from mezan.api.accounts.open import open_accounts
from mezan.api.limits.logins import Logins

from .attacker import Attacker, until

ALGORITHMS = ("RS256", "HS256", "EdDSA")


@pytest.fixture(scope="module")
def keys(attacker: Attacker) -> dict[str, dict[str, Any]]:
    """The server's private signing keys by algorithm, as its operator has them: all are trusted, the last one signs."""
    made: dict[str, dict[str, Any]] = {}

    async def rotate() -> None:
        async with open_accounts(f"sqlite:///{attacker.house.server.db}") as accounts:
            door = Door(accounts, Logins())
            for algorithm in ALGORITHMS:
                key = await door.keys.rotate(algorithm)
                kept = accounts.secrets.unseal(key.kept_as)
                assert kept is not None
                made[algorithm] = json.loads(kept)

    anyio.run(rotate)
    return made


@pytest.fixture(scope="module")
def claims(attacker: Attacker, keys: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Those of a good token of an administrator; its end is not shown by any test."""
    with attacker.house.client() as http:
        assert keys
        answer = http.post("/login", json={"login": "admin-user", "password": "correct horse battery 7"})
        body = answer.json()["access_token"].split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert isinstance(found, dict)
    return found | {"exp": int(time.time()) + 3_600}


@pytest.fixture(scope="module")
def http(attacker: Attacker) -> Iterator[httpx.Client]:
    with attacker.house.client() as client:
        yield client


def show(http: httpx.Client, token: str) -> httpx.Response:
    """Ask with a token, whatever bytes it is made of."""
    value = b"Bearer " + token.encode("utf-8", "surrogatepass")
    return http.get("/accounts/me", headers=[(b"authorization", value)])


def header(key: dict[str, Any]) -> dict[str, Any]:
    return {"alg": key["alg"], "kid": key["kid"], "typ": "at+jwt"}


def refuse(attacker: Attacker, http: httpx.Client, name: str, token: str) -> None:
    """The token is refused, as one that is not good, without being told back."""
    answer = show(http, token)
    attacker.expect(answer, 401, "token-invalid", name)
    assert answer.headers["www-authenticate"].startswith('Bearer realm="mezan", error="invalid_token"')
    assert len(token) < 20 or token.rpartition(".")[2] == "" or token.rpartition(".")[2] not in answer.text


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_good_tokens_get_in(
    attacker: Attacker, http: httpx.Client, keys: dict[str, Any], claims: dict[str, Any], algorithm: str
) -> None:
    """Otherwise the tests below would show nothing: signed by the key they name, these are let in."""
    key = keys[algorithm]
    good = signed(header(key), claims, key)

    def let_in() -> bool:
        answer = show(http, good)
        attacker.count("" if answer.status_code == 200 else "token-invalid")
        return answer.status_code == 200

    until(let_in)  # the server has followed the new keys


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_forged_signatures(
    attacker: Attacker, http: httpx.Client, keys: dict[str, Any], claims: dict[str, Any], algorithm: str
) -> None:
    """No signature, that of another key or algorithm, keys that the token brings or points to, key ids that are paths or queries."""
    for name, token in forged(header(keys[algorithm]), claims, keys[algorithm], make_key(algorithm)):
        if "\n" in token or "\r" in token or "\0" in token:
            continue  # no header can hold it
        refuse(attacker, http, f"{algorithm}: {name}", token)


def test_keys_are_not_mixed_up(
    attacker: Attacker, http: httpx.Client, keys: dict[str, Any], claims: dict[str, Any]
) -> None:
    """Each key id with each other key's algorithm, header and signature."""
    for named in ALGORITHMS:
        for signer in ALGORITHMS:
            for claimed in ALGORITHMS:
                if len({named, signer, claimed}) > 1:
                    head = {"alg": claimed, "kid": keys[named]["kid"], "typ": "at+jwt"}
                    refuse(attacker, http, f"{named} {signer} {claimed}", signed(head, claims, keys[signer]))


def test_bent_tokens(attacker: Attacker, http: httpx.Client, keys: dict[str, Any], claims: dict[str, Any]) -> None:
    """A good token with something changed, cut, added or spelled in another way."""
    key = keys["EdDSA"]
    for name, token in bent(signed(header(key), claims, key)):
        if "\n" in token or len(token) > 50_000 or name in {"blank before", "empty"}:
            continue  # no header can hold it, or it is the same header
        refuse(attacker, http, name, token)


def test_rightly_signed_and_yet_wrong(
    attacker: Attacker, http: httpx.Client, keys: dict[str, Any], claims: dict[str, Any]
) -> None:
    """Another audience, issuer or type, times that are none, claims that are missing or twice."""
    key = keys["EdDSA"]
    late = ("exp -1",)
    for name, token in wrongly_signed(header(key), claims, key):
        if name not in late and len(token) < 50_000:
            refuse(attacker, http, name, token)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"exp": -31}, "token-expired"), ({"exp": -10**8}, "token-expired"), ({"nbf": 1_800}, "token-not-yet-valid"), ({"iat": 3_600}, "token-not-yet-valid"),
        ({"nbf": 3_600, "exp": 7_200}, "token-not-yet-valid"),
    ],
)  # fmt: skip
def test_its_time_is_over_or_has_not_come(
    attacker: Attacker,
    http: httpx.Client,
    keys: dict[str, Any],
    claims: dict[str, Any],
    change: dict[str, int],
    code: str,
) -> None:
    """Expired, also long ago; not yet valid, and made in the future."""
    now, key = int(time.time()), keys["EdDSA"]
    moved = {"nbf": now - 10**9, "iat": now - 10**9} if "exp" in change and len(change) == 1 else {}
    made = claims | moved | {name: now + shift for name, shift in change.items()}
    attacker.expect(show(http, signed(header(key), made, key)), 401, code)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"project": "north"}, "token-invalid"), ({"project": "nowhere"}, "token-invalid"), ({"sub": "user_" + "0" * 26}, "token-revoked"),
        ({"sid": "login_" + "0" * 26}, "token-revoked"), ({"sid": "VIEWER"}, "token-revoked"), ({"sub": "VIEWER"}, "token-revoked"),
    ],
)  # fmt: skip
def test_our_own_signature_does_not_make_somebody_else(
    attacker: Attacker,
    http: httpx.Client,
    keys: dict[str, Any],
    claims: dict[str, Any],
    change: dict[str, str],
    code: str,
) -> None:
    """Another project, user or login in a token that is signed well: what it says must agree with the accounts."""
    viewer = attacker.house.ids["viewer-user@north"]
    made = claims | {name: value.replace("VIEWER", viewer) for name, value in change.items()}
    attacker.expect(show(http, signed(header(keys["EdDSA"]), made, keys["EdDSA"])), 401, code)


def test_scopes_in_a_token_are_no_more_than_its_owner_has(
    attacker: Attacker, http: httpx.Client, keys: dict[str, Any]
) -> None:
    """A viewer's token that names every scope, signed well, is a viewer's."""
    body = (
        http.post("/login", json={"login": "viewer-user", "password": "correct horse battery 7"})
        .json()["access_token"]
        .split(".")[1]
    )
    theirs = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    token = signed(
        header(keys["EdDSA"]),
        theirs | {"scope": "accounts:write accounts:read runs:write runs:read nonsense"},
        keys["EdDSA"],
    )
    assert show(http, token).json()["scopes"] == ["runs:read"]
    answer = http.get("/accounts/users", headers={"authorization": f"Bearer {token}"})
    attacker.expect(answer, 403, "forbidden")


def test_secrets_of_one_kind_are_not_taken_for_another(attacker: Attacker, http: httpx.Client) -> None:
    """A refresh token or session as a bearer, a key or token as a cookie, a client's secret as a refresh token: nothing fits."""
    refresh = http.post("/login", json={"login": "viewer-user", "password": "correct horse battery 7"}).json()
    with attacker.house.login("viewer-user") as browser:
        session = browser.cookies["mezan_session"]
    key = attacker.house.keys["default", "viewer"]
    for text in (refresh["refresh_token"], session):
        attacker.expect(show(http, text), 401, "token-invalid")
    for text in (refresh["refresh_token"], refresh["access_token"], key):
        answer = httpx.get(f"{attacker.url}/accounts/me", cookies={"mezan_session": text})
        attacker.expect(answer, 401, "unauthenticated")
    for text in (session, key, refresh["access_token"], key.partition(".")[2]):
        answer = http.post("/oauth/token", data={"grant_type": "refresh_token", "refresh_token": text})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        attacker.count("token-invalid")
    for name in ("access_token", "token", "api_key", "key", "authorization"):
        attacker.expect(http.get("/accounts/me", params={name: refresh["access_token"]}), 401, "unauthenticated")
        attacker.expect(http.get("/accounts/me", params={name: key}), 401, "unauthenticated")


def test_no_public_key_of_ours_is_a_shared_secret(http: httpx.Client, keys: dict[str, Any]) -> None:
    """The JWKS names no symmetric key, and no private part of any."""
    shown = http.get("/.well-known/jwks.json")
    assert {key["kty"] for key in shown.json()["keys"]} == {"RSA", "OKP"}
    assert not any({"d", "k", "p", "q", "dp", "dq", "qi"} & set(key) for key in shown.json()["keys"])
    assert keys["HS256"]["k"] not in shown.text
    assert raw(keys["HS256"], "k").hex() not in shown.text
