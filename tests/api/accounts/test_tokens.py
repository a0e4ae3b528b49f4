"""Access tokens: what is signed verifies, and nothing else does."""

import json
from dataclasses import replace

import attacks
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.api.accounts.errors import ExpiredToken, InvalidToken, NotYetValidToken, Refused, RevokedToken
from mezan.api.accounts.jwks import KeySet, SigningKey, TrustedKey, imported, make_key, public
from mezan.api.accounts.tokens import LEEWAY, sign, verify
from mezan.api.accounts.verified import Verified

NOW = 1_800_000_000.0
ALGORITHMS = ("EdDSA", "RS256", "HS256")
JWKS = {algorithm: make_key(algorithm) for algorithm in ALGORITHMS}
SIGNERS = {algorithm: SigningKey.of(jwk) for algorithm, jwk in JWKS.items()}
THIEVES = {algorithm: make_key(algorithm) for algorithm in ALGORITHMS}


def trusted(jwk, **options):
    """The key as it verifies."""
    told = {"issuer": "mezan", "audience": "mezan", "algorithm": jwk["alg"], **options}
    return TrustedKey(kid=jwk["kid"], key=imported(public(jwk) or jwk), **told)


KEYS = KeySet(trusted(jwk) for jwk in JWKS.values())


def token(algorithm="EdDSA", **options):
    """A good token."""
    told = {
        "issuer": "mezan", "audience": "mezan", "subject": "user_1", "project": "p", "scopes": frozenset({"runs:read"}),
        "now": NOW, "lifetime": 900.0, "token_id": "t1",
    }  # fmt: skip
    return sign(SIGNERS[algorithm], **{**told, **options})


def parts(text):
    """Header and claims of a token."""
    return [json.loads(attacks.raw({"x": part}, "x")) for part in text.split(".")[:2]]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_signed_verifies(algorithm):
    """Every claim comes back, for each of the three algorithms."""
    claims = verify(token(algorithm), KEYS, NOW)
    assert (claims.subject, claims.project, claims.id, claims.scopes) == ("user_1", "p", "t1", {"runs:read"})
    assert (claims.expires, claims.not_before, claims.issued) == (NOW + 900, NOW, NOW)
    assert claims.key.algorithm == algorithm


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_independent_signer_agrees(algorithm):
    """The same header and claims signed with cryptography alone make the same token, byte for byte."""
    made = token(algorithm)
    assert attacks.signed(*parts(made), JWKS[algorithm]) == made


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_forged_tokens_are_refused(algorithm):
    """No alg none, no confusion of algorithms, no key from the header, no kid but those that are known."""
    header, claims = parts(token(algorithm))
    names = set()
    for thief in THIEVES.values():
        for name, text in attacks.forged(header, claims, JWKS[algorithm], thief):
            names.add(name)
            with pytest.raises(InvalidToken):
                pytest.fail(f"{name}: {verify(text, KEYS, NOW)}")
    assert len(names) > 60


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_bent_tokens_are_refused(algorithm):
    """A good token that was changed, cut, stretched or wrapped is refused before anything costly is done."""
    for name, text in attacks.bent(token(algorithm)):
        with pytest.raises(InvalidToken):
            pytest.fail(f"{name}: {verify(text, KEYS, NOW)}")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_well_signed_nonsense_is_refused(algorithm):
    """Our own signature does not help a token that lacks a claim, has it twice, or is for somebody else."""
    header, claims = parts(token(algorithm))
    for name, text in attacks.wrongly_signed(header, claims, JWKS[algorithm]):
        with pytest.raises(InvalidToken):
            pytest.fail(f"{name}: {verify(text, KEYS, NOW)}")


