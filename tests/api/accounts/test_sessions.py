"""Sessions of browsers: whose they are, what ends them, and what a forged request lacks."""

import doors
import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.api.accounts import open as open_module
from mezan.api.accounts.csrf import check_csrf, csrf_token
from mezan.api.accounts.errors import Csrf, ExpiredToken, NotThere, Refused, RevokedToken, Unauthenticated
from mezan.api.accounts.handles import make_handle
from mezan.api.accounts.oauth import Refresh
from mezan.api.accounts.principal import LOCAL, Principal
from mezan.api.accounts.scopes import Scope

pytestmark = pytest.mark.anyio


async def test_a_session_is_its_users(tmp_path):
    """The cookie is the user's until it is closed; then it is nobody's."""
    async with doors.door(tmp_path) as door:
        opened = await door.enter("ann", doors.PASSWORD, address="10.0.0.1")
        who = await door.sessions.principal(opened.cookie)
        assert (who.name, who.kind, who.credential) == ("ann", "user", opened.session)
        assert await door.sessions.principal(opened.cookie) is who
        assert [one.address for one in door.sessions.of(who.id)] == ["10.0.0.1"]
        assert await door.sessions.close(opened.session, by=who)
        assert not await door.sessions.close(opened.session, by=who)
        with pytest.raises(Unauthenticated):
            await door.sessions.principal(opened.cookie)
        recorded = await door.accounts.store.read(types=["SessionOpened", "SessionClosed"])
        assert [one.actor for one in recorded] == [who.id, who.id]


async def test_made_up_cookies_are_refused(tmp_path):
    """A session cannot be planted: neither a made-up id nor a known id with another secret is taken (fixation)."""
    async with doors.door(tmp_path) as door:
        good = await door.enter("ann", doors.PASSWORD)
        other = await door.enter("ann", doors.PASSWORD)
        secret = good.cookie.partition(".")[2]
        planted = make_handle("mzs", "session_" + "0" * 26).text
        for cookie in (
            planted, make_handle("mzs", good.session).text, f"mzs_{other.session}.{secret}", good.session, secret, "",
            good.cookie + "A", good.cookie[:-1], f" {good.cookie}", f"{good.cookie}\n", f"mzr{good.cookie[3:]}",
            good.cookie.upper(), "mzs_" + "x" * 100_000, "\ud800", good.csrf, f"{good.cookie};{good.cookie}",
        ):  # fmt: skip
            with pytest.raises(Unauthenticated):
                await door.sessions.principal(cookie)
        again = await door.enter("ann", doors.PASSWORD)
        assert len({good.cookie, other.cookie, again.cookie}) == len({good.session, other.session, again.session}) == 3
        assert planted.partition(".")[0] not in {one.cookie.partition(".")[0] for one in (good, other, again)}


async def test_a_session_ends_by_time(tmp_path):
    """Twelve hours after the login, remembered or not."""
    clock = doors.Clock()
    async with doors.door(tmp_path, clock=clock) as door:
        opened = await door.enter("ann", doors.PASSWORD)
        clock.ahead += 12 * 3600 - 5
        assert await door.sessions.principal(opened.cookie)
        clock.ahead += 6
        for _ in range(2):
            with pytest.raises(ExpiredToken):
                await door.sessions.principal(opened.cookie)


@pytest.mark.parametrize("how", ["password", "disable", "project", "close", "many"])
async def test_what_ends_a_user_ends_its_sessions(tmp_path, how):
    """A new password, disabling, its administrator, its project's end, sixteen later logins: the cookie is refused at once."""
    async with doors.door(tmp_path) as door:
        await door.accounts.add_project("north")
        bob = await door.accounts.add_user("bob", role="viewer", project="north")
        opened = await door.sessions.open(bob)
        assert await door.sessions.principal(opened.cookie)
        match how:
            case "password":
                await door.people.set_password(bob.id, doors.PASSWORD)
            case "disable":
                await door.accounts.disable(bob.id)
                await door.accounts.enable(bob.id)
            case "project":
                await door.accounts.disable_project("north")
            case "close":
                await door.sessions.close(opened.session, by=LOCAL)
            case "many":
                for _ in range(16):
                    await door.sessions.open(bob)
        with pytest.raises(Refused):
            await door.sessions.principal(opened.cookie)


