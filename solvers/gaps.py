"""Distances between objectives, in percent."""


def gap(objective: float, reference: float | None) -> float | None:
    """Distance to a reference value in percent of it; None without one, or when it is zero and not met."""
    if reference is None:
        return None
    if objective == reference:
        return 0.0
    if reference == 0:
        return None
    return 100.0 * abs(objective - reference) / abs(reference)
