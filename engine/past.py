"""Values as of earlier positions, several at once: from what is kept nearest before, the log read once for all of them.

A reader who goes on from position to position, as a slider does, need not have a state decoded again for every step: what he
was lent and has given back is folded on.
"""

from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import anyio.to_thread
import structlog

from .folds import Dumped, Projection, ProjectionStore
from .live import PAGE
from .log import EventLog, Recorded
from .snapshots import LEAST

_log = structlog.get_logger(__name__)
EVENT_BYTES: Final = 4_000
"""Bytes of state that are dumped and loaded in less than the time that one event takes to be read and folded."""

BACK: Final = 128
"""Events that a reader can go back by without a state being folded far again."""


@dataclass(slots=True)
class _Value:
    """A value on its way: the state as of ``at``, folded over ``folded`` events since ``base``; ``size`` bytes were loaded there."""

    projection: Projection[Any]
    base: int
    size: int
    state: Any = None
    folded: int = 0
    at: int = 0

    def leads_to(self, position: int) -> bool:
        """Whether folding on costs less than loading, wherever something else may be kept."""
        return 0 <= position - self.at <= max(LEAST, self.size // EVENT_BYTES)


class Lent(dict[str, Any]):
    """Values by name that belong to a reader until he gives them back: he may read them, and change nothing."""

    def __init__(self, values: Sequence[_Value]) -> None:
        super().__init__({value.projection.name: value.state for value in values})
        self.values_lent = values


class Past:
    """Folds values up to a position and forgets them, but for what would take long to make again.

    States are kept as bytes, at most ``memory`` of them, the least recently used forgotten first: what a reader does with a
    value changes nothing here. Beside them rests one state of each projection at most: what was lent and given back last.
    """

    def __init__(
        self,
        log: EventLog,
        store: ProjectionStore,
        projections: Mapping[str, Projection[Any]],
        *,
        memory: int = 64 * 2**20,
    ) -> None:
        self._log, self._store, self._projections = log, store, projections
        self._memory, self._used, self._end = memory, 0, 0
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._resting: dict[str, _Value] = {}
        self._places: dict[str, list[int]] = {name: [] for name in projections}

    async def values(self, names: Sequence[str], position: int) -> tuple[dict[str, Any], list[Dumped]]:
        """The values as of a position by name; as bytes those that were folded far, as of there or a little before.

        Loading and folding happen on a thread.

        Raises:
            KeyError: one is no value projection.
        """
        position = await self._within(position)
        values = await self._loaded(dict.fromkeys(names), position)
        made = await self._brought(values, position)
        return {value.projection.name: value.state for value in values}, made

    async def lend(self, names: Sequence[str], position: int) -> tuple[Lent, list[Dumped]]:
        """As :meth:`values`, of states that are to be given back: from a little before here, they are folded on.

        Whoever does not give them back costs the next reader time and nothing else.
        """
        position = await self._within(position)
        resting = {name: self._resting[name] for name in names if name in self._resting}
        going = [self._resting.pop(name) for name, value in resting.items() if value.leads_to(position)]
        had = {value.projection.name for value in going}
        going += await self._loaded([name for name in dict.fromkeys(names) if name not in had], position)
        made = await self._brought(going, position)
        return Lent(going), made

    def give_back(self, lent: Lent) -> None:
        """Take what was lent: its reader, and whatever he made of it, must not look at it any more."""
        self._resting |= {value.projection.name: value for value in lent.values_lent}
        lent.values_lent = ()
        lent.clear()

    async def _within(self, position: int) -> int:
        """A position of the log: what is kept must not be of events that are still to come."""
        if position > self._end:
            self._end = head.position if (head := await self._log.head()) else 0
        return min(position, self._end)

    async def _loaded(self, names: Iterable[str], position: int) -> list[_Value]:
        """Values as they are kept nearest before a position."""
        projections = {name: self._projections[name] for name in names}
        if not projections:
            return []
        bases = await self._bases(list(projections), position)
        values = [
            _Value(projection, 0, 0)
            if (kept := bases.get(name)) is None
            else _Value(projection, kept.position, len(kept.state), at=kept.position)
            for name, projection in projections.items()
        ]
        await anyio.to_thread.run_sync(_load, values, bases)
        return values

    async def _brought(self, values: Sequence[_Value], position: int) -> list[Dumped]:
        """Fold values up to a position; returned and kept as bytes are those that were folded far.

        They are kept as of a little before it, for readers who go back.
        """
        made: list[Dumped] = []
        for upto in (position - BACK, position):
            await self._folded(values, upto)
            far = [value for value in values if value.folded > max(1, value.size // EVENT_BYTES)]
            if far:
                made += await anyio.to_thread.run_sync(_dump, far)
        for one in made:
            self._keep(one)
        return made

    async def _folded(self, values: Sequence[_Value], position: int) -> None:
        """Fold values up to a position, those that are not beyond it already, reading the log once."""
        behind = [value for value in values if value.at < position]
        starts = sorted({value.at for value in behind})
        for after, upto in pairwise([*starts, position]):
            going = [value for value in behind if value.at <= after]
            types = frozenset[str]().union(*(value.projection.handles for value in going))
            at = after
            while page := await self._log.read(after=at, upto=upto, types=types, limit=PAGE):
                at = page[-1].position
                await anyio.to_thread.run_sync(_fold, going, page)
                if len(page) < PAGE:
                    break
        for value in behind:
            value.at = position

    async def _bases(self, names: Sequence[str], position: int) -> dict[str, Dumped]:
        """What is kept nearest before, in memory or in the store."""
        found: dict[str, Dumped] = {}
        for name in dict.fromkeys(names):
            places = self._places[name]
            if i := bisect_right(places, position):
                self._kept.move_to_end((name, places[i - 1]))
                found[name] = Dumped(name, places[i - 1], self._kept[name, places[i - 1]])
        wanted = {
            name: (self._projections[name].version, found[name].position if name in found else 0)
            for name in names
            if name not in found or found[name].position < position
        }
        if wanted:
            for name, (at, state) in (await self._store.nearest_snapshots(wanted, position)).items():
                found[name] = Dumped(name, at, state)
                self._keep(found[name])
        return found

    def forget(self, name: str) -> None:
        """Drop what is kept of a projection, as before it is folded again."""
        self._resting.pop(name, None)
        for place in self._places[name]:
            self._used -= len(self._kept.pop((name, place)))
        self._places[name] = []

    def _keep(self, made: Dumped) -> None:
        key = (made.name, made.position)
        if key in self._kept or len(made.state) > self._memory:
            return
        self._kept[key] = made.state
        insort(self._places[made.name], made.position)
        self._used += len(made.state)
        while self._used > self._memory:
            (name, place), state = self._kept.popitem(last=False)
            self._places[name].remove(place)
            self._used -= len(state)


def _load(values: Sequence[_Value], bases: Mapping[str, Dumped]) -> None:
    for value in values:
        if (kept := bases.get(value.projection.name)) is not None:
            try:
                value.state = value.projection.load(kept.state)
            except Exception as error:  # noqa: BLE001 - what is kept is a cache: the log can replace it
                _log.warning("snapshot unreadable", projection=kept.name, position=kept.position, exc_info=error)
            else:
                continue
        value.state, value.base, value.size, value.at = value.projection.initial(), 0, 0, 0


def _fold(values: Sequence[_Value], events: Sequence[Recorded]) -> None:
    routes: dict[str, list[_Value]] = {}
    for value in values:
        for kind in value.projection.handles:
            routes.setdefault(kind, []).append(value)
    for event in events:
        for value in routes[event.type]:
            value.state = value.projection.apply(value.state, event)
            value.folded += 1


def _dump(values: Sequence[_Value]) -> list[Dumped]:
    """The states as bytes, from which what is folded on counts anew."""
    made = []
    for value in values:
        state = value.projection.dump(value.state)
        made.append(Dumped(value.projection.name, value.at, state, value.base))
        value.base, value.size, value.folded = value.at, len(state), 0
    return made
