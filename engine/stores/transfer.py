"""Rows of the log as they are stored, in and out, for copies of a whole database. Run on the store's own threads."""

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from mezan.engine.log import Recorded

from .writer import INSERT, INSERT_KEYS, insert

ARTIFACTS: Final = "SELECT digest, kind, size, encoding, stored, recorded_at FROM artifacts WHERE recorded_at <= ? AND digest > ? ORDER BY digest LIMIT ?"
KEYS: Final = (
    "SELECT tenant, key, fingerprint, stream, first, last, version FROM idempotency"
    " WHERE last <= ? AND (tenant, key) > (?, ?) ORDER BY tenant, key LIMIT ?"
)


def artifacts(c: sqlite3.Connection, recorded_at: int, after: str, limit: int) -> list[tuple[Any, ...]]:
    """Artifacts stored at or before a time, by digest, beyond ``after``."""
    return c.execute(ARTIFACTS, (recorded_at, after, limit)).fetchall()


def keys(c: sqlite3.Connection, position: int, after: tuple[str, str], limit: int) -> list[tuple[Any, ...]]:
    """Idempotency outcomes up to a position, beyond the (tenant, key) ``after``."""
    return c.execute(KEYS, (position, *after, limit)).fetchall()


def is_empty(c: sqlite3.Connection) -> bool:
    """Whether nothing has ever been recorded here."""
    row = c.execute(
        "SELECT EXISTS (SELECT 1 FROM events) OR EXISTS (SELECT 1 FROM log_head) OR EXISTS (SELECT 1 FROM artifacts)"
        " OR EXISTS (SELECT 1 FROM idempotency)"
    ).fetchone()
    return not row[0]


def insert_event(c: sqlite3.Connection, r: Recorded) -> None:
    """One envelope, exactly as it was."""
    row = (
        r.position, r.tenant, r.stream, r.version, r.type, r.schema, r.payload, r.digest, r.causation, r.correlation,
        r.actor, r.recorded_at, r.hash,
    )  # fmt: skip
    insert(c, INSERT, [row])


def insert_artifact(c: sqlite3.Connection, row: Iterable[Any]) -> None:
    """One artifact: digest, kind, size, encoding, stored, recorded at."""
    c.execute("INSERT INTO artifacts VALUES (?,?,?,?,?,?)", tuple(row))


def insert_key(c: sqlite3.Connection, row: Iterable[Any]) -> None:
    """One idempotency outcome: tenant, key, fingerprint, stream, first, last, version."""
    insert(c, INSERT_KEYS, [tuple(row)])


def set_head(c: sqlite3.Connection, last: Recorded) -> None:
    """The end of the log."""
    c.execute("INSERT INTO log_head VALUES (1,?,?,?)", (last.position, last.hash, last.recorded_at))


def statistics(c: sqlite3.Connection) -> dict[str, Any]:
    """Counts and bytes: events by type, streams, artifacts by kind, the file."""
    by_type = dict(c.execute("SELECT type, count(*) FROM events GROUP BY type ORDER BY 2 DESC").fetchall())
    first, last = c.execute("SELECT min(recorded_at), max(recorded_at) FROM events").fetchone()
    kinds = c.execute(
        "SELECT kind, count(*), sum(size), sum(length(stored)) FROM artifacts GROUP BY kind ORDER BY kind"
    )
    pages, page = (c.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return {
        "events": sum(by_type.values()),
        "runs": by_type.get("RunRequested", 0),
        "by_type": by_type,
        "payload_bytes": c.execute("SELECT coalesce(sum(length(payload)), 0) FROM events").fetchone()[0],
        "first_at": first,
        "last_at": last,
        "artifacts": {
            kind: {"count": count, "bytes": size, "stored_bytes": stored} for kind, count, size, stored in kinds
        },
        "file_bytes": pages * page,
    }


def health(c: sqlite3.Connection) -> dict[str, Any]:
    """What SQLite itself says of the file, and who works on it."""
    problems = [text for (text,) in c.execute("PRAGMA quick_check(5)") if text != "ok"]
    workers = c.execute("SELECT name, host, pid, expires_at FROM leases WHERE expires_at > 0").fetchall()
    return {
        "sqlite_problems": problems,
        "journal_mode": c.execute("PRAGMA journal_mode").fetchone()[0],
        "migration": c.execute("SELECT version_num FROM alembic_version").fetchone()[0],
        "workers": [{"worker": w, "host": host, "pid": pid, "expires_at": until} for w, host, pid, until in workers],
    }
