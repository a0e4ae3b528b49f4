"""The one writer of a database: a thread that commits whatever has been queued, as one transaction (group commit).

While a commit is waiting for the disk, the next appends gather; 64 producers therefore share one fsync instead of
queueing for 64. Everything that must be decided at commit time (positions, versions, leases, idempotency, the hash
chain) is decided here, inside ``BEGIN IMMEDIATE``, so two processes on one file cannot disagree.
"""

import asyncio
import hashlib
import queue
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import structlog

from mezan.engine import faults
from mezan.engine.clock import micros
from mezan.engine.errors import IdempotencyConflict, LeaseLost, WrongExpectedVersion
from mezan.engine.log import ANY, GENESIS, Appended, Artifact, Fence, Idempotency, header
from mezan.solvers.errors import MezanError

from .schema import translate

logger = structlog.get_logger(__name__)

COLUMNS: Final = (
    "position, tenant, stream, version, type, schema, payload, digest, causation, correlation, actor, recorded_at, hash"
)
INSERT: Final = f"INSERT INTO events ({COLUMNS})"
INSERT_ARTIFACTS: Final = "INSERT OR IGNORE INTO artifacts"
INSERT_KEYS: Final = "INSERT INTO idempotency"
LOOK_UP: Final = (
    "SELECT column1, column2, (SELECT max(version) FROM events WHERE tenant = column1 AND stream = column2) AS version"
    " FROM (VALUES {}) WHERE version IS NOT NULL"
)
BATCH: Final = 1_000
NORMAL: Final = 1
"""``PRAGMA synchronous``: the file is synced when the write-ahead log is moved into it, not at every commit."""
Row = tuple[int, str, str, int, str, int, str, bytes, str | None, str, str, int, bytes]
"""An event's columns, in the order of `mezan.engine.log.Recorded`."""
VERSIONS: Final = 20_000
ROWS: Final = 512
STREAMS: Final = (1, 8, 64, 512)
"""How many streams a look-up has room for: few statements to prepare, each for many sizes."""


@dataclass(slots=True)
class Encoded:
    """A write whose events are already JSON: (type, schema, payload, digest, cause) each; no cause: the event before."""

    tenant: str
    stream: str
    expected: int
    correlation: str
    actor: str
    events: list[tuple[str, int, str, bytes, str | None]]


@dataclass(slots=True)
class Append:
    """One atomic append on its way to the disk; ``future`` is None for those nobody waits for.

    ``awaited`` is how many of its events, at the end, the waiting caller gave; earlier ones joined it.
    """

    writes: list[Encoded]
    artifacts: list[Artifact]
    forget: Sequence[str]
    idempotency: Idempotency | None
    fence: Fence | None
    future: "asyncio.Future[Any] | None"
    awaited: int | None = None


@dataclass(slots=True)
class Job:
    """Any other write; runs alone in its own transaction, which a power cut may take back unless it is ``durable``."""

    run: Callable[[sqlite3.Connection], Any]
    future: "asyncio.Future[Any]"
    durable: bool


Item = Append | Job


