"""Opening a database file: is it ours, is it at the right migration, and what its errors mean."""

import sqlite3
import time
from importlib.resources import files
from pathlib import Path
from typing import Final, NoReturn

from mezan.engine.errors import (
    NotOurs,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    WrongSchema,
)

HEAD: Final = "0001"
"""The newest migration; a test compares it with the scripts."""
APPLICATION_ID: Final = 0x4D5A414E
SEPARATOR: Final = ";\n\n"
BUSY_SECONDS: Final = 15.0

_BY_CODE: Final[dict[int, tuple[type[StoreError], str]]] = {
    sqlite3.SQLITE_BUSY: (StoreBusy, "another process holds the write lock; wait for it to finish or close it"),
    sqlite3.SQLITE_LOCKED: (StoreBusy, "another connection holds a lock; wait for it to finish"),
    sqlite3.SQLITE_READONLY: (StoreReadOnly, "it cannot be written; check the permissions of the file and its folder"),
    sqlite3.SQLITE_PERM: (StoreReadOnly, "it cannot be written; check the permissions of the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: (StoreReadOnly, "it cannot be opened; check that the folder exists and can be written"),
    sqlite3.SQLITE_FULL: (StoreFull, "the disk is full; nothing was written: free some space and retry"),
    sqlite3.SQLITE_IOERR: (StoreError, "the disk reported an error; nothing was written"),
    sqlite3.SQLITE_CORRUPT: (StoreCorrupt, "the file is malformed; restore it from a copy"),
    sqlite3.SQLITE_NOTADB: (NotOurs, "it is not a SQLite database; name another file"),
}


def translate(error: sqlite3.Error, path: str) -> StoreError:
    """The typed error for one of SQLite's, by its primary result code."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    kind, advice = _BY_CODE.get(code, (StoreError, "SQLite refused"))
    return kind(f"database {path}: {advice} ({error})")


def path_of(url: str) -> str:
    """The file of ``sqlite:///relative.db`` or ``sqlite:////absolute.db``; raises NotOurs for anything else."""
    prefix = "sqlite:///"
    if not url.startswith(prefix) or url in {prefix, prefix + ":memory:"}:
        msg = f"a database URL must look like sqlite:///mezan.db (a file); got {url!r}"
        raise NotOurs(msg)
    return url.removeprefix(prefix)


def connect(path: str, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode, usable from any one thread at a time."""
    if Path(path).is_dir():
        msg = f"database {path}: it must be a file; this is a folder: name a file inside it"
        raise NotOurs(msg)
    mode = "ro" if read_only else "rwc"
    uri = f"{Path(path).absolute().as_uri()}?mode={mode}"
    try:
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
    except sqlite3.Error as error:
        raise translate(error, path) from error


def revision(connection: sqlite3.Connection, path: str) -> str | None:
    """The migration a file is at; None for a new one; raises NotOurs for somebody else's."""
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return None
        if (
            connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID
            or "alembic_version" not in tables
        ):
            msg = f"database {path}: it must be one that mezan made; this one holds {', '.join(sorted(tables)[:4])}: name another file"
            raise NotOurs(msg)
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise translate(error, path) from error
    return row[0] if row else None


def refuse(path: str, at: str) -> NoReturn:
    """Say which side must move."""
    behind = at < HEAD or at == "none"
    advice = f"run `mezan db upgrade --db sqlite:///{path}` (keep a copy first)" if behind else "use a newer mezan"
    msg = f"database {path}: it must be at migration {HEAD}; it is {'behind' if behind else 'ahead'}, at {at}: {advice}"
    raise WrongSchema(msg)


def migrate(path: str, target: str = "head") -> None:
    """Bring a file to a migration, in one transaction; another process that migrates at the same time waits its turn."""
    from alembic.command import downgrade, upgrade
    from alembic.config import Config
    from sqlalchemy import create_engine, event, pool

    engine = create_engine("sqlite://", creator=lambda: connect(path), poolclass=pool.StaticPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.connect() as connection, connection.begin():
            raw = connection.connection.driver_connection
            if not isinstance(raw, sqlite3.Connection):  # pragma: no cover
                raise TypeError(raw)
            at = revision(raw, path)
            config = Config()
            scripts = Path(str(files("mezan.migrations").joinpath("env.py"))).parent
            config.set_main_option("script_location", str(scripts).replace("%", "%%"))
            config.attributes["connection"] = connection
            back = at is not None and (target == "base" or (target != "head" and target < at))
            (downgrade if back else upgrade)(config, target)
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    finally:
        engine.dispose()


def statements(path: str) -> str:
    """What `schema.sql` holds: every statement that makes the tables of a migrated file."""
    connection = connect(path, read_only=True)
    try:
        made = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
    finally:
        connection.close()
    version = f"INSERT INTO alembic_version VALUES ('{HEAD}')"
    application = f"PRAGMA application_id = {APPLICATION_ID}"
    return SEPARATOR.join([*(sql for (sql,) in made), version, application, ""])


def create(path: str) -> None:
    """Make the tables of a new file in one transaction, without loading the migrations (that takes half a second)."""
    script = files("mezan.engine.stores").joinpath("schema.sql").read_text()
    connection = connect(path)
    try:
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:  # another process may have been faster
            for statement in script.split(SEPARATOR):
                connection.execute(statement)
        connection.execute("COMMIT")
    finally:
        connection.close()


def check(path: str) -> None:
    """Raise unless the file exists, is ours and is at the right migration."""
    if not Path(path).exists():
        msg = f"database {path}: it must exist to be read; solve something first, or name another with --db"
        raise NotOurs(msg)
    connection = connect(path, read_only=True)
    try:
        if (at := revision(connection, path)) != HEAD:
            refuse(path, at or "none")
    finally:
        connection.close()


def write_ahead(connection: sqlite3.Connection) -> None:
    """Switch a file to WAL; SQLite refuses at once, without waiting, while another connection does the same."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def prepare(path: str, *, durability: str) -> sqlite3.Connection:
    """Open for writing: a new file is migrated, a file at another migration is refused."""
    connection = connect(path)
    try:
        at = revision(connection, path)
        if at not in {None, HEAD}:
            refuse(path, at)
        write_ahead(connection)
        if at is None:
            create(path)
            if revision(connection, path) is None:  # a file that was taken back to nothing
                migrate(path)
        connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'NORMAL'}")
        connection.execute("PRAGMA temp_store = MEMORY")
    except sqlite3.Error as error:
        connection.close()
        raise translate(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection
