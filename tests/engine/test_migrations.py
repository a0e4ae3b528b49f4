"""Migrations, and every way in which a database file can be the wrong one."""

import os
import shutil
import sqlite3
import sys
import threading
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path

import anyio
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from mezan.engine.errors import (
    NotOurs,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    WrongSchema,
)
from mezan.engine.events import RunPlanned
from mezan.engine.log import Write
from mezan.engine.stores import schema, tables
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.solvers.errors import BadInput

pytestmark = pytest.mark.anyio
CHILD = Path(__file__).parent / "child_appends.py"
PLANNED = RunPlanned(order=("main",))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mezan.db"


def url(path):
    return f"sqlite:///{path}"


async def fill(path, events=20, size=0):
    """A log of some events, closed."""
    async with SQLiteStore.open(url(path), durability="relaxed") as store:
        for i in range(events):
            await store.append(Write(f"s{i % 3}", [RunPlanned(order=("x" * size,))]))


async def read_all(path):
    async with SQLiteStore.open(url(path), read_only=True) as store:
        assert (await store.verify()).ok
        return await store.read(limit=100_000)


def told(path, sql):
    """The first row that a connection of its own is answered."""
    with closing(schema.connect(str(path))) as connection:
        return connection.execute(sql).fetchone()


def objects(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    return {name for (name,) in rows}


def scripts():
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "alembic"))
    return ScriptDirectory.from_config(config)


# migrations


def test_the_newest_migration_is_the_one_that_the_store_needs():
    """The constant that opening compares with is the scripts' head, and there is one head."""
    assert scripts().get_heads() == [schema.HEAD]


def test_a_new_file_is_what_the_migrations_make(path, tmp_path):
    """`schema.sql`, from which new files are made, is exactly the migrated schema."""
    schema.migrate(str(path))
    made = schema.statements(str(path))
    assert files("mezan.engine.stores").joinpath("schema.sql").read_text() == made
    schema.prepare(str(tmp_path / "new.db"), durability="full").close()
    assert schema.statements(str(tmp_path / "new.db")) == made


def test_migrations_go_up_and_down_again(path):
    """From nothing to the head, back to nothing, and up again."""
    schema.migrate(str(path))
    full = objects(path)
    assert {"events", "log_head", "artifacts", "leases", "events_no_update", "events_no_delete"} <= full
    schema.migrate(str(path), "base")
    assert objects(path) == {"alembic_version"}
    schema.migrate(str(path))
    assert objects(path) == full


def test_every_step_of_the_migrations_goes_down_and_up(path):
    """Each revision alone can be taken back and applied again."""
    for script in reversed(list(scripts().walk_revisions())):
        schema.migrate(str(path), script.revision)
        before = objects(path)
        schema.migrate(str(path), script.down_revision or "base")
        schema.migrate(str(path), script.revision)
        assert objects(path) == before


async def test_a_downgraded_file_is_a_new_one(path):
    """After going down to nothing, opening starts an empty log."""
    await fill(path)
    schema.migrate(str(path), "base")
    await fill(path, 2)
    assert len(await read_all(path)) == 2


def test_the_tables_are_what_the_migrations_make(path):
    """Autogenerate finds no difference between the models and a migrated database."""
    schema.migrate(str(path))
    engine = create_engine(f"sqlite:///{path}")
    assert tables.EventRow.metadata is SQLModel.metadata
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


async def test_migrating_a_file_that_is_at_the_head_changes_nothing(path):
    """The command that an error recommends is safe to repeat."""
    await fill(path)
    before = await read_all(path)
    schema.migrate(str(path))
    assert await read_all(path) == before


@pytest.mark.parametrize(("at", "side", "advice"), [("0000", "behind", "mezan db upgrade"), ("9999", "ahead", "newer")])
@pytest.mark.parametrize("read_only", [True, False])
async def test_a_file_at_another_migration_is_refused_with_what_to_do(path, at, side, advice, read_only):
    """Behind: the command that upgrades it; ahead: a newer mezan; untouched in both cases."""
    await fill(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (at,))
    before = path.read_bytes()
    with pytest.raises(WrongSchema, match=f"{side}.*{at}.*{advice}"):
        async with SQLiteStore.open(url(path), read_only=read_only):
            pass
    assert path.read_bytes() == before


