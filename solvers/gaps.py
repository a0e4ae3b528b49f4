"""Distances between objectives."""

from typing import Literal

TIE = 1e-9
"""Objectives within this relative distance are equally good: a library's last bit wins no game."""


def equal(a: float, b: float) -> bool:
    """Whether two objectives are equally good."""
    return abs(a - b) <= TIE * max(abs(a), abs(b))


def gap(objective: float, reference: float | None) -> float | None:
    """Distance to a reference value in percent of it; None without one, or when it is zero and not met."""
    if reference is None:
        return None
    if objective == reference:
        return 0.0
    if reference == 0:
        return None
    return 100.0 * abs(objective - reference) / abs(reference)


def behind(objective: float, reference: float, sense: Literal["min", "max"]) -> float:
    """How far an objective is behind a reference, in [0, 1]: relative to the larger of the two magnitudes; 0 when it is better."""
    distance = objective - reference if sense == "min" else reference - objective
    scale = max(abs(objective), abs(reference))
    return 0.0 if scale == 0 else min(1.0, max(0.0, distance / scale))
