"""API keys: found by prefix, proved by secret, and refused from the moment that anything about them changes."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.api.accounts import keys
from mezan.api.accounts.errors import ExpiredToken, InvalidToken, NotThere, RevokedToken, Taken
from mezan.api.accounts.open import open_accounts
from mezan.api.accounts.scopes import EVERY, VIEWER, Scope
from mezan.solvers.errors import BadInput

pytestmark = pytest.mark.anyio
CHILD = Path(__file__).parent / "child_accounts.py"
DAY = 86_400.0


def test_a_key_is_a_prefix_and_32_random_bytes():
    """Prefixes and secrets never repeat, and the text is read back as what it was made of."""
    made = [keys.new_key() for _ in range(1_000)]
    assert len({key.prefix for key in made}) == len({key.text for key in made}) == 1_000
    for key in made:
        prefix, secret = keys.parsed(key.text)
        assert (prefix, keys.hash_of(secret)) == (key.prefix, key.hashed)
        assert keys.FORM.fullmatch(key.text)
    assert keys.new_key("abcdefghijkl").prefix == "abcdefghijkl"


@given(text=st.text(max_size=80) | st.from_regex(keys.FORM))
def test_what_is_no_key_is_not_read(text):
    """Only the whole form, to the character; a newline at the end is none of it."""
    found = keys.parsed(text)
    assert (found is not None) == (keys.FORM.fullmatch(text) is not None)


async def test_a_key_names_its_principal(accounts):
    """With a role or with scopes; the same object again from memory."""
    await accounts.add_project("north")
    viewer = await accounts.issue_key("look", role="viewer", project="north")
    scraper = await accounts.issue_key("scrape", scopes=["metrics:read"])
    first = await accounts.authenticate_key(viewer.text)
    assert (first.id, first.credential, first.project, first.kind, first.scopes) == (
        viewer.key.id, viewer.key.id, "north", "key", VIEWER.scopes,
    )  # fmt: skip
    assert await accounts.authenticate_key(viewer.text) is first
    assert (await accounts.authenticate_key(scraper.text)).scopes == {Scope.METRICS_READ}
    client_secret = scraper.text.partition(".")[2]
    assert (await accounts.authenticate_client(scraper.key.prefix, client_secret)).id == scraper.key.id


async def test_wrong_unknown_and_malformed_are_one_error(accounts):
    """Nobody learns from it whether a prefix exists; a single wrong character is enough."""
    issued = await accounts.issue_key("ci", role="viewer")
    prefix, secret = keys.parsed(issued.text)
    other = keys.new_key()
    last = "A" if secret[-1] != "A" else "B"
    wrong = f"mzn_{prefix}.{secret[:-1]}{last}"
    said = set()
    for text in (wrong, other.text, keys.new_key(prefix).text):
        with pytest.raises(InvalidToken) as caught:
            await accounts.authenticate_key(text)
        said.add((str(caught.value), caught.value.project))
    assert len(said) == 1
    for text in ("", "mzn_", issued.text + "\n", issued.text.upper(), issued.text[4:], "\ud800" * 60, "x" * 10**6, f"mzn_{prefix}.{secret}="):  # fmt: skip
        with pytest.raises(InvalidToken):
            await accounts.authenticate_key(text)
    for client_id in ("", prefix.upper(), f"{prefix}.x", "../" * 4):
        with pytest.raises(InvalidToken):
            await accounts.authenticate_client(client_id, secret)
    assert (await accounts.authenticate_key(issued.text)).name == "ci"


async def test_every_wrong_character_is_refused(accounts):
    """Each of the 60 changed to another one of its alphabet, beside a key that is remembered."""
    issued = await accounts.issue_key("ci", role="viewer")
    await accounts.authenticate_key(issued.text)
    for at in range(4, len(issued.text)):
        changed = issued.text[:at] + ("a" if issued.text[at] != "a" else "b") + issued.text[at + 1 :]
        with pytest.raises(InvalidToken):
            await accounts.authenticate_key(changed)


async def test_a_key_ends_at_its_time_to_the_microsecond(accounts, clock):
    """Also one that was remembered while it was good."""
    issued = await accounts.issue_key("short", role="viewer", expires_in=timedelta(seconds=10))
    clock.pass_(10 - 1e-6)
    await accounts.authenticate_key(issued.text)
    clock.pass_(1e-6)
    with pytest.raises(ExpiredToken, match="has expired") as caught:
        await accounts.authenticate_key(issued.text)
    assert (caught.value.code, caught.value.who, caught.value.project) == ("token-expired", issued.key.id, "default")


async def test_a_rotated_key_has_two_secrets_for_a_while(accounts, clock):
    """Id, prefix and rights stay; the secret before works for the grace, and the one before that no more."""
    issued = await accounts.issue_key("ci", role="operator")
    principal = await accounts.authenticate_key(issued.text)
    rotated = await accounts.rotate_key(issued.key.id, grace=timedelta(days=1))
    assert (rotated.key.prefix, rotated.text == issued.text) == (issued.key.prefix, False)
    assert await accounts.authenticate_key(rotated.text) == await accounts.authenticate_key(issued.text) == principal
    clock.pass_(DAY)
    with pytest.raises(ExpiredToken, match="new secret"):
        await accounts.authenticate_key(issued.text)
    third = await accounts.rotate_key(issued.key.id, grace=timedelta(0))
    with pytest.raises(ExpiredToken, match="new secret"):
        await accounts.authenticate_key(rotated.text)
    with pytest.raises(InvalidToken):
        await accounts.authenticate_key(issued.text)
    assert await accounts.authenticate_key(third.text) == principal


async def test_a_revoked_key_is_refused_at_once_and_for_ever(accounts, url, clock):
    """Also after a restart; its error says so only to who has the secret."""
    issued = await accounts.issue_key("ci", role="viewer")
    await accounts.authenticate_key(issued.text)
    await accounts.revoke_key(issued.key.id, reason="leaked")
    before = accounts.position
    await accounts.revoke_key(issued.key.id)
    assert accounts.position == before
    with pytest.raises(RevokedToken):
        await accounts.authenticate_key(issued.text)
    with pytest.raises(InvalidToken):
        await accounts.authenticate_key(keys.new_key(issued.key.prefix).text)
    with pytest.raises(BadInput, match="was revoked"):
        await accounts.rotate_key(issued.key.id)
    async with open_accounts(url, clock=clock) as other:
        with pytest.raises(RevokedToken):
            await other.authenticate_key(issued.text)


async def test_a_key_follows_its_role_and_its_owner(accounts):
    """Every change is seen by the next request: a role's scopes, the owner's role, the owner and project disabled."""
    await accounts.add_project("north")
    await accounts.define_role("runner", scopes=["runs:write"], includes=["viewer"], project="north")
    ann = await accounts.add_user("ann", role="admin", project="north")
    issued = await accounts.issue_key("ci", role="runner", owner=ann.id, project="north")

    async def scopes():
        return (await accounts.authenticate_key(issued.text)).scopes

    assert await scopes() == VIEWER.scopes | {Scope.RUNS_WRITE}
    await accounts.define_role("runner", scopes=["lab:run"], includes=["viewer"], project="north")
    assert await scopes() == VIEWER.scopes | {Scope.LAB_RUN}
    await accounts.set_role(ann.id, "viewer")
    assert await scopes() == VIEWER.scopes
    await accounts.disable(ann.id)
    with pytest.raises(RevokedToken, match="disabled"):
        await scopes()
    await accounts.enable(ann.id)
    await accounts.disable_project("north")
    with pytest.raises(RevokedToken, match="disabled"):
        await scopes()
    await accounts.enable_project("north")
    assert await scopes() == VIEWER.scopes


async def test_a_remembered_key_needs_no_file(accounts):
    """Nothing is read per request: with its hash gone from the disk, a key that was seen goes on, and so after changes elsewhere."""
    issued = await accounts.issue_key("ci", role="viewer")
    await accounts.authenticate_key(issued.text)
    accounts.secrets.forget(issued.key.kept_as)
    await accounts.authenticate_key(issued.text)
    await accounts.define_role("other", scopes=["runs:read"])
    assert (await accounts.authenticate_key(issued.text)).name == "ci"


async def test_keys_are_known_from_the_start(accounts, url):
    """Also one that was never shown: its first request, right or wrong, takes no longer than that for a key that is not there."""
    issued = await accounts.issue_key("ci", role="viewer")
    async with open_accounts(url) as again:
        again.secrets.forget(issued.key.kept_as)
        with pytest.raises(InvalidToken):
            await again.authenticate_key(keys.new_key(issued.key.prefix).text)
        assert (await again.authenticate_key(issued.text)).name == "ci"


async def test_what_is_remembered_is_bounded(accounts, monkeypatch):
    """Of more keys than fit the least recently used is forgotten, and proved again."""
    monkeypatch.setattr(keys, "MOST", 4)
    issued = [await accounts.issue_key(f"k{i}", role="viewer") for i in range(8)]
    for _ in range(2):
        for one in issued:
            assert (await accounts.authenticate_key(one.text)).name == one.key.name
    assert len(accounts._ring._proved) == len(accounts._ring._hashes) == 4


async def test_another_process_revokes_while_we_serve(accounts, url, cli):
    """The command line on the same files: a key that is remembered here is refused, without anything being asked."""
    assert url == f"sqlite:///{cli.folder}/mezan.db"
    issued = await accounts.issue_key("ci", role="viewer")
    kept = await accounts.issue_key("other", role="viewer")
    await accounts.authenticate_key(issued.text)
    done = await anyio.to_thread.run_sync(lambda: cli("keys", "revoke", issued.key.prefix, "--yes"))
    assert done.code == 0, done.err
    with anyio.fail_after(10):
        while True:
            try:
                await accounts.authenticate_key(issued.text)
            except RevokedToken:
                break
            await anyio.sleep(0.01)
    assert (await accounts.authenticate_key(kept.text)).name == "other"
    made = await anyio.to_thread.run_sync(lambda: cli("keys", "issue", "new", "--role", "operator", "--json"))
    with anyio.fail_after(10):
        async for recorded in accounts.store.subscribe(types=["KeyIssued"]):
            if recorded.data["prefix"] == made.json["prefix"]:
                break
    await accounts._follower.wait_for(recorded.position)
    assert (await accounts.authenticate_key(made.json["key"])).may(Scope.RUNS_WRITE)


async def test_two_processes_administer_at_the_same_time(accounts, url, spawn):
    """Each append is decided on what the other has done: no act is lost, every key works, the chain holds."""
    child = spawn(CHILD, url, "--keys", 25)
    mine = [await accounts.issue_key(f"mine {i}", role="viewer") for i in range(25)]
    output, errors = await anyio.to_thread.run_sync(child.communicate)
    assert child.returncode == 0, errors
    await accounts.record("default", lambda state: [])
    theirs = [line.split()[1] for line in output.splitlines()]
    names = {(await accounts.authenticate_key(text)).name for text in [*theirs, *(one.text for one in mine)]}
    assert len(names) == 50
    state = accounts.principals
    assert (len(state.keys), state.projects["default"].version) == (50, 50)
    assert (await accounts.store.verify()).ok


@pytest.mark.parametrize("point", ["accounts.kept", "store.before-commit"])
async def test_a_key_half_made_by_a_process_that_was_killed_is_none(url, clock, spawn, point):
    """kill -9 between the secret and the event: the text proves nothing, and its hash is swept up a day later."""
    async with open_accounts(url) as accounts:
        issued = await accounts.issue_key("ci", role="viewer")
    for options in ([], ["--rotate", issued.key.id]):
        child = spawn(CHILD, url, "--die-at", point, *options)
        output, errors = await anyio.to_thread.run_sync(child.communicate)
        assert child.returncode == -9, errors
        text = output.split()[1]
        async with open_accounts(url) as accounts:
            assert list(accounts.principals.keys) == [issued.key.id]
            assert len(accounts.secrets.names()) == 2
            with pytest.raises(InvalidToken):
                await accounts.authenticate_key(text)
            assert (await accounts.authenticate_key(issued.text)).name == "ci"
            with closing(sqlite3.connect(accounts.files.secrets)) as raw, raw:
                raw.execute("UPDATE hashes SET made_at = made_at - 90000")
        async with open_accounts(url) as accounts:
            assert accounts.secrets.names() == [issued.key.kept_as]
            assert (await accounts.authenticate_key(issued.text)).name == "ci"
    async with open_accounts(url) as accounts:
        rotated = await accounts.rotate_key(issued.key.id)
        assert (await accounts.authenticate_key(rotated.text)).id == issued.key.id


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either a role or scopes"),
        ({"role": "viewer", "scopes": ["runs:read"]}, "either a role or scopes"),
        ({"scopes": ["runs:fly"]}, "a scope must be one of"),
        ({"role": "odd"}, "a role must be one of viewer, operator, admin"),
        ({"role": "viewer", "owner": "user_x"}, "a user must be one of default"),
        ({"role": "viewer", "project": "nowhere"}, "a project must be one of default"),
        ({"role": "viewer", "expires_in": timedelta(0)}, "must be above zero"),
        ({"role": "viewer", "expires_in": timedelta(days=-1)}, "must be above zero"),
        ({"role": "viewer", "expires_in": timedelta(days=10**6)}, "3660 days"),
    ],
)
async def test_mistakes_are_refused_before_a_secret_is_kept(accounts, options, words):
    """Neither file is changed."""
    with pytest.raises(BadInput, match=words):
        await accounts.issue_key("ci", **options)
    for name in ("", " ", "x" * 65, "a\nb", "\x1b[31m"):
        with pytest.raises(BadInput, match="a key's name"):
            await accounts.issue_key(name, role="viewer")
    assert (accounts.position, accounts.secrets.names()) == (0, [])


async def test_things_are_found_by_what_people_write(accounts):
    """Users by name, name@project or id, keys by prefix, text or id; the same name may be in two projects."""
    await accounts.add_project("north")
    here, there = [await accounts.add_user("ann", role="viewer", project=name) for name in ("default", "north")]
    assert [accounts.user(name).id for name in ("ann", "ann@default", "ann@north", there.id)] == [here.id, here.id, there.id, there.id]  # fmt: skip
    issued = await accounts.issue_key("ci", role="viewer")
    for name in (issued.key.id, issued.key.prefix, f"mzn_{issued.key.prefix}", issued.text):
        assert accounts.key(name).id == issued.key.id
    for name in ("bob", "ann@", "ann@nowhere", "@", ""):
        if name != "ann@":
            with pytest.raises(NotThere):
                accounts.user(name)
    other = keys.new_key()
    with pytest.raises(NotThere, match=other.prefix) as caught:
        accounts.key(other.text)
    assert other.text.partition(".")[2][:3] not in str(caught.value)
    with pytest.raises(Taken):
        await accounts.add_user("ann", role="viewer")


async def test_an_admin_may_give_everything(accounts):
    """And the command line's principal needs no account for it."""
    issued = await accounts.issue_key("root", role="admin")
    root = await accounts.authenticate_key(issued.text)
    assert root.scopes == EVERY
    made = await accounts.issue_key("second", role="admin", by=root)
    trail = await accounts.trail("default")
    assert [(event.type, event.actor) for event in trail] == [("KeyIssued", root.id), ("KeyIssued", "local")]
    assert trail[0].data["key"] == made.key.id
