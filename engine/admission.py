"""How many runs are worked on at a time, and how fast new ones begin; the others wait, recorded.

Choosing late has two uses: a choice is made with what was learnt while its run waited, and a server that is flooded with
requests goes on accepting them quickly. While requests pour in, runs begin at a pace that doubles as long as the event loop is
on time and halves when it is late (additive increase would take too long: a flood lasts for milliseconds).
"""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import anyio

AT_ONCE = 32
LULL = 0.02
"""Seconds without a request after which they do not pour in."""
BEAT = 0.005
"""Seconds between looks at the event loop."""
LATE = 0.004
"""Seconds by which the loop may come late to a beat and yet count as on time."""


class Admission:
    """A gate for runs, by priority, then by arrival.

    Args:
        most: runs inside at a time.
        few: likewise, as long as requests pour in (default: no fewer): enough to keep every slot busy, few enough to leave the event loop to who asks.
    """

    def __init__(self, most: int = AT_ONCE, few: int | None = None) -> None:
        self._few = most if few is None else few
        self._most, self._inside = max(most, self._few), 0
        self._requested = float("-inf")
        self._pouring = False
        self._pace = self._left = self._few
        self._beating = False
        self._arrivals = count()
        self._waiting: list[tuple[int, int, anyio.Event]] = []
        self._gone: set[int] = set()

    def requested(self) -> None:
        """Another request was recorded."""
        now = anyio.current_time()
        if now - self._requested >= LULL:
            self._pace = self._left = self._few
        self._requested, self._pouring = now, True

    @asynccontextmanager
    async def inside(self, priority: int, until: float) -> AsyncIterator[None]:
        """Wait to be let in, at the latest until a time on the ``anyio.current_time()`` clock: a run that is late must end."""
        await self._enter(priority, until)
        try:
            yield
        finally:
            self._inside -= 1
            self._let_in()

    async def _enter(self, priority: int, until: float) -> None:
        let_in, number = anyio.Event(), next(self._arrivals)
        heapq.heappush(self._waiting, (-priority, number, let_in))
        self._let_in()
        if let_in.is_set():
            return
        try:
            with anyio.move_on_at(until):
                await let_in.wait()
        except BaseException:
            if let_in.is_set():
                self._inside -= 1
                self._let_in()
            else:
                self._gone.add(number)
            raise
        if not let_in.is_set():
            self._gone.add(number)
            self._inside += 1

    def _let_in(self) -> None:
        limit = self._few if self._pouring else self._most
        while self._waiting and self._inside < limit and (self._left > 0 or not self._pouring):
            _, number, let_in = heapq.heappop(self._waiting)
            if number in self._gone:
                self._gone.discard(number)
                continue
            self._inside += 1
            self._left -= 1
            let_in.set()
        if self._waiting and self._pouring and not self._beating:
            self._beat_at(asyncio.get_running_loop().time() + BEAT)

    def _beat_at(self, due: float) -> None:
        self._beating = True
        asyncio.get_running_loop().call_at(due, self._beat, due)

    def _beat(self, due: float) -> None:
        """Let some more in: twice as many as at the last beat, or half of them when the loop is behind; always one.

        A loop that is behind may have requests that it has not read yet, so only one that is on time can tell a lull.
        """
        self._beating = False
        now = asyncio.get_running_loop().time()
        late = now - due > LATE
        self._pouring = late or now - self._requested < LULL
        self._pace = max(1, self._pace // 2) if late else min(self._most, self._pace * 2)
        self._left = self._pace
        self._let_in()
