"""Where a search may stop: the user's target, the proved bound that nothing can beat, and a gap to that bound."""

from typing import Any

from mezan.solvers.budget import Budget
from mezan.solvers.problem import Family

from .attempts import Stopped
from .events import BoundSpec, BudgetSpec


def reached(spec: BudgetSpec, bound: BoundSpec | None, family: Family[Any], objective: float) -> Stopped | None:
    """What an incumbent of this objective ends, if anything: a target (the bound is one too) before a gap."""
    if bound is not None and family.reaches(objective, bound.value):
        return "target"
    if spec.target is not None and family.reaches(objective, spec.target):
        return "target"
    if (near := _near(spec, bound, family)) is not None and family.reaches(objective, near):
        return "gap"
    return None


def budget_of(spec: BudgetSpec, bound: BoundSpec | None, family: Family[Any]) -> Budget:
    """The limits as a solver gets them: its target is the first of all objectives at which it may stop."""
    best = None if bound is None else bound.value
    targets = [value for value in (spec.target, best, _near(spec, bound, family)) if value is not None]
    first = None if not targets else max(targets) if family.sense == "min" else min(targets)
    return Budget(time_limit=spec.time_limit, iterations=spec.iterations, target=first)


def _near(spec: BudgetSpec, bound: BoundSpec | None, family: Family[Any]) -> float | None:
    """The objective whose distance to the bound is the gap asked for; the bound itself where that is zero."""
    if spec.gap is None or bound is None:
        return None
    distance = abs(bound.value) * spec.gap / 100
    return bound.value + distance if family.sense == "min" else bound.value - distance
