"""Shrinks an instance to the items whose choice is open.

Ingargiola & Korsh (1973), Reduction algorithm for zero-one single knapsack problems, Management Science 20(4), with
the bound of Dembo & Hammer (1980): forcing item j against the relaxation costs its reduced value, so it is settled
when L − |reduced_j| cannot beat the incumbent by one. What remains is divided by the common factor of its weights.
"""

from dataclasses import dataclass
from weakref import finalize

import numpy as np

from ..pack import Array
from ..problem import Bound
from .bounds import dantzig, fitting, martello_toth
from .greedy import greedy
from .problem import Knapsack


@dataclass(frozen=True, slots=True)
class Reduced:
    """What is left to decide.

    Attributes:
        incumbent: bool[n], the greedy solution; better ones, if any, agree with ``fixed`` outside ``items``.
        value: the incumbent's value.
        upper: no solution is worth more.
        fixed: bool[n], the items that every better solution takes.
        items: indices of the open items, most efficient first.
        weights: weights of the open items over their common factor.
        capacity: room left beside ``fixed``, over the same factor, at most the sum of ``weights``.
    """

    incumbent: Array
    value: int
    upper: int
    fixed: Array
    items: Array
    weights: Array
    capacity: int


_reduced: dict[int, Reduced] = {}


def reduce(problem: Knapsack) -> Reduced:
    """Settle what the Dantzig relaxation and the greedy incumbent prove; O(n log n), once for each instance."""
    if (known := _reduced.get(id(problem))) is None:
        known = _reduced[id(problem)] = _reduce(problem)
        finalize(problem, _reduced.pop, id(problem), None)
    return known


def bound(problem: Knapsack) -> Bound:
    """The Martello-Toth upper bound, a whole number."""
    return Bound(float(reduce(problem).upper), "martello-toth")


def _reduce(problem: Knapsack) -> Reduced:
    fits = fitting(problem)
    values, weights = problem.values[fits], problem.weights[fits]
    incumbent = np.zeros(problem.size, bool)
    incumbent[fits] = greedy(values, weights, problem.capacity)
    value = int(problem.values[incumbent].sum())
    fixed = np.zeros(problem.size, bool)
    relaxation = dantzig(values, weights, problem.capacity)
    # floor((total - |reduced|) / w) <= value
    settled = np.abs(relaxation.reduced) > relaxation.total - (value + 1) * relaxation.w
    settled = settled.astype(bool)
    fixed[fits[settled & (relaxation.reduced > 0)]] = True
    fixed[fits[~settled & (weights == 0)]] = True
    room = problem.capacity - int(problem.weights[fixed].sum())
    upper = martello_toth(values, weights, problem.capacity)
    is_open = ~settled & (weights > 0) & (values > 0) & (weights <= room)
    items = fits[is_open]
    items = items[np.argsort(-(problem.values[items] / problem.weights[items]), kind="stable")]
    open_weights = problem.weights[items]
    factor = int(np.gcd.reduce(open_weights)) if len(items) else 1
    open_weights = open_weights // factor
    return Reduced(incumbent, value, upper, fixed, items, open_weights, min(room // factor, int(open_weights.sum())))
