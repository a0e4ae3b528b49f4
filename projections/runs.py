"""One row per run: what was asked, how far it is, and what came out."""

from typing import Any

from mezan.engine.events import TERMINAL
from mezan.engine.folds import Row
from mezan.engine.log import Recorded
from mezan.engine.pans import leaders
from mezan.solvers.gaps import gap

Json = dict[str, Any]
STATUS = {"RunCompleted": "completed", "RunFailed": "failed", "RunCancelled": "cancelled"}
SHOWN = (
    "solver", "version", "objective", "gap", "bound", "proved_optimal", "loss", "seconds", "iterations", "solution",
    "checkpoint", "seeded_from",
)  # fmt: skip
"""What a row of a run with a single task repeats from that task."""


class Runs:
    """Keyed by stream. ``status`` (the tag): requested, running, completed, failed, cancelled.

    ``tasks`` holds the same figures per task; a run of one task repeats them beside its own, a race those of the pan that
    leads. ``winner`` is the pan that found the best of a race that completed, None for a draw. Times are microseconds
    since the epoch, ``gap`` is in percent of the best known objective, ``seconds`` is the run's wall time once it
    ended. ``purpose`` and ``within`` say whose it is. ``worker`` is who runs it now: an unfinished run of a lost worker is found by it.
    """

    name = "runs"
    version = 4
    opens = frozenset({"RunRequested"})
    handles = frozenset(
        {
            "RunRequested",
            "SolverChosen",
            "AttemptStarted",
            "IncumbentFound",
            "CheckpointSaved",
            "AttemptSucceeded",
            "AttemptFailed",
            "AttemptTimedOut",
            "AttemptCancelled",
            "AttemptAbandoned",
            "RunAdopted",
            *TERMINAL,
        }
    )

    def key(self, event: Recorded) -> str:
        """The stream."""
        return event.stream

    def apply(self, row: Row | None, event: Recorded) -> Row:
        """See :class:`RowProjection`."""
        data = event.data
        if row is None:
            row = _blank(event)
        row["updated_at"] = event.recorded_at
        row["events"] = event.version
        kind = event.type
        if kind == "RunRequested":
            _requested(row, data)
        elif kind == "RunAdopted":
            row["worker"] = data["worker"]
        elif kind in STATUS:
            row["status"] = STATUS[kind]
            row["finished_at"] = event.recorded_at
            row["seconds"] = data["seconds"]
            row["error"] = data.get("error")
            row["message"] = data.get("message") or data.get("reason")
            if row["pans"] and kind == "RunCompleted" and len(ahead := _ahead(row["tasks"])) == 1:
                row["winner"] = ahead[0]
        else:
            tasks = row["tasks"]
            task = tasks.get(data["task"])
            if task is None:
                task = tasks[data["task"]] = {**TASK, "after": []}
            shown = CHANGES[kind](row, task, data, event)
            task.update(shown)
            if len(tasks) == 1:
                row.update(shown)
            elif row["pans"] and (ahead := _ahead(tasks)):
                row.update({name: tasks[ahead[0]][name] for name in SHOWN})
        return row

    def tag(self, row: Row) -> str:
        """The status."""
        return row["status"]  # type: ignore[no-any-return]

    def settled(self, row: Row) -> bool:
        """The run has ended."""
        return row["finished_at"] is not None


def _blank(event: Recorded) -> Row:
    row = ROW.copy()
    row["run"], row["tenant"], row["actor"], row["requested_at"] = (
        event.stream,
        event.tenant,
        event.actor,
        event.recorded_at,
    )
    row["pans"], row["tasks"] = [], {}
    return row


ROW: Row = {
    "run": "",
    "tenant": "",
    "actor": "",
    "status": "requested",
    "label": "",
    "family": "",
    "size": 0,
    "best_known": None,
    "pans": (),
    "winner": None,
    "budget": None,
    "policy": None,
    "forced": None,
    "seed": None,
    "purpose": "request",
    "within": None,
    "priority": 0,
    "worker": "",
    "requested_at": 0,
    "started_at": None,
    "finished_at": None,
    "events": 0,
    "attempts": 0,
    "error": None,
    "message": None,
    "tasks": None,
    **dict.fromkeys(SHOWN),
}
"""A row before its first event; copied, for building it anew takes three times as long."""


