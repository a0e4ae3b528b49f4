"""Access and refresh tokens over real accounts: who gets them, what ends them, and what a thief can do with one."""

import json
import sqlite3
from contextlib import closing, suppress

import anyio
import attacks
import doors
import pytest

from mezan.api.accounts.errors import (
    ExpiredToken,
    Forbidden,
    InvalidToken,
    NotThere,
    Refused,
    RevokedToken,
)
from mezan.api.accounts.oauth import OAuthError, token_request
from mezan.api.accounts.principal import Principal
from mezan.api.accounts.scopes import Scope
from mezan.api.accounts.signing import ISSUER
from mezan.api.accounts.tokens import sign
from mezan.solvers.errors import BadInput

pytestmark = pytest.mark.anyio


def refreshing(text, scope=None):
    """A request with a refresh token."""
    form = [("grant_type", "refresh_token"), ("refresh_token", text)]
    return token_request([*form, *([("scope", scope)] if scope else [])])


def as_client(key, scope=None):
    """A request by an API key as a client."""
    name, _, secret = key.text.removeprefix("mzn_").partition(".")
    form = [("grant_type", "client_credentials"), ("client_id", name), ("client_secret", secret)]
    return token_request([*form, *([("scope", scope)] if scope else [])])


async def test_a_login_gives_tokens_that_are_its_users(tmp_path):
    """The access token is the user's, with its role's scopes; the refresh token gives another and a successor."""
    async with doors.door(tmp_path) as door:
        answer = await door.tokens("ann", doors.PASSWORD)
        who = await door.authenticate(answer.access_token)
        assert (who.name, who.kind, who.project) == ("ann", "user", "default")
        assert who.scopes == door.accounts.roles()["operator"]
        assert await door.authenticate(answer.access_token) is who  # remembered
        renewed = await door.grants.answer(refreshing(answer.refresh_token))
        assert renewed.refresh_token != answer.refresh_token
        assert (await door.authenticate(renewed.access_token)).id == who.id
        assert renewed.body()["token_type"] == "Bearer"


async def test_a_narrower_scope_can_be_asked_for(tmp_path):
    """A token may have less than its user, never more; refreshing may narrow, never widen."""
    async with doors.door(tmp_path) as door:
        few = frozenset({"runs:read", "runs:write"})
        answer = await door.tokens("ann", doors.PASSWORD, scopes=few)
        assert (await door.authenticate(answer.access_token)).scopes == few
        narrow = await door.grants.answer(refreshing(answer.refresh_token, "runs:read"))
        assert (await door.authenticate(narrow.access_token)).scopes == {"runs:read"}
        with pytest.raises(OAuthError) as caught:
            await door.grants.answer(refreshing(narrow.refresh_token, "log:verify"))
        assert caught.value.error == "invalid_scope"
        with pytest.raises(OAuthError):
            await door.tokens("ann", doors.PASSWORD, scopes=frozenset({"accounts:write"}))
        with pytest.raises(OAuthError):
            await door.tokens("ann", doors.PASSWORD, scopes=frozenset())


async def test_a_spent_refresh_token_ends_its_family(tmp_path):
    """Whoever comes second with a token ends the login for both: its refresh and access tokens, and no other login's."""
    async with doors.door(tmp_path) as door:
        first = await door.tokens("ann", doors.PASSWORD)
        other = await door.tokens("ann", doors.PASSWORD)
        second = await door.grants.answer(refreshing(first.refresh_token))
        third = await door.grants.answer(refreshing(second.refresh_token))
        with pytest.raises(OAuthError, match="used before") as caught:
            await door.grants.answer(refreshing(first.refresh_token))
        assert caught.value.error == "invalid_grant"
        assert caught.value.__cause__.who == door.accounts.user("ann").id
        for token in (first, second, third):
            with pytest.raises(OAuthError):
                await door.grants.answer(refreshing(token.refresh_token))
            with pytest.raises(RevokedToken):
                await door.authenticate(token.access_token)
        assert await door.authenticate(other.access_token)
        reasons = [one.data["reason"] for one in await door.accounts.store.read(types=["RefreshRevoked"])]
        assert reasons == ["reused"]


