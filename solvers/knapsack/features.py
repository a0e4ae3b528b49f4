"""What describes an instance to policies and clusters; every feature is finite for every instance."""

import math
from collections.abc import Mapping

import numpy as np

from ..pack import Array
from .problem import Knapsack
from .reduce import reduce


def features(problem: Knapsack) -> Mapping[str, float]:
    """Size, tightness, the shape of values and weights, and how much of the instance the bounds leave open.

    O(n log n). ``core`` is the share of items that the bounds do not settle, ``log_cells`` the decimal logarithm of
    the table that dynamic programming would fill for them, ``gap`` the distance of greedy to the bound.
    """
    v, w = problem.values.astype(float), problem.weights.astype(float)
    reduced = reduce(problem)
    efficiency = v[w > 0] / w[w > 0]
    total = float(w.sum())
    return {
        "n": float(problem.size),
        "log_n": math.log10(problem.size),
        "capacity_ratio": min(1.0, problem.capacity / total) if total else 1.0,
        "log_capacity": math.log10(problem.capacity + 1),
        "correlation": _correlation(v, w),
        "value_cv": _variation(v),
        "weight_cv": _variation(w),
        "efficiency_cv": _variation(efficiency),
        "too_heavy": float((problem.weights > problem.capacity).mean()),
        "gap": (reduced.upper - reduced.value) / reduced.upper if reduced.upper else 0.0,
        "core": len(reduced.items) / problem.size,
        "log_cells": math.log10(len(reduced.items) * (reduced.capacity + 1) + 1),
    }


def _variation(x: Array) -> float:
    mean = float(x.mean()) if len(x) else 0.0
    return float(x.std()) / mean if mean else 0.0


def _correlation(x: Array, y: Array) -> float:
    dx, dy = x - x.mean(), y - y.mean()
    scale = math.sqrt(float(dx @ dx)) * math.sqrt(float(dy @ dy))
    return float(np.clip(float(dx @ dy) / scale, -1.0, 1.0)) if scale else 0.0
