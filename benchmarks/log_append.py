"""Durable appends: a raw sqlite3 group-commit writer is the limit, the ``eventsourcing`` library the peer.

usage: python benchmarks/log_append.py [--no-peers]

The raw writer inserts the same rows into the same tables, already encoded and hashed; Mezan validates, encodes, hashes,
numbers and chains. Both keep ``synchronous=FULL``.
"""

import asyncio
import queue
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from common import Clock, folder, median, percentile, report

from mezan.engine.events import (
    AttemptStarted,
    AttemptSucceeded,
    Event,
    ProblemProfiled,
    RunCompleted,
    RunPlanned,
    RunRequested,
    SolverChosen,
)
from mezan.engine.log import Recorded, Write
from mezan.engine.stores import schema
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.engine.stores.writer import COLUMNS

SECONDS = 2.0
PRODUCERS = 64
REPEATS = 3


def body(i: int) -> dict[str, Any]:
    """The content of an event of about 900 bytes: a choice among five candidates."""
    cards = [
        {
            "solver": f"qap.solver{k}", "version": "1", "score": 1500.123 + k + i % 7, "rating": 1500.5 + k,
            "cluster_rating": 1499.25 - k, "trials": i % 100, "cluster_trials": i % 10, "mean_loss": 0.125 * k,
            "propensity": 0.2,
        }
        for k in range(5)
    ]  # fmt: skip
    return {
        "task": "main", "attempt": 1, "family": "qap", "policy": "elo_ucb", "policy_version": "1", "solver": "qap.solver0",
        "version": "1", "propensity": 1.0, "cluster": "qap/0", "as_of": i, "key": i, "reason": "highest score",
        "candidates": cards,
    }  # fmt: skip


def decision(i: int) -> SolverChosen:
    """The same as an event, validated."""
    return SolverChosen.model_validate(body(i))


async def rows_of(path: Path, count: int) -> list[tuple[Any, ...]]:
    """Rows exactly as Mezan writes them."""
    async with SQLiteStore.open(f"sqlite:///{path}") as store:
        for start in range(0, count, 500):
            await store.append(*(Write(f"s{i % PRODUCERS}", [decision(i)]) for i in range(start, start + 500)))
        events: list[Recorded] = []
        while page := await store.read(after=len(events)):
            events += page
    return [
        (
            e.tenant,
            e.stream,
            e.type,
            e.schema,
            e.payload,
            e.digest,
            e.causation,
            e.correlation,
            e.actor,
            e.recorded_at,
            e.hash,
        )
        for e in events
    ]


def raw(path: Path, rows: list[tuple[Any, ...]]) -> dict[str, float]:
    """64 asyncio producers, one writer thread that commits whatever is queued."""
    connection = schema.prepare(str(path), durability="full")
    insert = f"INSERT INTO events ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"

    async def go() -> dict[str, float]:
        loop = asyncio.get_running_loop()
        inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        position = 0

        def writer() -> None:
            nonlocal position
            while (item := inbox.get()) is not None:
                batch = [item]
                try:
                    while len(batch) < 1000:
                        batch.append(inbox.get_nowait())
                except queue.Empty:
                    pass
                values = []
                for (tenant, stream, *rest), version, _ in batch:
                    position += 1
                    values.append((position, tenant, stream, version, *rest))
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(insert, values)
                connection.execute("COMMIT")
                loop.call_soon_threadsafe(lambda done=batch: [f.set_result(None) for _, _, f in done])

        thread = threading.Thread(target=writer)
        thread.start()
        latencies: list[float] = []
        end = time.perf_counter() + SECONDS

        async def producer(p: int) -> None:
            version = 0
            while (start := time.perf_counter()) < end:
                version += 1
                future = loop.create_future()
                inbox.put(((rows[p][0], f"s{p}", *rows[(version * PRODUCERS + p) % len(rows)][2:]), version, future))
                await future
                latencies.append(time.perf_counter() - start)

        with Clock() as clock:
            await asyncio.gather(*(producer(p) for p in range(PRODUCERS)))
        inbox.put(None)
        thread.join()
        return _row(latencies, clock)

    result = asyncio.run(go())
    connection.close()
    return result


