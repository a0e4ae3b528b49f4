"""The desk: whatever is done is an event, decided on the newest state, and everything can be told from the log again."""

import asyncio
import hashlib
import stat
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from mezan.api.accounts.errors import Exposed, Forbidden, NotThere, RevokedToken, Taken
from mezan.api.accounts.files import files_of
from mezan.api.accounts.open import accounts_exist, open_accounts
from mezan.api.accounts.principal import Principal
from mezan.api.accounts.scopes import EVERY, OPERATOR, Scope
from mezan.engine.account_events import PasswordSet
from mezan.engine.context import acting
from mezan.engine.errors import NotOurs
from mezan.projections.denials import Denials
from mezan.projections.principals import Principals
from mezan.solvers.errors import BadInput

pytestmark = pytest.mark.anyio


async def busy(accounts):
    """Some of everything."""
    await accounts.add_project("north", title="Plant North")
    await accounts.define_role("runner", scopes=["runs:write"], includes=["viewer"], project="north")
    ann = await accounts.add_user("ann", role="admin")
    bob = await accounts.add_user("bob", role="runner", project="north")
    first = await accounts.issue_key("ci", role="runner", owner=bob.id, project="north", expires_in=timedelta(days=90))
    second = await accounts.issue_key("scrape", scopes=["metrics:read"])
    rotated = await accounts.rotate_key(first.key.id)
    await accounts.revoke_key(second.key.id, reason="leaked")
    await accounts.set_role(bob.id, "operator")
    await accounts.disable(ann.id, reason="left")
    accounts.deny("token-invalid", address="192.0.2.7", path="/runs")
    async for recorded in accounts.store.subscribe(types=["AccessDenied"]):  # it does not wait for the disk
        await accounts._follower.wait_for(recorded.position)
        break
    return ann, [first.text, second.text, rotated.text]


async def test_rebuilt_is_live_is_reopened(url, clock):
    """The fold of the first event to the last, the one that was kept live, and the one that another opening loads."""
    async with open_accounts(url, clock=clock) as accounts:
        await busy(accounts)
        live = {fold.name: fold.dump(accounts._follower.state(fold.name)) for fold in (Principals(), Denials())}
        await accounts._follower.rebuild_all()
        assert live == {fold.name: fold.dump(accounts._follower.state(fold.name)) for fold in (Principals(), Denials())}
        assert (await accounts.store.verify()).ok
    for read_only in (True, False):
        async with open_accounts(url, clock=clock, read_only=read_only) as again:
            assert Principals().dump(again.principals) == live["principals"]


async def test_every_moment_can_be_seen_again(accounts):
    """As of each position, what was live at that position."""
    fold, live = Principals(), {}

    async def look(_):
        live[accounts.position] = fold.dump(accounts.principals)

    ann = await accounts.add_user("ann", role="viewer")
    for step in (
        accounts.set_role(ann.id, "admin"),
        accounts.issue_key("ci", role="viewer", owner=ann.id),
        accounts.define_role("r", scopes=["lab:run"]),
        accounts.disable(ann.id),
    ):
        await look(await step)
    assert len(live) == 4
    for position, state in live.items():
        assert fold.dump(await accounts.as_of(position)) == state
    assert (await accounts.as_of(0)) == fold.initial()


