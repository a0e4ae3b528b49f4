"""How alike instances are: near in all their features, and in the same leaves of trees that foretell what solvers lose.

A distance counts every feature alike, though few may matter. Trees split where losses change, so that the share of trees in
whose leaves two instances meet is a kernel that has learned which features do (Davies and Ghahramani, "The random forest kernel",
2014; Lin and Jeon, JASA 101, 2006). Each solver with enough outcomes has trees of its own (see `forests`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ..examples import Row
from .encoding import Encoding, instances
from .forests import Forest, fit, stack
from .gaussian import Floats, distances

PAIRED = 128
"""Instances whose distances are looked at for their median."""
ENOUGH = 40
"""Rows from which on there are trees."""
LEAST = 6
"""Outcomes that a solver has trees for."""
TREES, MOST_TREES = 16, 128
"""Of a solver, and of all, as far as every solver has one."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """``unit`` is the median distance of the instances; ``forest`` holds the trees of all solvers, None before there are any."""

    encoding: Encoding
    unit: float
    forest: Forest | None = None

    @classmethod
    def fitted(cls, rows: Sequence[Row]) -> Self:
        """To the instances and the losses of these rows."""
        seen = instances(rows)
        encoding = Encoding.fitted(seen)
        sample = encoding.points(seen[-PAIRED:])
        pairs = np.sort(np.concatenate([distances(sample[:i], x) for i, x in enumerate(sample)]))
        pairs = pairs[pairs > 0]
        return cls(encoding, float(pairs[len(pairs) // 2]) if len(pairs) else 1.0, _grown(encoding, rows))

    @property
    def trees(self) -> int:
        """The last columns of :meth:`points`."""
        return 0 if self.forest is None else self.forest.trees

    @property
    def width(self) -> int:
        """The columns of :meth:`points`."""
        return len(self.encoding.kept) + self.trees

    def points(self, X: Sequence[Sequence[float]]) -> Floats:
        """Of instances ``X`` [n, p] their points in units of the median distance, then the leaves that they are in: [n, d + trees]."""
        points = self.encoding.points(np.array(X, dtype=np.float64))
        if self.forest is None:
            return points / self.unit
        return np.concatenate([points / self.unit, self.forest.leaves(points)], axis=1)


def _grown(encoding: Encoding, rows: Sequence[Row]) -> Forest | None:
    if len(rows) < ENOUGH or not len(encoding.kept):
        return None
    by_solver: dict[str, list[Row]] = {}
    for row in rows:
        by_solver.setdefault(row.solver, []).append(row)
    taught = {
        number: own
        for number, own in enumerate(by_solver.values())
        if len(own) >= LEAST and len({row.loss for row in own}) > 1
    }
    if not taught:
        return None
    trees = max(1, min(TREES, MOST_TREES // len(taught)))
    forests = [
        fit(
            encoding.points(np.array([row.features for row in own], dtype=np.float64)),
            [row.loss for row in own],
            trees=trees,
            max_features=0.33,
            min_leaf=2,
            seed=number,
            bootstrap=True,
        )
        for number, own in taught.items()
    ]
    return stack(forests)
