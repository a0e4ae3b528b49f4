"""What a heat map of an assignment shows: flow times distance between every two locations, on a logarithmic scale."""

import math
from dataclasses import dataclass

import numpy as np

from ..pack import Array
from .assignment import Assignment

NAMED = 60
"""Locations up to which the axes bear names."""
FINEST = 240
"""Cells along an axis; beyond, neighbouring locations share a cell, which shows their sum."""
DECADES = 4.0
"""Powers of ten that the colours span at most: what is smaller than 1/10,000 of the largest looks alike."""
LEVELS = 48
"""Steps of the colour scale."""
BLUES = ("#e3eef8", "#c6dbef", "#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#08519c", "#08306b")
ORANGES = ("#fdeadb", "#fdd0a2", "#fdae6b", "#fd8d3c", "#f16913", "#d94801", "#a63603", "#7f2704")
"""ColorBrewer's blues (cost) and oranges (negative cost), which no common colour blindness confuses."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HeatMap:
    """A drawing before it is drawn.

    Attributes:
        title: the problem's name and the objective.
        subtitle: what a cell is.
        cells: float64[m, m], the cost of each cell, rows and columns in the order of locations.
        levels: int[m, m]; 0 for no cost, +-1 to +-LEVELS for how large it is on the scale, negative for negative costs.
        low, high: the magnitudes at the ends of the scale; both 0 where nothing costs anything.
        rows: a name for each row, "facility · location"; none where there are too many.
        columns: a name for each column, the location.
    """

    title: str
    subtitle: str
    cells: Array
    levels: Array
    low: float
    high: float
    rows: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def signs(self) -> tuple[int, ...]:
        """The colour scales in use: 1 for costs, -1 for negative ones."""
        return tuple(sign for sign in (1, -1) if sign == 1 or (self.levels < 0).any())

    def ticks(self) -> list[tuple[float, str]]:
        """Places on the scale, from 0 to 1, with their magnitudes."""
        if self.high <= self.low:
            return [(1.0, figure(self.high))] if self.high else []
        span = np.log10(self.high / self.low)
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)))
        steps = (1, 2, 5) if span < 2 else (1,)
        values = {step * 10.0**k for k in powers for step in steps if self.low < step * 10.0**k < self.high}
        at = sorted((float(np.log10(value / self.low) / span), value) for value in values | {self.low, self.high})
        inner = [(x, v) for x, v in at[1:-1] if 0.12 < x < 0.88]
        return [(x, figure(v)) for x, v in (at[0], *inner, at[-1])]


def heatmap(answer: Assignment) -> HeatMap:
    """The drawing of an assignment; cell (k, l) is ``flow[q_k, q_l] * distance[k, l]``, with facility q_k at location k."""
    at = np.argsort(answer.permutation)
    costs = answer.costs[np.ix_(at, at)].astype(np.float64)
    n = len(costs)
    block = -(-n // FINEST)
    edges = np.arange(0, n, block)
    cells = np.add.reduceat(np.add.reduceat(costs, edges, axis=0), edges, axis=1)
    levels, low, high = _levels(cells)
    named = n <= NAMED
    what = "between locations" if block == 1 else f"summed over {block} x {block} locations"
    rows = "; rows are facility · location" if named else ""
    order = at.tolist()
    return HeatMap(
        title=f"{answer.problem.name or f'QAP of {n}'}: cost {figure(answer.cost)}",
        subtitle=f"flow × distance {what}{rows}",
        cells=cells,
        levels=levels,
        low=low,
        high=high,
        rows=tuple(f"{answer.facilities[i]} · {answer.locations[k]}" for k, i in enumerate(order)) if named else (),
        columns=answer.locations if named else (),
    )


def colour(level: int) -> str:
    """The colour of a level as ``#rrggbb``."""
    ramp = BLUES if level > 0 else ORANGES
    x = (abs(level) - 1) / (LEVELS - 1) * (len(ramp) - 1)
    k = min(int(x), len(ramp) - 2)
    ends = [[int(ramp[i][c : c + 2], 16) for c in (1, 3, 5)] for i in (k, k + 1)]
    return "#" + "".join(f"{round(a + (x - k) * (b - a)):02x}" for a, b in zip(*ends, strict=True))


def figure(value: float) -> str:
    """A number for people: whole numbers in full up to a million, others to three digits."""
    if float(value).is_integer() and abs(value) < 1e12:
        return f"{value:,.0f}"
    return f"{value:,.3g}"


def _levels(cells: Array) -> tuple[Array, float, float]:
    size = np.abs(cells)
    shown = size[size > 0]
    if not shown.size:
        return np.zeros(cells.shape, np.int64), 0.0, 0.0
    high = float(shown.max())
    low = max(float(shown.min()), high / 10**DECADES)
    if high <= low:
        return np.sign(cells).astype(np.int64) * LEVELS, high, high
    with np.errstate(divide="ignore"):
        x = np.clip(np.log(size / low) / np.log(high / low), 0.0, 1.0)
    return np.where(size > 0, np.sign(cells) * (1 + np.rint(x * (LEVELS - 1))), 0).astype(np.int64), low, high