async def test_a_made_up_refresh_token_ends_nothing(tmp_path):
    """Who knows a family's id, which is no secret, and makes up a token of it is refused, and the owner is not disturbed."""
    async with doors.door(tmp_path) as door:
        good = (await door.tokens("ann", doors.PASSWORD)).refresh_token
        good = (await door.grants.answer(refreshing(good))).refresh_token
        name, _, secret = good.partition(".")
        family = name.rpartition("-")[0]
        for text in (
            f"{family}-0.{secret}", f"{family}-1.{'A' * 43}", f"{family}-0.{'A' * 43}", f"{family}-2.{secret}",
            f"{family}-01.{secret}", f"{family}-99999.{secret}", f"{family}-999999.{secret}", f"{family}--1.{secret}",
            f"{family}.{secret}", "mzr_", "", good + "A", good[:-1], f"mzs{good[3:]}", "mzr_login_x-0." + secret,
            f"{family}-1.{secret}\n", f"{family}-²." + secret,
        ):  # fmt: skip
            with pytest.raises(OAuthError) as caught:
                await door.grants.answer(refreshing(text or "x"))
            assert caught.value.error == "invalid_grant"
        assert (await door.grants.answer(refreshing(good))).refresh_token


async def test_of_many_at_once_one_refreshes(tmp_path):
    """The same refresh token used by twenty at once: at most one gets tokens, and the family ends."""
    async with doors.door(tmp_path) as door:
        text, got = (await door.tokens("ann", doors.PASSWORD)).refresh_token, []

        async def use():
            with suppress(OAuthError):
                got.append(await door.grants.answer(refreshing(text)))

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(use)
        assert len(got) <= 1
        assert not door.accounts.principals.families
        for answer in got:
            with pytest.raises(RevokedToken):
                await door.authenticate(answer.access_token)


async def test_two_processes_take_turns(tmp_path):
    """A token that one process gave out is good in the other at once, to use and to renew; one spent there is spent here."""
    async with doors.door(tmp_path) as door, doors.door(tmp_path) as other:
        for each in (door, other):
            await each.accounts.catch_up()
            await each.warm()
        first = await door.tokens("ann", doors.PASSWORD)
        assert await other.authenticate(first.access_token)
        answer = first
        for one in (other, door, door, other):
            answer = await one.grants.answer(refreshing(answer.refresh_token))
            for each in (door, other):
                assert await each.authenticate(answer.access_token)
        with pytest.raises(OAuthError, match="used before"):
            await door.grants.answer(refreshing(first.refresh_token))
        await other.accounts.catch_up()
        with pytest.raises(RevokedToken):
            await other.authenticate(answer.access_token)


async def test_a_family_ends_by_time_and_by_number(tmp_path):
    """Thirty days after the login it is over; of more than sixteen logins the oldest end."""
    clock = doors.Clock()
    async with doors.door(tmp_path, clock=clock) as door:
        answers = [await door.tokens("ann", doors.PASSWORD) for _ in range(3)]
        clock.ahead += 29 * 86_400
        last = (await door.grants.answer(refreshing(answers[0].refresh_token))).refresh_token
        clock.ahead += 86_401
        with pytest.raises(OAuthError, match="expired"):
            await door.grants.answer(refreshing(last))
        with pytest.raises(OAuthError, match="expired"):
            await door.grants.answer(refreshing(answers[1].refresh_token))


async def test_the_oldest_of_many_logins_end(tmp_path):
    """A user has sixteen logins; the seventeenth ends the first, whose access token is refused at once."""
    async with doors.door(tmp_path) as door:
        ann = door.accounts.user("ann")
        answers = [await door.grants.for_user(ann) for _ in range(16)]
        assert await door.authenticate(answers[0].access_token)
        await door.grants.for_user(ann)
        with pytest.raises(RevokedToken):
            await door.authenticate(answers[0].access_token)
        assert await door.authenticate(answers[1].access_token)


@pytest.mark.parametrize("how", ["password", "disable", "end", "revoke", "project"])
async def test_what_ends_a_user_ends_its_tokens(tmp_path, how):
    """A new password, disabling, logging out and revoking refuse access and refresh tokens from that moment on."""
    async with doors.door(tmp_path) as door:
        await door.accounts.add_project("north")
        bob = await door.accounts.add_user("bob", role="viewer", project="north")
        await door.people.set_password(bob.id, doors.PASSWORD)
        answer = await door.tokens("bob@north", doors.PASSWORD)
        who = await door.authenticate(answer.access_token)
        assert who.project == "north"
        match how:
            case "password":
                await door.people.set_password(bob.id, "another horse battery")
            case "disable":
                await door.accounts.disable(bob.id)
            case "end":
                assert await door.grants.end(bob.families[0], by=who)
            case "revoke":
                await door.grants.revoke(answer.refresh_token)
            case "project":
                await door.accounts.disable_project("north")
        with pytest.raises(RevokedToken):
            await door.authenticate(answer.access_token)
        with pytest.raises(OAuthError):
            await door.grants.answer(refreshing(answer.refresh_token))
        if how == "disable":  # enabled again, it has to log in again
            await door.accounts.enable(bob.id)
            with pytest.raises(RevokedToken):
                await door.authenticate(answer.access_token)


