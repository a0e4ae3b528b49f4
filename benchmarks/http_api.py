"""The HTTP API under load: accepting, reading from 100,000 runs, and what HTTP adds to a request.

usage: python benchmarks/http_api.py [RUNS]
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from common import folder, median, percentile, report
from served import fill, load, mezan, peer

from mezan.api import open_engine
from mezan.solvers.knapsack import Knapsack

REPEATS = 3
ACCEPTED, READ = 1_550, 2_000
"""Requests a second at which latencies are looked at: the targets, 1,500 and 2,000, or a little more."""
ASKED = {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "solver": "knapsack.greedy"}


def middle(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The medians of several runs."""
    return {name: median([row[name] for row in rows]) for name in rows[0]}


def accepting(path: Path) -> list[dict[str, object]]:
    """64 clients submit as fast as they can; peers in turn with ours."""
    body = json.dumps(ASKED)
    ours, paced, theirs, limit = [], [], [], []
    for i in range(REPEATS):
        with mezan(path / f"accept{i}.db") as (port, pid):
            load(port, pid, [("POST", "/solve", body)], clients=4, seconds=1)
            ours.append(load(port, pid, [("POST", "/solve", body)]))
        with mezan(path / f"paced{i}.db") as (port, pid):
            load(port, pid, [("POST", "/solve", body)], clients=4, seconds=1)
            paced.append(load(port, pid, [("POST", "/solve", body)], rate=ACCEPTED))
        with peer("insert", path) as (port, pid):
            theirs.append(load(port, pid, [("POST", "/solve", body)]))
        with peer("constant", path) as (port, pid):
            limit.append(load(port, pid, [("GET", "/", None)]))
    return [
        {"what": "POST /solve, durable, runs solved meanwhile", **middle(ours)},
        {"what": f"the same at {ACCEPTED} requests/s", **middle(paced)},
        {"what": "peer: FastAPI, one row, commit with fsync", **middle(theirs)},
        {"what": "limit: FastAPI, a constant", **middle(limit)},
    ]


def reading(path: Path, runs: int) -> list[dict[str, object]]:
    """Reads of a log of many runs: one run, the leaderboard, a page of the list, in turn."""
    db = path / "read.db"
    asyncio.run(fill(f"sqlite:///{db}", runs))
    rows: list[dict[str, object]] = []
    kinds = {
        "GET /runs/ID": [("GET", f"/runs/run_{i * 7919 % runs:026d}", None) for i in range(500)],
        "GET /leaderboard": [("GET", "/leaderboard", None)],
        "GET /runs": [("GET", "/runs?limit=50", None)],
    }
    kinds["all three in turn"] = [kinds[name][i % len(kinds[name])] for i in range(300) for name in list(kinds)]
    with mezan(db) as (port, pid):
        for name, requests in kinds.items():
            load(port, pid, requests, clients=4, seconds=1)
            rows.append(
                {"what": f"{name}, {runs:,} runs", **middle([load(port, pid, requests) for _ in range(REPEATS)])}
            )
        paced = [load(port, pid, requests, rate=READ) for _ in range(REPEATS)]
        rows.append({"what": f"the same at {READ} requests/s", **middle(paced)})
    return rows


async def added(path: Path) -> list[dict[str, object]]:
    """One request to its answer, over HTTP and in-process, one at a time."""
    inside, outside = [], []
    with mezan(path / "added.db") as (port, _):
        async with (
            open_engine(f"sqlite:///{path}/inside.db") as engine,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
        ):
            for i in range(320):
                problem = Knapsack(values=[6, 10, 12 + i], weights=[1, 2, 3], capacity=5)
                start = time.perf_counter()
                await (await engine.submit(problem, solver="knapsack.greedy")).result()
                inside.append(time.perf_counter() - start)
                asked = ASKED | {"values": [6, 10, 12 + i]}
                start = time.perf_counter()
                answer = await http.post("/solve", json=asked, headers={"prefer": "wait=10"})
                outside.append(time.perf_counter() - start)
                assert answer.json()["status"] == "completed"
    return [
        {"what": name, "p50_ms": 1e3 * percentile(times[20:], 0.5), "p99_ms": 1e3 * percentile(times[20:], 0.99)}
        for name, times in (("in-process, submit to result", inside), ("POST /solve with Prefer: wait", outside))
    ]


def main() -> None:
    """Measure, print, keep."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with folder() as path:
        rows = accepting(path)
        rows += asyncio.run(added(path))
        rows += reading(path, runs)
    report("http_api", rows)


if __name__ == "__main__":
    main()