def test_keys_in_the_header_are_not_read():
    """A good token may carry a certificate's print or even another key: it is verified by the known key all the same."""
    header, claims = parts(token())
    thief = public(THIEVES["EdDSA"])
    for extra in ({"x5t": "abc"}, {"jwk": thief}, {"jku": "https://thief.example"}, {"x5c": "nonsense"}):
        assert verify(attacks.signed({**header, **extra}, claims, JWKS["EdDSA"]), KEYS, NOW).subject == "user_1"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_changed_character_is_refused(data):
    """No single character of a token can be replaced, left out or added."""
    good = token(data.draw(st.sampled_from(ALGORITHMS)))
    at = data.draw(st.integers(0, len(good) - 1))
    letter = data.draw(st.sampled_from("ABCXYZabcxyz0189-_.=+/ "))
    changed = data.draw(
        st.sampled_from(
            [good[:at] + letter + good[at + 1 :], good[:at] + good[at + 1 :], good[:at] + letter + good[at:]]
        )
    )
    if changed != good:
        with pytest.raises(InvalidToken):
            verify(changed, KEYS, NOW)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: f"{attacks.b64(raw)}.{attacks.b64(raw)}."))
def test_any_text_is_refused_with_one_error(text):
    """Whatever a stranger sends, the answer is the same kind of refusal."""
    with pytest.raises(InvalidToken):
        verify(text, KEYS, NOW)


@settings(max_examples=200, deadline=None)
@given(st.integers(-100_000, 100_000), st.integers(1, 86_400))
def test_a_token_is_good_in_its_time_only(offset, lifetime):
    """Good exactly from the leeway before its beginning to the leeway after its end, which is exclusive."""
    text, now = token(lifetime=float(lifetime)), NOW + offset
    if offset < -LEEWAY:
        with pytest.raises(NotYetValidToken):
            verify(text, KEYS, now)
    elif offset >= lifetime + LEEWAY:
        with pytest.raises(ExpiredToken):
            verify(text, KEYS, now)
    else:
        assert verify(text, KEYS, now).subject == "user_1"


def test_two_issuers_may_use_one_kid():
    """A key verifies tokens of its own issuer and for its own audience only, whatever id another issuer gives its own."""
    foreign = {**THIEVES["EdDSA"], "kid": JWKS["EdDSA"]["kid"]}
    keys = KeySet([trusted(JWKS["EdDSA"]), trusted(foreign, issuer="https://idp", audience="ours", foreign=True)])
    header, claims = parts(token())
    outside = {"iss": "https://idp", "aud": ["x", "ours"], "sub": "ann", "exp": NOW + 60}
    found = verify(attacks.signed({**header, "typ": "JWT"}, outside, foreign), keys, NOW)
    assert (found.subject, found.id, found.project, found.key.foreign) == ("ann", None, None, True)
    with pytest.raises(InvalidToken):
        verify(attacks.signed(header, claims, foreign), keys, NOW)
    for aud in ("mezan", ["mezan"], "other"):
        with pytest.raises(InvalidToken):
            verify(attacks.signed(header, {**outside, "aud": aud}, foreign), keys, NOW)
    with pytest.raises(InvalidToken):
        verify(attacks.signed(header, {**claims, "iss": "https://idp", "aud": "ours"}, JWKS["EdDSA"]), keys, NOW)


def test_the_cache_answers_as_verify_does():
    """A cached token is refused the moment it expires, its key is dropped, or its key's time is over."""
    cache, text = Verified(), token()
    assert cache.claims(text, KEYS, NOW) is cache.claims(text, KEYS, NOW + 1)
    with pytest.raises(ExpiredToken):
        cache.claims(text, KEYS, NOW + 900 + LEEWAY)
    with pytest.raises(NotYetValidToken):
        cache.claims(text, KEYS, NOW - LEEWAY - 1)
    with pytest.raises(InvalidToken):
        cache.claims(text, KeySet(), NOW)
    retired = KeySet([replace(trusted(JWKS["EdDSA"]), until=NOW + 100)])
    assert cache.claims(text, retired, NOW + 99).key.until == NOW + 100
    with pytest.raises(RevokedToken):
        cache.claims(text, retired, NOW + 100)


def test_the_cache_is_bounded_and_keeps_no_refusals():
    """Many tokens push out the ones used longest ago, and refused texts leave nothing behind."""
    cache = Verified(most=3)
    texts = [token(token_id=f"t{i}") for i in range(5)]
    for text in texts:
        cache.claims(text, KEYS, NOW)
    assert len(cache) == 3
    for _name, text in attacks.bent(texts[0]):
        with pytest.raises(Refused):
            cache.claims(text, KEYS, NOW)
    assert len(cache) == 3
