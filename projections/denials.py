"""Who was refused, why and how often, folded from the log of accounts: counts per project and reason, and the latest of each project."""

from dataclasses import dataclass, field
from typing import Any

from mezan.engine.log import Recorded

from .canonical import dumps, loads

MOST = 200
"""Denials kept of each project."""


@dataclass(slots=True)
class Refused:
    """Of one project, or with the empty name of none that is known."""

    times: dict[str, int] = field(default_factory=dict)
    latest: list[dict[str, Any]] = field(default_factory=list)


class Denials:
    """By project. ``latest`` holds the events, the newest last, with their ``position`` and time ``at`` in microseconds."""

    name = "denials"
    version = 1
    handles = frozenset({"AccessDenied"})

    def initial(self) -> dict[str, Refused]:
        """Nobody was refused."""
        return {}

    def apply(self, state: dict[str, Refused], event: Recorded) -> dict[str, Refused]:
        """One denial, or several in one."""
        data = event.data
        refused = state.setdefault(data["project"], Refused())
        refused.times[data["reason"]] = refused.times.get(data["reason"], 0) + data["times"]
        refused.latest.append({**data, "position": event.position, "at": event.recorded_at})
        del refused.latest[:-MOST]
        return state

    def dump(self, state: dict[str, Refused]) -> bytes:
        """See :class:`Projection`."""
        return dumps(state)

    def load(self, content: bytes) -> dict[str, Refused]:
        """See :class:`Projection`."""
        return {project: Refused(**kept) for project, kept in loads(content).items()}