TASK: Json = {
    "family": "",
    "label": "",
    "size": 0,
    "sense": None,
    "problem": None,
    "best_known": None,
    "after": (),
    "status": "requested",
    "attempts": 0,
    "cluster": None,
    "error": None,
    "message": None,
    **dict.fromkeys(SHOWN),
}
ASKED = ("family", "label", "size", "sense", "problem", "best_known", "after")
"""What a task has from its specification."""
BUDGETED = ("budget", "policy", "seed", "purpose", "within", "priority", "worker")
"""What a run has from its request."""


def _requested(row: Row, data: Json) -> None:
    tasks = data["tasks"]
    for spec in tasks:
        task = row["tasks"][spec["task"]] = TASK.copy()
        for name in ASKED:
            task[name] = spec[name]
    if data["pans"]:
        tasks, row["pans"] = tasks[:1], list(data["pans"])
    if len(tasks) == 1:
        for name in ("label", "family", "size", "best_known"):
            row[name] = tasks[0][name]
    else:
        row["label"] = ", ".join(spec["label"] for spec in tasks if spec["label"])
        row["family"] = "+".join(dict.fromkeys(spec["family"] for spec in tasks))
        row["size"] = sum(spec["size"] for spec in tasks)
    for name in BUDGETED:
        row[name] = data[name]
    row["forced"] = (tasks[0]["solver"] if len(row["tasks"]) == 1 else None) or data["solver"]


def _ahead(tasks: dict[str, Json]) -> list[str]:
    """The pans with the best objective so far: none before the first, several in a draw."""
    going = {name: task for name, task in tasks.items() if task["status"] not in {"failed", "timed out"}}
    found = {name: task["objective"] for name, task in going.items() if task["objective"] is not None}
    return leaders(found, next(iter(tasks.values()))["sense"]) if found else []


def _chosen(row: Row, task: Json, data: Json, event: Recorded) -> Json:
    task["cluster"] = data["cluster"]
    if row["policy"] is None and not data["forced"]:
        row["policy"] = data["policy"]
    return {"solver": data["solver"], "version": data["version"]}


def _started(row: Row, task: Json, data: Json, event: Recorded) -> Json:
    row["status"] = task["status"] = "running"
    row["worker"] = data["worker"]
    row["attempts"] += 1
    if row["started_at"] is None:
        row["started_at"] = event.recorded_at
    task["attempts"] += 1
    task["error"] = task["message"] = None
    shown = {"solver": data["solver"], "version": data["version"], "seeded_from": data["seeded_from"]}
    if (known := data["seeded_from"]) is not None:
        value = known["objective"]
        shown |= {"objective": value, "gap": gap(value, task["best_known"]), "solution": known["solution"]}
    return shown


def _incumbent(row: Row, task: Json, data: Json, event: Recorded) -> Json:
    return {
        "objective": data["objective"],
        "gap": gap(data["objective"], task["best_known"]),
        "solution": data["solution"],
        "iterations": data["iterations"],
        "seconds": data["seconds"],
    }


def _checkpoint(row: Row, task: Json, data: Json, event: Recorded) -> Json:
    return {"checkpoint": data["checkpoint"], "iterations": data["iterations"], "seconds": data["seconds"]}


def _succeeded(row: Row, task: Json, data: Json, event: Recorded) -> Json:
    task["status"] = "completed"
    bound = data["bound"]["value"] if data["bound"] else None
    proved = {"bound": bound, "proved_optimal": data["proved_optimal"], "loss": data["loss"]}
    return _incumbent(row, task, data, event) | proved


def _failed(row: Row, task: Json, data: Json, event: Recorded) -> Json:
    task["status"] = "failed"
    task["error"], task["message"] = data["error"], data["message"]
    return {"seconds": data["seconds"]}


def _timed_out(row: Row, task: Json, data: Json, event: Recorded) -> Json:
    task["status"] = "timed out"
    return {"seconds": data["seconds"]}


def _cancelled(row: Row, task: Json, data: Json, event: Recorded) -> Json:
    task["status"], task["message"] = "cancelled", data["reason"]
    return {"iterations": data["iterations"], "seconds": data["seconds"]}


def _abandoned(row: Row, task: Json, data: Json, event: Recorded) -> Json:
    task["status"] = "abandoned"
    row["worker"] = data["worker"]
    return {"checkpoint": data["checkpoint"], "seconds": data["seconds"]}


CHANGES = {
    "SolverChosen": _chosen,
    "AttemptStarted": _started,
    "IncumbentFound": _incumbent,
    "CheckpointSaved": _checkpoint,
    "AttemptSucceeded": _succeeded,
    "AttemptFailed": _failed,
    "AttemptTimedOut": _timed_out,
    "AttemptCancelled": _cancelled,
    "AttemptAbandoned": _abandoned,
}
