"""The 0/1 knapsack problem: choose items of the largest total value whose total weight fits."""

from .problem import Knapsack

__all__ = ["Knapsack"]
