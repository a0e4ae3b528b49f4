"""The secrets file: private, sealed under one key, and everything in it bound to its name."""

import base64
import os
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from operator import methodcaller

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.api.accounts.errors import Exposed, WrongKey
from mezan.api.accounts.secrets import VARIABLE, Secrets, new_name
from mezan.engine.errors import NotOurs, StoreCorrupt, WrongSchema


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A file of secrets and its key."""
    monkeypatch.delenv(VARIABLE, raising=False)
    secrets = Secrets(tmp_path / "s.db", tmp_path / "s.key")
    yield secrets
    secrets.close()


@pytest.fixture
def again(made):
    """Opens the same file, as another process would."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(closing(Secrets(made.path, made.key_file)))


def test_what_is_kept_comes_back(made, again):
    """Hashes and sealed values, replaced, forgotten, and read by another process."""
    made.keep_hash("a", b"one")
    made.keep_hash("a", b"two")
    made.seal("t", b"base32")
    other = again()
    assert (other.hash_of("a"), other.hash_of("b"), other.unseal("t"), other.unseal("b")) == (b"two", None, b"base32", None)  # fmt: skip
    made.forget("a", "t")
    assert (other.hash_of("a"), other.unseal("t")) == (None, None)
    other.close()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_both_files_are_the_owners_alone(made, again):
    """Whatever the umask: mode 0600, also of the journal's; and a file that others may read is refused."""
    before = os.umask(0)
    try:
        made.seal("t", b"x")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (made.path, made.key_file)} == {0o600}
    made.close()
    made.path.chmod(0o640)
    with pytest.raises(Exposed, match="chmod 600"):
        again().hash_of("a")
    made.path.chmod(0o600)
    made.key_file.chmod(0o604)
    with pytest.raises(Exposed, match="mode 0604"):
        again().unseal("t")


