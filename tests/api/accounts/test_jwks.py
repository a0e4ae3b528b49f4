"""Keys and their documents: nothing secret is published, nothing weak or ambiguous is trusted."""

import json

import attacks
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey

from mezan.api.accounts.jwks import document, foreign_jwks, imported, make_key, public
from mezan.solvers.errors import BadInput

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}
ED, RSA, OCT = make_key("EdDSA"), make_key("RS256"), make_key("HS256")


def content(*jwks):
    """A JWKS document."""
    return json.dumps({"keys": jwks}).encode()


def test_a_document_has_public_members_only():
    """Private members and symmetric keys never get into the document; neither do members that somebody added."""
    shown = document([ED, RSA, OCT, None, {**ED, "note": "secret", "kid": "other"}])
    assert [jwk["kid"] for jwk in shown["keys"]] == [ED["kid"], RSA["kid"], "other"]
    assert not any(PRIVATE & set(jwk) or "note" in jwk for jwk in shown["keys"])
    text = json.dumps(shown)
    assert not any(jwk[name] in text for jwk in (ED, RSA, OCT) for name in PRIVATE & set(jwk))


def test_what_we_publish_can_be_trusted():
    """Our own document is one that others can trust by the same rules."""
    assert foreign_jwks(json.dumps(document([ED, OCT])).encode()) == ("EdDSA", [public(ED)])
    assert foreign_jwks(json.dumps(document([RSA])).encode()) == ("RS256", [public(RSA)])


def test_keys_are_what_their_algorithm_says():
    """A made key imports as that kind, and algorithms that are not ours are refused."""
    assert isinstance(imported(ED), OKPKey)
    assert imported(RSA).public_key.key_size == 3072
    assert len(imported(OCT).raw_value) == 32
    for algorithm in ("none", "ES256", "RS512", "", "eddsa"):
        with pytest.raises(BadInput, match="algorithm"):
            make_key(algorithm)


def test_one_algorithm_must_be_chosen():
    """A document for several algorithms, or with shared keys, needs a word on which to trust."""
    mixed = content(public(ED), public(RSA))
    with pytest.raises(BadInput, match="one algorithm"):
        foreign_jwks(mixed)
    assert foreign_jwks(mixed, "RS256")[1] == [public(RSA)]
    with pytest.raises(BadInput, match="one algorithm"):
        foreign_jwks(content(OCT))
    assert foreign_jwks(content(OCT), "HS256")[1][0]["k"] == OCT["k"]


def weak_rsa():
    """An RSA key of 1024 bits, as joserfc writes it."""
    numbers = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key().public_numbers()
    return {"kty": "RSA", "n": attacks.b64(numbers.n.to_bytes(128)), "e": "AQAB"}


BAD = {
    "no JSON": b"keys",
    "a list": b"[]",
    "keys no list": b'{"keys": {}}',
    "a key no object": b'{"keys": [1]}',
    "no keys": content(),
    "too long": b" " * 300_000 + content(public(ED)),
    "too many": content(*[{**public(ED), "kid": str(i)} for i in range(65)]),
    "deep": b'{"keys":' * 2_000,
    "duplicate members": b'{"keys": [], "keys": []}',
    "private": content(ED),
    "private RSA": content(RSA),
    "no kid": content({name: value for name, value in public(ED).items() if name != "kid"}),
    "kid a number": content({**public(ED), "kid": 1}),
    "kid with a control character": content({**public(ED), "kid": "a\0"}),
    "kid twice": content(public(ED), public(ED)),
    "elliptic": content(ECKey.generate_key("P-256", {"kid": "e"}).as_dict(private=False)),
    "Ed448": content({**OKPKey.generate_key("Ed448").as_dict(private=False), "kid": "e"}),
    "algorithm of another kind": content({**public(RSA), "alg": "HS256"}),
    "algorithm none": content({**public(RSA), "alg": "none"}),
    "algorithm no text": content({**public(RSA), "alg": ["RS256"]}),
    "only for encryption": content({**public(RSA), "use": "enc"}),
    "broken point": content({**public(ED), "x": "AAAA"}),
    "missing member": content({"kty": "RSA", "kid": "k", "n": "AQAB"}),
    "weak RSA": content({**weak_rsa(), "kid": "weak"}),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_documents_are_refused(name):
    """Each with one error that says the rule."""
    with pytest.raises(BadInput):
        foreign_jwks(BAD[name])


def test_short_shared_keys_are_refused():
    """HS256 needs 256 bits."""
    short = {**OctKey.generate_key(128).as_dict(), "kid": "s"}
    with pytest.raises(BadInput, match="256 to"):
        foreign_jwks(content(short), "HS256")


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["keys", "kty", "kid", "alg", "use", "n", "e", "x", "crv", "d"]), inner)
        ),
        max_leaves=12,
    )
)
def test_any_json_is_refused_or_sound(value):
    """Whatever JSON comes, the answer is BadInput or keys that import."""
    try:
        _algorithm, keys = foreign_jwks(json.dumps({"keys": value}).encode())
    except BadInput:
        return
    assert all(imported(jwk) for jwk in keys)
