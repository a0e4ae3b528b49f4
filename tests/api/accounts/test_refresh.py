"""Refresh tokens as a pure rule, against a model that remembers every token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.api.accounts import refresh
from mezan.api.accounts.errors import ExpiredToken, InvalidToken, RevokedToken


@given(st.lists(st.integers(0, 12), max_size=30), st.booleans())
def test_only_the_latest_token_is_good(uses, over):
    """Used in any order: the latest gives the next, a spent one ends the family, and after that nothing is good."""
    good = 0
    given_out = {0: refresh.make("login_x", 0)}
    for number in uses:
        text = given_out[number].text if number in given_out else refresh.make("login_x", number).text
        family, said, handle = refresh.read(text)
        kept = given_out.get(said)
        genuine = handle.is_of(None if kept is None else kept.digest)
        assert (family, said, genuine) == ("login_x", number, number in given_out)
        if good is None:
            with pytest.raises(RevokedToken):
                refresh.judge(good, said, genuine=genuine, over=over)
        elif number not in given_out:
            with pytest.raises(InvalidToken):
                refresh.judge(good, said, genuine=genuine, over=over)
        elif over:
            with pytest.raises(ExpiredToken):
                refresh.judge(good, said, genuine=genuine, over=over)
        elif refresh.judge(good, said, genuine=genuine, over=over):
            assert number < good
            good = None
        else:
            assert number == good
            good += 1
            given_out[good] = refresh.make("login_x", good)


@given(st.text(max_size=120))
def test_any_text_is_refused_or_read(text):
    """Whatever is sent, it is refused with one error, or is what :func:`make` could have made."""
    try:
        family, number, handle = refresh.read(text)
    except InvalidToken:
        return
    assert handle.text == text
    assert text.startswith(f"mzr_{family}-{number}.")


@given(st.integers(0, 99_999))
def test_names_of_kept_hashes_come_back(number):
    """A name and what it was made of."""
    assert refresh.base_of(refresh.kept_under("refresh_ab", number)) == ("refresh_ab", number)