def test_no_sealed_value_is_in_the_file(made):
    """Neither the value nor its base64 is among the bytes."""
    made.seal("t", b"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    content = made.path.read_bytes()
    assert b"JBSWY3DPEHPK3PXP" not in content
    assert base64.b64encode(b"JBSWY3DPEHPK3PXP")[:16] not in content


def test_the_same_value_is_sealed_differently_each_time(made):
    """A nonce is never used twice, so equal secrets cannot be seen to be equal."""
    for name in ("a", "b"):
        made.seal(name, b"equal")
    with closing(sqlite3.connect(made.path)) as raw:
        rows = raw.execute("SELECT nonce, box FROM sealed").fetchall()
    assert len({nonce for nonce, _ in rows}) == len({box for _, box in rows}) == 3


def test_a_sealed_value_under_another_name_is_refused(made):
    """The name is authenticated: who can write the file cannot give one user another's generator."""
    made.seal("totp_a", b"a")
    made.seal("totp_b", b"b")
    raw = sqlite3.connect(made.path)
    raw.execute("UPDATE sealed SET (nonce, box) = (SELECT nonce, box FROM sealed WHERE name = 'totp_a') WHERE name = 'totp_b'")  # fmt: skip
    raw.commit()
    raw.close()
    assert made.unseal("totp_a") == b"a"
    with pytest.raises(StoreCorrupt, match="put in the place of another"):
        made.unseal("totp_b")


@settings(max_examples=30, deadline=None)
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_changed_bit_is_found(at, bit, tmp_path_factory):
    """In the nonce or in the box, anywhere."""
    folder = tmp_path_factory.mktemp("bits")
    secrets = Secrets(folder / "s.db", folder / "s.key")
    secrets.seal("t", b"a generator's secret")
    raw = sqlite3.connect(secrets.path)
    nonce, box = raw.execute("SELECT nonce, box FROM sealed WHERE name = 't'").fetchone()
    both = bytearray(nonce + box)
    both[at % len(both)] ^= 1 << bit
    raw.execute("UPDATE sealed SET nonce = ?, box = ? WHERE name = 't'", (bytes(both[:12]), bytes(both[12:])))
    raw.commit()
    raw.close()
    with pytest.raises(StoreCorrupt):
        secrets.unseal("t")
    secrets.close()


def test_another_key_is_told_from_a_damaged_file(made, monkeypatch, again):
    """A wrong, missing or malformed key is an error that says which key is meant, and no new key is made in its place."""
    made.check_key()
    assert not made.key_file.exists()
    made.seal("t", b"x")
    made.check_key()
    monkeypatch.setenv(VARIABLE, base64.b64encode(bytes(32)).decode())
    with pytest.raises(WrongKey, match="is another"):
        again().check_key()
    with pytest.raises(WrongKey, match=f"variable {VARIABLE} is another"):
        again().unseal("t")
    with pytest.raises(WrongKey, match="is another"):
        again().seal("u", b"y")
    for bad in ("short", "é" * 44, base64.b64encode(bytes(31)).decode(), "=" * 44):
        monkeypatch.setenv(VARIABLE, bad)
        with pytest.raises(WrongKey, match="32 bytes in base64") as caught:
            again().unseal("t")
        assert bad not in str(caught.value)
    monkeypatch.delenv(VARIABLE)
    kept = made.key_file.read_bytes()
    made.key_file.unlink()
    with pytest.raises(WrongKey, match="is not there"):
        again().unseal("t")
    assert not made.key_file.exists()
    made.key_file.write_bytes(kept)
    made.key_file.chmod(0o600)
    assert again().unseal("t") == b"x"


def test_the_key_of_the_environment_makes_no_file(made, monkeypatch, again):
    """URL-safe base64 is accepted too, and what it sealed opens with it alone."""
    monkeypatch.setenv(VARIABLE, base64.urlsafe_b64encode(b"\xff" * 32).decode())
    made.seal("t", b"x")
    assert not made.key_file.exists()
    assert again().unseal("t") == b"x"


def test_a_mark_only_rises_and_one_caller_wins(made, again):
    """Eight threads of two processes' worth raise the same mark: every value is accepted once."""
    others = [again() for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        won = [sum(pool.map(methodcaller("advance", "totp", value), others * 2)) for value in (5, 6, 9)]
        assert won == [1, 1, 1]
    assert not made.advance("totp", 9)
    assert not made.advance("totp", 8)
    assert made.advance("totp", 10)
    for other in others:
        other.close()


def test_what_is_good_for_one_use_is_spent_once(made, again):
    """Many callers at once, one gets it."""
    made.keep_hash("code/3", b"h")
    others = [again() for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda s: s.spend("code/3"), others * 4)) == 1
    assert made.hash_of("code/3") is None
    for other in others:
        other.close()


def test_many_that_make_the_first_key_agree(tmp_path, monkeypatch):
    """Two processes start on an empty folder: one key, and each reads what the other sealed."""
    monkeypatch.delenv(VARIABLE, raising=False)
    made = [Secrets(tmp_path / "s.db", tmp_path / "s.key") for _ in range(6)]
    start = threading.Barrier(6)

    def seal(i):
        start.wait()
        made[i].seal(f"n{i}", b"%d" % i)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(seal, range(6)))
    assert [one.unseal(f"n{i}") for i, one in enumerate(made[::-1])] == [b"%d" % i for i in range(6)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.db", "s.key"]
    for one in made:
        one.close()


def test_files_of_others_are_refused(tmp_path, made, again):
    """Somebody else's database, another version, and what is no database."""
    with closing(sqlite3.connect(tmp_path / "x.db")) as raw, raw:
        raw.execute("CREATE TABLE t (a)")
    (tmp_path / "x.db").chmod(0o600)
    with pytest.raises(NotOurs, match="secrets that mezan made"):
        Secrets(tmp_path / "x.db", tmp_path / "s.key").check()
    (tmp_path / "y.db").write_bytes(b"no database at all" * 100)
    (tmp_path / "y.db").chmod(0o600)
    with pytest.raises(NotOurs):
        Secrets(tmp_path / "y.db", tmp_path / "s.key").check()
    made.check()
    with closing(sqlite3.connect(made.path)) as raw, raw:
        raw.execute("PRAGMA user_version = 2")
    with pytest.raises(WrongSchema, match="version 1"):
        again().check()


def test_names_say_nothing_and_are_never_given_twice():
    """A kind, and 128 random bits."""
    names = {new_name("key") for _ in range(1_000)}
    assert len(names) == 1_000
    assert all(name.startswith("key_") and len(name) == 36 for name in names)
