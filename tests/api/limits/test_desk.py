"""Which policies a request meets, and what its headers say."""

import re
import subprocess
import sys

from mezan.api.accounts.principal import LOCAL, Principal
from mezan.api.accounts.scopes import EVERY
from mezan.api.limits.desk import Limits
from mezan.api.limits.limit import SECOND
from mezan.api.limits.policy import policies
from mezan.api.limits.shared import Shared

T0 = 1_750_000_020 * SECOND  # a whole minute


def principal(credential="c1", *, kind="key", known="key_1", project="default"):
    return Principal(known, "ann", kind, project, EVERY, credential)


def only(**texts):
    """A desk with these policies and no usual one."""
    off = dict.fromkeys(["requests", "solving", "project", "address", "login"], "off")
    return Limits(policies(off | texts), clock=lambda: T0)


def test_each_credential_has_its_own_count():
    """One key's requests are no other's; a principal's or a project's together are when the policy says so."""
    ann, bob = principal("c1"), principal("c2")
    desk = only(p="1/min")
    assert [desk.take(who, "read").allowed for who in (ann, bob, ann)] == [True, True, False]
    desk = only(p="1/min per=principal")
    assert [desk.take(who, "read").allowed for who in (ann, bob, principal("c3", known="key_2"))] == [True, False, True]
    desk = only(p="1/min per=project")
    other = principal("c3", known="key_2")
    assert [desk.take(who, "read").allowed for who in (ann, other, principal("c4", project="p"))] == [True, False, True]
    desk = only(p="1/min per=address")
    taken = [
        desk.take(who, "read", where).allowed for who, where in [(ann, "1.1.1.1"), (bob, "1.1.1.1"), (bob, "1.1.1.2")]
    ]
    assert taken == [True, False, True]


def test_a_policy_is_for_some_and_on_some():
    """Others pass uncounted; everybody on an open server does."""
    desk = only(p="1/min for=key on=solve")
    key, user = principal(), principal("c2", kind="user")
    assert [desk.take(key, "solve").allowed for _ in range(2)] == [True, False]
    assert all(desk.take(who, route).allowed for who, route in [(key, "read"), (user, "solve"), (None, "solve")] * 3)
    assert desk.take(LOCAL, "solve").counts == desk.take(key, "read").counts == ()
    assert desk.take(LOCAL, "solve").headers() == []


def test_who_has_no_credential_is_counted_by_address():
    """Of IPv6 by the network of one host."""
    desk = only(p="1/min for=anonymous")
    asked = ["1.2.3.4", "::ffff:1.2.3.4", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
    assert [desk.take(None, "read", address).allowed for address in asked] == [True, False, True, False, True]


def test_a_refused_request_is_counted_by_no_policy():
    """The wide one does not run down while the narrow one refuses."""
    desk = only(wide="10/min", narrow="1/min on=solve")
    key = principal()
    assert desk.take(key, "solve").allowed
    for _ in range(20):
        refused = desk.take(key, "solve")
        assert not refused.allowed
        assert refused.tightest.policy == "narrow"
    assert desk.take(key, "read").tightest.remaining == 8


def test_headers_are_true_to_the_token():
    """As many as the header says pass, then none until the seconds it says have gone, and then all of them."""
    for text in (
        "7/min",
        "7/min token-bucket burst=3",
        "7/min fixed-window",
        "7/min sliding-log",
        "7/min sliding-counter",
    ):
        desk, key, now = only(p=text), principal(), T0 + 12_345_678
        said = dict(desk.take(key, "read", now=now).headers())
        assert re.fullmatch(r'"p";q=\d+;w=\d+', said["RateLimit-Policy"])
        assert said["RateLimit"] == f'"p";r={said["RateLimit-Remaining"]};t={said["RateLimit-Reset"]}'
        assert "Retry-After" not in said
        for _ in range(int(said["RateLimit-Remaining"])):
            assert desk.take(key, "read", now=now).allowed
        refused = desk.take(key, "read", now=now)
        headers = dict(refused.headers())
        assert not refused.allowed
        assert headers["RateLimit-Remaining"] == "0"
        later = now + int(headers["Retry-After"]) * SECOND
        if text != "7/min fixed-window":
            assert not desk.take(key, "read", now=now + refused.retry_after - 1).allowed
        assert desk.take(key, "read", now=later).allowed
        last = dict(desk.take(key, "read", now=later).headers())
        rested = later + int(last["RateLimit-Reset"]) * SECOND
        assert [desk.take(key, "read", now=rested).allowed for _ in range(int(last["RateLimit-Limit"]))].count(
            False
        ) == 0


def test_headers_name_every_policy_and_the_tightest():
    """The older three are of the one with the least left, and a batch counts as many."""
    desk = only(wide="100/min", narrow="10/min fixed-window on=solve")
    headers = dict(desk.take(principal(), "solve", cost=4).headers())
    assert headers == {
        "RateLimit-Policy": '"wide";q=100;w=60, "narrow";q=10;w=60',
        "RateLimit": '"wide";r=96;t=3, "narrow";r=6;t=60',
        "RateLimit-Limit": "10",
        "RateLimit-Remaining": "6",
        "RateLimit-Reset": "60",
    }
    never = desk.take(principal(), "solve", cost=11)
    assert not never.allowed
    assert never.retry_after is None
    assert "Retry-After" not in dict(never.headers())


def test_other_policies_take_the_place_of_the_old():
    """One whose limit stays goes on counting; one that is changed begins anew."""
    desk, key = only(a="1/min on=read", b="1/min on=write"), principal()
    assert desk.take(key, "read").allowed
    assert desk.take(key, "write").allowed
    off = dict.fromkeys(["requests", "solving", "project", "address", "login"], "off")
    desk.configure(policies(off | {"a": "1/min on=read", "b": "2/min on=write"}))
    assert not desk.take(key, "read").allowed
    assert desk.take(key, "write").tightest.remaining == 1


def test_desks_on_one_file_share_their_counts(tmp_path):
    """Of two processes, here in one; each says that it may have to wait."""
    shelves = [Shared(tmp_path / "mezan.limits.db") for _ in range(2)]
    desks = [Limits(policies({"requests": "3/min"}), shelf=shelf, clock=lambda: T0) for shelf in shelves]
    assert [desk.take(principal(), "read").allowed for desk in (*desks, *desks)] == [True, True, True, False]
    assert all(desk.blocks for desk in desks)
    assert not Limits().blocks
    for desk in desks:
        desk.close()


def test_the_usual_policies_let_a_busy_client_work():
    """A dashboard's page loads and a thousand submissions within a few minutes pass; a flood does not."""
    desk = Limits(clock=lambda: T0)
    busy = [desk.take(principal(), "solve", now=T0 + i * SECOND // 10).allowed for i in range(1_000)]
    assert all(busy)
    flood = [desk.take(principal("c2"), "solve", now=T0 + SECOND * 200).allowed for _ in range(1_000)]
    assert flood.count(True) == 300


def test_texts_are_read_without_loading_what_counts():
    """A command line that prints policies stays quick."""
    code = "import sys, mezan.api.limits.policy, mezan.api.limits.quotas; print('pyrate_limiter' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
