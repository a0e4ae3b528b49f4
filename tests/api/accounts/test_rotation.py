"""Rotation of signing keys: as pure rules under any order of events, and over real accounts, with nobody refused."""

import json

import anyio
import doors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.api.accounts.errors import Forbidden, InvalidToken, Refused, RevokedToken
from mezan.api.accounts.oauth import Client, ClientCredentials
from mezan.api.accounts.rotation import AHEAD, LONGEST_LIFETIME, OwnKey, retired_until, signer, verifying
from mezan.api.accounts.tokens import LEEWAY
from mezan.solvers.errors import BadInput


def known_at(rotations, at):
    """The keys as somebody knows them who has read everything up to a moment."""
    made = sorted(one for one in rotations if one <= at)
    ends = [retired_until(later) for later in made[1:]] + [None]
    return [OwnKey(str(i), one, end) for i, (one, end) in enumerate(zip(made, ends, strict=True))]


@settings(max_examples=400, deadline=None)
@given(
    gaps=st.lists(st.floats(0.001, 200_000), max_size=5),
    at=st.floats(0, 500_000),
    signing_lag=st.floats(0, AHEAD),
    verifying_lag=st.floats(0, AHEAD),
    lifetime=st.floats(1, LONGEST_LIFETIME),
    share=st.floats(0, 1),
)
def test_no_good_token_is_refused(gaps, at, signing_lag, verifying_lag, lifetime, share):
    """Whatever one process signs verifies in every other as long as the token lives, both up to 10 s late to read the log."""
    rotations = [0.0]
    for gap in gaps:
        rotations.append(rotations[-1] + gap)
    at += AHEAD
    kid = signer(known_at(rotations, at - signing_lag), at)
    if kid is None:  # only where every key was rotated away and the newest was not read of yet
        return
    then = at + share * (lifetime + LEEWAY)
    assert kid in verifying(known_at(rotations, max(at, then) - verifying_lag), then)


@given(st.lists(st.floats(0, 1_000), min_size=1, max_size=6, unique=True), st.floats(0, 2_000))
def test_there_is_always_a_signer(rotations, at):
    """Rotated however often and fast, some key that verifies signs, and 10 s after the last rotation it is the newest."""
    at = max(at, min(rotations))
    known = known_at(rotations, at)
    kid = signer(known, at)
    assert kid in verifying(known, at)
    if at >= max(rotations) + AHEAD:
        assert kid == known[-1].kid


def test_a_stolen_key_neither_signs_nor_verifies():
    """Its end is now."""
    keys = [OwnKey("old", 0, until=100.0), OwnKey("new", 100.0)]
    assert signer(keys, 100.0) == "new"
    assert verifying(keys, 100.0) == {"new"}
    assert signer([OwnKey("old", 0, until=100.0)], 100.0) is None


@pytest.mark.anyio
async def test_rotation_refuses_nobody(tmp_path):
    """Over rotations through every algorithm, each token of before, during and after is good until its own end, in two processes."""
    clock = doors.Clock()
    async with doors.door(tmp_path, clock=clock) as door, doors.door(tmp_path, clock=clock) as other:
        key, kids, texts = await door.accounts.issue_key("ci", scopes=["runs:read"]), set(), []
        name, _, secret = key.text.removeprefix("mzn_").partition(".")
        wanted = ClientCredentials(Client(name, secret), None)
        for algorithm in ("RS256", "HS256", "EdDSA"):
            made = await door.keys.rotate(algorithm)
            await other.accounts.catch_up()
            for ahead in (0, AHEAD / 2, AHEAD):
                clock.ahead += ahead
                for one in (door, other):
                    await one.accounts.catch_up()
                    texts.append((await one.grants.answer(wanted)).access_token)
                    for each in (door, other):
                        await each.accounts.catch_up()
                        for text in texts:
                            assert (await each.authenticate(text)).id == key.key.id
                kids.add((await door.keys.signer()).kid)
            assert (await door.keys.signer()).kid == made.kid
        assert len(kids) == 3
        shown = door.keys.document()["keys"]
        assert {jwk["alg"] for jwk in shown} == {"RS256", "EdDSA"}
        assert not any({"d", "k", "p", "q"} & set(jwk) for jwk in shown)
        assert {key.algorithm for key in door.accounts.principals.signing.values()} >= {"HS256"}


@pytest.mark.anyio
async def test_old_keys_are_forgotten(tmp_path):
    """Once its last token is over, a key is neither published nor kept."""
    clock = doors.Clock()
    async with doors.door(tmp_path, clock=clock) as door:
        first = (await door.keys.signer()).kid
        await door.keys.rotate()
        assert first in {jwk["kid"] for jwk in door.keys.document()["keys"]}
        clock.ahead += LONGEST_LIFETIME + 60
        assert first not in {jwk["kid"] for jwk in door.keys.document()["keys"]}
        await door.keys.rotate()
        assert door.accounts.secrets.unseal(door.accounts.principals.signing[first].kept_as) is None


@pytest.mark.anyio
async def test_what_a_stolen_key_signed_is_refused_at_once(tmp_path):
    """Also where it was remembered; the next token is good at once."""
    async with doors.door(tmp_path) as door:
        text = (await door.tokens("ann", doors.PASSWORD)).access_token
        assert await door.authenticate(text)
        await door.keys.rotate(stolen=True)
        with pytest.raises((InvalidToken, RevokedToken)):
            await door.authenticate(text)
        assert await door.authenticate((await door.tokens("ann", doors.PASSWORD)).access_token)


@pytest.mark.anyio
async def test_the_first_key_is_made_once(tmp_path):
    """Twenty at once, through two doors, sign with one key."""
    async with doors.door(tmp_path) as door, doors.door(tmp_path) as other:
        found = []

        async def use(one):
            found.append((await one.keys.signer()).kid)

        async with anyio.create_task_group() as tasks:
            for one in (door, other) * 10:
                tasks.start_soon(use, one)
        assert len(set(found)) == 1
        assert len(door.accounts.principals.signing) == 1


@pytest.mark.anyio
async def test_keys_and_issuers_are_for_the_command_line(tmp_path):
    """Nobody who comes through the server administers what all projects share."""
    async with doors.door(tmp_path) as door:
        boss = await door.accounts.add_user("boss", role="admin")
        admin = door.accounts.principal_of(boss.id, "s")
        with pytest.raises(Forbidden):
            await door.keys.rotate(by=admin)
        with pytest.raises(Forbidden):
            await door.keys.trust("https://idp", b"{}", by=admin)
        with pytest.raises(Forbidden):
            await door.keys.distrust("https://idp", by=admin)
        with pytest.raises(BadInput):
            await door.keys.rotate("none")


@pytest.mark.anyio
async def test_a_changed_secret_is_not_used(tmp_path):
    """A key whose sealed half is gone refuses to sign, and says what to do."""
    async with doors.door(tmp_path) as door:
        await door.keys.rotate(first=True)
        made = next(iter(door.accounts.principals.signing.values()))
        door.accounts.secrets.forget(made.kept_as)
        with pytest.raises(BadInput, match="rotate-keys"):
            await door.tokens("ann", doors.PASSWORD)
        assert json.dumps(door.keys.document())
        with pytest.raises(Refused):
            await door.authenticate("a.b.c")
