"""What learned policies are fitted on: a family's outcomes in log order, each with the features of its instance."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

TIME = 1e-3
"""What time may add to a loss at most."""
CAPACITY = 8192
"""Rows that a table starts with at most; at twice as many a new table begins with the latest of them."""


def slowness(seconds: float) -> float:
    """``s / (1 + s)``, in [0, 1)."""
    return seconds / (1.0 + seconds)


def cost(loss: float, seconds: float) -> float:
    """See :attr:`Row.cost`."""
    return loss + TIME * slowness(seconds)


class Row(NamedTuple):
    """One rated outcome: the instance's features in the order of the table's names, who, how bad in [0, 1], and how long."""

    instance: str
    features: Sequence[float]
    solver: str
    version: str
    loss: float
    seconds: float

    @property
    def cost(self) -> float:
        """The loss, and up to a thousandth for its time: of two solvers that do equally well, the faster is better."""
        return cost(self.loss, self.seconds)

    @property
    def slowness(self) -> float:
        """``s / (1 + s)`` of its seconds, in [0, 1): the share of `TIME` that they cost."""
        return slowness(self.seconds)


@dataclass(slots=True)
class Table:
    """Rows in log order, only ever appended to: whoever holds a length holds a state. ``start`` rows came before its first.

    ``models`` is where policies keep what they have fitted to it, under their own keys: a cache and no part of its value.
    """

    names: tuple[str, ...] = ()
    start: int = 0
    rows: list[Row] = field(default_factory=list)
    models: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def grown(self, row: Row) -> "Table":
        """The table with one more row: itself, or at twice the capacity a new one that has forgotten the oldest."""
        if len(self.rows) < 2 * CAPACITY:
            self.rows.append(row)
            return self
        return Table(self.names, self.start + len(self.rows) - CAPACITY + 1, [*self.rows[1 - CAPACITY :], row])


@dataclass(frozen=True, slots=True)
class Examples:
    """The first ``count`` rows of a table: what was known at a log position.

    Models are functions of the table's rows up to some count, and of nothing else, so that a refolded table gives the same
    model. Policies choose on threads: a model in ``table.models`` is immutable, or guarded by a lock.
    """

    table: Table
    count: int

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, sorted."""
        return self.table.names

    @property
    def rows(self) -> Sequence[Row]:
        """The rows, oldest first (a copy)."""
        return self.table.rows[: self.count]


NO_EXAMPLES = Examples(Table(), 0)