async def test_several_processes_may_open_a_new_file_at_once(path, spawn):
    """One makes the tables, the others wait for it, and all of them write."""
    for round_ in range(2):
        file = path.with_name(f"new{round_}.db")
        children = [spawn(CHILD, url(file), "--prefix", f"p{i}-", "--streams", 2, "--events", 5) for i in range(4)]
        for child in children:
            _, errors = await anyio.to_thread.run_sync(child.communicate)
            assert child.returncode == 0, errors
        log = await read_all(file)
        assert len(log) == 40
        assert len({r.stream for r in log}) == 8


def make(file):
    schema.prepare(file, durability="full").close()


async def test_many_threads_may_make_a_new_file_at_once(path):
    """The same race, many times and as tight as it gets."""
    for i in range(5):
        file = path.with_name(f"race{i}.db")
        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(anyio.to_thread.run_sync, make, str(file))
        assert told(file, "SELECT count(*) FROM alembic_version") == (1,)


def test_a_new_file_whose_write_lock_is_taken_is_waited_for(path):
    """SQLite itself refuses a change of the journal mode at once then, whatever the busy timeout."""
    other = schema.connect(str(path))
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            told(path, "PRAGMA journal_mode = WAL")
        threading.Timer(0.3, other.execute, ["COMMIT"]).start()
        make(path)
    finally:
        other.close()
    assert told(path, "PRAGMA journal_mode") == ("wal",)


async def test_a_closed_store_is_one_file(path):
    """Whoever copies it has everything."""
    async with SQLiteStore.open(url(path)) as store:
        await store.append(Write("a", [PLANNED]))
        assert store.path == str(path)
        assert {file.name for file in path.parent.iterdir()} == {"mezan.db", "mezan.db-wal", "mezan.db-shm"}
    assert [file.name for file in path.parent.iterdir()] == ["mezan.db"]


# wrong files


@pytest.mark.parametrize(
    "wrong",
    ["", "mezan.db", "postgresql://localhost/x", "sqlite://", "sqlite:///", "sqlite:///:memory:", "SQLITE:///x"],
)
async def test_a_url_that_is_not_a_file_is_refused(wrong):
    """With the form that it must have."""
    with pytest.raises(NotOurs, match=r"sqlite:///mezan.db"):
        async with SQLiteStore.open(wrong):
            pass


@pytest.mark.parametrize(
    "name", ["with space.db", "ünï-çødé.db", "a?mode=ro.db", "per%20cent.db", "#hash.db", "x;y.db"]
)
async def test_any_file_name_works(tmp_path, name):
    """What means something in a URI means nothing in a path."""
    await fill(tmp_path / name, 3)
    assert (tmp_path / name).exists()
    assert len(await read_all(tmp_path / name)) == 3


async def test_a_folder_is_refused(tmp_path):
    """A folder is no database."""
    with pytest.raises(NotOurs, match="folder"):
        async with SQLiteStore.open(url(tmp_path)):
            pass


@pytest.mark.parametrize("content", [b"%PDF-1.7 " + os.urandom(9_000), b"just text\n" * 100, b"\x00" * 5_000])
@pytest.mark.parametrize("read_only", [True, False])
async def test_a_file_that_is_no_database_is_refused_and_not_touched(path, content, read_only):
    """Whatever it holds, it is not overwritten."""
    path.write_bytes(content)
    with pytest.raises(NotOurs):
        async with SQLiteStore.open(url(path), read_only=read_only):
            pass
    assert path.read_bytes() == content


