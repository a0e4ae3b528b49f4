"""Which workers are alive. Each engine holds one lease; whoever finds its holder dead raises the token and takes over.

Every append of a run carries the lease's token and is checked in the append's own transaction, so a worker that was
only asleep cannot write once it has been replaced.
"""

import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, Protocol, TypeVar

from .clock import micros
from .log import Fence

T = TypeVar("T")
LEASE_SECONDS: Final = 30.0


class Transactional(Protocol):
    """A store that can run a function in a write transaction."""

    async def transact(self, run: "Callable[[sqlite3.Connection], T]") -> T:
        """Run and commit."""


def process_started(pid: int) -> str | None:
    """A mark that differs for another process under the same id; None when no such process runs."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{stat.rsplit(')', 1)[1].split()[19]}"
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
    try:  # not Linux: the id alone has to do
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "running"


class Lease:
    """This worker's lease in a store."""

    def __init__(self, store: Transactional, worker: str) -> None:
        self._store, self.worker, self.token = store, worker, 1

    @property
    def fence(self) -> Fence:
        """What every append of this worker's runs carries."""
        return Fence(self.worker, self.token)

    async def acquire(self) -> None:
        """Enter the worker."""
        row = (
            self.worker,
            self.token,
            socket.gethostname(),
            os.getpid(),
            process_started(os.getpid()) or "",
            _expiry(),
        )
        await self._store.transact(lambda c: c.execute("INSERT INTO leases VALUES (?,?,?,?,?,?)", row))

    async def renew(self) -> bool:
        """Say that it is alive; False when another worker has taken over."""
        changed = await self._store.transact(
            lambda c: (
                c.execute(
                    "UPDATE leases SET expires_at = ? WHERE name = ? AND token = ?",
                    (_expiry(), self.worker, self.token),
                ).rowcount
            )
        )
        return changed == 1

    async def release(self) -> None:
        """Leave; runs it has left unfinished may be taken over at once."""
        await self._store.transact(
            lambda c: c.execute("DELETE FROM leases WHERE name = ? AND token = ?", (self.worker, self.token))
        )


Standing = Literal["alive", "left", "dead"]


async def fence_if_dead(store: Transactional, worker: str) -> Standing:
    """What has become of a worker; the token of one that is dead is raised, so that it cannot write again.

    Left: it has released its lease. Dead: its process is gone from this host, or it has not renewed its lease in time.
    """

    def run(c: sqlite3.Connection) -> Standing:
        row = c.execute("SELECT host, pid, started, expires_at FROM leases WHERE name = ?", (worker,)).fetchone()
        if row is None:
            return "left"
        host, pid, started, expires_at = row
        expired = expires_at < micros()
        gone = host == socket.gethostname() and process_started(pid) != started
        if not (expired or gone):
            return "alive"
        c.execute("UPDATE leases SET token = token + 1, expires_at = 0, started = '' WHERE name = ?", (worker,))
        return "dead"

    return await store.transact(run)


def _expiry() -> int:
    return micros() + int(LEASE_SECONDS * 1e6)