async def test_an_access_token_can_be_revoked_alone(tmp_path):
    """Whoever has a token may revoke it: it is refused, its siblings are not; nonsense is as good as revoked."""
    async with doors.door(tmp_path) as door:
        answer = await door.tokens("ann", doors.PASSWORD)
        renewed = await door.grants.answer(refreshing(answer.refresh_token))
        await door.grants.revoke(answer.access_token)
        with pytest.raises(RevokedToken):
            await door.authenticate(answer.access_token)
        assert await door.authenticate(renewed.access_token)
        for text in ("", "x", "mzr_x", "a.b.c", "mzr_login_x-0." + "A" * 43, answer.access_token):
            await door.grants.revoke(text)
        jti = json.loads(attacks.raw({"x": renewed.access_token.split(".")[1]}, "x"))["jti"]
        await door.grants.revoke_id(jti, project="default", reason="leaked")
        with pytest.raises(RevokedToken):
            await door.authenticate(renewed.access_token)
        ann = door.accounts.principal_of(door.accounts.user("ann").id, "s")
        with pytest.raises(Forbidden):
            await door.grants.revoke_id(jti, project="default", by=ann)
        for bad in ("x", "", jti + "\n", jti.upper(), jti[:-1], "token_" + "é" * 26):
            with pytest.raises(BadInput):
                await door.grants.revoke_id(bad, project="default")


async def test_clients_get_tokens_for_themselves(tmp_path):
    """A key's prefix and secret give a token of the key, for a subset of its scopes, that ends with the key."""
    async with doors.door(tmp_path) as door:
        key = await door.accounts.issue_key("ci", scopes=["runs:read", "runs:write"])
        answer = await door.grants.answer(as_client(key))
        who = await door.authenticate(answer.access_token)
        assert (who.id, who.kind, who.credential, who.scopes) == (
            key.key.id,
            "key",
            key.key.id,
            {"runs:read", "runs:write"},
        )
        assert answer.refresh_token is None
        assert "refresh_token" not in answer.body()
        assert (await door.grants.answer(as_client(key, "runs:read"))).scopes == {"runs:read"}
        with pytest.raises(OAuthError) as caught:
            await door.grants.answer(as_client(key, "runs:read accounts:write"))
        assert caught.value.error == "invalid_scope"
        await door.accounts.revoke_key(key.key.id)
        with pytest.raises(RevokedToken):
            await door.authenticate(answer.access_token)
        with pytest.raises(OAuthError) as caught:
            await door.grants.answer(as_client(key))
        assert (caught.value.error, caught.value.status) == ("invalid_client", 401)


async def test_rights_taken_away_are_gone_from_tokens(tmp_path):
    """A token has at most what its user has now, whatever it had when it was signed."""
    async with doors.door(tmp_path) as door:
        answer = await door.tokens("ann", doors.PASSWORD)
        await door.accounts.set_role(door.accounts.user("ann").id, "viewer")
        assert Scope.RUNS_WRITE not in (await door.authenticate(answer.access_token)).scopes


async def test_a_token_of_less_makes_none_of_more(tmp_path):
    """Neither a narrow token of one's own nor an administrator of another project gets a user's tokens."""
    async with doors.door(tmp_path) as door:
        ann = door.accounts.user("ann")
        narrow = await door.grants.for_user(ann, scopes=frozenset({"runs:read"}))
        who = await door.authenticate(narrow.access_token)
        with pytest.raises(Forbidden):
            await door.grants.for_user(ann, by=who)
        assert await door.grants.for_user(ann, by=who, scopes=frozenset({"runs:read"}))
        await door.accounts.add_project("north")
        stranger = Principal("user_x", "x", "user", "north", frozenset(Scope), "x")
        with pytest.raises(NotThere):
            await door.grants.for_user(ann, by=stranger)
        with pytest.raises(NotThere):
            await door.grants.end(ann.families[0], by=stranger)


