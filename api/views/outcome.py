"""One run as one object, folded from its events: what `solve --json`, `show --json` and the HTTP API answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from mezan.engine.log import Recorded
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.projections.runs import Runs

from .times import when

Json = dict[str, Any]
PER_TASK = (
    "family", "instance", "size", "sense", "solver", "version", "objective", "solution", "lower_bound", "upper_bound",
    "bound_method", "best_known", "gap", "proved_optimal", "stopped", "iterations", "compile_seconds", "cluster",
    "seeded_from", "seed_objective", "improved",
)  # fmt: skip


def fold_run(history: Sequence[Recorded]) -> Json:
    """The run's row as the ``runs`` projection folds it; ``history`` is the whole stream so far."""
    projection = Runs()
    row: Json | None = None
    for recorded in history:
        if recorded.type in projection.handles:
            row = projection.apply(row, recorded)
    return row or {}


def outcome(history: Sequence[Recorded], solutions: Mapping[str, Any] | None = None) -> Json:
    """What a run asked for and what has come of it so far.

    A run of one task has that task's figures beside its own; one of several has them under ``tasks``; a race, which has its
    ``pans`` and its ``winner`` too, has both, its own being those of the pan that leads. ``solutions`` (task to array) are
    those that are known; ``gap`` is in percent of the best known objective.
    """
    row = fold_run(history)
    proofs = {r.data["task"]: r.data["bound"] for r in history if r.type == "ProblemProfiled"}
    proofs |= {r.data["task"]: r.data for r in history if r.type == "BoundTightened"}
    ends = {r.data["task"]: r.data for r in history if r.type == "AttemptSucceeded"}
    tasks = {
        name: _task(task, proofs.get(name), ends.get(name), (solutions or {}).get(name))
        for name, task in row["tasks"].items()
    }
    first = next(iter(tasks.values()))
    if row["pans"]:  # the row itself follows the pan that leads
        single = next((task for task in tasks.values() if row["solver"] in {None, task["solver"]}), first)
    else:
        single = first if len(tasks) == 1 else dict.fromkeys(PER_TASK) | {"family": row["family"]}
    shown = {
        "run": row["run"],
        "status": row["status"],
        "policy": row["policy"],
        "forced": row["forced"],
        "seed": row["seed"],
        "time_limit": row["budget"]["time_limit"],
        **single,
        "seconds": row["seconds"],
        "attempts": row["attempts"],
        "events": history[-1].version,
        "requested_at": when(row["requested_at"]),
        "finished_at": when(row["finished_at"]),
        "error": row["error"],
        "message": row["message"],
    }
    if row["pans"]:
        shown |= {"pans": row["pans"], "winner": row["winner"]}
    return shown if len(tasks) == 1 else shown | {"tasks": tasks}


def _task(task: Json, proof: Json | None, end: Json | None, solution: Any) -> Json:
    bound, objective = proof["value"] if proof else None, task["objective"]
    seed = task["seeded_from"]
    least = task["sense"] == "min"
    return {
        "family": task["family"],
        "instance": task["label"],
        "size": task["size"],
        "sense": task["sense"],
        "solver": task["solver"],
        "version": task["version"],
        "objective": objective,
        "solution": solution,
        "lower_bound": bound if least else objective,
        "upper_bound": objective if least else bound,
        "bound_method": proof["method"] if proof else None,
        "best_known": task["best_known"],
        "gap": task["gap"],
        "proved_optimal": bool(end and end["proved_optimal"]),
        "stopped": end["stopped"] if end else None,
        "iterations": task["iterations"],
        "compile_seconds": end["compile_seconds"] if end else None,
        "cluster": task["cluster"],
        "seeded_from": seed["run"] if seed else None,
        "seed_objective": seed["objective"] if seed else None,
        "improved": objective != seed["objective"] if seed else None,
    }


async def kept_solutions(store: SQLiteStore, history: Sequence[Recorded]) -> dict[str, Any]:
    """The solution of each task that has succeeded, from the artifacts (those that are still kept)."""
    from mezan.solvers.pack import unpack

    found: dict[str, Any] = {}
    for recorded in history:
        if recorded.type == "AttemptSucceeded":
            content = await store.artifact(recorded.data["solution"])
            if content is not None:
                found[recorded.data["task"]] = unpack(content)["solution"]
    return found