async def test_rights_taken_away_are_gone_from_sessions(tmp_path):
    """A session has what its user's role has now."""
    async with doors.door(tmp_path) as door:
        opened = await door.enter("ann", doors.PASSWORD)
        assert (await door.sessions.principal(opened.cookie)).may(Scope.RUNS_WRITE)
        await door.accounts.set_role(door.accounts.user("ann").id, "viewer")
        assert not (await door.sessions.principal(opened.cookie)).may(Scope.RUNS_WRITE)


async def test_another_process_ends_a_session(tmp_path):
    """What another door on the same files closes is refused here as soon as it is read; what it opened is taken at once."""
    async with doors.door(tmp_path) as door, doors.door(tmp_path) as other:
        opened = await door.enter("ann", doors.PASSWORD)
        who = await other.sessions.principal(opened.cookie)
        await other.sessions.close(opened.session, by=who)
        await door.accounts.catch_up()
        with pytest.raises(Unauthenticated):
            await door.sessions.principal(opened.cookie)


async def test_strangers_close_nothing(tmp_path):
    """A session of another project is not there; one's own project's is closed by who may administer its user."""
    async with doors.door(tmp_path) as door:
        opened = await door.enter("ann", doors.PASSWORD)
        stranger = Principal("user_9", "x", "user", "north", frozenset(Scope), "s")
        with pytest.raises(NotThere):
            await door.sessions.close(opened.session, by=stranger)
        bob = await door.accounts.add_user("bob", role="viewer")
        with pytest.raises(Refused):
            await door.sessions.close(opened.session, by=door.accounts.principal_of(bob.id, "s"))
        boss = await door.accounts.add_user("boss", role="admin")
        assert await door.sessions.close(opened.session, by=door.accounts.principal_of(boss.id, "s"))


async def test_a_disabled_user_opens_nothing(tmp_path):
    """Between the login and the session a user may be disabled: then there is no session."""
    async with doors.door(tmp_path) as door:
        ann = await door.logins.login("ann", doors.PASSWORD)
        await door.accounts.disable(ann.id)
        with pytest.raises(RevokedToken):
            await door.sessions.open(ann)
        assert not door.accounts.principals.sessions


def test_a_forged_request_lacks_the_token():
    """Only the session's own token passes: not another's, not the cookie, not none."""
    cookie, other = make_handle("mzs", "session_1").text, make_handle("mzs", "session_1").text
    check_csrf(cookie, csrf_token(cookie))
    for token in (
        None,
        "",
        csrf_token(other),
        cookie,
        csrf_token(cookie)[:-1],
        csrf_token(cookie) + "A",
        "\ud800",
        "ä",
    ):
        with pytest.raises(Csrf):
            check_csrf(cookie, token)


@given(st.text(max_size=80))
def test_no_text_is_a_token(text):
    """Whatever a forger sends in its place is refused."""
    cookie = "mzs_session_1." + "A" * 43
    if text != csrf_token(cookie):
        with pytest.raises(Csrf):
            check_csrf(cookie, text)


@given(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_tokens_are_the_cookies_own(one, other):
    """Different cookies have different tokens, and a token tells nothing that the cookie's secret begins with."""
    first, second = (make_handle("mzs", "session_1", lambda _, n=n: n.to_bytes(32)).text for n in (one, other))
    assert (csrf_token(first) == csrf_token(second)) == (one == other)
    assert first.partition(".")[2] != csrf_token(first)


async def test_hashes_of_what_has_ended_are_deleted(tmp_path, monkeypatch):
    """At the next opening; what is still good stays, and goes on working."""
    async with doors.door(tmp_path) as door:
        ann = door.accounts.user("ann")
        ended, kept = await door.enter("ann", doors.PASSWORD), await door.enter("ann", doors.PASSWORD)
        answer = await door.tokens("ann", doors.PASSWORD)
        enrolment = await door.people.begin_totp(ann.id)
        codes = await door.people.confirm_totp(ann.id, pyotp.TOTP(enrolment.secret).now())
        secrets = door.accounts.secrets
        over = door.accounts.principals.sessions.pop(ended.session).kept_as
        door.accounts.principals.users[ann.id].sessions.remove(ended.session)
        secrets.keep_hash("refresh_" + "0" * 32 + ".0", b"orphan")
        before = set(secrets.names(older_than=-60))
        monkeypatch.setattr(open_module, "ORPHANED", -60.0)
        open_module._tidy(door.accounts)
        assert before - set(secrets.names(older_than=-60)) == {over, "refresh_" + "0" * 32 + ".0"}
        assert await door.sessions.principal(kept.cookie)
        assert await door.grants.answer(Refresh(answer.refresh_token))
        assert await door.logins.login("ann", doors.PASSWORD, code=codes[9])
