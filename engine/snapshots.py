"""When states are kept for time travel, and how: often where they are small, as deltas, in a bounded share of the log's bytes.

A fixed share of bytes buys the most when a state of size ``S`` is kept at distances in proportion to ``sqrt(S)``: the expected
fold from the snapshot before is ``sum d_i / 2`` under ``sum S_i / d_i <= B``.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import anyio.to_thread
from anyio.lowlevel import checkpoint

from . import deltas
from .folds import Dumped, ProjectionStore, Save, Snapshot, Snapshots
from .live import LiveState, Track
from .log import Recorded

SHARE: Final = 0.1
"""Of the log's bytes, for all snapshots together; a little more while one that stands alone is not paid for."""
LEAST: Final = 500
"""Events between two snapshots of a projection, at least."""
LOOKS: Final = 10
"""How often it is looked for what is due, in the least number of events between two snapshots."""
SECONDS: Final = 5e-7
"""CPU time for each projection's snapshots per event of the log, at most."""
SMALL: Final = 0.0005
"""Seconds that a snapshot may take if its state is dumped in the middle of folding."""
HOLD: Final = 0.015
"""Seconds that a snapshot may take if its state is dumped on the event loop, a third of it; slower ones are what is dumped to be saved."""
HEADER: Final = 200
"""Bytes that an event takes in the log beside its payload: names, digest, hash, the index of its stream."""
RATE: Final = 2e-8
"""Seconds a byte: what a snapshot of a state is taken to need before the first one."""
PENDING: Final = 4 * 2**20
"""Bytes of snapshots that wait to be written, in a rebuild."""


@dataclass(slots=True)
class _Course:
    """One projection's snapshots since ``began``, the last one at ``last``.

    ``state`` is what the next may build on, ``chained`` how many build on the same already. One that stands alone is paid for over
    all that may build on it: ``booked`` bytes are, ``owed`` are not yet. ``rate`` is seconds per byte of a state: the least that was
    seen, for other processes make it look slower than it is.
    """

    version: int
    began: int = 0
    last: int = 0
    state: tuple[int, bytes] | None = None
    chained: int = 0
    full: int = 0
    delta: int = 0
    booked: float = 0.0
    owed: float = 0.0
    size: int = 0
    rate: float = RATE

    @property
    def seconds(self) -> float:
        """What a snapshot takes."""
        return self.size * self.rate

    @property
    def next(self) -> float:
        """Bytes that the next snapshot will have to pay for."""
        return self.full / (1 + deltas.LONGEST) + self.delta

    def alone(self, size: int) -> None:
        """One that stands alone was made."""
        self.full, self.chained = size, 0
        self.booked += self.owed
        self.owed = float(size)
        self.book(0)

    def book(self, delta: int) -> None:
        """Pay for one more."""
        part = min(self.owed, self.full / (1 + deltas.LONGEST))
        self.owed -= part
        self.booked += part + delta


