"""Proved lower bounds, each with the name of the method that proved it."""

from ...problem import Bound
from ..problem import QAP
from .projection import projection, symmetrisable
from .rowwise import gilmore_lawler, rearrangement

__all__ = ["bound", "gilmore_lawler", "projection", "rearrangement"]

LARGEST = 600
"""Facilities up to which a few linear assignments take well below a second; beyond, both bounds do without any."""
LEVELLED = 300
"""Facilities up to which the projection bound also tries other diagonals."""


def bound(problem: QAP) -> Bound:
    """The best bound that fits in a second or so, and in 20 ms up to a hundred facilities.

    Non-negative data need no case of their own: the rowwise bounds are non-negative there.
    """
    n = problem.size
    rowwise = gilmore_lawler(problem) if n <= LARGEST else rearrangement(problem)
    if n > LARGEST and not symmetrisable(problem):
        return rowwise  # complex eigenvalues would take many seconds
    spectral = projection(problem, levels=n <= LEVELLED, assign=n <= LARGEST)
    return spectral if spectral.value > rowwise.value else rowwise
