"""Two thousand server-sent event subscribers on one live run.

usage: python benchmarks/http_events.py [SUBSCRIBERS]
"""

import asyncio
import json
import resource
import sys
import time
from datetime import datetime
from pathlib import Path

import httpx
from common import folder, percentile, report
from served import cpu_of, mezan

RUN = {"type": "qap", "iterations": 10**9, "time_limit": 20, "solver": "qap.tabu", "seed": 1}


def resident(pid: int) -> int:
    """Bytes of memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def instance(n: int = 60) -> dict[str, list[list[int]]]:
    """A QAP on which the best value is improved often."""
    return {name: [[(i * a + j * b + i * j) % 97 if i != j else 0 for j in range(n)] for i in range(n)] for name, a, b in (("A", 31, 17), ("B", 53, 29))}  # fmt: skip


async def subscriber(port: int, run: str, seen: list[tuple[int, float, float]], ready: asyncio.Semaphore) -> None:
    """Read a run's events to its last: position, when it was recorded, when it arrived."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    writer.write(f"GET /runs/{run}/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    ready.release()
    position = 0
    while line := await reader.readline():
        if line.startswith(b"id: "):
            position = int(line[4:])
        elif line.startswith(b"data: "):
            now = time.time()
            event = json.loads(line[6:])
            seen.append((position, datetime.fromisoformat(event["recorded_at"]).timestamp(), now))
            if event["type"] in {"RunCompleted", "RunCancelled", "RunFailed"}:
                break
    writer.close()


async def measure(path: Path, subscribers: int) -> dict[str, object]:
    """Subscribe, watch the run to its end."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65_536, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    with mezan(path / "events.db") as (port, pid):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            run = (await http.post("/solve", json=RUN | instance())).json()["run"]
            await asyncio.sleep(4)  # compiled, and searching
            before = resident(pid)
            logs: list[list[tuple[int, float, float]]] = [[] for _ in range(subscribers)]
            ready = asyncio.Semaphore(0)
            tasks = []
            for i, log in enumerate(logs):
                tasks.append(asyncio.create_task(subscriber(port, run, log, ready)))
                if i % 50 == 49:
                    await asyncio.sleep(0.02)
            for _ in logs:
                await ready.acquire()
            start, held = time.time(), resident(pid) - before
            cpu = cpu_of(pid)
            await asyncio.gather(*tasks)
            cpu = cpu_of(pid) - cpu
            whole = [event["position"] for event in (await http.get(f"/runs/{run}/events")).json()["events"]]
    complete = sum([position for position, _, _ in log] == whole for log in logs)
    delays = [arrived - at for log in logs for _, at, arrived in log if at > start]
    return {
        "subscribers": subscribers,
        "events": len(whole),
        "live events": len(delays) // max(1, subscribers),
        "complete and in order": complete,
        "p50_ms": 1e3 * percentile(delays, 0.5),
        "p99_ms": 1e3 * percentile(delays, 0.99),
        "memory_kb_each": held / subscribers / 1024,
        "server_cpu_s": cpu,
    }


def main() -> None:
    """Measure, print, keep."""
    subscribers = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with folder() as path:
        report("http_events", [asyncio.run(measure(path, subscribers))])


if __name__ == "__main__":
    main()
