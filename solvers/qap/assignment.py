"""A solution of a QAP as an answer: who goes where, and what the cost is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..pack import Array
from .problem import QAP


@dataclass(frozen=True, slots=True)
class Placed:
    """One facility: where it goes and what it costs, ``share`` of the whole."""

    facility: str
    location: str
    cost: float
    share: float


@dataclass(frozen=True, slots=True)
class Pair:
    """What two facilities cost through each other: ``flow * distance == cost``.

    Where distances are symmetric, ``flow`` is that of both directions together; otherwise the pair is directed.
    """

    facility: str
    other: str
    flow: float
    distance: float
    cost: float
    share: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Assignment:
    """An answer in names.

    Attributes:
        problem: the QAP.
        permutation: int[n]; facility i goes to location permutation[i].
        facilities: n names.
        locations: n names.
        cost: the objective, ``sum_ij flow[i, j] * distance[p_i, p_j]``.
    """

    problem: QAP
    permutation: Array
    facilities: tuple[str, ...]
    locations: tuple[str, ...]
    cost: float

    @cached_property
    def location_of(self) -> Mapping[str, str]:
        """Facility to location, in names."""
        return {f: self.locations[k] for f, k in zip(self.facilities, self.permutation.tolist(), strict=True)}

    @cached_property
    def costs(self) -> Array:
        """``A[i, j] * B[p_i, p_j]`` for each two facilities, shape (n, n); sums to ``cost``."""
        made: Array = self.problem.A * self._distances
        return made

    @property
    def placed(self) -> tuple[Placed, ...]:
        """Each facility with its cost, the costliest first: half of every pair that it is in, so that costs add up to the whole."""
        half = (self.costs.sum(axis=0) + self.costs.sum(axis=1)) / 2
        return tuple(
            Placed(self.facilities[i], self.locations[self.permutation[i]], float(half[i]), self._share(half[i]))
            for i in np.argsort(-np.abs(half), kind="stable")
        )

    def pairs(self, top: int | None = None) -> tuple[Pair, ...]:
        """The pairs that cost most (in magnitude), at most ``top`` of them; pairs without cost are left out."""
        flows, distances = self.problem.A, self._distances
        if np.array_equal(distances, distances.T):
            flows = np.triu(flows, 1) + np.tril(flows, -1).T + np.diag(np.diag(flows))
        costs = flows * distances
        weight = np.abs(costs).ravel()
        order = np.argsort(-weight, kind="stable")[:top]
        found = ((*divmod(int(at), len(flows)),) for at in order if weight[at] > 0)
        return tuple(
            Pair(
                self.facilities[i],
                self.facilities[j],
                float(flows[i, j]),
                float(distances[i, j]),
                float(costs[i, j]),
                self._share(costs[i, j]),
            )
            for i, j in found
        )

    @cached_property
    def _distances(self) -> Array:
        """Between facilities as they are placed, shape (n, n)."""
        placed: Array = self.problem.B[np.ix_(self.permutation, self.permutation)]
        return placed

    def _share(self, part: float) -> float:
        """Of the sum of all magnitudes: with negative entries costs cancel, and shares of their sum would mean nothing."""
        return float(part) / self._weight if self._weight else 0.0

    @cached_property
    def _weight(self) -> float:
        return float(np.abs(self.costs).sum())
