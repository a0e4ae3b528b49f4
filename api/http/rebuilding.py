"""A rebuild with its comparison: what was folded again beside what it replaces, at one position."""

import hashlib
import sqlite3
import time
from typing import Any

import anyio
import anyio.to_thread
import orjson

from mezan.api.views.difference import differences
from mezan.engine.engine import Engine
from mezan.engine.live import LiveState
from mezan.engine.log import Head

from .working import Progress

Json = dict[str, Any]
NEWEST = 200
"""Rows that are compared in full; of all others their counts."""
_COUNTS = (
    "SELECT tag, count(*) FROM read_rows WHERE projection = ? AND generation ="
    " (SELECT generation FROM projections WHERE name = ? AND live) GROUP BY tag ORDER BY tag"
)


class Audits:
    """What this server has checked since it was started: circumstances, which no event records."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.verifying, self.rebuilding = anyio.Lock(), anyio.Lock()
        self.verification: Json | None = None
        self.rebuilds: dict[str, Json] = {}

    def verified(self, found: Json, kept: Head | None) -> Json:
        """Note a verification."""
        self.verification = {**found, "against": None if kept is None else kept.position}
        return self.verification


async def rebuilt(audits: Audits, name: str, progress: Progress) -> Json:
    """Rebuild a projection and say what came out differently.

    Raises:
        ProjectionBroken: the fold fails; the live one stays.
    """
    async with audits.rebuilding:
        live = audits.engine.follower.live(name)
        began = time.perf_counter()
        found = await (_value if isinstance(live, LiveState) else _rows)(audits.engine, name, progress)
        follower = audits.engine.follower
        document = {
            "projection": name,
            "generation": follower.live(name).generation,
            "position": follower.position,
            "seconds": time.perf_counter() - began,
            **found,
        }
        audits.rebuilds[name] = document
        return document


async def _value(engine: Engine, name: str, progress: Progress) -> Json:
    follower = engine.follower
    old = follower.live(name)
    await follower.rebuild(name, progress)
    # no await since the swap: both are the fold up to the same position, and the old one is fed no more
    new = follower.live(name).take(follower.position).state or b""
    if old.broken is not None:
        return {
            "kind": "value",
            "identical": None,
            "stood_at": old.broken.position,
            "after": _print(new),
            "differences": [],
            "more": False,
        }

    def compare() -> Json:
        kept = old.take(0).state or b""
        listed, more = ([], False) if kept == new else differences(orjson.loads(kept), orjson.loads(new))
        return {
            "kind": "value",
            "identical": kept == new,
            "before": _print(kept),
            "after": _print(new),
            "differences": listed,
            "more": more,
        }

    return await anyio.to_thread.run_sync(compare)


def _print(content: bytes) -> Json:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


async def _rows(engine: Engine, name: str, progress: Progress) -> Json:
    follower, store = engine.follower, engine.store

    def counts(c: sqlite3.Connection) -> Json:
        return dict(c.execute(_COUNTS, (name, name)).fetchall())

    await follower.flush()
    upto = follower.position
    before, kept = await store.fetch(counts), await store.rows(name, before=upto + 1, limit=NEWEST)
    await follower.rebuild(name, progress)
    await follower.flush()
    after = await store.fetch(counts)
    fresh = {row.key: row.data for row in await store.rows(name, before=upto + 1, limit=NEWEST)}
    moved = {event.stream for event in await engine.log.read(after=upto)}
    old = {row.key: row.data for row in kept if row.stream not in moved}
    listed, more = await anyio.to_thread.run_sync(differences, old, {key: fresh.get(key) for key in old})
    if not moved and before != after:
        tallies, _ = differences(before, after)
        listed = [{**tally, "path": f"count of {tally['path'].removeprefix('/')}"} for tally in tallies] + listed
    return {
        "kind": "rows",
        "identical": not listed,
        "before": before,
        "after": after,
        "compared": len(old),
        "differences": listed,
        "more": more,
    }
