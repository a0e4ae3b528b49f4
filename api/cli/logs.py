"""`mezan log`: tail, verify, head, export, import, stats."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from mezan.api.views.gist import gist
from mezan.api.views.times import when
from mezan.api.views.verification import kept_head, verification
from mezan.engine.clock import micros
from mezan.engine.export import MAX_LINE, BadExport, import_into
from mezan.engine.export import export as exported
from mezan.engine.log import Head, Recorded
from mezan.engine.stores import transfer
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.solvers.errors import BadInput

from .errors import CHECK_FAILED, DONE
from .options import database
from .output import STYLES, clean, console, emit, notice, seconds, short, size, table
from .progress import bar
from .reading import opened, value

Json = dict[str, Any]
MAX_HEAD = 65_536


async def tail(db: str, count: int, *, follow: bool, as_json: bool) -> int:
    """The last events, and with ``follow`` each new one."""
    if not 0 <= count <= 100_000:
        raise BadInput(f"--lines must be between 0 and 100000; got {count}")
    async with opened(db) as store:
        head = await store.head()
        position = 0 if head is None else head.position
        events = (await store.read(upto=position, limit=count, backwards=True))[::-1] if count else []
        if as_json and not follow:
            emit([_shown(recorded) for recorded in events])
            return DONE
        for recorded in events:
            _print(recorded, as_json=as_json)
        if follow:
            async for recorded in store.subscribe(after=position):
                _print(recorded, as_json=as_json)
    return DONE


def _shown(r: Recorded) -> Json:
    return {
        "position": r.position,
        "recorded_at": when(r.recorded_at),
        "tenant": r.tenant,
        "stream": r.stream,
        "version": r.version,
        "type": r.type,
        "schema": r.schema,
        "actor": r.actor,
        "causation": r.causation,
        "correlation": r.correlation,
        "digest": r.digest.hex(),
        "hash": r.hash.hex(),
        "data": orjson.loads(r.payload),
    }


def _print(r: Recorded, *, as_json: bool) -> None:
    if as_json:
        emit(_shown(r))
        return
    from rich.text import Text

    kind = next((style for name, style in STYLES.items() if r.type.lower().endswith(name)), "bold")
    line = Text.assemble(
        (f"{r.position:>7} ", "dim"),
        (f"{r.time.astimezone():%H:%M:%S} ", "dim"),
        (f"{short(r.stream)}@{r.version:<3} ", "cyan"),
        (f"{r.type:<16} ", kind),
        clean(gist(r)),
    )
    console().print(line, no_wrap=True, overflow="ellipsis", crop=True)


async def verify(db: str, head_file: str | None, *, as_json: bool) -> int:
    """Check the chain, against an exported head too."""
    kept = None if head_file is None else _read_head(head_file)
    async with opened(db) as store:
        found = await store.verify(kept)
    if as_json:
        emit(verification(found))
    elif found.ok:
        what = "" if kept is None else f", the head exported at position {kept.position} is in it"
        console().print(f"unbroken: {found.checked} events, every digest and hash recomputed{what}")
    else:
        console().print(
            f"broken at position {found.position}: {found.problem} ({found.checked} events before it are sound)"
        )
    return DONE if found.ok else CHECK_FAILED


def _read_head(name: str) -> Head:
    try:
        content = sys.stdin.buffer.read(MAX_HEAD) if name == "-" else _beginning(Path(name))
        found = orjson.loads(content)
        kept = kept_head(found)
    except OSError as error:
        raise BadInput(f"a head must be a readable file; {name}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"a head must be the JSON that `mezan log head` prints; {name} is not: {error}") from error
    return kept


def _beginning(path: Path) -> bytes:
    with path.open("rb") as opened_file:
        return opened_file.read(MAX_HEAD)


async def head(db: str) -> int:
    """The head as JSON."""
    async with opened(db) as store:
        emit(await store.head())
    return DONE


async def export(db: str, file: str) -> int:
    """Write the export; a file appears under its name only when it is whole."""
    async with opened(db) as store:
        if file == "-":
            await _write(store, sys.stdout.buffer)
            return DONE
        part = Path(f"{file}.part")
        try:
            with part.open("wb") as target:
                await _write(store, target)
                target.flush()
                os.fsync(target.fileno())
            part.replace(file)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise BadInput(f"an export must be written to a file; {file}: {error.strerror or error}") from error
        notice(f"exported to {file}")
    return DONE


async def _write(store: SQLiteStore, target: BinaryIO) -> None:
    with bar("exporting") as progress:
        async for line in exported(store, progress):
            target.write(line)
    target.flush()


async def import_(db: str, file: str, *, as_json: bool) -> int:
    """Read an export, then fold the read models from it."""
    from mezan.engine.follower import Follower
    from mezan.projections import DEFAULT

    try:
        source = sys.stdin.buffer if file == "-" else Path(file).open("rb")  # noqa: SIM115 - closed below
        source.peek(1)  # type: ignore[union-attr]
    except OSError as error:
        raise BadInput(f"an export must be a readable file; {file}: {error.strerror or error}") from error
    with source:
        async with SQLiteStore.open(database(db)) as store:
            with bar("importing") as progress:
                copied = await import_into(store, _lines(source), progress)
            follower = Follower(store, store, DEFAULT)
            await follower.start()
            await follower.close()
    if as_json:
        emit({"events": copied.events, "artifacts": copied.artifacts, "keys": copied.keys, "head": copied.head})
    else:
        console().print(f"imported {copied.events} events and {copied.artifacts} artifacts; the chain is unbroken")
    return DONE


def _lines(source: BinaryIO) -> Iterator[bytes]:
    while line := source.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise BadExport(f"a line of an export must be at most {MAX_LINE} bytes long; this one goes on")
        yield line


async def stats(db: str, *, as_json: bool) -> int:
    """Counts, bytes, latencies."""
    from mezan.projections.throughput import Throughput, summary

    async with opened(db) as store:
        counted = await store.fetch(transfer.statistics)
        flow = summary(await value(store, Throughput(), None), micros())
        wal = Path(f"{store.path}-wal")
        counted["wal_bytes"] = wal.stat().st_size if wal.exists() else 0
    counted["first_at"], counted["last_at"] = when(counted["first_at"]), when(counted["last_at"])
    counted |= {name: flow[name] for name in ("completed", "failed", "cancelled", "success_rate", "p50", "p95", "p99")}
    if as_json:
        emit(counted)
        return DONE
    shown = table("events", "", right=("",))
    for name, count in counted["by_type"].items():
        shown.add_row(clean(name), str(count))
    shown.add_row("in all", str(counted["events"]))
    console().print(shown)
    console().print()
    for line in (
        f"runs       {counted['runs']} asked, {counted['completed']} completed, {counted['failed']} failed, {counted['cancelled']} cancelled",
        f"latency    p50 {seconds(counted['p50'])}, p95 {seconds(counted['p95'])}, p99 {seconds(counted['p99'])}",
        f"recorded   {counted['first_at'] or '-'} to {counted['last_at'] or '-'}",
        f"file       {size(counted['file_bytes'])}, payloads {size(counted['payload_bytes'])}",
        *(
            f"artifacts  {a['count']} {clean(kind)}, {size(a['bytes'])}, stored in {size(a['stored_bytes'])}"
            for kind, a in counted["artifacts"].items()
        ),
    ):
        console().print(line)
    return DONE
