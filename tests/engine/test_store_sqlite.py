"""The store contract on SQLite, with fsync on every commit and without."""

import sqlite3
from collections import OrderedDict

import anyio
import pytest
from store_contract import Appending, Fenced, Idempotent, Keeping, Soon, Subscribing, Verifying

from mezan.engine.events import RunPlanned
from mezan.engine.folds import Save
from mezan.engine.log import Write
from mezan.engine.stores import sqlite
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


async def test_a_new_subscriber_ends_the_idle_wait_for_other_processes(tmp_path, monkeypatch):
    """A store that nobody followed looks for foreign commits rarely; the first subscriber must not wait for that."""
    monkeypatch.setattr(sqlite, "IDLE_POLL", 60.0)
    url = f"sqlite:///{tmp_path}/mezan.db"
    async with SQLiteStore.open(url) as ours, SQLiteStore.open(url) as theirs:
        await anyio.sleep(0.05)  # the watcher is in its idle wait now
        async with anyio.create_task_group() as tasks:
            got = anyio.Event()

            async def follow():
                async for _ in ours.subscribe():
                    got.set()
                    return

            tasks.start_soon(follow)
            await anyio.wait_all_tasks_blocked()
            await theirs.append(Write("a", [RunPlanned(order=("main",))]))
            with anyio.fail_after(10):
                await got.wait()


@pytest.mark.parametrize(("durability", "most"), [("full", 2), ("relaxed", 1)])
async def test_the_disk_is_waited_for_by_what_cannot_be_made_again(tmp_path, durability, most):
    """Appends and leases are synced as the store was asked to; read models, which can be folded again, are not."""

    def level(connection):
        return connection.execute("PRAGMA synchronous").fetchone()[0]

    async with SQLiteStore.open(f"sqlite:///{tmp_path}/mezan.db", durability=durability) as store:
        assert await store.transact(level) == most
        assert await store.transact(level, durable=False) == 1
        statements = []
        store._writer._connection.set_trace_callback(statements.append)
        await store.save([Save("runs", 1, 0, 0, b"", [])])
        await store.append(Write("run_a", [RunPlanned(order=("main",))]))
        store._writer._connection.set_trace_callback(None)
        assert await store.transact(level) == most
    written = [s for s in statements if s.startswith(("INSERT", "PRAGMA"))]
    saved = next(i for i, s in enumerate(written) if "INTO projections" in s)
    appended = next(i for i, s in enumerate(written) if "INTO events" in s)
    between = [s for s in written[saved:appended] if s.startswith("PRAGMA")]
    assert between == (["PRAGMA synchronous = 2"] if durability == "full" else [])


async def test_a_commit_does_not_walk_through_the_streams_that_are_remembered(tmp_path):
    """Each commit looks up its own streams among thousands of remembered ones."""

    class Watched(OrderedDict):
        walks = 0

        def __iter__(self):
            Watched.walks += 1
            return super().__iter__()

        def keys(self):
            Watched.walks += 1
            return super().keys()

    async with SQLiteStore.open(f"sqlite:///{tmp_path}/mezan.db", durability="relaxed") as store:
        store._writer._versions = Watched()
        for i in range(20):
            await store.append(Write(f"run_{i % 7}", [RunPlanned(order=("main",))]))
        assert len(store._writer._versions) == 7
    assert Watched.walks == 0