@pytest.mark.parametrize("table", ["users", "events", "alembic_version"])
async def test_a_database_of_somebody_else_is_refused_and_not_touched(path, table):
    """Even one with tables of our names: the application id tells."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE {table} (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(NotOurs, match="name another file"):
        async with SQLiteStore.open(url(path)):
            pass
    assert path.read_bytes() == before


async def test_a_missing_file_can_not_be_opened_to_look(path):
    """Looking makes no file."""
    with pytest.raises(NotOurs, match="must exist"):
        async with SQLiteStore.open(url(path), read_only=True):
            pass
    assert not path.exists()


async def test_a_missing_folder_is_named(tmp_path):
    """The folder is not made."""
    with pytest.raises(StoreError, match="folder"):
        async with SQLiteStore.open(url(tmp_path / "no" / "such" / "mezan.db")):
            pass
    assert not (tmp_path / "no").exists()


async def test_a_store_opened_to_look_writes_nothing(path):
    """Every write is a typed error."""
    await fill(path)
    before = await read_all(path)
    async with SQLiteStore.open(url(path), read_only=True) as store:
        with pytest.raises(StoreError, match="read-only"):
            await store.append(Write("a", [PLANNED]))
        with pytest.raises(StoreError, match="read-only"):
            await store.transact(lambda c: c.execute("DELETE FROM log_head"))
        store.append_soon(Write("a", [PLANNED]))
        with pytest.raises(StoreError, match="read-only"):
            await store.append(Write("a", [PLANNED]))
    assert await read_all(path) == before


# permissions: root ignores them, so the test gives root up for the moment (everything that is imported lazily has been
# imported by then, because another file was opened before)


@contextmanager
def nobody():
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shown():
    """A folder that everybody can enter; pytest's own are private."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="mezan-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX ones")
class TestPermissions:
    async def refused(self, path):
        """Refused when it is opened, or by the first append."""
        with pytest.raises(StoreReadOnly, match="folder"):
            async with SQLiteStore.open(url(path)) as store:
                await store.append(Write("a", [PLANNED]))

    async def test_a_read_only_file_is_a_typed_error(self, shown):
        """Opening it for writing says what to check; its events are still there."""
        await fill(shown / "mezan.db")
        (shown / "mezan.db").chmod(0o444)
        before = (shown / "mezan.db").read_bytes()
        with nobody():
            await self.refused(shown / "mezan.db")
        assert (shown / "mezan.db").read_bytes() == before
        assert len(await read_all(shown / "mezan.db")) == 20

    async def test_a_read_only_folder_is_a_typed_error(self, shown):
        """A file that can be written in a folder that cannot: WAL needs the folder."""
        await fill(shown / "mezan.db")
        (shown / "mezan.db").chmod(0o666)
        shown.chmod(0o555)
        with nobody():
            await self.refused(shown / "mezan.db")
        shown.chmod(0o755)
        assert len(await read_all(shown / "mezan.db")) == 20

    async def test_a_new_file_in_a_read_only_folder_is_a_typed_error(self, shown):
        """Nothing can be made there."""
        await fill(shown / "other.db")
        shown.chmod(0o555)
        with nobody(), pytest.raises(StoreReadOnly):
            async with SQLiteStore.open(url(shown / "mezan.db")):
                pass

    async def test_an_unreadable_file_is_a_typed_error(self, shown):
        """Not even to look."""
        await fill(shown / "mezan.db")
        (shown / "mezan.db").chmod(0o000)
        for read_only in (True, False):
            with nobody(), pytest.raises(StoreReadOnly):
                async with SQLiteStore.open(url(shown / "mezan.db"), read_only=read_only):
                    pass


async def test_a_database_that_turns_read_only_refuses_appends_and_keeps_what_it_has(path):
    """SQLite's own refusal, in the middle of work, is the same typed error; later appends succeed again."""
    async with SQLiteStore.open(url(path)) as store:
        await store.append(Write("a", [PLANNED]))
        store._writer._connection.execute("PRAGMA query_only = 1")
        with pytest.raises(StoreReadOnly):
            await store.append(Write("a", [PLANNED], 1))
        store._writer._connection.execute("PRAGMA query_only = 0")
        assert (await store.append(Write("a", [PLANNED], 1))).first == 2
        assert (await store.verify()).ok


# locks, full disks, damage


