"""Instances to try: made here, from small tables and fixed seeds."""

import numpy as np

from ..pack import Array
from ..problem import Example
from .problem import QAP

CLINIC = (
    # patients a day between reception, waiting room, surgery A, surgery B, laboratory, X-ray, pharmacy, records
    (0, 90, 10, 10, 4, 2, 20, 30),
    (90, 0, 42, 40, 6, 4, 2, 0),
    (10, 42, 0, 4, 18, 9, 14, 12),
    (10, 40, 4, 0, 16, 8, 15, 11),
    (4, 6, 18, 16, 0, 1, 0, 7),
    (2, 4, 9, 8, 1, 0, 0, 6),
    (20, 2, 14, 15, 0, 0, 0, 3),
    (30, 0, 12, 11, 7, 6, 3, 0),
)


def examples() -> tuple[Example[QAP], ...]:
    """The easiest first."""
    rng = np.random.default_rng(2026)
    flows = _symmetric(rng.integers(0, 100, (20, 20)))
    few = _symmetric(
        np.where(rng.random((25, 25)) < 0.08, rng.integers(100, 1_000, (25, 25)), rng.integers(0, 4, (25, 25)))
    )
    edges = _symmetric((rng.random((16, 16)) < 0.35).astype(np.int64))
    seats = rng.permutation(16)
    return (
        Example(
            QAP(A=CLINIC, B=_grid(2, 4), name="clinic8"),
            "Eight rooms of a clinic on two corridors of four: who walks least?",
        ),
        Example(
            QAP(A=-edges, B=edges[np.ix_(seats, seats)], name="twins16", best_known=-float(edges.sum())),
            "Two drawings of one graph of 16 nodes: match them; the hidden match is optimal.",
        ),
        Example(QAP(A=flows, B=_grid(4, 5), name="uniform20"), "Twenty machines on a 4 x 5 shop floor, uniform flows."),
        Example(
            QAP(A=few, B=_grid(5, 5), name="dominated25"), "25 departments on a 5 x 5 floor where few flows dominate."
        ),
    )


def _symmetric(M: Array) -> Array:
    upper = np.triu(M, 1)
    return upper + upper.T


def _grid(rows: int, columns: int) -> Array:
    """Walking distances between the cells of a grid."""
    y, x = np.divmod(np.arange(rows * columns), columns)
    distances: Array = np.abs(y[:, None] - y) + np.abs(x[:, None] - x)
    return distances
