"""How many runs are worked on at a time; the others wait, recorded, until one of those ends.

Choosing late has two uses: a choice is made with what was learnt while its run waited, and a server that is flooded with
requests goes on accepting them quickly.
"""

import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import anyio

AT_ONCE = 32
LULL = 0.02
"""Seconds without a request after which they do not pour in."""


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
        self._watched = False
        self._arrivals = count()
        self._waiting: list[tuple[int, int, anyio.Event]] = []
        self._gone: set[int] = set()

    def requested(self) -> None:
        """Another request was recorded."""
        self._requested = anyio.current_time()

    def _pouring(self) -> bool:
        return anyio.current_time() - self._requested < LULL

    def _limit(self) -> int:
        return self._few if self._pouring() else self._most

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
                await self._watch(let_in)
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

    async def _watch(self, let_in: anyio.Event) -> None:
        """The first of those who wait lets the others in when requests no longer pour in."""
        if self._watched or not self._pouring():
            return
        self._watched = True
        try:
            while self._pouring() and not let_in.is_set():
                with anyio.move_on_after(LULL):
                    await let_in.wait()
        finally:
            self._watched = False
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._inside < self._limit():
            _, number, let_in = heapq.heappop(self._waiting)
            if number in self._gone:
                self._gone.discard(number)
                continue
            self._inside += 1
            let_in.set()
