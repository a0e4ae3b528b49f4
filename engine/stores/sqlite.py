"""The embedded store: one SQLite file in WAL mode holds the log, artifacts, leases and read models."""

import asyncio
import hashlib
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final, TypeVar

import aiosqlite
import anyio
import anyio.abc
import anyio.to_thread

from mezan.engine import artifacts as content
from mezan.engine import context
from mezan.engine.errors import StoreError
from mezan.engine.events import Event
from mezan.engine.log import (
    ANY,
    GENESIS,
    Appended,
    Artifact,
    Durability,
    EventLog,
    Fence,
    Head,
    Idempotency,
    Recorded,
    Verification,
    Write,
    link,
)

from . import schema
from .readmodels import SQLiteReadModels
from .writer import COLUMNS, Append, Done, Encoded, Item, Job, Row, Writer

T = TypeVar("T")
LINGER: Final = 0.01
POLL: Final = 0.01
IDLE_POLL: Final = 0.25
TAIL: Final = 1_024
PAGE: Final = 1_000


class SQLiteStore(EventLog, SQLiteReadModels):
    """Open with ``async with SQLiteStore.open("sqlite:///mezan.db") as store``; one per process and file.

    ``read_only`` opens an existing file without a writer thread; every write then raises StoreError.
    """

    def __init__(self, path: str, reader: aiosqlite.Connection) -> None:
        self.path = path
        self._reader = reader
        self._writer: Writer | None = None
        self._loop = asyncio.get_running_loop()
        self._pending: list[Item] = []
        self._busy = self._scheduled = self._closed = False
        self._linger: asyncio.TimerHandle | None = None
        self._tail: deque[Recorded] = deque(maxlen=TAIL)
        self._position = 0
        self._changed = asyncio.Event()
        self._subscribers = 0
        self._subscribed = asyncio.Event()
        self._soon: dict[str, Append] = {}
        self._soon_failures: dict[str, BaseException] = {}
        self._observers: list[Callable[[Sequence[Recorded]], None]] = []

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, *, durability: Durability = "full", read_only: bool = False
    ) -> AsyncIterator["SQLiteStore"]:
        """Open a database; a new file is created and migrated, unless ``read_only``.

        Raises:
            StoreError: it is not ours, at another migration, locked, unreadable or corrupt.
        """
        path = schema.path_of(url)
        writing: sqlite3.Connection | None = None
        if read_only:
            await anyio.to_thread.run_sync(schema.check, path)
        else:
            writing = await anyio.to_thread.run_sync(lambda: schema.prepare(path, durability=durability))
        reader = aiosqlite.Connection(lambda: schema.connect(path, read_only=True), iter_chunk_size=PAGE)
        async with reader:
            store = cls(path, reader)
            if writing is not None:
                store._writer = Writer(writing, path, store._loop, store._on_commit)
            try:
                head = await store.head()
                store._position = head.position if head else 0
                # no task group: it would wrap what the block raises
                watching = asyncio.create_task(store._watch(), name="mezan-watch")
                try:
                    yield store
                finally:
                    watching.cancel()
                    with anyio.CancelScope(shield=True):
                        await asyncio.wait([watching])
            finally:
                with anyio.CancelScope(shield=True):
                    await store._stop()

    async def _stop(self) -> None:
        if self._writer is None:
            return
        self._flush_soon()
        while self._busy or self._pending:
            await self.transact(lambda _: None)
        self._closed = True
        # the writer's connection must be the last: only then does SQLite move everything into the one file
        await self._reader.close()
        await anyio.to_thread.run_sync(self._writer.stop)

    # writing

    async def append(
        self,
        *writes: Write,
        artifacts: Sequence[Artifact] = (),
        forget: Sequence[str] = (),
        idempotency: Idempotency | None = None,
        fence: Fence | None = None,
    ) -> Appended:
        self._check_open()
        if self._soon_failures:
            for write in writes:
                if (failure := self._soon_failures.pop(write.stream, None)) is not None:
                    raise failure
        future: asyncio.Future[Appended] = self._loop.create_future()
        new = Append(_encode(writes), list(artifacts), forget, idempotency, fence, future)
        if not (idempotency is None and self._joined(new)):
            self._pending.append(new)
            self._overtake_nothing(writes)
        self._hand_over()
        return await future

    def append_soon(self, *writes: Write, artifacts: Sequence[Artifact] = (), fence: Fence | None = None) -> None:
        self._check_open()
        new = Append(_encode(writes), list(artifacts), (), None, fence, None)
        if self._joined(new):
            return
        self._pending.append(new)
        self._overtake_nothing(writes)
        if len(writes) == 1:
            self._soon[writes[0].stream] = new
        if self._linger is None:
            self._linger = self._loop.call_later(LINGER, self._flush_soon)

    def _joined(self, new: Append) -> bool:
        """Let an append join the one of its stream that is still waiting, when it continues it: they commit together."""
        if not self._soon:
            return False
        write = new.writes[0]
        waiting = self._soon.get(write.stream) if len(new.writes) == 1 else None
        if waiting is None or waiting.fence != new.fence:
            return False
        into = waiting.writes[0]
        follows = (
            write.expected in {ANY, into.expected + len(into.events)} if into.expected != ANY else write.expected == ANY
        )
        if not follows or (into.tenant, into.actor, into.correlation) != (write.tenant, write.actor, write.correlation):
            return False
        into.events += write.events
        waiting.artifacts += new.artifacts
        if new.future is not None:
            waiting.forget, waiting.future, waiting.awaited = new.forget, new.future, len(write.events)
            del self._soon[write.stream]
        return True

    def _overtake_nothing(self, writes: Sequence[Write]) -> None:
        """Later appends to these streams must not join one that was queued before this."""
        if self._soon:
            for write in writes:
                self._soon.pop(write.stream, None)

    def _check_open(self) -> None:
        if self._closed:
            msg = f"database {self.path} must be open to be written; it was closed: open it again"
            raise StoreError(msg)

    async def transact(self, run: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Run a function in a write transaction of its own, on the writer's thread."""
        self._check_open()
        future: asyncio.Future[T] = self._loop.create_future()
        self._pending.append(Job(run, future, durable))
        self._hand_over()
        return await future

    def _flush_soon(self) -> None:
        self._linger = None
        self._hand_over()

    def _hand_over(self) -> None:
        """Give the writer what waits, once everything that is ready to run now has had its chance to append."""
        if not (self._busy or self._scheduled):
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if self._busy or not self._pending:
            return
        if self._writer is None:
            items, self._pending = self._pending, []
            for item in items:
                if item.future is not None:
                    item.future.set_exception(
                        StoreError(f"database {self.path} was opened read-only; open it for writing")
                    )
            return
        self._busy = True
        self._soon.clear()
        items, self._pending = self._pending, []
        self._writer.put(items)

    def _on_commit(self, done: Done) -> None:
        """On the event loop, after each commit: wake who waits, then hand over what they and others append."""
        self._busy = False
        if done.rows:
            self._publish([Recorded(*row) for row in done.rows])
        for append, outcome in done.outcomes:
            future = append.future
            if isinstance(outcome, BaseException):
                if future is None:
                    self._soon_failures[append.writes[0].stream] = outcome
                elif not future.done():
                    future.set_exception(outcome)
            elif future is not None and not future.done():
                future.set_result(outcome)
        self._hand_over()

    def _publish(self, recorded: Sequence[Recorded]) -> None:
        if self._tail and self._tail[-1].position + 1 != recorded[0].position:
            self._tail.clear()
        self._tail.extend(recorded)
        self._position = max(self._position, recorded[-1].position)
        for observe in self._observers:
            observe(recorded)
        for r in recorded:
            r.forget()
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    # reading

    async def fetch(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run a read-only function on the reader's thread."""
        try:
            # aiosqlite has no public way to run several statements in one thread hop
            return await self._reader._execute(run, self._reader._conn)  # type: ignore[no-untyped-call,no-any-return]  # noqa: SLF001
        except sqlite3.Error as error:
            raise schema.translate(error, self.path) from error

    async def read(
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        stream: str | None = None,
        types: Collection[str] | None = None,
        limit: int | None = None,
        backwards: bool = False,
    ) -> list[Recorded]:
        where: list[str] = ["position > ?"]
        values: list[Any] = [after, *([] if upto is None else [upto])]
        if upto is not None:
            where.append("position <= ?")
        if stream is not None:
            # the unary plus keeps SQLite from walking the whole log by position for one stream
            where = [w.replace("position", "+position") for w in where] + ["tenant = ?", "stream = ?"]
            values += [context.tenant.get(), stream]
        if types is not None:
            where.append(f"type IN ({','.join('?' * len(types))})")
            values += list(types)
        key = "version" if stream is not None else "position"
        order = f"ORDER BY {key} {'DESC' if backwards else 'ASC'} LIMIT ?"
        sql = f"SELECT {COLUMNS} FROM events WHERE {' AND '.join(where)} {order}"
        values.append(PAGE if limit is None else limit)
        rows = await self.fetch(lambda c: c.execute(sql, values).fetchall())
        return [Recorded(*row) for row in rows]

    async def ends(self, streams: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        sql = "SELECT position FROM events WHERE tenant = ? AND stream = ? ORDER BY version DESC LIMIT 1"

        def run(c: sqlite3.Connection) -> Mapping[tuple[str, str], int]:
            rows = {stream: c.execute(sql, stream).fetchone() for stream in streams}
            return {stream: row[0] for stream, row in rows.items() if row is not None}

        return await self.fetch(run)

    async def histories(
        self, streams: Sequence[tuple[str, str]], *, upto: int, types: Collection[str]
    ) -> Mapping[tuple[str, str], Sequence[Recorded]]:
        kinds = f"type IN ({','.join('?' * len(types))})"
        sql = (
            f"SELECT {COLUMNS} FROM events WHERE tenant = ? AND stream = ? AND +position <= ? AND {kinds}"
            " ORDER BY version LIMIT ?"
        )

        def run(c: sqlite3.Connection) -> Mapping[tuple[str, str], list[Row]]:
            return {stream: c.execute(sql, (*stream, upto, *types, PAGE + 1)).fetchall() for stream in streams}

        found = await self.fetch(run)
        return {stream: [Recorded(*row) for row in rows] for stream, rows in found.items() if len(rows) <= PAGE}

    async def subscribe(
        self, *, after: int = 0, stream: str | None = None, types: Collection[str] | None = None
    ) -> AsyncIterator[Recorded]:
        self._subscribers += 1
        self._subscribed.set()
        self._subscribed = asyncio.Event()
        try:
            position = after
            while True:
                changed = self._changed
                page, position = await self._next_page(position, stream, types)
                for recorded in page:
                    yield recorded
                if position >= self._position:
                    await changed.wait()
        finally:
            self._subscribers -= 1

    async def _next_page(
        self, after: int, stream: str | None, types: Collection[str] | None
    ) -> tuple[list[Recorded], int]:
        """Matching events after a position, and the position up to which none is missing."""
        if self._tail and self._tail[0].position <= after + 1 <= self._tail[-1].position:
            upto = self._tail[-1].position
            fresh = islice(self._tail, max(0, after + 1 - self._tail[0].position), None)
            page = [
                r for r in fresh
                if (stream is None or (r.stream == stream and r.tenant == context.tenant.get()))
                and (types is None or r.type in types)
            ]  # fmt: skip
            return page, upto
        known = self._position
        page = await self.read(after=after, stream=stream, types=types)
        return page, page[-1].position if len(page) == PAGE else max(after, known, page[-1].position if page else 0)

    async def _watch(self) -> None:
        """Notice what other processes commit, by polling ``PRAGMA data_version`` (it needs no disk access)."""
        probe = schema.connect(self.path, read_only=True)
        try:
            seen = None
            while True:
                if self._subscribers:
                    await anyio.sleep(POLL)
                else:
                    with anyio.move_on_after(IDLE_POLL):
                        await self._subscribed.wait()
                try:
                    version = probe.execute("PRAGMA data_version").fetchone()[0]
                    if version == seen or self._busy:  # a commit of ours tells by its positions what others wrote
                        continue
                    (head,) = probe.execute("SELECT position FROM log_head WHERE id = 1").fetchone() or (0,)
                except sqlite3.Error:
                    continue  # busy or briefly unavailable: the next poll looks again
                seen = version
                if head > self._position:
                    self._position = head
                    for observe in self._observers:
                        observe(())
                    self._wake()
        finally:
            probe.close()

    def observe(self, observer: Callable[[Sequence[Recorded]], None]) -> None:
        """Call ``observer`` on the event loop after each commit here, and with nothing when another process wrote."""
        self._observers.append(observer)

    async def head(self) -> Head | None:
        row = await self.fetch(
            lambda c: c.execute("SELECT position, hash, recorded_at FROM log_head WHERE id = 1").fetchone()
        )
        return None if row is None else Head(row[0], row[1].hex(), row[2])

    async def position_at(self, recorded_at: int) -> int:
        def search(c: sqlite3.Connection) -> int:
            low, high = 0, (c.execute("SELECT max(position) FROM events").fetchone()[0] or 0)
            while low < high:  # times never decrease along positions
                middle = (low + high + 1) // 2
                row = c.execute(
                    "SELECT position, recorded_at FROM events WHERE position >= ? ORDER BY position LIMIT 1", (middle,)
                ).fetchone()
                if row[1] <= recorded_at:
                    low = max(middle, int(row[0]))
                else:
                    high = middle - 1
            return low

        return await self.fetch(search)

    async def verify(
        self, head: Head | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Verification:
        # taken before the events are read: what is appended meanwhile is beyond it
        kept = [(await self.head(), "the stored head"), (head, "the exported head")]
        previous, position = GENESIS, 0
        last: Recorded | None = None

        def broken(at: int, problem: str) -> Verification:
            found = None if last is None else Head(last.position, last.hash.hex(), last.recorded_at)
            return Verification(ok=False, checked=at - 1, head=found, position=at, problem=problem)

        while page := await self.read(after=position):
            problem = await anyio.to_thread.run_sync(_check_page, page, previous, position)
            if problem is not None:
                return broken(*problem)
            for known, name in kept:
                if known is not None and position < known.position <= page[-1].position:
                    at = page[known.position - position - 1]
                    if at.hash.hex() != known.hash:
                        return broken(at.position, f"its hash differs from {name}")
            last = page[-1]
            previous, position = last.hash, last.position
            if progress is not None:
                progress(position, max(position, self._position))
        for known, name in kept:
            if known is not None and known.position > position:
                why = f"events up to {known.position} are missing: {name} says the log went on"
                return broken(position + 1, why)
        stored = await self.head()
        if last is not None and (stored is None or stored.position < position):
            end = 0 if stored is None else stored.position
            return broken(end + 1, f"the stored head says that the log ends at {end}")
        found = None if last is None else Head(last.position, last.hash.hex(), last.recorded_at)
        return Verification(ok=True, checked=position, head=found)

    async def streams_like(self, prefix: str, limit: int = 3) -> list[str]:
        """Runs whose id begins with ``prefix``; streams of other things (a benchmark's) are none."""
        sql = "SELECT stream FROM events WHERE tenant = ? AND stream >= ? AND stream < ? AND version = 1 AND type = 'RunRequested' LIMIT ?"
        values = (context.tenant.get(), prefix, prefix + "\U0010ffff", limit)
        return [stream for (stream,) in await self.fetch(lambda c: c.execute(sql, values).fetchall())]

    # artifacts

    async def artifact(self, digest: str) -> bytes | None:
        """Content by digest, its integrity checked; None when it is not (or no longer) kept."""
        row = await self.fetch(
            lambda c: c.execute("SELECT encoding, size, stored FROM artifacts WHERE digest = ?", (digest,)).fetchone()
        )
        if row is None:
            return None
        if row[1] < 65_536:
            return content.restore(digest, *row)
        return await anyio.to_thread.run_sync(content.restore, digest, *row)

    async def artifact_sizes(self, digests: Sequence[str]) -> Mapping[str, int]:
        """Bytes of content by digest, of those that are kept."""
        sql = "SELECT size FROM artifacts WHERE digest = ?"

        def run(c: sqlite3.Connection) -> Mapping[str, int]:
            found = {digest: c.execute(sql, (digest,)).fetchone() for digest in digests}
            return {digest: row[0] for digest, row in found.items() if row is not None}

        return await self.fetch(run)


def _encode(writes: Sequence[Write]) -> list[Encoded]:
    tenant, actor, correlation = context.tenant.get(), context.actor.get(), context.correlation.get()
    cause = context.causation.get()
    return [
        Encoded(
            tenant,
            write.stream,
            write.expected,
            correlation or write.stream,
            actor,
            [_encode_event(event, None if i else write.causation or cause) for i, event in enumerate(write.events)],
        )
        for write in writes
    ]


def _encode_event(event: Event, cause: str | None) -> tuple[str, int, str, bytes, str | None]:
    kind = type(event)
    payload = kind.__pydantic_serializer__.to_json(event)
    return kind.__name__, kind.schema_version, payload.decode(), hashlib.sha256(payload).digest(), cause


def _check_page(page: Sequence[Recorded], previous: bytes, position: int) -> tuple[int, str] | None:
    for r in page:
        if r.position != position + 1:
            return position + 1, "the event is missing"
        if hashlib.sha256(r.payload.encode()).digest() != r.digest:
            return r.position, "its payload does not match its digest"
        if link(previous, r.header(), r.digest) != r.hash:
            return r.position, "its hash does not follow from its header and its predecessor"
        previous, position = r.hash, r.position
    return None
