"""Upper bounds, in exact integers.

Dantzig (1957), Discrete-variable extremum problems, Operations Research 5(2); Martello & Toth (1977), An upper bound
for the zero-one knapsack problem, European Journal of Operational Research 1(3). Both are taken in their Lagrangian
form, L(λ) = λ c + Σ max(0, p_j − λ w_j), which bounds the optimum for every λ ≥ 0: a proof then rests on no sorting
in floating point, only on exact sums.
"""

from dataclasses import dataclass

import numpy as np

from ..pack import Array
from .problem import Knapsack


def by_efficiency(values: Array, weights: Array) -> Array:
    """Item indices by value per weight, best first; weightless items lead, worthless ones end, ties keep their order."""
    efficiency = np.divide(values, weights, out=np.full(len(values), np.inf), where=weights > 0)
    return np.argsort(-np.where(values > 0, efficiency, -1.0), kind="stable")


@dataclass(frozen=True, slots=True)
class Relaxation:
    """L(λ) at λ = ``p`` / ``w``: ``total`` / ``w``, and the reduced value of each item times ``w``.

    ``reduced`` is int64, or Python integers where those would overflow.
    """

    p: int
    w: int
    total: int
    reduced: Array

    @property
    def floor(self) -> int:
        """The largest whole objective that the relaxation allows."""
        return self.total // self.w


def relax(values: Array, weights: Array, capacity: int, p: int, w: int) -> Relaxation:
    """The Lagrangian relaxation at λ = p / w (w > 0), exact."""
    largest = int(values.sum()) * w + p * (capacity + int(weights.sum()))
    exact = np.int64 if largest < 2**62 else object
    reduced = values.astype(exact) * w - weights.astype(exact) * p
    return Relaxation(p, w, p * capacity + int(np.maximum(reduced, 0).sum()), reduced)


def break_item(weights: Array, order: Array, capacity: int) -> int | None:
    """Position in ``order`` of the first item that does not fit after those before it; None when all fit."""
    at = int(np.searchsorted(np.cumsum(weights[order]), capacity, side="right"))
    return at if at < len(order) else None


def fitting(problem: Knapsack) -> Array:
    """Indices of the items that fit alone; no solution holds another."""
    return np.flatnonzero(problem.weights <= problem.capacity)


def dantzig(values: Array, weights: Array, capacity: int) -> Relaxation:
    """The relaxation at the efficiency of the break item, the λ that makes L smallest."""
    order = by_efficiency(values, weights)
    at = break_item(weights, order, capacity)
    p, w = (0, 1) if at is None else (int(values[order[at]]), int(weights[order[at]]))
    return relax(values, weights, capacity, p, w)


def martello_toth(values: Array, weights: Array, capacity: int) -> int:
    """max(U0, U1): the best without the break item and the best with it; never above Dantzig's bound.

    Every item must fit alone.
    """
    order = by_efficiency(values, weights)
    at = break_item(weights, order, capacity)
    if at is None:
        return int(values.sum())
    b = order[at]
    v, w = int(values[b]), int(weights[b])
    rest = np.delete(order, at)
    after = rest[at] if at < len(rest) else None
    u0 = _relax_rest(values, weights, capacity, rest, (0, 1) if after is None else (values[after], weights[after]))
    before = rest[at - 1]
    u1 = v + _relax_rest(
        values, weights, capacity - w, rest, (v, w) if weights[before] == 0 else (values[before], weights[before])
    )
    return min(max(u0, u1), relax(values, weights, capacity, v, w).floor)


def _relax_rest(values: Array, weights: Array, capacity: int, items: Array, rate: tuple[int, int]) -> int:
    p, w = int(rate[0]), int(rate[1])
    return relax(values[items], weights[items], capacity, p, max(w, 1)).floor
