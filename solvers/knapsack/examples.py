"""Instances to try: made here, from a small table and fixed seeds.

Classes as in Pisinger (2005), Where are the hard knapsack problems?, Computers & Operations Research 32(9).
"""

import numpy as np

from ..pack import Array
from ..problem import Example
from .problem import Knapsack

CAMPING = {
    # value and weight in 100 g
    "tent": (90, 28), "sleeping bag": (80, 14), "stove": (55, 9), "water": (85, 20), "food": (75, 18), "lamp": (30, 3),
    "rope": (25, 11), "book": (12, 5), "camera": (40, 8), "first aid": (50, 6), "rain jacket": (45, 5), "chair": (15, 21),
}  # fmt: skip
RANGE = 1_000


def examples() -> tuple[Example[Knapsack], ...]:
    """The easiest first."""
    rng = np.random.default_rng(2026)
    weights = rng.integers(1, RANGE, (3, 200))
    values, carried = zip(*CAMPING.values(), strict=True)
    return (
        Example(
            Knapsack(values=values, weights=carried, capacity=90, name="camping12"),
            "Twelve things and a rucksack of nine kilograms.",
        ),
        Example(
            _half(rng.integers(1, RANGE, 200), weights[0], "uncorrelated200"),
            "200 items, values unrelated to weights: easy.",
        ),
        Example(
            _half(weights[1] + RANGE // 10, weights[1], "correlated200"),
            "200 items, each worth its weight plus 100: hard for branch and bound.",
        ),
        Example(
            _half(weights[2], weights[2], "subset200"),
            "200 items worth what they weigh: fill half of the total exactly.",
        ),
    )


def _half(values: Array, weights: Array, name: str) -> Knapsack:
    """Room for half of the total weight."""
    return Knapsack(values=values, weights=weights, capacity=int(weights.sum()) // 2, name=name)
