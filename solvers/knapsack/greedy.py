"""Greedy by efficiency, the best single item, then exchanges.

Dantzig (1957), Discrete-variable extremum problems, Operations Research 5(2). The better of the greedy fill and the
most valuable single item is at least half of the optimum (Martello & Toth 1990, Knapsack Problems, section 2.4);
one-for-one exchanges can only improve on it.
"""

import numpy as np

from ..budget import Budget
from ..pack import Array
from ..solver import Answer
from .bounds import by_efficiency
from .problem import Knapsack

EXCHANGES = 64


def fill(values: Array, weights: Array, capacity: int) -> Array:
    """bool[n]: items in order of efficiency, each taken if it still fits; or the best single item if that is worth more."""
    taken = np.zeros(len(values), bool)
    room, order = capacity, by_efficiency(values, weights)
    while True:
        order = order[weights[order] <= room]
        if not len(order):
            break
        used = np.cumsum(weights[order])
        count = int(np.searchsorted(used, room, side="right"))
        taken[order[:count]] = True
        room -= int(used[count - 1])
        order = order[count:]
    fits = weights <= capacity
    if fits.any():
        single = int(np.argmax(np.where(fits, values, -1)))
        if values[single] > values[taken].sum():
            taken[:] = False
            taken[single] = True
    return taken


def exchange(values: Array, weights: Array, capacity: int, taken: Array) -> bool:
    """Make the best exchange of one taken item (or none) for one that is not; False when none improves."""
    room = capacity - int(weights[taken].sum())
    out = np.flatnonzero(~taken)
    if not len(out):
        return False
    out = out[np.argsort(weights[out], kind="stable")]
    best = np.maximum.accumulate(values[out])
    leaving = np.flatnonzero(taken)
    free = np.append(weights[leaving], 0) + room
    worth = np.append(values[leaving], 0)
    at = np.searchsorted(weights[out], free, side="right") - 1
    gain = np.where(at >= 0, best[at] - worth, 0)
    i = int(np.argmax(gain))
    if gain[i] <= 0:
        return False
    entering = out[int(np.searchsorted(best, best[at[i]]))]
    if i < len(leaving):
        taken[leaving[i]] = False
    taken[entering] = True
    return True


def greedy(values: Array, weights: Array, capacity: int) -> Array:
    """bool[n], feasible, at least half of the optimum; O(n log n) for each of at most ``EXCHANGES`` exchanges."""
    taken = fill(values, weights, capacity)
    for _ in range(EXCHANGES):
        if not exchange(values, weights, capacity, taken):
            break
    return taken


def solve(problem: Knapsack, budget: Budget, seed: int) -> Answer:
    """The greedy answer; deterministic, so the seed is not used, and over before any time limit."""
    return Answer(greedy(problem.values, problem.weights, problem.capacity).astype(np.int8))
