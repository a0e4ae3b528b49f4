"""Tokens of other issuers: what they are good for, and what they are not."""

import json

import attacks
import doors
import pytest

from mezan.api.accounts.errors import InvalidToken, NotThere, Refused, RevokedToken
from mezan.api.accounts.jwks import make_key, public
from mezan.solvers.errors import BadInput

pytestmark = pytest.mark.anyio
IDP = "https://idp.example"


def jwks(*keys):
    """A document of public keys, or of shared ones."""
    return json.dumps({"keys": [public(key) or key for key in keys]}).encode()


def told(door, **changed):
    """Claims of a good token."""
    now = door.accounts.clock() // 1_000_000
    return {"iss": IDP, "aud": "mezan", "sub": "carol", "exp": now + 60, "iat": now, "jti": "j1", **changed}


def token(door, jwk, **changed):
    """A token of the issuer's."""
    return attacks.signed({"alg": jwk["alg"], "kid": jwk["kid"], "typ": "JWT"}, told(door, **changed), jwk)


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256", "HS256"])
async def test_a_trusted_issuer_vouches_for_people(tmp_path, algorithm):
    """Its subject is let in with the issuer's role, in its project, whatever the token says of scopes and projects."""
    async with doors.door(tmp_path) as door:
        await door.accounts.add_project("north")
        jwk = make_key(algorithm)
        text = token(door, jwk, scope="accounts:write", project="default", sid="login_x")
        with pytest.raises(InvalidToken):
            await door.authenticate(text)
        await door.keys.trust(IDP, jwks(jwk), algorithm=algorithm, role="operator", project="north")
        who = await door.authenticate(text)
        assert (who.id, who.name, who.kind, who.project) == (f"{IDP}#carol", "carol", "token", "north")
        assert who.scopes == door.accounts.roles("north")["operator"]
        assert await door.keys.distrust(IDP)
        assert not await door.keys.distrust(IDP)
        with pytest.raises(InvalidToken):
            await door.authenticate(text)


async def test_an_issuer_vouches_for_its_own_alone(tmp_path):
    """It cannot sign in our name, nor in another issuer's, nor name our users."""
    async with doors.door(tmp_path) as door:
        jwk, other = make_key("EdDSA"), make_key("EdDSA")
        await door.keys.trust(IDP, jwks(jwk))
        await door.keys.trust("https://other", jwks(other))
        ours = await door.tokens("ann", doors.PASSWORD)
        header, claims = (json.loads(attacks.raw({"x": part}, "x")) for part in ours.access_token.split(".")[:2])
        for text in (
            attacks.signed({**header, "kid": jwk["kid"]}, claims, jwk),
            attacks.signed(header, claims, jwk),
            attacks.signed({**header, "kid": jwk["kid"]}, {**claims, "iss": IDP, "aud": "other"}, jwk),
            token(door, jwk, iss="https://other"),
            token(door, {**jwk, "kid": other["kid"]}),
            token(door, jwk, aud="their-app"),
            token(door, jwk, aud=["their-app"]),
        ):
            with pytest.raises(InvalidToken):
                await door.authenticate(text)
        ann = door.accounts.user("ann")
        who = await door.authenticate(token(door, jwk, sub=ann.id))
        assert (who.id, who.kind) == (f"{IDP}#{ann.id}", "token")
        assert who.scopes == door.accounts.roles()["viewer"]


async def test_the_corpus_for_issuers(tmp_path):
    """What forges our tokens does not forge an issuer's either."""
    async with doors.door(tmp_path) as door:
        for jwk in (make_key("EdDSA"), make_key("RS256")):
            await door.keys.trust(IDP, jwks(jwk))
            header = {"alg": jwk["alg"], "kid": jwk["kid"], "typ": "JWT"}
            thief = make_key("HS256")
            for name, text in [*attacks.forged(header, told(door), jwk, thief), *attacks.bent(token(door, jwk))]:
                with pytest.raises(Refused):
                    pytest.fail(f"{name}: {await door.authenticate(text)}")
            assert await door.authenticate(token(door, jwk))


async def test_a_foreign_token_can_be_revoked(tmp_path):
    """By its holder; others of the same subject are not."""
    async with doors.door(tmp_path) as door:
        jwk = make_key("EdDSA")
        await door.keys.trust(IDP, jwks(jwk))
        text = token(door, jwk)
        await door.grants.revoke(text)
        with pytest.raises(RevokedToken):
            await door.authenticate(text)
        assert await door.authenticate(token(door, jwk, jti="j2"))


async def test_what_cannot_be_trusted(tmp_path):
    """Names with #, our own name, roles and projects that are not there: one error each, and nothing is recorded."""
    async with doors.door(tmp_path) as door:
        good = jwks(make_key("EdDSA"))
        before = door.accounts.position
        for issuer, options in (
            ("", {}), ("a#b", {}), ("mezan", {}), ("x" * 300, {}), (" x", {}), ("a\nb", {}), (IDP, {"audience": ""}),
            (IDP, {"role": "king"}), (IDP, {"project": "south"}), (IDP, {"algorithm": "RS256"}), (IDP, {"algorithm": "none"}),
        ):  # fmt: skip
            with pytest.raises((BadInput, NotThere)):
                await door.keys.trust(issuer, good, **options)
        assert door.accounts.position == before
