"""A small HTTP/1.1 load generator: keep-alive connections, prepared requests, latencies; in a process of its own.

usage: python benchmarks/http_load.py HOST PORT CLIENTS SECONDS [RATE] < requests.json

Without a rate each client sends its next request when it has its answer. With one (requests a second, of all clients together)
each sends on time, and a latency counts from when a request was due, so that a server that lags cannot hide it.

``requests.json`` holds ``[[method, path, body or null, headers], ...]``, the headers optional, taken in turn; the figures are printed as JSON.
"""

import asyncio
import itertools
import json
import random
import sys
import time


def encode(method: str, path: str, body: str | None, headers: dict[str, str] | None = None) -> bytes:
    content = (body or "").encode()
    kind = "content-type: application/json\r\n" if body is not None else ""
    kind += "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    return (
        f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n{kind}content-length: {len(content)}\r\n\r\n".encode()
        + content
    )


async def client(
    host: str, port: int, requests, until: float, pause: float, latencies: list[float], statuses: dict[int, int]
) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    due = time.perf_counter() + random.random() * pause
    while (now := time.perf_counter()) < until:
        if pause:
            await asyncio.sleep(max(0.0, due - now))
            start, due = due, due + pause
        else:
            start = now
        writer.write(next(requests))
        head = await reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at >= 0:
            await reader.readexactly(int(lower[at + 15 : lower.index(b"\r\n", at)]))
        elif b"chunked" in lower:
            while (size := int(await reader.readline(), 16)) > 0:
                await reader.readexactly(size + 2)
            await reader.readline()
        latencies.append(time.perf_counter() - start)
        status = int(head[9:12])
        statuses[status] = statuses.get(status, 0) + 1
    writer.close()


async def main() -> None:
    host, port, clients, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    pause = clients / float(sys.argv[5]) if len(sys.argv) > 5 else 0.0
    requests = itertools.cycle([encode(*one) for one in json.load(sys.stdin)])
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    start = time.perf_counter()
    await asyncio.gather(
        *(client(host, port, requests, start + seconds, pause, latencies, statuses) for _ in range(clients))
    )
    took = time.perf_counter() - start
    latencies.sort()
    at = lambda q: 1e3 * latencies[min(len(latencies) - 1, int(q * len(latencies)))]  # noqa: E731
    print(
        json.dumps(
            {
                "per_s": len(latencies) / took,
                "p50_ms": at(0.5),
                "p99_ms": at(0.99),
                "statuses": statuses,
                "cpu_s": time.process_time(),
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
