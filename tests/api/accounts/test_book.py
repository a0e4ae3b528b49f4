"""Denials become few events, whatever an attacker does, and every one of them is counted."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.api.accounts import keys
from mezan.api.accounts.book import LONGEST, LONGEST_PATH, MOST_PAIRS, WINDOW, DenialBook
from mezan.api.accounts.redaction import redacted, without_credentials
from mezan.api.addresses import network
from mezan.engine.account_events import AccessDenied

SECOND = 1_000_000


def denied(reason="token-invalid", address="192.0.2.1", principal="", path="/runs", project=""):
    return AccessDenied(reason=reason, project=project, principal=principal, address=address, path=path)


denials = st.builds(
    denied, st.sampled_from(["csrf", "forbidden"]), st.sampled_from(["a", "b", "c", "d", "e"]), st.sampled_from(["", "key_1"])
)  # fmt: skip


@given(steps=st.lists(st.tuples(denials, st.integers(0, 25)), max_size=60), most=st.integers(1, 6))
def test_none_is_forgotten_and_none_comes_twice_in_a_window(steps, most):
    """The times of all events are the denials made; an asker is recorded once per reason and ten seconds."""
    book, now, events, made = DenialBook(most=most), 0, [], {}
    for denial, wait in steps:
        now += wait * SECOND
        made[denial.reason] = made.get(denial.reason, 0) + 1
        events += [(now, due) for due in book.note(denial, now)]
    events_now = [due for _, due in events]
    counted = {}
    for due in [*events_now, *book.drain()]:
        counted[due.reason] = counted.get(due.reason, 0) + due.times
    assert counted == made
    assert book.drain() == []
    last = {}
    for at, due in events:
        pair = (due.reason, due.principal or due.address)
        assert at - last.get(pair, -WINDOW) >= WINDOW
        last[pair] = at


def test_the_first_is_recorded_at_once_and_the_rest_counted():
    """What a flood leaves in the log: ever fewer events, whose times say how much it was."""
    book, events = DenialBook(), []
    for tick in range(3_600 * 10):
        events += book.note(denied(), tick * SECOND // 10)
    events += book.drain()
    assert events[0].times == 1
    assert sum(event.times for event in events) == 36_000
    assert len(events) < 20


def test_a_flood_from_everywhere_is_bounded():
    """Ten thousand addresses a second: a hundred are named, the others are one; memory stays small."""
    book, events = DenialBook(), []
    for i in range(100_000):
        address = f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}"
        events += book.note(denied(address=address), i * SECOND // 10_000)
        assert len(book._held) <= MOST_PAIRS + 1
    assert len(events) == MOST_PAIRS + 1
    rest = book.drain()
    assert {event.address for event in rest} == {"others"}
    assert sum(event.times for event in [*events, *rest]) == 100_000


def test_a_household_of_ipv6_is_one_asker():
    """Its /64."""
    book = DenialBook()
    events = [due for i in range(1_000) for due in book.note(denied(address=f"2001:db8::{i:x}"), i)]
    assert [event.address for event in events] == ["2001:db8::"] or len(events) == 1
    assert network("2001:db8::1") == network("2001:db8::ffff") != network("2001:db8:0:1::1")


@pytest.mark.parametrize("where", ["principal", "address", "path", "reason", "project"])
def test_no_secret_and_no_control_character_comes_through(where):
    """Whatever part a stranger's text is in: an API key, a JWT, terminal escapes, megabytes."""
    key = keys.new_key()
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw"
    text = f"/x/{key.text}/{jwt}/\x1b[2J\n/" + "y" * 10**6
    (due,) = DenialBook().note(denied(**{where: text}), 0)
    shown = getattr(due, where)
    assert key.text.partition(".")[2] not in shown
    assert jwt.split(".")[1] not in shown
    assert shown.isprintable()
    assert len(shown) <= max(LONGEST, LONGEST_PATH)
    assert key.prefix in shown


def test_paths_lose_their_query_and_long_words():
    """Refresh tokens and session cookies have no form of their own, but a length; ids and templates stay."""
    (due,) = DenialBook().note(denied(path="/login?password=hunter2"), 0)
    assert due.path == "/login"
    secret = keys.new_key().text.partition(".")[2]
    assert redacted(f"/sessions/{secret}/x") == "/sessions/[secret]/x"
    assert redacted("Basic dXNlcjpwYXNz, Bearer abc") == "[secret] [secret]"
    assert redacted("/runs/run_01m80jgvzrk4a5h83s554g5ygj/why") == "/runs/run_01m80jgvzrk4a5h83s554g5ygj/why"
    subject = "https://id.example.org#" + "a" * 60
    assert without_credentials(subject) == subject


@given(text=st.text(max_size=300))
def test_redaction_is_the_same_twice_and_leaves_plain_words(text):
    """What was redacted needs no more; short plain words are as they were."""
    once = redacted(text)
    assert redacted(once) == once
    if re.fullmatch(r"[a-z/]{0,39}", text):
        assert once == text