async def test_tokens_of_another_server_are_refused(tmp_path):
    """Two servers have different keys: a token of one is nothing to the other."""
    async with doors.door(tmp_path / "a") as one, doors.door(tmp_path / "b") as other:
        text = (await one.tokens("ann", doors.PASSWORD)).access_token
        assert await one.authenticate(text)
        with pytest.raises(InvalidToken):
            await other.authenticate(text)


async def test_the_bypass_corpus_over_accounts(tmp_path):
    """Every attack of the corpus is refused by the door as well, with errors that repeat nothing of the token."""
    async with doors.door(tmp_path) as door:
        text = (await door.tokens("ann", doors.PASSWORD)).access_token
        header, claims = (json.loads(attacks.raw({"x": part}, "x")) for part in text.split(".")[:2])
        kid = header["kid"]
        jwk = json.loads(door.accounts.secrets.unseal(door.accounts.principals.signing[kid].kept_as))
        thief = {**jwk, "d": attacks.b64(b"t" * 32)}
        corpus = [*attacks.forged(header, claims, jwk, thief), *attacks.bent(text)]
        corpus += attacks.wrongly_signed(header, claims, jwk)
        assert attacks.signed(header, claims, jwk) == text
        for name, attack in corpus:
            with pytest.raises(Refused) as caught:
                pytest.fail(f"{name}: {await door.authenticate(attack)}")
            assert not attack or len(attack) < 9 or attack[:24] not in str(caught.value)
        for changed in ({"sub": "user_other"}, {"project": "north"}, {"sid": "login_other"}, {"sub": claims["sid"]}):
            with pytest.raises(Refused):
                await door.authenticate(attacks.signed(header, {**claims, **changed}, jwk))
        assert await door.authenticate(text)


async def test_tokens_expire(tmp_path):
    """A quarter of an hour and the leeway after it was made, a token is refused, remembered or not."""
    clock = doors.Clock()
    async with doors.door(tmp_path, clock=clock) as door:
        text = (await door.tokens("ann", doors.PASSWORD)).access_token
        assert await door.authenticate(text)
        clock.ahead += 925
        assert await door.authenticate(text)
        clock.ahead += 6
        with pytest.raises(ExpiredToken):
            await door.authenticate(text)


async def test_no_secret_is_in_log_or_clear_text(tmp_path):
    """Neither the log of accounts nor the secrets file holds a password, token, code or private key that one could use."""
    async with doors.door(tmp_path) as door:
        ann = door.accounts.user("ann")
        answer = await door.tokens("ann", doors.PASSWORD)
        renewed = await door.grants.answer(refreshing(answer.refresh_token))
        opened = await door.enter("ann", doors.PASSWORD)
        enrolment = await door.people.begin_totp(ann.id)
        kid, made = next(iter(door.accounts.principals.signing.items()))
        jwk = json.loads(door.accounts.secrets.unseal(made.kept_as))
        assert jwk["kid"] == kid
        canaries = [
            doors.PASSWORD,
            answer.access_token,
            renewed.refresh_token,
            opened.cookie,
            opened.csrf,
            enrolment.secret,
            jwk["d"],
        ]
        canaries += [text.rpartition(".")[2] for text in canaries[1:5]]
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert not [canary for canary in canaries if canary.encode() in content], path
    for name in ("mezan.accounts.db", "mezan.secrets.db"):
        with closing(sqlite3.connect(tmp_path / name)) as raw:
            rows = "\n".join(raw.iterdump())
        assert not [canary for canary in canaries if canary in rows], name


async def test_a_refusal_is_told_to_the_owner_s_project(tmp_path):
    """A token that names another project than its owner's, by whatever way it was signed, shows in no other project's denials."""
    async with doors.door(tmp_path) as door:
        ann = door.accounts.user("ann")
        await door.accounts.add_project("north")
        key = await door.keys.signer()
        for login in (None, "login_" + "0" * 26):
            text = sign(
                key, issuer=ISSUER, audience=ISSUER, subject=ann.id, project="north", scopes=frozenset({"runs:read"}),
                now=door.accounts.clock() / 1e6, lifetime=60, token_id="token_" + "0" * 26, login=login,
            )  # fmt: skip
            with pytest.raises((InvalidToken, RevokedToken)) as refused:
                await door.authenticate(text)
            assert refused.value.project == "default"
