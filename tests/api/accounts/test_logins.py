"""Logging in over real accounts: passwords, one-time codes, recovery codes, and what tells a stranger nothing."""

import re
from contextlib import suppress

import anyio
import doors
import pyotp
import pytest

from mezan.api.accounts.errors import CodeNeeded, Forbidden, NotThere, Refused, TooManyAttempts, Unauthenticated
from mezan.api.accounts.passwords import hash_password
from mezan.api.accounts.principal import Principal
from mezan.api.accounts.scopes import Scope
from mezan.solvers.errors import BadInput

pytestmark = pytest.mark.anyio
WRONG = "must be right; one of them is not"


async def enrolled(door):
    """Turn on ann's authenticator; returns it, and her recovery codes."""
    ann = door.accounts.user("ann")
    enrolment = await door.people.begin_totp(ann.id)
    made = pyotp.parse_uri(enrolment.url)
    codes = await door.people.confirm_totp(ann.id, made.at(door.accounts.clock() // 1_000_000))
    return made, codes


def code_at(door, made, steps=0):
    """What the authenticator shows, some steps from now."""
    return made.at(door.accounts.clock() // 1_000_000 + 30 * steps)


async def test_the_right_password_lets_in(tmp_path):
    """By name, by name and project, with blanks around it or capitals in it: logins are not case-sensitive."""
    async with doors.door(tmp_path) as door:
        for login in ("ann", "ann@default", " Ann ", "ANN@default"):
            assert (await door.logins.login(login, doors.PASSWORD)).name == "ann"


async def test_whatever_is_wrong_is_told_alike(tmp_path):
    """A wrong password, an unknown login, one without a password, another project and a disabled user: the same error."""
    async with doors.door(tmp_path) as door:
        await door.accounts.add_user("new", role="viewer")
        gone = await door.accounts.add_user("gone", role="viewer")
        await door.people.set_password(gone.id, doors.PASSWORD)
        await door.accounts.disable(gone.id)
        tries = [
            ("ann", "wrong"), ("ann", ""), ("nobody", doors.PASSWORD), ("new", doors.PASSWORD), ("new", ""), ("", ""),
            ("ann@north", doors.PASSWORD), ("gone", doors.PASSWORD), ("ann@default@x", doors.PASSWORD),
            ("ann", doors.PASSWORD + " "), ("ann", doors.PASSWORD.upper()), ("ann", doors.PASSWORD[:-1]),
            ("x" * 100_000, "y"), ("ann", "y" * 1_000_000), ("ann\0", doors.PASSWORD), ("\ud800", "\ud800"),
            ("ann", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA"),
        ]  # fmt: skip
        for login, password in tries:
            with pytest.raises(Unauthenticated, match=WRONG) as caught:
                await door.logins.login(login, password)
            assert type(caught.value) is Unauthenticated


async def test_one_spelling_of_a_password(tmp_path):
    """The same text from two keyboards, composed or not, is the same password."""
    async with doors.door(tmp_path) as door:
        ann = door.accounts.user("ann")
        await door.people.set_password(ann.id, "na\u00efve caf\u00e9 table")
        assert await door.logins.login("ann", "nai\u0308ve cafe\u0301 table")


async def test_attempts_are_limited_before_anything_is_looked_at(tmp_path):
    """After too many failures even the right password is refused, with the seconds to wait; successes do not count."""
    attempts = doors.Counting(most=3)
    async with doors.door(tmp_path, attempts) as door:
        for _ in range(10):
            await door.logins.login("ann", doors.PASSWORD)
        for _ in range(3):
            with pytest.raises(Unauthenticated):
                await door.logins.login("Ann", "wrong", address="10.0.0.1")
        with pytest.raises(TooManyAttempts) as caught:
            await door.logins.login("ann@default", doors.PASSWORD, address="10.0.0.2")
        assert (caught.value.retry_after, caught.value.code) == (7.0, "rate-limited")
        assert {account for account, _ in attempts.asked} == {"ann@default"}
        assert ("ann@default", "10.0.0.1") in attempts.asked


async def test_the_second_factor_is_asked_for(tmp_path):
    """With an authenticator the password alone is not enough, and a wrong code tells no more than a wrong password."""
    attempts = doors.Counting()
    async with doors.door(tmp_path, attempts, clock=doors.Clock(stands=True)) as door:
        made, _ = await enrolled(door)
        with pytest.raises(CodeNeeded):
            await door.logins.login("ann", doors.PASSWORD)
        assert attempts.failed == {"ann@default": 0}
        with pytest.raises(Unauthenticated) as caught:
            await door.logins.login("ann", "wrong", code=code_at(door, made, 1))
        assert type(caught.value) is Unauthenticated
        good = code_at(door, made, 1)
        for code in ("000000", good[:-1], good + "0", f"{good[:3]}.{good[3:]}", "abcdef", "٠١٢٣٤٥", "-12345", "0x1234"):
            if code != good:
                with pytest.raises(Unauthenticated, match=WRONG):
                    await door.logins.login("ann", doors.PASSWORD, code=code)
        assert await door.logins.login("ann", doors.PASSWORD, code=f" {good[:3]} {good[3:]} ")


async def test_a_code_is_good_once(tmp_path):
    """A one-time code that was used, also to confirm, is never taken again, nor one of an earlier step."""
    clock = doors.Clock(stands=True)
    async with doors.door(tmp_path, clock=clock) as door:
        made, _ = await enrolled(door)
        with pytest.raises(Unauthenticated):
            await door.logins.login("ann", doors.PASSWORD, code=code_at(door, made))
        later = code_at(door, made, 1)
        assert await door.logins.login("ann", doors.PASSWORD, code=later)
        for ahead in (0, 30):
            clock.ahead += ahead
            for steps in (-1, 0):
                with pytest.raises(Unauthenticated):
                    await door.logins.login(
                        "ann", doors.PASSWORD, code=code_at(door, made, steps) if ahead == 0 else later
                    )
        clock.ahead += 30
        assert await door.logins.login("ann", doors.PASSWORD, code=code_at(door, made))


async def test_of_many_at_once_one_uses_a_code(tmp_path):
    """The same code sent eight times at once lets one in, through two doors on the same files as well."""
    clock = doors.Clock(stands=True)
    async with doors.door(tmp_path, clock=clock) as door, doors.door(tmp_path, clock=clock) as other:
        made, codes = await enrolled(door)
        await other.accounts.catch_up()
        for code in (code_at(door, made, 1), codes[3]):
            entered = []

            async def use(one, code=code, entered=entered):
                with suppress(Unauthenticated):
                    entered.append(await one.logins.login("ann", doors.PASSWORD, code=code))

            async with anyio.create_task_group() as tasks:
                for one in (door, other) * 4:
                    tasks.start_soon(use, one)
            assert len(entered) == 1


async def test_codes_too_far_from_now_are_refused(tmp_path):
    """One step of 30 s either way is taken, two are not."""
    clock = doors.Clock(stands=True)
    async with doors.door(tmp_path, clock=clock) as door:
        made, _ = await enrolled(door)
        clock.ahead += 600
        for steps in (-3, -2, 2, 3):
            with pytest.raises(Unauthenticated):
                await door.logins.login("ann", doors.PASSWORD, code=code_at(door, made, steps))
        for steps in (-1, 0, 1):
            assert await door.logins.login("ann", doors.PASSWORD, code=code_at(door, made, steps))


async def test_a_recovery_code_is_good_once(tmp_path):
    """Each of ten lets in once, however it is typed; used ones, made-up ones and those of before are refused."""
    async with doors.door(tmp_path) as door:
        _, codes = await enrolled(door)
        ann = door.accounts.user("ann")
        assert len(set(codes)) == 10
        assert all(re.fullmatch(r"[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){3}", code) for code in codes)
        for code in (
            codes[0],
            codes[1].upper(),
            codes[2].replace("-", " "),
            codes[3].replace("-", "").replace("0", "O"),
        ):
            assert await door.logins.login("ann", doors.PASSWORD, code=code)
            with pytest.raises(Unauthenticated):
                await door.logins.login("ann", doors.PASSWORD, code=code)
        assert ann.codes == [4, 5, 6, 7, 8, 9]
        for code in (
            "0000-0000-0000-0000",
            codes[4][:-1],
            codes[4] + "0",
            codes[4] + codes[5],
            "x" * 10_000,
            "\ud800" * 16,
        ):
            with pytest.raises(Unauthenticated):
                await door.logins.login("ann", doors.PASSWORD, code=code)
        fresh = await door.people.make_codes(ann.id)
        with pytest.raises(Unauthenticated):
            await door.logins.login("ann", doors.PASSWORD, code=codes[5])
        assert await door.logins.login("ann", doors.PASSWORD, code=fresh[9])


async def test_recovery_codes_are_their_owners(tmp_path):
    """Another user's code is nothing."""
    async with doors.door(tmp_path) as door:
        _, codes = await enrolled(door)
        bob = await door.accounts.add_user("bob", role="viewer")
        await door.people.set_password(bob.id, doors.PASSWORD)
        enrolment = await door.people.begin_totp(bob.id)
        await door.people.confirm_totp(bob.id, pyotp.TOTP(enrolment.secret).now())
        with pytest.raises(Unauthenticated):
            await door.logins.login("bob", doors.PASSWORD, code=codes[0])
        assert await door.logins.login("ann", doors.PASSWORD, code=codes[0])


async def test_an_authenticator_is_confirmed_first(tmp_path):
    """Until a code of it was seen nothing changes; a second one needs the first disabled; disabling makes codes useless."""
    async with doors.door(tmp_path) as door:
        ann = door.accounts.user("ann")
        with pytest.raises(BadInput, match="none is waiting"):
            await door.people.confirm_totp(ann.id, "123456")
        with pytest.raises(BadInput, match="authenticator"):
            await door.people.make_codes(ann.id)
        enrolment = await door.people.begin_totp(ann.id)
        assert re.fullmatch(r"[A-Z2-7]{32}", enrolment.secret)
        assert enrolment.url.startswith("otpauth://totp/Mezan:ann%40default?secret=")
        with pytest.raises(BadInput, match="clock"):
            await door.people.confirm_totp(ann.id, pyotp.TOTP(enrolment.secret).at(0))
        assert await door.logins.login("ann", doors.PASSWORD)
        made, codes = await enrolled(door)
        with pytest.raises(BadInput, match="disabled"):
            await door.people.begin_totp(ann.id)
        assert await door.people.disable_totp(ann.id)
        assert not await door.people.disable_totp(ann.id)
        assert await door.logins.login("ann", doors.PASSWORD)
        await enrolled(door)
        for code in (codes[0], code_at(door, made, 1)):
            with pytest.raises(Unauthenticated):
                await door.logins.login("ann", doors.PASSWORD, code=code)


async def test_a_stolen_session_does_not_become_an_account(tmp_path):
    """A new password, or no second factor, needs the current password; wrong ones are limited like logins."""
    attempts = doors.Counting(most=3)
    async with doors.door(tmp_path, attempts) as door:
        ann = door.accounts.user("ann")
        await enrolled(door)
        opened = await door.sessions.open(ann)
        me = await door.sessions.principal(opened.cookie)
        for current in (None, "", "wrong"):
            with pytest.raises(Forbidden, match="current"):
                await door.people.set_password(ann.id, "a new long password", current=current, by=me)
        with pytest.raises(TooManyAttempts):
            await door.people.disable_totp(ann.id, current=doors.PASSWORD, by=me)
        attempts.failed.clear()
        await door.people.set_password(ann.id, "a new long password", current=doors.PASSWORD, by=me)
        assert attempts.failed == {"ann@default": 0}
        with pytest.raises(Refused):
            await door.sessions.principal(opened.cookie)


async def test_administrators_change_no_more_than_they_may(tmp_path):
    """Of their own project, users who may no more than they; authenticators are set up by their owners alone."""
    async with doors.door(tmp_path) as door:
        ann = door.accounts.user("ann")
        boss = await door.accounts.add_user("boss", role="admin")
        await door.accounts.add_project("north")
        admin = door.accounts.principal_of(boss.id, "s")
        less = Principal("key_1", "k", "key", "default", frozenset({Scope.ACCOUNTS_WRITE}), "k")
        plain = door.accounts.principal_of(ann.id, "s")
        stranger = Principal("user_9", "x", "user", "north", frozenset(Scope), "s")
        await door.people.set_password(ann.id, "a new long password", by=admin)
        with pytest.raises(Forbidden):
            await door.people.begin_totp(ann.id, by=admin)
        for by, error in ((less, Forbidden), (stranger, NotThere)):
            with pytest.raises(error):
                await door.people.set_password(ann.id, "a new long password", by=by)
            with pytest.raises(error):
                await door.people.disable_totp(ann.id, by=by)
        with pytest.raises(Forbidden):
            await door.people.set_password(boss.id, "a new long password", by=plain)


async def test_cheap_hashes_are_replaced_at_login(tmp_path):
    """A hash of yesterday's cost is made anew when its password comes by; nobody is logged out by it."""
    import argon2

    async with doors.door(tmp_path) as door:
        ann = door.accounts.user("ann")
        opened = await door.enter("ann", doors.PASSWORD)
        cheap = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(doors.PASSWORD)
        door.accounts.secrets.keep_hash(ann.password, cheap.encode())
        with pytest.raises(Unauthenticated):
            await door.logins.login("ann", "wrong")
        assert door.accounts.secrets.hash_of(ann.password).decode() == cheap
        await door.logins.login("ann", doors.PASSWORD)
        assert door.accounts.secrets.hash_of(ann.password).startswith(b"$argon2id$v=19$m=19456,t=2,p=1$")
        assert await door.sessions.principal(opened.cookie)
        assert await door.logins.login("ann", doors.PASSWORD)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "x" * 11,
        "x" * 257,
        "aaaaaaaaaaaaaaaa",
        "abababababab",
        "ann ann ann ann",
        "with\0control chars",
        "line\nline\nline",
    ],
)
async def test_passwords_that_are_guessed_first_are_refused(tmp_path, password):
    """Too short, too long, too few characters, the login over and over; the password of before stays."""
    async with doors.door(tmp_path) as door:
        with pytest.raises(BadInput, match="password must"):
            await door.people.set_password(door.accounts.user("ann").id, password)
        assert await door.logins.login("ann", doors.PASSWORD)


async def test_hashing_leaves_the_loop_free(tmp_path):
    """While passwords are hashed the event loop goes on: a ticker ticks, and at most two are hashed at a time."""
    async with doors.door(tmp_path) as door:
        ticks, done = 0, anyio.Event()

        async def tick():
            nonlocal ticks
            while not done.is_set():
                ticks += 1
                await anyio.sleep(0.001)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tick)
            async with anyio.create_task_group() as logins:
                for _ in range(6):
                    logins.start_soon(door.logins.login, "ann", doors.PASSWORD)
            assert door.logins._hashing._limit.total_tokens == 2
            done.set()
        assert ticks > 10


def test_two_hashes_of_one_password_differ():
    """Each has a salt of its own, and says its cost: 19 MiB, two passes, one lane."""
    one, other = hash_password(doors.PASSWORD), hash_password(doors.PASSWORD)
    assert one != other
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
