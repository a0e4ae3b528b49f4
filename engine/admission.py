"""How many runs are worked on at a time, and how fast new ones begin; the others wait, recorded.

Choosing late has two uses: a choice is made with what was learnt while its run waited, and a server that is flooded with
requests goes on accepting them quickly. While requests pour in, runs get what the requests leave of the event loop, up to a share of
its time: the pace at which they begin grows slowly below that share and falls quickly above it or when the loop is late. The share
is larger where runs nearly keep up with the requests, so that they do; where they cannot, accepting comes first.
"""

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count

AT_ONCE = 32
LULL = 0.02
"""Seconds without a request after which they do not pour in."""
BEAT = 0.005
"""Seconds between looks at the event loop."""
LATE = 0.004
"""Seconds by which the loop may come late to a beat and yet count as on time."""
BUSY = 0.7
"""Share of the event loop's time, requests and runs together, from which on runs begin more slowly, if hardly any do."""
KEEPING_UP = 0.17
"""Added to that share, if as many begin as requests come."""
SMOOTH = 0.2
"""Weight of the last beat in the share of the loop's time that is used."""
SMOOTHER = 0.02
"""Weight of the last beat in how many come and begin."""
GROWTH = 0.05
"""Runs a beat that the pace grows by at each beat."""
TRICKLE = 0.1
"""Runs a beat that begin however busy the loop is."""


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
        self._pace = self._left = float(self._few)
        self._beating = False
        self._beaten = self._used = self._busy = 0.0
        self._came = self._begun = 0.0
        self._arrivals = count()
        self._waiting: list[tuple[int, int, Waiting]] = []

    def requested(self) -> None:
        """Another request has come."""
        now = asyncio.get_running_loop().time()
        if now - self._requested >= LULL:
            self._pace = self._left = float(self._few)
        self._requested, self._pouring = now, True
        self._came += SMOOTHER

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
        while self._waiting and self._inside < limit and (self._left >= 1 or not self._pouring):
            waiting = heapq.heappop(self._waiting)[2]
            if not waiting.let_in:
                self._left -= 1
                self._begun += SMOOTHER
                self.hurry(waiting)
        if self._waiting and self._pouring and not self._beating:
            loop = asyncio.get_running_loop()
            self._beating, self._beaten, self._used = True, loop.time(), time.thread_time()
            loop.call_at(self._beaten + BEAT, self._beat)

    def _beat(self) -> None:
        """Let some more in, as many as the loop can bear.

        A loop that is behind may have requests that it has not read yet, so only one that is on time can tell a lull.
        """
        self._beating = False
        now, used = asyncio.get_running_loop().time(), time.thread_time()
        passed = now - self._beaten
        self._busy += SMOOTH * ((used - self._used) / passed - self._busy)
        late = passed > BEAT + LATE
        self._pouring = late or now - self._requested < LULL
        share = BUSY + KEEPING_UP * min(1.0, self._begun / max(self._came, SMOOTHER))
        self._came *= 1 - SMOOTHER
        self._begun *= 1 - SMOOTHER
        if late or self._busy > share:
            self._pace = max(TRICKLE, self._pace / 2)
        else:
            self._pace = min(self._most, self._pace + GROWTH)
        self._left = min(self._left, 1.0) + self._pace
        self._let_in()