@dataclass(slots=True)
class Done:
    """What one group commit did: an outcome for each append, and the events now in the log."""

    outcomes: list[tuple[Append, Appended | BaseException]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


class Writer:
    """Owns the writing connection and its thread. ``committed`` is called on the event loop after every commit."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: str,
        loop: asyncio.AbstractEventLoop,
        committed: Callable[[Done], None],
    ) -> None:
        self._connection, self._path, self._loop, self._committed = connection, path, loop, committed
        self._inbox: queue.SimpleQueue[list[Item] | None] = queue.SimpleQueue()
        self._versions: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._known = -1
        self._most = self._level = connection.execute("PRAGMA synchronous").fetchone()[0]
        self._thread = threading.Thread(target=self._work, name="mezan-writer", daemon=True)
        self._thread.start()

    def put(self, items: list[Item]) -> None:
        """Hand over a batch; the next one should wait for ``committed``, so that it can gather."""
        self._inbox.put(items)

    def stop(self) -> None:
        """Finish what is queued, then close the connection; call in a thread."""
        self._inbox.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (items := self._inbox.get()) is not None:
            appends = [item for item in items if isinstance(item, Append)]
            for start in range(0, len(appends), BATCH):
                done = self._commit_or_split(appends[start : start + BATCH])
                self._loop.call_soon_threadsafe(self._committed, done)
            for item in items:
                if isinstance(item, Job):
                    self._loop.call_soon_threadsafe(_settle, item.future, self._run(item))
            if not appends:
                self._loop.call_soon_threadsafe(self._committed, Done())
        self._connection.close()

    def _run(self, job: Job) -> Any:
        try:
            return self._transact(job.run, durable=job.durable)
        except Exception as error:  # noqa: BLE001 - handed to the caller, whatever it is
            return error

    def _transact(self, run: Callable[[sqlite3.Connection], Any], *, durable: bool = True) -> Any:
        connection = self._connection
        try:
            self._sync(self._most if durable else NORMAL)
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = run(connection)
                faults.reach("store.before-commit")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self._known = -1
            raise translate(error, self._path) from error
        faults.reach("store.after-commit")
        return result

    def _sync(self, level: int) -> None:
        """Have the next commit synced or not: whoever appends would wait for the disk to sync what can be made again."""
        if level != self._level:
            self._connection.execute(f"PRAGMA synchronous = {level}")
            self._level = level

    def _commit_or_split(self, appends: list[Append]) -> Done:
        done = Done()
        try:
            self._transact(lambda connection: self._write(connection, appends, done))
        except Exception as error:  # noqa: BLE001 - becomes every append's outcome
            self._versions.clear()
            if len(appends) > 1 and not isinstance(error, MezanError):
                # one append that the driver cannot bind must not take its neighbours down
                parts = [self._commit_or_split([append]) for append in appends]
                return Done([o for p in parts for o in p.outcomes], [r for p in parts for r in p.rows])
            return Done([(append, error) for append in appends])
        return done

    def _write(self, connection: sqlite3.Connection, appends: list[Append], done: Done) -> None:
        head = connection.execute("SELECT position, hash, recorded_at FROM log_head WHERE id = 1").fetchone()
        position, previous, earlier = head or (0, GENESIS, 0)
        if position != self._known:  # another process has written: nothing remembered of versions holds
            self._versions.clear()
        self._look_up(connection, appends)
        now = max(micros(), earlier)
        artifacts: dict[str, tuple[Any, ...]] = {}
        keys: list[tuple[Any, ...]] = []
        forget: list[tuple[str]] = []
        rows = done.rows
        pending: dict[tuple[str, str], tuple[str, Appended]] = {}
        tokens: dict[str, int] = {}
        for append in appends:
            try:
                versions, earlier_outcome = self._admit(connection, append, pending, tokens)
            except MezanError as error:
                done.outcomes.append((append, error))
                continue
            if earlier_outcome is not None:
                done.outcomes.append((append, earlier_outcome))
                continue
            start, version = position + 1, 0
            for write, before in zip(append.writes, versions, strict=True):
                position, version, previous = _chain(rows, write, position, before, previous, now)
                self._versions[write.tenant, write.stream] = version
            first = start if append.awaited is None else position - append.awaited + 1
            outcome = Appended(append.writes[0].stream, first, position, version)
            done.outcomes.append((append, outcome))
            for a in append.artifacts:
                artifacts.setdefault(a.digest, (a.digest, a.kind, a.size, a.encoding, a.stored, now))
            if append.forget:
                forget += [(digest,) for digest in append.forget]
            if (once := append.idempotency) is not None:
                tenant = append.writes[0].tenant
                pending[tenant, once.key] = (once.fingerprint, outcome)
                keys.append((tenant, once.key, once.fingerprint, *outcome[:4]))
        insert(connection, INSERT_ARTIFACTS, list(artifacts.values()))
        if rows:
            insert(connection, INSERT, rows)
            connection.execute("INSERT OR REPLACE INTO log_head VALUES (1,?,?,?)", (position, previous, now))
        insert(connection, INSERT_KEYS, keys)
        if forget:
            connection.executemany("DELETE FROM artifacts WHERE digest = ?", forget)
        self._known = position
        while len(self._versions) > VERSIONS:
            self._versions.popitem(last=False)

    def _admit(
        self,
        connection: sqlite3.Connection,
        append: Append,
        pending: dict[tuple[str, str], tuple[str, Appended]],
        tokens: dict[str, int],
    ) -> tuple[list[int], Appended | None]:
        """The current version of each stream, or the outcome of the first append under the same key.

        ``pending`` and ``tokens`` are what this transaction has already seen of keys and leases.
        """
        if (fence := append.fence) is not None:
            if fence.lease not in tokens:
                row = connection.execute("SELECT token FROM leases WHERE name = ?", (fence.lease,)).fetchone()
                tokens[fence.lease] = row[0] if row else 0
            if tokens[fence.lease] != fence.token:
                msg = f"an append under lease {fence.lease} must carry its current token; {fence.token} is stale: another worker took over"
                raise LeaseLost(msg)
        if (once := append.idempotency) is not None:
            tenant = append.writes[0].tenant
            known = pending.get((tenant, once.key)) or _first_outcome(connection, tenant, once.key)
            if known is not None:
                fingerprint, first = known
                if fingerprint != once.fingerprint:
                    msg = f"idempotency key {once.key!r} must be used for one request only; it was used for another (run {first.stream}): choose a new key"
                    raise IdempotencyConflict(msg)
                return [], Appended(first.stream, first.first, first.last, first.version, duplicate=True)
        versions: list[int] = []
        seen: dict[tuple[str, str], int] = {}
        for write in append.writes:
            key = (write.tenant, write.stream)
            actual = seen.get(key)
            if actual is None:
                actual = self._versions[key]
            if write.expected not in {ANY, actual}:
                raise WrongExpectedVersion(write.stream, write.expected, actual)
            versions.append(actual)
            seen[key] = actual + len(write.events)
        return versions, None

    def _look_up(self, connection: sqlite3.Connection, appends: Sequence[Append]) -> None:
        """Learn the versions of all streams that are about to be written and not remembered."""
        # one by one: subtracting the keys from a set would walk through all that is remembered
        written = {(write.tenant, write.stream) for append in appends for write in append.writes}
        asked = [key for key in written if key not in self._versions]
        for start in range(0, len(asked), STREAMS[-1]):
            part = asked[start : start + STREAMS[-1]]
            size = next(size for size in STREAMS if size >= len(part))
            part += part[:1] * (size - len(part))
            self._versions.update(dict.fromkeys(part, 0))
            found = connection.execute(LOOK_UP.format(_marks(2, size)), [name for key in part for name in key])
            self._versions.update(((tenant, stream), version) for tenant, stream, version in found)


def _chain(
    rows: list[Row], write: Encoded, position: int, version: int, previous: bytes, now: int
) -> tuple[int, int, bytes]:
    """Add a write's rows, numbered and hashed; returns the position, version and hash they end at."""
    tenant, stream, correlation, actor = write.tenant, write.stream, write.correlation, write.actor
    ref: str | None = None
    for kind, schema, payload, digest, given in write.events:
        cause = given or ref
        position += 1
        version += 1
        head = header(position, tenant, stream, version, kind, schema, cause, correlation, actor, now)
        previous = hashlib.sha256(previous + head + digest).digest()
        rows.append(
            (position, tenant, stream, version, kind, schema, payload, digest, cause, correlation, actor, now, previous)
        )
        ref = f"{stream}@{version}"
    return position, version, previous


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows with few statements: the driver gives up Python's lock at each, and waits for it while the loop is busy."""
    start = 0
    while (left := len(rows) - start) > 0:
        size = min(ROWS, 1 << (left.bit_length() - 1))
        values = [value for row in rows[start : start + size] for value in row]
        connection.execute(f"{into} VALUES {_marks(len(rows[0]), size)}", values)
        start += size


@cache
def _marks(columns: int, rows: int) -> str:
    return ",".join(("(" + ",".join("?" * columns) + ")",) * rows)


def _first_outcome(connection: sqlite3.Connection, tenant: str, key: str) -> tuple[str, Appended] | None:
    row = connection.execute(
        "SELECT fingerprint, stream, first, last, version FROM idempotency WHERE tenant = ? AND key = ?", (tenant, key)
    ).fetchone()
    return None if row is None else (row[0], Appended(*row[1:]))


def _settle(future: "asyncio.Future[Any]", result: Any) -> None:
    if future.done():
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)
