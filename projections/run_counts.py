"""How many runs there are, by purpose and status."""

from dataclasses import dataclass, field

from mezan.engine.events import TERMINAL
from mezan.engine.log import Recorded

from .canonical import dumps, loads
from .runs import STATUS


@dataclass(slots=True)
class Counts:
    """``counts``: purpose to status to how many runs. ``going``: each run that has not ended, with its purpose and status."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    going: dict[str, list[str]] = field(default_factory=dict)


class RunCounts:
    """Folds what :class:`Runs` tags its rows with, so that a list can say how long it is without reading it."""

    name = "run_counts"
    version = 1
    handles = frozenset({"RunRequested", "AttemptStarted"}) | TERMINAL

    def initial(self) -> Counts:
        """No runs."""
        return Counts()

    def apply(self, state: Counts, event: Recorded) -> Counts:
        """A request, an attempt's start, or an end."""
        kind = event.type
        key = f"{event.tenant}/{event.stream}"
        if kind == "RunRequested":
            purpose = event.data["purpose"]
            state.going[key] = [purpose, "requested"]
            _count(state, purpose, "requested", 1)
        elif (known := state.going.get(key)) is not None:
            purpose, before = known
            if kind == "AttemptStarted":
                if before == "running":
                    return state
                known[1] = "running"
            else:
                del state.going[key]
            _count(state, purpose, before, -1)
            _count(state, purpose, STATUS.get(kind, "running"), 1)
        return state

    def dump(self, state: Counts) -> bytes:
        """See :class:`Projection`."""
        return dumps({"counts": state.counts, "going": state.going})

    def load(self, content: bytes) -> Counts:
        """See :class:`Projection`."""
        return Counts(**loads(content))


def run_counts(state: Counts, purpose: str | None = None) -> dict[str, int]:
    """Runs by status, of one purpose or of all; a status that no run has is left out."""
    found: dict[str, int] = {}
    for name, counts in state.counts.items():
        if purpose in {None, name}:
            for status, count in counts.items():
                found[status] = found.get(status, 0) + count
    return found


def _count(state: Counts, purpose: str, status: str, change: int) -> None:
    counts = state.counts.setdefault(purpose, {})
    if not (now := counts.get(status, 0) + change):
        del counts[status]
    else:
        counts[status] = now