async def test_a_lock_that_is_held_too_long_is_a_typed_error(path, monkeypatch):
    """Opening and appending wait, then say who is in the way; nothing is written, and later it works."""
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.05)
    await fill(path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    async with SQLiteStore.open(url(path)) as store:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="another process"):
            await store.append(Write("a", [PLANNED]))
        store.append_soon(Write("b", [PLANNED]))
        with pytest.raises(StoreBusy):
            await store.append(Write("b", [PLANNED]))
        assert len(await store.read()) == 20  # reading goes on
        other.execute("COMMIT")
        assert (await store.append(Write("a", [PLANNED]))).first == 21
        assert (await store.verify()).ok
    other.close()


async def test_a_file_locked_exclusively_cannot_be_opened(path, monkeypatch):
    """Neither to write nor to look."""
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.05)
    await fill(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    for read_only in (True, False):
        with pytest.raises(StoreBusy):
            async with SQLiteStore.open(url(path), read_only=read_only):
                pass
    other.execute("ROLLBACK")
    other.close()
    assert len(await read_all(path)) == 20


async def test_a_new_file_that_another_process_is_making_is_waited_for(path, monkeypatch):
    """And after the wait it is a typed error, and the file is as the other leaves it."""
    monkeypatch.setattr(schema, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreBusy):
        async with SQLiteStore.open(url(path)):
            pass
    other.execute("ROLLBACK")
    other.close()
    await fill(path, 1)


async def test_a_full_disk_is_a_typed_error_and_nothing_is_half_written(path):
    """The append that does not fit is refused whole; with space again, appending goes on."""
    await fill(path)
    before = await read_all(path)
    async with SQLiteStore.open(url(path)) as store:
        pages = await store.transact(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        await store.transact(lambda c: c.execute(f"PRAGMA max_page_count = {pages + 2}").fetchall())
        large = RunPlanned(order=("x" * 200_000,))
        with pytest.raises(StoreFull, match="free some space"):
            await store.append(Write("a", [PLANNED]), Write("b", [large]))
        assert await store.read() == before
        await store.transact(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchall())
        done = await store.append(Write("a", [PLANNED], 0), Write("b", [large], 0))
        assert done.last == 22
        assert (await store.verify()).ok


def damage(path, start, stop):
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xa5" * (stop - start))


async def test_a_damaged_file_is_never_read_as_a_good_one(path):
    """Whatever pages are overwritten: opening or verifying says so, with a typed error or the first broken event."""
    await fill(path, 200, size=300)
    whole = path.read_bytes()
    for page in range(1, len(whole) // 4096):
        damaged = path.with_name(f"damaged{page}.db")
        damaged.write_bytes(whole)
        damage(damaged, page * 4096, page * 4096 + 4096)
        try:
            async with SQLiteStore.open(url(damaged), read_only=True) as store:
                verified = await store.verify()
                log = await store.read(limit=1_000)
        except StoreError:
            continue
        if not verified.ok:
            continue
        # the page belongs to another table, or to an index that this does not use: every event is as it was
        assert log == await read_all(path)


async def test_a_damaged_header_is_refused_and_left_as_it_is(path):
    """The first bytes decide what a file is."""
    await fill(path)
    damage(path, 0, 100)
    before = path.read_bytes()
    with pytest.raises(StoreError) as refused:
        async with SQLiteStore.open(url(path)):
            pass
    assert isinstance(refused.value, NotOurs | StoreCorrupt)
    assert path.read_bytes() == before


async def test_appending_to_a_damaged_file_is_a_typed_error(path):
    """Damage in the pages of the events surfaces as corruption, not as an error of the driver."""
    await fill(path, 200, size=300)
    with closing(sqlite3.connect(path)) as connection, connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'").fetchone()[0]
    damage(path, (root - 1) * 4096, root * 4096)
    async with SQLiteStore.open(url(path)) as store:
        with pytest.raises(StoreCorrupt, match="restore it from a copy"):
            await store.append(Write("a", [PLANNED]))


def test_errors_of_the_file_are_bad_input_where_the_user_named_the_wrong_one():
    """A command line turns these into exit code 2."""
    assert issubclass(NotOurs, BadInput)
    assert issubclass(WrongSchema, BadInput)
    for error in (NotOurs, WrongSchema, StoreBusy, StoreCorrupt, StoreFull, StoreReadOnly):
        assert issubclass(error, StoreError)
