"""Read models, snapshots and leases in SQLite: everything beside the log that may be deleted and folded again."""

import sqlite3
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import orjson

from mezan.engine import deltas, faults
from mezan.engine.folds import ProjectionStore, Save, Saved, Snapshot, Snapshots, StoredRow

from .writer import insert

T = TypeVar("T")
_SAVED = "SELECT name, version, generation, position, state FROM projections WHERE live"
_ROW = "key, stream, position, tag, data"
KEYS = 500
"""Rows looked up by one statement; SQLite binds at least 999 values."""


class SQLiteReadModels(ProjectionStore):
    """The projections' half of the store; the log's half runs its functions on the right thread."""

    @abstractmethod
    async def transact(self, run: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Run in a write transaction; without ``durable`` a power cut may take it back, but nothing that was before it."""

    @abstractmethod
    async def fetch(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run read-only."""

    async def saved(self) -> Mapping[str, Saved]:
        return await self.fetch(_saved)

    async def save(self, saves: Sequence[Save]) -> Mapping[str, Saved]:
        encoded = [
            [(s.name, s.generation, r.key, r.stream, r.position, r.tag, orjson.dumps(r.data).decode()) for r in s.rows]
            for s in saves
        ]

        def run(c: sqlite3.Connection) -> Mapping[str, Saved]:
            for save, rows in zip(saves, encoded, strict=True):
                stored = c.execute(
                    "SELECT position, live FROM projections WHERE name = ? AND generation = ?",
                    (save.name, save.generation),
                ).fetchone()
                anything = c.execute("SELECT 1 FROM projections WHERE name = ? LIMIT 1", (save.name,)).fetchone()
                if (stored is None and anything is not None) or (stored is not None and stored[0] > save.position):
                    continue
                live = True if stored is None else bool(stored[1])
                c.execute(
                    "INSERT OR REPLACE INTO projections (name, generation, version, position, live, state) VALUES (?,?,?,?,?,?)",
                    (save.name, save.generation, save.version, save.position, live, save.state),
                )
                insert(c, "INSERT OR REPLACE INTO read_rows", rows)
            return _saved(c)

        faults.reach("follower.before-save")
        result = await self.transact(run, durable=False)  # what is lost can be folded again
        faults.reach("follower.after-save")
        return result

    async def begin_rebuild(self, name: str, version: int) -> int:
        def run(c: sqlite3.Connection) -> int:
            row = c.execute("SELECT max(generation) FROM projections WHERE name = ?", (name,)).fetchone()
            generation = (row[0] or 0) + 1
            c.execute("INSERT INTO projections VALUES (?,?,?,0,0,NULL)", (name, generation, version))
            c.execute("DELETE FROM snapshots WHERE projection = ? AND version = ?", (name, version))
            return generation

        return await self.transact(run)

    async def swap(self, name: str, generation: int) -> None:
        def run(c: sqlite3.Connection) -> None:
            c.execute("UPDATE projections SET live = 1 WHERE name = ? AND generation = ?", (name, generation))
            c.execute("DELETE FROM projections WHERE name = ? AND generation < ?", (name, generation))
            c.execute("DELETE FROM read_rows WHERE projection = ? AND generation < ?", (name, generation))
            version = "(SELECT version FROM projections WHERE name = ? AND generation = ?)"
            c.execute(f"DELETE FROM snapshots WHERE projection = ? AND version < {version}", (name, name, generation))

        await self.transact(run)

    async def row(self, name: str, key: str) -> StoredRow | None:
        def run(c: sqlite3.Connection) -> StoredRow | None:
            found = c.execute(
                f"SELECT {_ROW} FROM read_rows WHERE projection = ? AND key = ? AND generation ="
                " (SELECT generation FROM projections WHERE name = ? AND live)",
                (name, key, name),
            ).fetchone()
            return None if found is None else _stored(found)

        return await self.fetch(run)

    async def rows_of(self, name: str, keys: Sequence[str], generation: int) -> Mapping[str, StoredRow]:
        def run(c: sqlite3.Connection) -> Mapping[str, StoredRow]:
            found: dict[str, StoredRow] = {}
            for start in range(0, len(keys), KEYS):
                some = keys[start : start + KEYS]
                marks = ",".join("?" * len(some))
                sql = f"SELECT {_ROW} FROM read_rows WHERE projection = ? AND generation = ? AND key IN ({marks})"
                found |= {row[0]: _stored(row) for row in c.execute(sql, (name, generation, *some))}
            return found

        return await self.fetch(run)

    async def rows(
        self, name: str, *, tag: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[StoredRow]:
        def run(c: sqlite3.Connection) -> list[StoredRow]:
            live = c.execute("SELECT generation FROM projections WHERE name = ? AND live", (name,)).fetchone()
            if live is None:
                return []
            where, values = "projection = ? AND generation = ?", [name, live[0]]
            if tag is not None:
                where, values = where + " AND tag = ?", [*values, tag]
            if before is not None:
                where, values = where + " AND position < ?", [*values, before]
            sql = f"SELECT {_ROW} FROM read_rows WHERE {where} ORDER BY position DESC LIMIT ?"
            return [_stored(row) for row in c.execute(sql, (*values, limit))]

        return await self.fetch(run)

    async def keep(self, snapshots: Sequence[Snapshot]) -> None:
        rows = [(one.name, one.version, one.position, one.stored) for one in snapshots]
        await self.transact(lambda c: insert(c, "INSERT OR REPLACE INTO snapshots", rows), durable=False)

    async def snapshots(self) -> Mapping[str, Snapshots]:
        sql = (
            "SELECT projection, version, max(position), count(*), sum(length(state)) FROM snapshots"
            " GROUP BY projection, version ORDER BY version"
        )
        return await self.fetch(lambda c: {name: Snapshots(*rest) for name, *rest in c.execute(sql)})

    async def nearest_snapshots(
        self, wanted: Mapping[str, tuple[int, int]], position: int
    ) -> Mapping[str, tuple[int, bytes]]:
        def run(c: sqlite3.Connection) -> Mapping[str, tuple[int, bytes]]:
            found = {name: _nearest(c, name, version, after, position) for name, (version, after) in wanted.items()}
            return {name: nearest for name, nearest in found.items() if nearest is not None}

        return await self.fetch(run)


def _nearest(c: sqlite3.Connection, name: str, version: int, after: int, upto: int) -> tuple[int, bytes] | None:
    sql = (
        "SELECT position, state FROM snapshots WHERE projection = ? AND version = ? AND position > ? AND position <= ?"
        " ORDER BY position DESC LIMIT 1"
    )
    exact = "SELECT state FROM snapshots WHERE projection = ? AND version = ? AND position = ?"
    while (row := c.execute(sql, (name, version, after, upto)).fetchone()) is not None:
        chain = [row[1]]
        while (base := deltas.base_of(chain[-1])) is not None:
            found = c.execute(exact, (name, version, base)).fetchone() if base < row[0] else None
            if found is None or len(chain) > deltas.LONGEST:
                break
            chain.append(found[0])
        else:
            try:
                return row[0], deltas.restore(chain[::-1])
            except ValueError:
                pass
        upto = row[0] - 1
    return None


def _saved(c: sqlite3.Connection) -> dict[str, Saved]:
    return {row[0]: Saved(*row) for row in c.execute(_SAVED)}


def _stored(row: tuple[str, str, int, str, str]) -> StoredRow:
    key, stream, position, tag, data = row
    return StoredRow(key, stream, position, tag, orjson.loads(data))
