"""`mezan serve` and its peers in processes of their own, and a log of many runs to serve."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import HERE
from rebuild import runs

from mezan.engine.log import Write
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.projections import DEFAULT

ADDRESS = re.compile(rb"http://[^:/\s]+:(\d+)")
Request = tuple[str, str, str | None] | tuple[str, str, str | None, dict[str, str]]


async def fill(url: str, count: int) -> int:
    """Write ``count`` runs of seven events, fold them, and return the last position."""
    from mezan.engine.follower import Follower

    async with SQLiteStore.open(url, durability="relaxed") as store:
        for start in range(0, count, 500):
            made = [kind.model_validate(content) for kind, content in runs(start, 500)]
            await store.append(*(Write(f"run_{start + i:026d}", made[7 * i : 7 * i + 7]) for i in range(500)))
        follower = Follower(store, store, DEFAULT)
        await follower.start()
        await follower.close()
        head = await store.head()
    assert head is not None
    return head.position


@contextmanager
def process(command: Sequence[str], log: Path) -> Iterator[tuple[int, int]]:
    """A server that prints its address; yields its port and its process id."""
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, cwd=HERE, env=os.environ | {"JAX_PLATFORMS": "cpu"})
    try:
        until = time.monotonic() + 120
        while (found := ADDRESS.search(log.read_bytes())) is None:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text())
            time.sleep(0.05)
        yield int(found[1]), server.pid
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
        server.wait(60)


@contextmanager
def mezan(db: Path, *options: str) -> Iterator[tuple[int, int]]:
    """`mezan serve` on a free port."""
    command = [sys.executable, "-m", "mezan.api.cli", "serve", "--db", str(db), "--port", "0", *options]
    with process(command, db.with_suffix(".out")) as served:
        yield served


@contextmanager
def peer(kind: str, folder: Path) -> Iterator[tuple[int, int]]:
    """One of `http_peer.py`'s applications."""
    with process([sys.executable, "http_peer.py", kind, str(folder)], folder / f"{kind}.out") as served:
        yield served


def cpu_of(pid: int) -> float:
    """CPU seconds of a process so far, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(
    port: int,
    pid: int,
    requests: Sequence[Request],
    *,
    clients: int = 64,
    seconds: float = 5.0,
    rate: int | None = None,
) -> dict[str, Any]:
    """Send requests in turn over so many connections, from a process of its own: as fast as they are answered, or at a rate."""
    before = cpu_of(pid)
    command = [
        sys.executable,
        "http_load.py",
        "127.0.0.1",
        str(port),
        str(clients),
        str(seconds),
        *([str(rate)] if rate else []),
    ]
    done = subprocess.run(
        command, input=json.dumps(list(requests)), capture_output=True, text=True, check=True, cwd=HERE
    )
    figures = json.loads(done.stdout)
    answered = sum(figures["statuses"].values())
    wrong = {status: n for status, n in figures["statuses"].items() if not status.startswith(("2", "3"))}
    assert not wrong, wrong
    return {
        "per_s": figures["per_s"],
        "p50_ms": figures["p50_ms"],
        "p99_ms": figures["p99_ms"],
        "server_cpu_us": 1e6 * (cpu_of(pid) - before) / answered,
    }