async def test_one_of_many_at_once_wins_a_name(accounts):
    """Twenty add the same user at the same time: one is made, the others are told that the name is taken."""
    made = await asyncio.gather(*(accounts.add_user("ann", role="viewer") for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(one, Taken) for one in made) == 19
    assert len(accounts.principals.users) == 1


async def test_all_of_many_at_once_are_done(accounts):
    """Different acts on one project do not lose each other."""
    await asyncio.gather(*(accounts.add_user(f"u{i}", role="viewer") for i in range(30)))
    assert len(accounts.principals.users) == accounts.principals.projects["default"].version == 30


async def test_acts_that_change_nothing_are_no_events(accounts):
    """The same role, the same definition, disabled twice."""
    ann = await accounts.add_user("ann", role="viewer")
    await accounts.define_role("r", scopes=["runs:read"])
    await accounts.disable(ann.id)
    before = accounts.position
    await accounts.set_role(ann.id, "viewer")
    await accounts.define_role("r", scopes=["runs:read"])
    await accounts.disable(ann.id)
    assert accounts.position == before


async def test_events_say_who_did_it_and_stay_in_their_project(accounts):
    """The actor is the principal, or whoever acts around the call; the trail of a project holds nothing of another."""
    await accounts.add_project("north")
    nia = await accounts.add_user("nia", role="admin", project="north")
    principal = accounts.principal_of(nia.id, "session_1")
    assert (principal.scopes, principal.credential, principal.project) == (EVERY, "session_1", "north")
    await accounts.add_user("ned", role="viewer", project="north", by=principal)
    with acting(as_actor="upgrade"):
        await accounts.add_user("ann", role="viewer")
    north = await accounts.trail("north")
    assert [(event.type, event.actor, event.tenant) for event in north] == [
        ("UserAdded", nia.id, "north"), ("UserAdded", "local", "north"), ("ProjectAdded", "local", "north"),
    ]  # fmt: skip
    assert [(event.actor, event.data["name"]) for event in await accounts.trail("default")] == [("upgrade", "ann")]
    for act in (accounts.add_user("x", role="viewer", by=principal), accounts.define_role("x", scopes=["runs:read"], by=principal)):  # fmt: skip
        with pytest.raises(NotThere, match="your own"):
            await act
    viewer = Principal("user_v", "vic", "user", "north", OPERATOR.scopes, "s")
    with pytest.raises(Forbidden, match=r"accounts:write is needed"):
        await accounts.add_user("x", role="viewer", project="north", by=viewer)


async def test_a_user_may_less_with_a_token_that_says_so(accounts):
    """The scopes given are a bound, never more than the role; a disabled user is nobody."""
    ann = await accounts.add_user("ann", role="viewer")
    narrow = frozenset({Scope.RUNS_READ, Scope.LAB_RUN})
    assert accounts.principal_of(ann.id, "jti", scopes=narrow).scopes == {Scope.RUNS_READ}
    await accounts.disable(ann.id)
    for user in (ann.id, "user_x"):
        with pytest.raises(RevokedToken):
            accounts.principal_of(user, "jti")


async def test_denials_are_recorded_without_waiting(url, clock):
    """The first at once, the others when the accounts are closed; of a project that there is, else of none."""
    async with open_accounts(url, clock=clock) as accounts:
        await accounts.add_project("north")
        for _ in range(50):
            accounts.deny("forbidden", project="north", principal="key_1", address="192.0.2.7", path="/runs")
        accounts.deny("token-invalid", project="nowhere", address="192.0.2.8", path="/runs")
        with anyio.fail_after(5):
            async for recorded in accounts.store.subscribe(types=["AccessDenied"]):
                if recorded.data["reason"] == "token-invalid":
                    break
    async with open_accounts(url, clock=clock, read_only=True) as again:
        assert {project: refused.times for project, refused in again.denials.items()} == {
            "north": {"forbidden": 50}, "": {"token-invalid": 1},
        }  # fmt: skip
        events = await again.store.read(types=["AccessDenied"])
        assert [(event.tenant, event.actor, event.data["times"]) for event in events] == [
            ("north", "key_1", 1), ("default", "anonymous", 1), ("north", "key_1", 49),
        ]  # fmt: skip


async def test_noted_denials_can_be_read(url, clock):
    """Who waits for them sees every denial that was recorded before, and not only sometimes."""
    async with open_accounts(url, clock=clock) as accounts:
        for n in range(20):
            accounts.deny(f"reason-{n}", address="192.0.2.8", path="/runs")
            await accounts.noted()
            assert accounts.denials[""].times[f"reason-{n}"] == 1


async def test_no_file_but_that_of_secrets_knows_a_secret_or_its_hash(url, clock, tmp_path, capfd):
    """Canaries: every text that was issued, in every file and on every channel, in each form that it could have."""
    async with open_accounts(url, clock=clock) as accounts:
        ann, texts = await busy(accounts)
        for text in texts:
            try:
                await accounts.authenticate_key(text)
            except RevokedToken:
                continue
            finally:
                accounts.deny("forbidden", principal=text, address=text, path=f"/x/{text}?key={text}", project=text)
        canary = "JBSWY3DPEHPK3PXPCANARY77"
        accounts.secrets.seal("totp_canary", canary.encode())
        accounts.secrets.keep_hash("password_canary", b"$argon2id$v=19$m=19456,t=2,p=1$Y2FuYXJ5$aGFzaG9mY2FuYXJ5")
        await accounts.record(
            "default", lambda _: [PasswordSet(project="default", user=ann.id, kept_as="password_canary")]
        )
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}  # with the write-ahead log still there
    files |= {f"closed {path.name}": path.read_bytes() for path in tmp_path.iterdir()}
    assert "closed mezan.accounts.db" in files
    shown = "".join(capfd.readouterr()).encode()
    secrets = [text.partition(".")[2].encode() for text in texts]
    hashes = [hashlib.sha256(form).digest() for text, secret in zip(texts, secrets, strict=True) for form in (secret, text.encode())]  # fmt: skip
    kept = [secret for name in files if "secrets" in name for secret in secrets if secret in files[name]]
    assert kept == []
    assert all(hashes[i] in files["closed mezan.secrets.db"] for i in (0, 2, 4))
    for name, content in (*files.items(), ("output", shown)):
        if "secrets" in name:
            assert canary.encode() not in content
            continue
        forms = [*secrets, canary.encode(), b"argon2", *hashes, *(digest.hex().encode() for digest in hashes)]
        assert [form for form in forms if form in content] == [], name