async def ours(path: Path) -> dict[str, float]:
    """64 producers, each waiting for its event to be durable."""
    async with SQLiteStore.open(f"sqlite:///{path}") as store:
        latencies: list[float] = []
        events = [decision(i) for i in range(500)]
        end = time.perf_counter() + SECONDS

        async def producer(p: int) -> None:
            version = 0
            while (start := time.perf_counter()) < end:
                await store.append(Write(f"s{p}", [events[version % 500]], version))
                version += 1
                latencies.append(time.perf_counter() - start)

        with Clock() as clock:
            await asyncio.gather(*(producer(p) for p in range(PRODUCERS)))
    return _row(latencies, clock)


Bodies = list[tuple[type[Event], dict[str, Any]]]


def decisions() -> Bodies:
    """The largest events there are: 700 choices."""
    return [(SolverChosen, body(i)) for i in range(700)]


def life(i: int) -> Bodies:
    """The seven events of a run."""
    budget = {"time_limit": 5.0}
    task = {
        "task": "main",
        "family": "qap",
        "sense": "min",
        "problem": "ab" * 32,
        "size": 25,
        "label": "tai25a",
        "best_known": 1167256.0,
    }
    about = {"task": "main", "attempt": 1, "solver": "qap.tabu", "version": "1"}
    features = {f"feature_{k}": 0.123456 * k + i % 7 for k in range(20)}
    bound = {"value": 962417.0, "method": "gilmore-lawler"}
    return [
        (RunRequested, {"tasks": [task], "budget": budget, "seed": i, "policy": "elo_ucb", "worker": "worker_01"}),
        (RunPlanned, {"order": ["main"]}),
        (ProblemProfiled, {"task": "main", "family": "qap", "instance": "ab" * 32, "size": 25, "features": features, "bound": bound, "seconds": 0.001}),
        (SolverChosen, body(i)),
        (AttemptStarted, about | {"seed": i, "worker": "worker_01", "device": "cpu"}),
        (AttemptSucceeded, about | {"family": "qap", "sense": "min", "instance": "ab" * 32, "cluster": "qap/0", "budget": budget, "objective": 1167256.0 + i, "solution": "cd" * 32, "bound": bound, "proved_optimal": False, "loss": 0.17, "stopped": "time", "iterations": 34614, "seconds": 5.01, "compile_seconds": 1.2}),
        (RunCompleted, {"objectives": {"main": 1167256.0 + i}, "seconds": 5.02}),
    ]  # fmt: skip


def lives() -> Bodies:
    """A hundred runs: 700 events of every size."""
    return [pair for i in range(100) for pair in life(i)]


async def ours_batch(path: Path, bodies: Bodies, *, validate: bool, batch: int = 100) -> float:
    """CPU microseconds per event, from content (validated here, or before) to the committed row, 100 an append."""
    async with SQLiteStore.open(f"sqlite:///{path}") as store:
        made = [kind.model_validate(content) for kind, content in bodies]
        total = 21_000
        with Clock() as clock:
            for start in range(0, total, batch):
                at = start % len(bodies)
                part = bodies[at : at + batch]
                events = [k.model_validate(c) for k, c in part] if validate else made[at : at + batch]
                await store.append(Write(f"s{start}", events))
    return 1e6 * clock.cpu / total


