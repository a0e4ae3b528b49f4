"""Failed logins are few, a stranger cannot lock an owner out, and who logs in is not counted."""

import pytest

from mezan.api.limits.limit import SECOND, Limit
from mezan.api.limits.logins import Logins
from mezan.api.limits.shared import Shared
from mezan.solvers.errors import BadInput

T0 = 1_750_000_000 * SECOND


@pytest.fixture(params=["memory", "shared"])
def logins(request, tmp_path):
    if request.param == "memory":
        yield Logins(clock=lambda: T0)
        return
    shelf = Shared(tmp_path / "l.db")
    yield Logins(shelf=shelf, clock=lambda: T0)
    shelf.close()


def fails(logins, account, address, **at):
    return logins.begin(account, address, **at).verdict.allowed


def test_five_failures_are_enough(logins):
    """Then the account waits for that address; how it is written makes no difference; six minutes later one more is granted."""
    assert [fails(logins, name, "1.1.1.1") for name in ["ann", "ANN", " ann", "ann", "Ann", "ann"]] == [True] * 5 + [
        False
    ]
    wait = logins.begin("ann", "1.1.1.1").verdict.retry_after
    assert wait == 360 * SECOND
    assert not fails(logins, "ann", "1.1.1.1", now=T0 + wait - 1)
    assert fails(logins, "ann", "1.1.1.1", now=T0 + wait)


def test_a_stranger_does_not_lock_the_owner_out(logins):
    """From another address the account is still open."""
    while fails(logins, "ann", "6.6.6.6"):
        pass
    assert fails(logins, "ann", "1.1.1.1")


def test_an_address_that_tries_many_accounts_is_stopped(logins):
    """Also one password for each of many names, and also with the many addresses of one IPv6 host."""
    assert [fails(logins, f"user{i}", f"2001:db8::{i:x}") for i in range(40)].count(True) == 20


def test_an_account_that_many_addresses_try_is_stopped(logins):
    """A botnet has 50 guesses, and then 100 an hour."""
    assert [fails(logins, "ann", f"10.0.{i // 200}.{i % 200}") for i in range(120)].count(True) == 50


def test_successes_are_not_counted(logins):
    """Someone who logs in all day never waits."""
    for i in range(100):
        attempt = logins.begin("ann", "1.1.1.1", now=T0 + i)
        assert attempt.verdict.allowed
        logins.succeeded(attempt, now=T0 + i)


def test_many_at_once_are_no_way_around(logins):
    """Attempts count from their beginning, so that only five passwords are looked at, though none has failed yet."""
    attempts = [logins.begin("ann", "1.1.1.1") for _ in range(100)]
    assert [attempt.verdict.allowed for attempt in attempts].count(True) == 5
    for attempt in attempts:
        logins.succeeded(attempt) if not attempt.verdict.allowed else None
    assert not fails(logins, "ann", "1.1.1.1")


def test_names_are_not_kept_in_clear(tmp_path):
    """The file says nothing about who has an account."""
    shelf = Shared(tmp_path / "l.db")
    Logins(shelf=shelf).begin("canary-name@default", "1.1.1.1")
    shelf.close()
    assert all(b"canary" not in path.read_bytes() for path in tmp_path.iterdir())


def test_only_what_can_take_back_will_do():
    """A window cannot say which of its requests were successes."""
    with pytest.raises(BadInput, match="token-bucket"):
        Logins(account=Limit.parse("5/min sliding-log"))