async def test_files_are_private_and_named_after_the_database(url, clock, tmp_path):
    """Mode 0600 from the first byte; one that others may read is refused before it is used."""
    assert not accounts_exist(url)
    async with open_accounts(url, clock=clock) as accounts:
        await busy(accounts)
        accounts.secrets.seal("t", b"x")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert {"mezan.accounts.db", "mezan.secrets.db", "mezan.key"} <= set(modes)
        assert set(modes.values()) == {0o600}
        assert accounts.on
    assert accounts_exist(url)
    accounts.files.secrets.chmod(0o644)
    with pytest.raises(Exposed, match="mode 0644"):
        async with open_accounts(url):
            pass


async def test_nothing_is_made_to_look(url, tmp_path):
    """Read-only accounts that are not there are an error, and a mistyped database stays without files."""
    with pytest.raises(BadInput, match="must have accounts"):
        async with open_accounts(url, read_only=True):
            pass
    with pytest.raises(NotOurs):
        async with open_accounts("postgres://x"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_no_path_is_made_from_a_name_that_is_none():
    """Each project's database is one file in one folder, whatever somebody calls a project."""
    files = files_of("sqlite:////srv/mezan.db")
    assert files.project("default") == Path("/srv/mezan.db")
    assert files.project("north-2") == Path("/srv/mezan.projects/north-2.db")
    assert files.project_url("north") == "sqlite:////srv/mezan.projects/north.db"
    for name in ("", "..", "a/b", "a\\b", ".", "a.db", "A", "a\0", "a\n", "-a", "a-", "x" * 33, "ü", "%2e%2e"):
        with pytest.raises(BadInput, match="a project's name must be"):
            files.project(name)
    assert len({*vars_of(files_of("sqlite:///a.sqlite")), *vars_of(files_of("sqlite:///a.db"))}) == 12


def vars_of(files):
    return (files.database, files.accounts, files.secrets, files.key, files.limits, files.projects)
