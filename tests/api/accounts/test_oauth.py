"""OAuth 2.0 requests as plain values: what is understood, and the standard's errors for the rest."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.api.accounts.oauth import (
    Client,
    ClientCredentials,
    OAuthError,
    Refresh,
    TokenAnswer,
    basic,
    granted,
    revoke_request,
    token_request,
)

CODES = {"", "invalid_request", "invalid_client", "invalid_grant", "unsupported_grant_type", "invalid_scope"}


def said(ask):
    """The error of a request, empty where it was understood; anything but the standard's errors comes through."""
    try:
        ask()
    except OAuthError as error:
        return error.error
    return ""


def header(text):
    """Basic credentials."""
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_a_client_shows_its_secret_in_one_of_two_ways():
    """In the header, form-encoded, or in the form."""
    asked = [("grant_type", "client_credentials"), ("scope", "runs:read  log:read")]
    wanted = ClientCredentials(Client("abc", "s:e c"), frozenset({"runs:read", "log:read"}))
    assert token_request(asked, header("abc:s%3Ae+c")) == wanted
    assert token_request([*asked, ("client_id", "abc"), ("client_secret", "s:e c")]) == wanted
    assert token_request([*asked, ("client_id", "abc")], header("abc:s%3Ae+c")) == wanted
    assert token_request([("grant_type", "refresh_token"), ("refresh_token", "r"), ("scope", "")]) == Refresh("r", None)
    assert revoke_request([("token", "t"), ("token_type_hint", "access_token")]) == "t"


GRANT = ("grant_type", "client_credentials")
BAD = [
    ([], None, "invalid_request"),
    ([("grant_type", "")], None, "invalid_request"),
    ([("grant_type", "password"), ("username", "a"), ("password", "b")], None, "unsupported_grant_type"),
    ([("grant_type", 'implicit\r\n"')], None, "unsupported_grant_type"),
    ([GRANT], None, "invalid_client"),
    ([GRANT, ("client_id", "a")], None, "invalid_client"),
    ([GRANT, ("client_secret", "a")], None, "invalid_client"),
    ([GRANT, GRANT], header("a:b"), "invalid_request"),
    ([GRANT, ("client_id", "a"), ("client_id", "b"), ("client_secret", "s")], None, "invalid_request"),
    ([GRANT, ("client_id", "a"), ("client_secret", "s")], header("a:s"), "invalid_request"),
    ([GRANT, ("client_id", "other")], header("a:s"), "invalid_request"),
    ([GRANT], "Bearer x", "invalid_client"),
    ([GRANT], "Basic", "invalid_client"),
    ([GRANT], "Basic !!!", "invalid_client"),
    ([GRANT], "Basic /w==", "invalid_client"),
    ([GRANT], header("nocolon"), "invalid_client"),
    ([GRANT], header("a:" + "s" * 5_000), "invalid_client"),
    ([GRANT, ("scope", "x" * 5_000)], header("a:s"), "invalid_request"),
    ([GRANT, *((f"p{i}", "x") for i in range(40))], header("a:s"), "invalid_request"),
    ([("grant_type", "refresh_token")], None, "invalid_request"),
]


@pytest.mark.parametrize(("form", "authorization", "error"), BAD)
def test_errors_are_the_standards(form, authorization, error):
    """Each has its word, its status, and a description within the characters that the standard allows."""
    with pytest.raises(OAuthError) as caught:
        token_request(form, authorization)
    assert caught.value.error == error
    assert caught.value.status == (401 if error == "invalid_client" else 400)
    assert ("WWW-Authenticate" in caught.value.headers()) == (error == "invalid_client")
    assert caught.value.headers()["Cache-Control"] == "no-store"
    assert all(32 <= ord(c) < 127 and c not in '"\\' for c in caught.value.body()["error_description"])


def test_a_secret_is_not_shown():
    """Neither a request nor an answer prints what it carries."""
    shown = f"{ClientCredentials(Client('a', 'SECRET'), None)} {Refresh('SECRET')} {TokenAnswer('SECRET', 1, frozenset(), 'SECRET')}"
    assert "SECRET" not in shown


@given(st.sets(st.sampled_from("abcdef")) | st.none(), st.sets(st.sampled_from("abcdef")))
def test_no_more_is_granted_than_is_allowed(asked, allowed):
    """All that was asked for or nothing, never more than is allowed, never an empty token."""
    wanted = allowed if asked is None else asked
    if wanted and wanted <= allowed:
        assert granted(None if asked is None else frozenset(asked), frozenset(allowed)) == wanted
    else:
        with pytest.raises(OAuthError) as caught:
            granted(None if asked is None else frozenset(asked), frozenset(allowed))
        assert caught.value.error == "invalid_scope"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["grant_type", "client_id", "client_secret", "scope", "refresh_token"])
            | st.text(max_size=5),
            st.text(max_size=20) | st.sampled_from(["client_credentials", "refresh_token"]),
        ),
        max_size=20,
    ),
    st.none() | st.text(max_size=40),
)
def test_any_form_is_understood_or_refused(form, authorization):
    """Whatever comes, it is a request or one of the standard's errors."""
    assert said(lambda: token_request(form, authorization)) in CODES


@given(st.text(max_size=60))
def test_any_header_is_a_client_or_refused(text):
    """The same for the header alone."""
    assert said(lambda: basic(text)) in {"", "invalid_client"}
