"""What counts as an outcome, wherever it happened: the end of an attempt here, or a result that was imported."""

from mezan.engine.log import Recorded

ENDS = frozenset({"AttemptSucceeded", "AttemptFailed", "AttemptTimedOut", "OutcomeImported"})


def solved(event: Recorded) -> bool:
    """Whether an outcome is a result."""
    return event.type == "AttemptSucceeded" or event.data.get("status") == "ok"


def loss_of(event: Recorded) -> float:
    """How bad an outcome is, in [0, 1]; 1 without a result."""
    return float(event.data["loss"]) if solved(event) else 1.0
