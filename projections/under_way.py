"""What runs: attempts that have not ended. How many runs wait is in `run_counts`."""

from dataclasses import dataclass, field
from typing import Any

from mezan.engine.log import Recorded

from .canonical import dumps, loads


@dataclass(slots=True)
class Work:
    """``running``: ``run/task/attempt`` to solver, device, worker and start."""

    running: dict[str, dict[str, Any]] = field(default_factory=dict)


class UnderWay:
    """In the order of the log. An attempt of a dead worker runs on until another one takes the run over."""

    name = "under_way"
    version = 2
    handles = frozenset(
        {
            "AttemptStarted",
            "AttemptSucceeded",
            "AttemptFailed",
            "AttemptTimedOut",
            "AttemptCancelled",
            "AttemptAbandoned",
        }
    )

    def initial(self) -> Work:
        """Nothing."""
        return Work()

    def apply(self, state: Work, event: Recorded) -> Work:
        """An attempt's start or end."""
        data = event.data
        key = f"{event.stream}/{data['task']}/{data['attempt']}"
        if event.type == "AttemptStarted":
            state.running[key] = {
                "solver": data["solver"],
                "device": data["device"],
                "worker": data["worker"],
                "started_at": event.recorded_at,
            }
        else:
            state.running.pop(key, None)
        return state

    def dump(self, state: Work) -> bytes:
        """See :class:`Projection`; a list keeps the order."""
        return dumps(list(state.running.items()))

    def load(self, content: bytes) -> Work:
        """See :class:`Projection`."""
        return Work(dict(loads(content)))
