"""What must not be in any log: hashes, and what is needed again, sealed with AES-256-GCM.

A SQLite file of its own, mode 0600. Names are random or follow from ids, and say nothing of what they name. A sealed value is bound
to its name (it is the associated data), so one cannot be put in the place of another.
"""

import base64
import binascii
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from mezan.engine.errors import NotOurs, StoreCorrupt, WrongSchema
from mezan.engine.stores.schema import BUSY_SECONDS, translate

from .errors import WrongKey
from .files import check_private, make_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

T = TypeVar("T")
VARIABLE: Final = "MEZAN_KEY"
APPLICATION_ID: Final = 0x4D5A5345
VERSION: Final = 1
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
PROOF: Final = "the key of this file"
TABLES: Final = (
    "CREATE TABLE hashes (name TEXT PRIMARY KEY, hash BLOB NOT NULL, made_at INTEGER NOT NULL DEFAULT (unixepoch())) WITHOUT ROWID",
    "CREATE TABLE sealed (name TEXT PRIMARY KEY, nonce BLOB NOT NULL, box BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
)


def new_name(kind: str) -> str:
    """A name that was never used: ``kind`` and 16 random bytes."""
    return f"{kind}_{secrets.token_hex(16)}"


class Secrets:
    """Opened at first use. Every method blocks for a disk access, may be called from any thread, and is durable when it returns.

    Raises:
        StoreError: the file is not ours, exposed, locked, full or corrupt.
    """

    def __init__(self, path: Path, key_file: Path) -> None:
        self.path, self.key_file = path, key_file
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.RLock()

    def keep_hash(self, name: str, content: bytes) -> None:
        """Keep a hash, in the place of one of that name."""
        self._write("INSERT OR REPLACE INTO hashes (name, hash) VALUES (?, ?)", name, content)

    def hash_of(self, name: str) -> bytes | None:
        """The hash of that name."""
        return self._read("SELECT hash FROM hashes WHERE name = ?", name)

    def hashes_of(self, names: Sequence[str]) -> dict[str, bytes]:
        """The hashes of those names that there are, by name."""
        sql = "SELECT hash FROM hashes WHERE name = ?"
        with self._open() as connection:
            found = {name: connection.execute(sql, (name,)).fetchone() for name in names}
        return {name: row[0] for name, row in found.items() if row is not None}

    def spend(self, name: str) -> bool:
        """Delete a hash that is good for one use; True for the one caller, of all processes, that has it."""
        return self._write("DELETE FROM hashes WHERE name = ?", name) == 1

    def seal(self, name: str, content: bytes) -> None:
        """Encrypt and keep a value, in the place of one of that name; raises WrongKey."""
        nonce = os.urandom(NONCE_BYTES)
        box = self._cipher.encrypt(nonce, content, _bound(name))
        self._write("INSERT OR REPLACE INTO sealed VALUES (?, ?, ?)", name, nonce, box)

    def unseal(self, name: str) -> bytes | None:
        """The value of that name; raises WrongKey, and StoreCorrupt where it was changed or is another's."""
        found = self._row("SELECT nonce, box FROM sealed WHERE name = ?", name)
        return None if found is None else self._opened(self._cipher, name, *found)

    def advance(self, name: str, value: int) -> bool:
        """Raise a mark; False, and nothing is changed, unless it was lower: of several processes one alone gets True."""
        sql = "INSERT INTO marks VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value WHERE value < excluded.value"
        return self._write(sql, name, value) == 1

    def forget(self, *names: str) -> None:
        """Delete whatever has these names."""

        def delete(connection: sqlite3.Connection) -> None:
            for table in ("hashes", "sealed", "marks"):
                connection.executemany(f"DELETE FROM {table} WHERE name = ?", [(name,) for name in names])  # noqa: S608 - constants

        self._transact(delete)

    def names(self, *, older_than: float = 0.0) -> list[str]:
        """Of every hash that was kept at least so many seconds ago."""
        with self._open() as connection:
            sql = "SELECT name FROM hashes WHERE made_at <= unixepoch() - ?"
            return [name for (name,) in connection.execute(sql, (older_than,))]

    def check(self) -> None:
        """Open the file now: whatever is wrong with it is raised."""
        with self._open():
            pass

    def check_key(self) -> None:
        """Raise WrongKey unless the key at hand is the one that has sealed what there is; no key is made here."""
        if self._row("SELECT 1 FROM sealed WHERE name = ?", PROOF) is not None:
            _ = self._cipher

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # the file

    def _row(self, sql: str, *values: object) -> tuple[bytes, ...] | None:
        with self._open() as connection:
            return connection.execute(sql, values).fetchone()  # type: ignore[no-any-return]

    def _read(self, sql: str, *values: object) -> bytes | None:
        row = self._row(sql, *values)
        return None if row is None else row[0]

    def _write(self, sql: str, *values: object) -> int:
        return self._transact(lambda connection: connection.execute(sql, values).rowcount)

    def _transact(self, run: Callable[[sqlite3.Connection], T]) -> T:
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = run(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            return result

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = _connected(self.path)
                yield self._connection
            except sqlite3.Error as error:
                raise translate(error, str(self.path)) from error

    # the key

    @cached_property
    def _cipher(self) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        with self._lock:
            proof = self._row("SELECT nonce, box FROM sealed WHERE name = ?", PROOF)
            cipher = AESGCM(self._key(first=proof is None))
            if proof is None:
                nonce = os.urandom(NONCE_BYTES)
                box = cipher.encrypt(nonce, b"", _bound(PROOF))
                self._write("INSERT OR IGNORE INTO sealed VALUES (?, ?, ?)", PROOF, nonce, box)
                proof = self._row("SELECT nonce, box FROM sealed WHERE name = ?", PROOF)
                assert proof is not None
            self._opened(cipher, PROOF, *proof)
            return cipher

    def _opened(self, cipher: "AESGCM", name: str, nonce: bytes, box: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            return cipher.decrypt(nonce, box, _bound(name))
        except InvalidTag:
            if name == PROOF:
                msg = f"{self.path} must be opened with the key that sealed it; {self._source} is another: give the right one"
                raise WrongKey(msg) from None
            msg = (
                f"{self.path}: a sealed value was changed, or put in the place of another; restore the file from a copy"
            )
            raise StoreCorrupt(msg) from None

    @property
    def _source(self) -> str:
        return f"the variable {VARIABLE}" if os.environ.get(VARIABLE) else str(self.key_file)

    def _key(self, *, first: bool) -> bytes:
        if given := os.environ.get(VARIABLE):
            return _decoded(given, f"the variable {VARIABLE}")
        if not self.key_file.exists():
            if not first:
                msg = f"{self.path} must be opened with the key that sealed it; {self.key_file} is not there: restore it, or set {VARIABLE}"
                raise WrongKey(msg)
            _make_key(self.key_file)
        check_private(self.key_file)
        with self.key_file.open("rb") as file:
            return _decoded(file.read(1_024).decode("ascii", "replace"), str(self.key_file))


def _bound(name: str) -> bytes:
    """The associated data of a sealed value."""
    return f"mezan.secrets/{VERSION}/{name}".encode()


def _decoded(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        msg = f"{source} must hold {KEY_BYTES} bytes in base64 (44 characters); make one with `openssl rand -base64 32`"
        raise WrongKey(msg)
    return key


def _make_key(path: Path) -> None:
    """A new random key; if another process was faster, its key stands."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)
        except FileExistsError:
            return
    finally:
        part.unlink()


def _connected(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        if version == application == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
            for statement in (*TABLES, f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {VERSION}"):
                connection.execute(statement)
        elif application != APPLICATION_ID:
            msg = f"{path} must be a file of secrets that mezan made; it is another: move it away"
            raise NotOurs(msg)
        elif version != VERSION:
            msg = f"{path} must be at version {VERSION}; it is at {version}: use a newer mezan"
            raise WrongSchema(msg)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection
