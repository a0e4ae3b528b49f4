"""Where counts are kept: in the memory of one process, or in a file that several share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from .algorithms import meter
from .limit import Limit
from .meter import Count, Meter, Refundable, State

SLOTS: Final = 256
"""When no more keys can be told apart, new ones share this many counts per rule: stricter, but nothing is forgiven."""
LOOK: Final = 8
"""How many kept keys are looked at for each new one, to forget those at rest."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit by the name of its policy. ``id`` tells apart what is counted: another limit under the same name begins anew."""

    name: str
    limit: Limit
    meter: Meter = field(init=False, compare=False)
    id: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "meter", meter(self.limit))
        object.__setattr__(self, "id", f"{self.name} {self.limit}")


Asked = tuple[Rule, str]
"""A rule, and whose count: the subject."""


class Shelf(Protocol):
    """Counts by rule and subject, bounded in number: who is not at rest is never forgotten."""

    def take(self, asked: Sequence[Asked], now: int, cost: int = 1) -> tuple[Count, ...]:
        """Count ``cost`` with every rule, or with none if one refuses; how each stands then.

        ``now`` is microseconds since the epoch; when it goes back, no time passes.

        Raises:
            StoreError: the shared file cannot be used; nothing was counted.
        """

    def give(self, asked: Sequence[Asked], elapsed: int, cost: int = 1) -> None:
        """Take back what was counted ``elapsed`` microseconds ago: for rules whose algorithm is a bucket only."""

    def close(self) -> None:
        """Let go of what is held."""


def count(rule: Rule, state: State, now: int, wait: int | None) -> Count:
    """How a subject stands."""
    remaining, reset = rule.meter.left(state, now)
    return Count(rule.name, rule.meter.quota, rule.meter.window, remaining, reset, wait)


def given(rule: Rule, state: State, cost: int, elapsed: int) -> State:
    """The state with ``cost`` taken back."""
    meter: Refundable = rule.meter  # type: ignore[assignment]  # only buckets are asked
    return meter.give(state, cost, elapsed)
