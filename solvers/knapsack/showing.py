"""What is shown of a knapsack's solution: how full it is, what was taken, and the best of what was not."""

import numpy as np

from ..pack import Array
from ..showing import Figures, Section, Table
from .problem import Knapsack

ITEMS = 100
LEFT = 10


def show(problem: Knapsack, solution: Array) -> tuple[Section, ...]:
    """The sections of a selection; see `mezan.solvers.showing`."""
    taken = np.flatnonzero(solution)
    left = np.flatnonzero(solution == 0)
    weight, value = int(problem.weights[taken].sum()), int(problem.values[taken].sum())
    full = weight / problem.capacity if problem.capacity else 1.0
    return (
        Figures(
            [
                ("value", value, f"of {int(problem.values.sum())} in all"),
                ("items taken", len(taken), f"of {problem.size}"),
                ("weight", weight, f"{full:.1%} of the capacity of {problem.capacity}"),
            ]
        ),
        _table(problem, "Taken", taken, ITEMS),
        _table(problem, "Left, the most valuable for its weight first", left, LEFT),
    )


def _table(problem: Knapsack, title: str, items: Array, most: int) -> Table:
    weights = problem.weights[items]
    density = problem.values[items] / np.maximum(weights, 1)
    order = np.lexsort((items, -density))[:most]
    rows = [(int(items[k]), int(problem.values[items[k]]), int(weights[k]), float(density[k])) for k in order]
    note = f"the {len(items) - most} least valuable for their weight are left out" if len(items) > most else ""
    return Table(title, ("item", "value", "weight", "value per weight"), rows, note)
