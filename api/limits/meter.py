"""What an algorithm is: pure functions from what is remembered of a key, and a time, to what it may have.

All times are integer microseconds and all arithmetic is exact. ``now`` never decreases: `steady.py` sees to it.
"""

from dataclasses import dataclass
from typing import Protocol

State = tuple[int, ...]
"""What is remembered of one key; its form is the algorithm's."""


class Meter(Protocol):
    """One limit, ready to count; it holds no key's state and may be shared by all."""

    @property
    def quota(self) -> int:
        """The most that one key can ever have at once."""

    @property
    def window(self) -> int:
        """The time in which the quota comes anew, in microseconds."""

    @property
    def size(self) -> int:
        """The most numbers that a state holds."""

    @property
    def fresh(self) -> State:
        """The state of a key that never had anything."""

    def take(self, state: State, now: int, cost: int) -> State | None:
        """The state after ``cost`` more, or None: they would exceed the limit, and nothing is counted."""

    def left(self, state: State, now: int) -> tuple[int, int]:
        """How many may be taken now, and in how many microseconds all of the quota may be, if nothing else is."""

    def wait(self, state: State, now: int, cost: int) -> int | None:
        """The microseconds until ``cost`` may be taken, if nothing else is; None: they never may, at once."""


class Refundable(Meter, Protocol):
    """One that can take back what it counted."""

    def give(self, state: State, cost: int, elapsed: int) -> State:
        """The state with ``cost`` taken back that was taken ``elapsed`` microseconds ago: never less than if it never had been."""


@dataclass(frozen=True, slots=True)
class Count:
    """How one key stands with one limit, right after it was asked.

    Attributes:
        policy: the policy's name.
        quota: the most that it may have at once, and anew in each ``window`` microseconds.
        remaining: how many it may have now.
        reset: microseconds until it may have the whole quota, if it takes nothing else.
        wait: 0 where what was asked is granted; else microseconds until it would be; None: never.
    """

    policy: str
    quota: int
    window: int
    remaining: int
    reset: int
    wait: int | None
