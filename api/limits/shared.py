"""Counts in a SQLite file that the processes of one machine share: every one of them counts with the same tokens.

A request is one transaction that holds the file's write lock, so a limit is exact across processes. It is not synced to the
disk: a crash of a process forgets nothing, that of the machine may forget the last moments.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar
from zlib import crc32

from mezan.engine.errors import NotOurs, StoreBusy, StoreError

from .meter import Count, State
from .shelf import LOOK, SLOTS, Asked, Rule, count, given
from .steady import steady

T = TypeVar("T")
MARK: Final = (1297763405, 1)
"""SQLite's application_id of such a file (``MZLM``), and its schema's version."""
ROWS: Final = 1_000_000
SCHEMA: Final = """
CREATE TABLE counts (
    key TEXT PRIMARY KEY, state TEXT NOT NULL, latest INTEGER NOT NULL, skew INTEGER NOT NULL, rest INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX counts_rest ON counts (rest);
CREATE TABLE size (rows INTEGER NOT NULL);
INSERT INTO size VALUES (0);
CREATE TRIGGER counts_in AFTER INSERT ON counts BEGIN UPDATE size SET rows = rows + 1; END;
CREATE TRIGGER counts_out AFTER DELETE ON counts BEGIN UPDATE size SET rows = rows - 1; END;
PRAGMA application_id = 1297763405;
PRAGMA user_version = 1;
"""
PUT: Final = """
INSERT INTO counts (key, state, latest, skew, rest) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET state = excluded.state, latest = excluded.latest, skew = excluded.skew, rest = excluded.rest
"""
FORGET: Final = "DELETE FROM counts WHERE key IN (SELECT key FROM counts WHERE rest <= ? LIMIT ?)"


class _Row:
    """One subject's count inside a transaction: its key, what is kept, and the time that counts for it."""

    __slots__ = ("key", "latest", "now", "skew", "skewed", "state")

    def __init__(self, key: str, kept: tuple[str, int, int] | None, rule: Rule, raw: int) -> None:
        self.key = key
        text, self.latest, before = kept or ("", raw, 0)
        self.state: State = tuple(map(int, text.split())) if kept else rule.meter.fresh
        self.now, self.skew = steady(raw, before, self.latest)
        self.skewed = self.skew != before


class Shared:
    """See :class:`Shelf`. A call may wait for other processes: keep it off an event loop.

    Each row has a clock of its own that never goes back, so processes need not agree on the time.
    """

    def __init__(self, path: str | Path, *, rows: int = ROWS, busy: float = 5.0) -> None:
        """Open the file, or make it, readable by its owner only; ``busy`` is how many seconds to wait for another process.

        Raises:
            StoreError: it cannot be opened; NotOurs when it is another kind of file.
        """
        self._path, self._rows = Path(path), rows
        self._lock = Lock()
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(
                self._path, timeout=busy, isolation_level=None, check_same_thread=False, cached_statements=16
            )
        except (OSError, sqlite3.Error) as error:
            msg = f"the file of limits must be one that can be written; {self._path}: {error}"
            raise StoreError(msg) from error
        try:
            self._within(self._prepare)
        except BaseException:
            self._connection.close()
            raise

    def take(self, asked: Sequence[Asked], now: int, cost: int = 1) -> tuple[Count, ...]:
        return self._within(lambda: self._take(asked, now, cost))

    def give(self, asked: Sequence[Asked], elapsed: int, cost: int = 1) -> None:
        def work() -> None:
            with self._transaction():
                for rule, subject in asked:
                    own, slot = _keys(rule, subject)
                    kept = self._read((own, slot))
                    key = own if own in kept else slot
                    if key in kept:
                        text, latest, skew = kept[key]
                        state = given(rule, tuple(map(int, text.split())), cost, elapsed)
                        rest = latest + rule.meter.left(state, latest)[1] - skew
                        self._connection.execute(PUT, (key, _text(state), latest, skew, rest))

        self._within(work)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _prepare(self) -> None:
        with self._transaction():
            tables = self._one("SELECT count(*) FROM sqlite_schema")
            mark = self._one("PRAGMA application_id"), self._one("PRAGMA user_version")
            if mark == (0, 0) and not tables:
                for statement in SCHEMA.split(";\n"):
                    self._connection.execute(statement)
            elif mark != MARK:
                msg = f"the file of limits must be made by this version of Mezan; {self._path} is not: move it away"
                raise NotOurs(msg)
        for patience in (0.01, 0.1, 1.0, None):  # SQLite does not wait here, though another process may be opening it
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError:
                if patience is None:
                    raise
                time.sleep(patience)
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def _one(self, query: str) -> int:
        return int(self._connection.execute(query).fetchone()[0])

    def _take(self, asked: Sequence[Asked], raw: int, cost: int) -> tuple[Count, ...]:
        with self._transaction():
            rows = self._find(asked, raw)
            after = []
            for (rule, _), row in zip(asked, rows, strict=True):
                if (taken := rule.meter.take(row.state, row.now, cost)) is None:
                    self._connection.executemany(
                        "UPDATE counts SET skew = ? WHERE key = ?", [(row.skew, row.key) for row in rows if row.skewed]
                    )
                    return tuple(
                        count(one, row.state, row.now, one.meter.wait(row.state, row.now, cost))
                        for (one, _), row in zip(asked, rows, strict=True)
                    )
                after.append(taken)
            counts = [count(rule, state, row.now, 0) for (rule, _), row, state in zip(asked, rows, after, strict=True)]
            self._connection.executemany(
                PUT,
                [
                    (row.key, _text(state), row.now, row.skew, row.now + one.reset - row.skew)
                    for row, state, one in zip(rows, after, counts, strict=True)
                ],
            )
            return tuple(counts)

    def _find(self, asked: Sequence[Asked], raw: int) -> list[_Row]:
        names = [_keys(rule, subject) for rule, subject in asked]
        kept = self._read([key for pair in names for key in pair])
        found = []
        room: int | None = None
        for (rule, _), (own, slot) in zip(asked, names, strict=True):
            if own in kept:
                found.append(_Row(own, kept[own], rule, raw))
                continue
            if slot in kept:
                row = _Row(slot, kept[slot], rule, raw)
                if rule.meter.left(row.state, row.now)[1]:
                    found.append(row)
                    continue
            if room is None:
                self._connection.execute(FORGET, (raw, LOOK))
                room = self._rows - self._one("SELECT rows FROM size")
            room -= 1
            found.append(_Row(own if room >= 0 else slot, None, rule, raw))
        return found

    def _read(self, keys: Sequence[str]) -> dict[str, tuple[str, int, int]]:
        places = ", ".join("?" * len(keys))
        query = f"SELECT key, state, latest, skew FROM counts WHERE key IN ({places})"  # noqa: S608  # places only
        return {key: (state, latest, skew) for key, state, latest, skew in self._connection.execute(query, keys)}

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _within(self, work: Callable[[], T]) -> T:
        with self._lock:
            try:
                return work()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                    msg = f"the file of limits must not be held for long; {self._path} is locked by another process"
                    raise StoreBusy(msg) from error
                msg = f"the file of limits must be usable; {self._path}: {error}"
                raise StoreError(msg) from error
            except sqlite3.DatabaseError as error:  # not a database, or a damaged one
                msg = f"the file of limits must be a database of Mezan; {self._path}: {error}"
                raise NotOurs(msg) from error


def _keys(rule: Rule, subject: str) -> tuple[str, str]:
    """The subject's own row, and the one that it shares when there is no room."""
    return f"{rule.id}|{subject}", f"{rule.id}~{crc32(subject.encode()) % SLOTS}"


def _text(state: State) -> str:
    return " ".join(map(str, state))
