"""The whole log as JSON lines, and back into an empty database: same positions, same hashes, same head.

One object a line: ``{"mezan": 1, "head": ...}`` first, then ``{"artifact": ...}`` (content as stored, base64),
``{"event": ...}`` (the whole envelope; ``payload`` is the text that was hashed), ``{"key": ...}`` (idempotency outcomes),
and at last ``{"end": ...}`` with the counts, so that a truncated file shows. Both directions hold one page in memory.
"""

import binascii
import hashlib
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from mezan.solvers.errors import BadInput

from .artifacts import restore
from .errors import StoreCorrupt, UnreadableEvent
from .log import GENESIS, Head, Recorded, link
from .stores import transfer
from .stores.sqlite import SQLiteStore

FORMAT: Final = 1
PAGE: Final = 500
FEW: Final = 16
"""Artifacts read at a time: they may be large."""
MAX_LINE: Final = 2**29
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Copied:
    """What an export or import held."""

    events: int
    artifacts: int
    keys: int
    head: Head | None


class BadExport(BadInput):
    """Raised when a file is not a whole, unbroken export; nothing was written."""

    code = "bad-export"


async def export(store: SQLiteStore, progress: Progress | None = None) -> AsyncIterator[bytes]:
    """The lines of an export, as of the log's end at the first of them; others may go on writing meanwhile."""
    head = await store.head()
    at = head or Head(0, GENESIS.hex(), 0)
    yield _line(mezan=FORMAT, head=None if head is None else _head(head))
    artifacts = keys = 0
    after = ""
    while page := await store.fetch(lambda c, a=after: transfer.artifacts(c, at.recorded_at, a, FEW)):  # type: ignore[misc]
        after = page[-1][0]
        artifacts += len(page)
        for digest, kind, size, encoding, stored, recorded_at in page:
            yield _line(
                artifact={
                    "digest": digest,
                    "kind": kind,
                    "size": size,
                    "encoding": encoding,
                    "stored": b64encode(stored).decode(),
                    "recorded_at": recorded_at,
                }
            )
    position = 0
    while events := await store.read(after=position, upto=at.position, limit=PAGE):
        position = events[-1].position
        for recorded in events:
            yield _line(event=_envelope(recorded))
        if progress is not None:
            progress(position, at.position)
    last = ("", "")
    while page := await store.fetch(lambda c, k=last: transfer.keys(c, at.position, k, PAGE)):  # type: ignore[misc]
        last = (page[-1][0], page[-1][1])
        keys += len(page)
        for row in page:
            yield _line(key=row)
    yield _line(end={"events": position, "artifacts": artifacts, "keys": keys})


async def import_into(store: SQLiteStore, lines: Iterable[bytes], progress: Progress | None = None) -> Copied:
    """Read an export into an empty database, in one transaction.

    ``progress`` is called with (position, end) on the writer's thread.

    Raises:
        BadExport: a line is broken, the chain does not hold, or the end is missing.
        BadInput: the database is not empty.
    """
    return await store.transact(lambda c: _Import(c, progress).read(lines))


