"""One row per decision: what was chosen and why, where the whole card is, and what became of the choice."""

from typing import Any

from mezan.engine.folds import Row
from mezan.engine.log import Recorded

Json = dict[str, Any]
OUTCOMES = {
    "AttemptSucceeded": ("succeeded", ("objective", "loss", "proved_optimal", "stopped", "iterations", "seconds")),
    "AttemptFailed": ("failed", ("error", "message", "seconds")),
    "AttemptTimedOut": ("timed out", ("seconds",)),
    "AttemptCancelled": ("cancelled", ("reason", "iterations", "seconds")),
    "AttemptAbandoned": ("abandoned", ("lost_worker", "iterations", "seconds")),
}

CHOSEN = ("policy", "policy_version", "cluster", "as_of", "propensity", "reason", "forced", "excluded")
ABOUT = ("run", "tenant", "task", "attempt", "family", "solver", "version", "chosen_at", "position")
RAN = ("started_at", "worker", "device", "resumed_from", "finished_at", "outcome")
ROW: Row = dict.fromkeys((*ABOUT, *CHOSEN, *RAN))
"""A row before its first event."""


class Decisions:
    """Keyed by ``stream/task/attempt``, tagged with the family.

    The card with its candidates stays in the event at ``position`` (None when an attempt went on without a new choice);
    ``outcome`` is None while the attempt runs, else its ``status`` with what that kind of ending records.
    """

    name = "decisions"
    version = 1
    opens = frozenset({"SolverChosen"})
    handles = frozenset({"SolverChosen", "AttemptStarted", *OUTCOMES})

    def key(self, event: Recorded) -> str:
        """Stream, task and attempt."""
        data = event.data
        return f"{event.stream}/{data['task']}/{data['attempt']}"

    def apply(self, row: Row | None, event: Recorded) -> Row:
        """See :class:`RowProjection`."""
        data = event.data
        if row is None:
            row = ROW.copy()
            row["run"], row["tenant"], row["task"], row["attempt"] = (
                event.stream,
                event.tenant,
                data["task"],
                data["attempt"],
            )
            row["family"], row["solver"], row["version"] = (
                data.get("family", ""),
                data.get("solver"),
                data.get("version"),
            )
        if event.type == "SolverChosen":
            row["chosen_at"], row["position"] = event.recorded_at, event.position
            for name in CHOSEN:
                row[name] = data[name]
        elif event.type == "AttemptStarted":
            row["started_at"] = event.recorded_at
            row["solver"], row["version"] = data["solver"], data["version"]
            row["worker"], row["device"], row["resumed_from"] = data["worker"], data["device"], data["resumed_from"]
        else:
            status, fields = OUTCOMES[event.type]
            row["finished_at"] = event.recorded_at
            row["outcome"] = {"status": status, **{name: data[name] for name in fields}}
            row["family"] = data.get("family", row["family"])
        return row

    def tag(self, row: Row) -> str:
        """The family."""
        return row["family"]  # type: ignore[no-any-return]

    def settled(self, row: Row) -> bool:
        """The attempt has ended."""
        return row["outcome"] is not None
