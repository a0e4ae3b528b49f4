"""What waits and what runs: requests that no attempt has begun, and attempts that have not ended."""

from dataclasses import dataclass, field
from typing import Any

from mezan.engine.events import TERMINAL
from mezan.engine.log import Recorded

from .canonical import dumps, loads

ENDED = frozenset({"AttemptSucceeded", "AttemptFailed", "AttemptTimedOut", "AttemptCancelled"})


@dataclass(slots=True)
class Work:
    """``waiting``: run to when it was requested; ``running``: ``run/task/attempt`` to solver, device, worker and start."""

    waiting: dict[str, int] = field(default_factory=dict)
    running: dict[str, dict[str, Any]] = field(default_factory=dict)


class UnderWay:
    """Both in the order of the log. An attempt of a dead worker runs on until another one takes the run over."""

    name = "under_way"
    version = 1
    handles = frozenset({"RunRequested", "AttemptStarted", "AttemptAbandoned", *ENDED, *TERMINAL})

    def initial(self) -> Work:
        """Nothing."""
        return Work()

    def apply(self, state: Work, event: Recorded) -> Work:
        """A request, an attempt's start or end, or a run's end."""
        run, kind = event.stream, event.type
        if kind == "RunRequested":
            state.waiting[run] = event.recorded_at
        elif kind == "AttemptStarted":
            data = event.data
            state.waiting.pop(run, None)
            state.running[f"{run}/{data['task']}/{data['attempt']}"] = {
                "solver": data["solver"],
                "device": data["device"],
                "worker": data["worker"],
                "started_at": event.recorded_at,
            }
        elif kind in TERMINAL:
            state.waiting.pop(run, None)
        else:
            data = event.data
            state.running.pop(f"{run}/{data['task']}/{data['attempt']}", None)
        return state

    def dump(self, state: Work) -> bytes:
        """See :class:`Projection`; lists keep the order."""
        return dumps({"waiting": list(state.waiting.items()), "running": list(state.running.items())})

    def load(self, content: bytes) -> Work:
        """See :class:`Projection`."""
        kept = loads(content)
        return Work(dict(kept["waiting"]), dict(kept["running"]))
