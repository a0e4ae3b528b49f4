"""The store contract on SQLite, with fsync on every commit and without."""

import sqlite3

import pytest
from store_contract import Appending, Fenced, Idempotent, Keeping, Soon, Subscribing, Verifying

from mezan.engine.stores.sqlite import SQLiteStore

pytestmark = pytest.mark.anyio


class OnSQLite:
    """How the contract opens and damages a SQLite file."""

    @pytest.fixture(params=["full", "relaxed"])
    def durability(self, request):
        return request.param

    @pytest.fixture
    def url(self, tmp_path, durability):
        self.durability_asked = durability
        return f"sqlite:///{tmp_path}/mezan.db"

    def open_store(self, url, **options):
        return SQLiteStore.open(url, **{"durability": self.durability_asked} | options)

    def tamper(self, url, *statements):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
        connection.close()


class TestAppending(OnSQLite, Appending):
    pass


class TestSoon(OnSQLite, Soon):
    pass


class TestIdempotent(OnSQLite, Idempotent):
    pass


class TestFenced(OnSQLite, Fenced):
    pass


class TestSubscribing(OnSQLite, Subscribing):
    pass


class TestVerifying(OnSQLite, Verifying):
    pass


class TestKeeping(OnSQLite, Keeping):
    pass


@pytest.mark.parametrize(("durability", "pragma"), [("full", 2), ("relaxed", 1)])
async def test_durability_is_what_was_asked_for(tmp_path, durability, pragma):
    """The writing connection's `synchronous`, in WAL mode."""
    async with SQLiteStore.open(f"sqlite:///{tmp_path}/mezan.db", durability=durability) as store:

        def ask(c):
            return c.execute("PRAGMA synchronous").fetchone()[0], c.execute("PRAGMA journal_mode").fetchone()[0]

        assert await store.transact(ask) == (pragma, "wal")
