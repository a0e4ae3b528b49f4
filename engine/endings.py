"""What the end of an attempt says: whether it counts as the solver's own outcome, and whether its task goes on."""

from typing import Any

from .log import Recorded


def rated(kind: str, data: dict[str, Any]) -> bool:
    """Whether an attempt's end is an outcome of the solver's own."""
    if data.get("seeded_from") is not None or data.get("rival") is not None:
        return False
    return kind != "AttemptFailed" or not data["transient"] or data["retry_in"] is None


def ends_slice(event: Recorded) -> bool:
    """Whether it is the end of a slice of time in which nothing was found, so that its task goes on with another solver."""
    return event.type == "AttemptTimedOut" and not event.data["final"]
