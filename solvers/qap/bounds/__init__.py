"""Proved lower bounds, each with the name of the method that proved it."""

from ...problem import Bound
from ..problem import QAP
from .convex import convex_quadratic
from .parametric import climb
from .projection import projection, split, symmetrisable
from .rounding import proved
from .rowwise import gilmore_lawler, rearrangement
from .threads import one_thread

__all__ = ["bound", "gilmore_lawler", "projection", "rearrangement", "tighten"]

LARGEST = 600
"""Facilities up to which a few linear assignments take well below a second; beyond, both bounds do without any."""
LEVELLED = 300
"""Facilities up to which the projection bound also tries other diagonals."""


def bound(problem: QAP) -> Bound:
    """The best bound that fits in a second or so, and in 20 ms up to a hundred facilities.

    Non-negative data need no case of their own: the rowwise bounds are non-negative there.
    """
    with one_thread(problem.size):
        return _best(problem)


def _best(problem: QAP) -> Bound:
    n = problem.size
    rowwise = gilmore_lawler(problem) if n <= LARGEST else rearrangement(problem)
    if n > LARGEST and not symmetrisable(problem):
        return rowwise  # complex eigenvalues would take many seconds
    spectral = projection(problem, levels=n <= LEVELLED, assign=n <= LARGEST)
    return spectral if spectral.value > rowwise.value else rowwise


TIGHTENED = 30
"""Facilities up to which :func:`tighten` takes about half a second."""
CLIMB, DESCEND = 400, 600


def tighten(problem: QAP, bound: Bound) -> Bound | None:
    """A better bound than ``bound``, at a cost of up to half a CPU second, or None.

    The convex quadratic bound from two splits, as found by :func:`projection` and as raised over both diagonals. Each is
    within an iteration limit, so the result is the same everywhere. For up to 30 facilities and at least one symmetric
    matrix.
    """
    if problem.size > TIGHTENED or not symmetrisable(problem):
        return None
    with one_thread(problem.size):
        first = split(problem)
        found = max(convex_quadratic(s, DESCEND) for s in (first, climb(first, CLIMB)))
    better = proved(*found, problem, "convex-quadratic")
    return better if better.value > bound.value else None