class _Import:
    """One import; every line is checked against what came before it."""

    def __init__(self, connection: sqlite3.Connection, progress: Progress | None) -> None:
        self._connection, self._progress = connection, progress
        self._head: dict[str, Any] | None = None
        self._last: Recorded | None = None
        self._artifacts = self._keys = 0

    def read(self, lines: Iterable[bytes]) -> Copied:
        if not transfer.is_empty(self._connection):
            raise BadInput(
                "an export must be imported into an empty database; this one has a log: name a new file with --db"
            )
        end: dict[str, Any] | None = None
        number = 0
        for number, line in enumerate(lines, 1):
            if end is not None:
                raise BadExport(f"line {number}: an export must end with its end line; more follows")
            try:
                end = self._line(number, line)
            except (KeyError, TypeError, ValueError, AttributeError, binascii.Error, sqlite3.IntegrityError) as error:
                if isinstance(error, BadInput):
                    raise
                raise BadExport(
                    f"line {number}: it must be a line that `mezan log export` wrote; {_what(error)}"
                ) from error
            except (StoreCorrupt, UnreadableEvent) as error:
                raise BadExport(f"line {number}: {error}") from error
        return self._finish(end, number)

    def _line(self, number: int, line: bytes) -> dict[str, Any] | None:
        if len(line) > MAX_LINE:
            raise BadExport(f"line {number}: a line must be at most {MAX_LINE} bytes long")
        ((kind, content),) = [(k, v) for k, v in orjson.loads(line).items() if k != "head"]
        if (kind == "mezan") != (number == 1):
            raise BadExport(f"line {number}: an export must begin with its one header line, and has no other")
        if kind == "mezan":
            if content != FORMAT:
                raise BadExport(f"an export must be of format {FORMAT} for this version of mezan; got {content!r}")
            self._head = orjson.loads(line)["head"]
        elif kind == "artifact":
            self._artifact(content)
        elif kind == "event":
            self._event(content)
        elif kind == "key":
            tenant, key, fingerprint, stream, first, last, version = content
            transfer.insert_key(self._connection, (tenant, key, fingerprint, stream, first, last, version))
            self._keys += 1
        elif kind == "end":
            return dict(content)
        else:
            raise BadExport(f"line {number}: it must hold an artifact, an event, a key or the end; got {kind[:40]!r}")
        return None

    def _artifact(self, content: dict[str, Any]) -> None:
        stored = b64decode(content["stored"], validate=True)
        if content["encoding"] not in {"raw", "zlib"}:
            raise BadExport(f"an artifact must be raw or zlib; got {str(content['encoding'])[:40]!r}")
        restore(content["digest"], content["encoding"], content["size"], stored)
        row = (content[name] for name in ("digest", "kind", "size", "encoding"))
        transfer.insert_artifact(self._connection, (*row, stored, content["recorded_at"]))
        self._artifacts += 1

    def _event(self, content: dict[str, Any]) -> None:
        fields = dict(content)
        for name in ("digest", "hash"):
            fields[name] = bytes.fromhex(fields[name])
        recorded = Recorded(**fields)
        previous, position = (GENESIS, 0) if self._last is None else (self._last.hash, self._last.position)
        if recorded.position != position + 1:
            raise BadExport(
                f"the event at position {position + 1} is missing; position {recorded.position} follows {position}"
            )
        if hashlib.sha256(recorded.payload.encode()).digest() != recorded.digest:
            raise BadExport(f"the payload at position {recorded.position} does not match its digest")
        if link(previous, recorded.header(), recorded.digest) != recorded.hash:
            raise BadExport(
                f"the hash at position {recorded.position} does not follow from its header and its predecessor"
            )
        _ = recorded.event  # a payload that no projection could fold is refused here
        transfer.insert_event(self._connection, recorded)
        self._last = recorded
        if self._progress is not None and recorded.position % PAGE == 0 and self._head is not None:
            self._progress(recorded.position, int(self._head["position"]))

    def _finish(self, end: dict[str, Any] | None, number: int) -> Copied:
        if end is None:
            raise BadExport(f"an export must end with its end line; this one is cut off after line {number}")
        last = self._last
        events = 0 if last is None else last.position
        found = None if last is None else Head(last.position, last.hash.hex(), last.recorded_at)
        if self._head != (None if found is None else _head(found)):
            raise BadExport("the last event of an export must be the head that its first line names; it is another")
        if end != {"events": events, "artifacts": self._artifacts, "keys": self._keys}:
            raise BadExport(f"an export must hold what its end line counts: {end}; lines are missing")
        if last is not None:
            transfer.set_head(self._connection, last)
        return Copied(events, self._artifacts, self._keys, found)


def _envelope(r: Recorded) -> dict[str, Any]:
    return {
        "position": r.position,
        "tenant": r.tenant,
        "stream": r.stream,
        "version": r.version,
        "type": r.type,
        "schema": r.schema,
        "payload": r.payload,
        "digest": r.digest.hex(),
        "causation": r.causation,
        "correlation": r.correlation,
        "actor": r.actor,
        "recorded_at": r.recorded_at,
        "hash": r.hash.hex(),
    }


def _head(head: Head) -> dict[str, Any]:
    return {"position": head.position, "hash": head.hash, "recorded_at": head.recorded_at}


def _line(**content: Any) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


def _what(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)[:200]
