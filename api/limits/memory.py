"""Counts in the memory of one process: a few microseconds each, gone with the process."""

from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Final

from .meter import Count, State
from .shelf import LOOK, SLOTS, Asked, Rule, count, given
from .steady import steady

CELLS: Final = 1_000_000
"""How many numbers are kept at most. A bucket of one key takes 5, a sliding log of 1000 takes 1004: 200,000 keys are about 80 MB."""
ENTRY: Final = 4
Key = tuple[str, str | int]


class Memory:
    """See :class:`Shelf`. Every new key makes the shelf look at a few old ones and forget those at rest.

    When it is full of keys that are not, new subjects share counts by a hash; a subject goes on with a shared count until
    that is at rest, also when there is room again.
    """

    def __init__(self, *, cells: int = CELLS) -> None:
        self._room = cells
        self._kept: dict[Key, tuple[State, int]] = {}
        self._hand: deque[tuple[Key, int]] = deque()
        self._shared: dict[Key, tuple[State, int]] = {}
        self._latest = self._offset = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept) + len(self._shared)

    def take(self, asked: Sequence[Asked], now: int, cost: int = 1) -> tuple[Count, ...]:
        with self._lock:
            now, self._offset = steady(now, self._offset, self._latest)
            self._latest = now
            found = [self._find(rule, subject, now) for rule, subject in asked]
            after: list[State] = []
            for (rule, _), (_, _, state) in zip(asked, found, strict=True):
                if (taken := rule.meter.take(state, now, cost)) is None:
                    return tuple(
                        count(one, before, now, one.meter.wait(before, now, cost))
                        for (one, _), (_, _, before) in zip(asked, found, strict=True)
                    )
                after.append(taken)
            counts = []
            for (rule, _), (place, key, _), state in zip(asked, found, after, strict=True):
                counts.append(one := count(rule, state, now, 0))
                if place is self._kept and key not in place:
                    need = ENTRY + rule.meter.size
                    self._room -= need
                    self._hand.append((key, need))
                place[key] = (state, now + one.reset)
            return tuple(counts)

    def give(self, asked: Sequence[Asked], elapsed: int, cost: int = 1) -> None:
        with self._lock:
            for rule, subject in asked:
                place, key, state = self._find(rule, subject, self._latest)
                if key in place:
                    state = given(rule, state, cost, elapsed)
                    place[key] = (state, self._latest + rule.meter.left(state, self._latest)[1])

    def close(self) -> None:
        """Nothing is held."""

    def _find(self, rule: Rule, subject: str, now: int) -> tuple[dict[Key, tuple[State, int]], Key, State]:
        key: Key = (rule.id, subject)
        if (entry := self._kept.get(key)) is not None:
            return self._kept, key, entry[0]
        slot: Key = (rule.id, hash(subject) % SLOTS)
        if self._shared and (entry := self._shared.get(slot)) is not None:
            if entry[1] > now:
                return self._shared, slot, entry[0]
            del self._shared[slot]
        self._sweep(now)
        if self._room >= ENTRY + rule.meter.size:
            return self._kept, key, rule.meter.fresh
        return self._shared, slot, rule.meter.fresh

    def _sweep(self, now: int) -> None:
        for _ in range(min(LOOK, len(self._hand))):
            key, need = self._hand.popleft()
            if self._kept[key][1] > now:
                self._hand.append((key, need))
            else:
                del self._kept[key]
                self._room += need
