"""How many runs are worked on at a time, and how fast new ones begin; the others wait, recorded.

Choosing late has two uses: a choice is made with what was learnt while its run waited, and a server that is flooded with
requests goes on accepting them quickly. While requests pour in, runs begin at a pace that doubles as long as the event loop is
on time and halves when it is late (additive increase would take too long: a flood lasts for milliseconds).
"""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

AT_ONCE = 32
LULL = 0.02
"""Seconds without a request after which they do not pour in."""
BEAT = 0.005
"""Seconds between looks at the event loop."""
LATE = 0.004
"""Seconds by which the loop may come late to a beat and yet count as on time."""


class Waiting:
    """A run before the gate: it has no task of its own yet, so that many can wait."""

    __slots__ = ("alarm", "begin")

    def __init__(self, begin: Callable[[], object]) -> None:
        self.begin: Callable[[], object] | None = begin
        self.alarm: asyncio.TimerHandle | None = None

    @property
    def let_in(self) -> bool:
        """Whether it has begun."""
        return self.begin is None


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
        self._waiting: list[tuple[int, int, Waiting]] = []

    def requested(self) -> None:
        """Another request was recorded."""
        now = asyncio.get_running_loop().time()
        if now - self._requested >= LULL:
            self._pace = self._left = self._few
        self._requested, self._pouring = now, True

    def enter(self, priority: int, until: float, begin: Callable[[], object]) -> Waiting:
        """Call ``begin`` when a run may begin, now or later; it must :meth:`leave` in the end.

        Args:
            priority: higher ones first, then by arrival.
            until: when it is let in at the latest, on the event loop's clock: a run that is late must end.
            begin: must not wait.
        """
        waiting = Waiting(begin)
        heapq.heappush(self._waiting, (-priority, next(self._arrivals), waiting))
        self._let_in()
        if not waiting.let_in and until < float("inf"):
            waiting.alarm = asyncio.get_running_loop().call_at(until, self.hurry, waiting)
        return waiting

    def hurry(self, waiting: Waiting) -> None:
        """Let one in now, however many are inside."""
        begin, waiting.begin = waiting.begin, None
        if begin is None:
            return
        self._inside += 1
        if waiting.alarm is not None:
            waiting.alarm.cancel()
        begin()

    def leave(self) -> None:
        """One that was let in has ended."""
        self._inside -= 1
        self._let_in()

    def _let_in(self) -> None:
        limit = self._few if self._pouring else self._most
        while self._waiting and self._inside < limit and (self._left > 0 or not self._pouring):
            waiting = heapq.heappop(self._waiting)[2]
            if not waiting.let_in:
                self._left -= 1
                self.hurry(waiting)
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
