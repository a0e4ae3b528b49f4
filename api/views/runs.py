"""The list of runs: which of them are wanted, and what is told of each."""

from dataclasses import dataclass
from typing import Any, get_args

from mezan.engine.events import Purpose
from mezan.engine.folds import Row
from mezan.projections.runs import STATUS
from mezan.solvers.errors import BadInput

from .times import when

Json = dict[str, Any]
PURPOSES = get_args(Purpose)
STATUSES = ("requested", "running", *STATUS.values())
EVERY = "any"
"""The word for runs of every purpose."""
LISTED = ("run", "status", "label", "family", "size", "policy", "solver", "objective", "gap", "best_known", "seconds", "seed", "attempts", "error", "message", "purpose", "within")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the runs of a list have in common; None is anything.

    Attributes:
        status: one of :data:`STATUSES`.
        family: a family that one of the tasks is of.
        solver: a solver that one of the tasks was given last.
        policy: the policy that the request named, or that decided.
        purpose: one of :data:`PURPOSES`.
        label: what the instance's name contains, in upper or lower case.
        error: the kind of error that the run, or the last attempt at one of its tasks, ended with.

    Raises:
        BadInput: there is no such status or purpose.
    """

    status: str | None = None
    family: str | None = None
    solver: str | None = None
    policy: str | None = None
    purpose: str | None = "request"
    label: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if self.status is not None and self.status not in STATUSES:
            raise BadInput(f"status must be one of {', '.join(STATUSES)}; got {self.status[:40]!r}")
        if self.purpose is not None and self.purpose not in PURPOSES:
            raise BadInput(f"purpose must be one of {', '.join(PURPOSES)}; got {self.purpose[:40]!r}")

    def keep(self, row: Row) -> bool:
        """Whether a row of the ``runs`` projection is wanted; its status is the tag, which stores look up themselves."""
        if self.purpose is not None and row["purpose"] != self.purpose:
            return False
        if self.policy is not None and row["policy"] != self.policy:
            return False
        if self.label is not None and self.label.casefold() not in row["label"].casefold():
            return False
        tasks = row["tasks"].values()
        if self.family is not None and all(task["family"] != self.family for task in tasks):
            return False
        if self.error is not None and row["error"] != self.error and all(task["error"] != self.error for task in tasks):
            return False
        return self.solver is None or any(task["solver"] == self.solver for task in tasks)


def purpose_of(given: str | None) -> str | None:
    """The purpose that a parameter names: ``request`` for none, None for :data:`EVERY`."""
    return None if given == EVERY else given or "request"


def listed(row: Row) -> Json:
    """What a list tells of a run."""
    shown = {name: row[name] for name in LISTED}
    return shown | {"requested_at": when(row["requested_at"]), "finished_at": when(row["finished_at"])}