class Keeper:
    """Takes the snapshots of the values of one track: ``note`` or ``grow`` while folding, ``offer`` what is saved, then ``write``."""

    def __init__(self, store: ProjectionStore, *, share: float = SHARE, least: int = LEAST) -> None:
        self._store, self._share, self._least = store, share, least
        self._courses: dict[str, _Course] = {}
        self._taken: list[tuple[str, int, bytes, float]] = []
        self._encoded: list[Snapshot] = []
        self._paused: frozenset[str] = frozenset()
        self._events, self._payloads = 1, HEADER
        self._noted = 0

    def weigh(self, events: Sequence[Recorded]) -> None:
        """Learn how much the log grows with an event."""
        self._events += len(events)
        self._payloads += sum([len(event.payload) for event in events])

    @property
    def _event_bytes(self) -> float:
        """What an event takes in the log."""
        return HEADER + self._payloads / self._events

    def begin(self, live: LiveState, kept: Snapshots | None, size: int = 0) -> None:
        """Go on with a projection whose saved state takes ``size`` bytes, after what is kept of it already."""
        course = _Course(live.fold.version, size=size)
        if kept is not None and kept.version == course.version:
            course.began = course.last = kept.position
            course.full = size // 3
        self._courses[live.name] = course

    def pause(self, names: Iterable[str]) -> None:
        """Take no snapshots of these projections: they are being rebuilt."""
        self._paused = frozenset(names)
        self._taken = [one for one in self._taken if one[0] not in self._paused]

    def resume(self) -> None:
        """Go on after a rebuild, or one that failed: what could be built on is deleted."""
        for name in self._paused & self._courses.keys():
            self._courses[name].state = None
        self._paused = frozenset()

    def adopt(self, other: "Keeper") -> None:
        """Go on with the projections of a rebuild, from the snapshots that it took."""
        self._courses |= other._courses  # noqa: SLF001 - its own kind
        self._taken += other._taken  # noqa: SLF001
        self._encoded += other._encoded  # noqa: SLF001
        self._paused = frozenset()

    def note(self, track: Track) -> None:
        """Dump the values that are due and small; a look at every commit would cost more than they are."""
        if 0 <= track.position - self._noted < self._least // LOOKS:
            return
        self._noted = track.position
        for live in track.states:
            if self._due(live, track.position) and self._courses[live.name].seconds <= SMALL:
                self._take(_dump(live, track.position))

    async def collect(self, track: Track) -> None:
        """Dump the values that are due, one at a time, but for those that would hold the event loop for too long."""
        for live in track.states:
            if self._due(live, track.position) and self._courses[live.name].seconds <= HOLD:
                self._take(_dump(live, track.position))
                await checkpoint()

    async def grow(self, track: Track) -> None:
        """Dump every value that is due on a thread: nothing else may fold into the track meanwhile."""
        for live in track.states:
            if self._due(live, track.position):
                self._take(await anyio.to_thread.run_sync(_dump, live, track.position))

    def offer(self, saves: Iterable[Save]) -> None:
        """Take of what was dumped to be saved what is due, or will soon be."""
        for save in saves:
            course = self._courses.get(save.name)
            if course is None or save.state is None or save.name in self._paused:
                continue
            if save.position - course.last >= max(self._least, self._wait(course, save.position) / 2):
                self._take((save.name, save.position, save.state, len(save.state) * course.rate / 2))

    def _take(self, dumped: tuple[str, int, bytes, float]) -> None:
        self._taken.append(dumped)
        self._courses[dumped[0]].last = dumped[1]

    def wants(self, made: Dumped) -> bool:
        """Whether a state that a reader folded from ``base`` is worth being kept for good."""
        if made.name not in self._courses or made.name in self._paused:
            return False
        share = self._share * self._event_bytes / len(self._courses)
        return made.position - made.base >= self._least and len(made.state) / 3 <= share * (made.position - made.base)

    async def keep(self, made: Dumped, version: int) -> None:
        """Keep one state that stands alone."""
        stored = await anyio.to_thread.run_sync(deltas.full, made.state)
        await self._store.keep([Snapshot(made.name, version, made.position, stored)])

    async def write(self, *, pending: int = 0) -> None:
        """Store what was taken, when it is more than ``pending`` bytes."""
        taken, self._taken = self._taken, []
        if taken:
            self._encoded += await anyio.to_thread.run_sync(self._encode, taken)
        if self._encoded and sum(len(one.stored) for one in self._encoded) >= pending:
            encoded, self._encoded = self._encoded, []
            try:
                await self._store.keep(encoded)
            except BaseException:
                for one in encoded:  # nothing may build on what is not there
                    self._courses[one.name].state = None
                raise

    def _encode(self, taken: list[tuple[str, int, bytes, float]]) -> list[Snapshot]:
        snapshots = []
        for name, position, state, seconds in taken:
            course = self._courses[name]
            start = time.thread_time()
            stored = None
            if course.state is not None and course.chained < deltas.LONGEST:
                stored = deltas.delta(state, course.state[1], course.state[0])
            if stored is None or len(stored) > course.full // 2:
                stored = deltas.full(state)
                course.alone(len(stored))
            else:
                course.delta, course.chained = len(stored), course.chained + 1
                course.book(course.delta)
            course.state = (position, state)
            course.size = len(state)
            course.rate = min(course.rate, (seconds + time.thread_time() - start) / max(1, len(state)))
            snapshots.append(Snapshot(name, course.version, position, stored))
        return snapshots

    def _due(self, live: LiveState, position: int) -> bool:
        course = self._courses.get(live.name)
        if course is None or not live.saves or live.name in self._paused:
            return False
        if live.loaded > position:  # others are catching up; this one has long been further
            return False
        since = position - course.last
        return since >= self._least and since >= self._wait(course, position)

    def _wait(self, course: _Course, position: int) -> float:
        """Events from the last snapshot to the next; a young state grows with the log."""
        roots = sum(sqrt(one.full) for one in self._courses.values())
        rate = self._event_bytes * self._share * sqrt(course.full) / (roots or 1.0)
        grown = min(2.0, position / max(1, course.last))
        paid = (course.booked + grown * course.next) / rate - (course.last - course.began) if rate else 0.0
        return max(course.seconds / SECONDS, paid)


def _dump(live: LiveState, position: int) -> tuple[str, int, bytes, float]:
    start = time.thread_time()
    state = live.fold.dump(live.state)
    return live.name, position, state, time.thread_time() - start