def eventsourcing_recorder(path: Path) -> dict[str, float]:
    """The library's SQLite recorder, one event at a time (it has no group commit)."""
    import uuid

    from eventsourcing.persistence import StoredEvent  # type: ignore[import-not-found]
    from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore  # type: ignore[import-not-found]

    store = SQLiteDatastore(str(path))
    recorder = SQLiteApplicationRecorder(store)
    recorder.create_table()
    ids = [uuid.uuid4() for _ in range(PRODUCERS)]
    payload = decision(1).model_dump_json().encode()
    latencies: list[float] = []
    end = time.perf_counter() + SECONDS
    i = 0
    with Clock() as clock:
        while (start := time.perf_counter()) < end:
            recorder.insert_events([StoredEvent(ids[i % PRODUCERS], i // PRODUCERS + 1, "m:SolverChosen", payload)])
            i += 1
            latencies.append(time.perf_counter() - start)
    store.close()
    return _row(latencies, clock)


@cache
def aggregate() -> tuple[type, type]:
    """The library's application and an aggregate with one event (made once: it registers classes by name)."""
    from eventsourcing.application import Application  # type: ignore[import-not-found]
    from eventsourcing.domain import Aggregate, event  # type: ignore[import-not-found]

    class Run(Aggregate):  # type: ignore[misc]
        @event("Started")  # type: ignore[untyped-decorator]
        def __init__(self) -> None:
            self.n = 0

        @event("Decided")  # type: ignore[untyped-decorator]
        def decide(self, body: dict[str, Any]) -> None:
            self.n += 1

    return Application, Run


def eventsourcing_save(path: Path, bodies: Bodies, batch: int = 100) -> float:
    """CPU microseconds per event of ``Application.save`` with 100 events of the same content (not validated)."""
    application, run_type = aggregate()
    app = application(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(path)})
    runs = [run_type() for _ in range(PRODUCERS)]
    app.save(*runs)
    total = 21_000
    with Clock() as clock:
        for start in range(0, total, batch):
            run = runs[(start // batch) % PRODUCERS]
            at = start % len(bodies)
            for _, content in bodies[at : at + batch]:
                run.decide(content)
            app.save(run)
    app.close()
    return 1e6 * clock.cpu / total


def _row(latencies: list[float], clock: Clock) -> dict[str, float]:
    return {
        "events_per_s": len(latencies) / clock.wall,
        "p50_ms": 1e3 * percentile(latencies, 0.5),
        "p99_ms": 1e3 * percentile(latencies, 0.99),
        "cpu_us_per_event": 1e6 * clock.cpu / len(latencies),
    }


def main() -> None:
    """Measure in turn, so that a noisy minute touches all alike; keep medians."""
    peers = "--no-peers" not in sys.argv
    kept: dict[str, list[dict[str, float]]] = {}
    batch: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        with folder() as path:
            rows = asyncio.run(rows_of(path / "rows.db", 1_000))
            kept.setdefault("raw sqlite3 group commit (limit)", []).append(raw(path / "raw.db", rows))
            kept.setdefault("mezan", []).append(asyncio.run(ours(path / "ours.db")))
            if peers:
                kept.setdefault("eventsourcing recorder, one by one", []).append(eventsourcing_recorder(path / "es.db"))
            for name, bodies in (("decisions", decisions()), ("whole runs", lives())):
                for validate in (True, False):
                    what = "validate, encode, hash, ids" if validate else "encode, hash, ids"
                    cpu = asyncio.run(ours_batch(path / f"{name}{validate}.db", bodies, validate=validate))
                    batch.setdefault(f"mezan, {name}: {what}", []).append(cpu)
                if peers:
                    cpu = eventsourcing_save(path / f"{name}-es.db", bodies)
                    batch.setdefault(f"eventsourcing Application.save, {name}", []).append(cpu)
    table: list[dict[str, object]] = []
    for system, several in kept.items():
        row: dict[str, object] = {"system": system} | {k: median([s[k] for s in several]) for k in several[0]}
        row["of_limit"] = median(
            [
                s["events_per_s"] / r["events_per_s"]
                for s, r in zip(several, kept["raw sqlite3 group commit (limit)"], strict=True)
            ]
        )
        table.append(row)
    table += [
        {"system": system, "batch": 100, "cpu_us_per_event": median(several)} for system, several in batch.items()
    ]
    report("log_append", table)


if __name__ == "__main__":
    main()
