"""A run's events in groups: one attempt of one solver on one task each, from the choice to the end."""

from collections.abc import Sequence
from typing import Any

from mezan.engine.log import Recorded

Json = dict[str, Any]
ENDS = {
    "AttemptSucceeded": "succeeded",
    "AttemptFailed": "failed",
    "AttemptTimedOut": "timed out",
    "AttemptCancelled": "cancelled",
    "AttemptAbandoned": "abandoned",
}
MARKS = {"IncumbentFound": "incumbent", "IncumbentShared": "told", "CheckpointSaved": "checkpoint"}


def attempts(history: Sequence[Recorded]) -> list[Json]:
    """The attempts of a run in the order of their first events.

    Times are seconds after the request was recorded: ``chosen``, ``started`` and ``ended``, each None if it has not happened
    yet; ``until`` is the end, or how far the history goes. ``marks`` are what it found, was told and saved: ``kind``, ``at``,
    ``position``, ``objective``, ``iterations``. ``outcome`` is None while it goes on.
    """
    start, last = history[0].recorded_at, (history[-1].recorded_at - history[0].recorded_at) / 1e6
    found: dict[tuple[str, int], Json] = {}
    for recorded in history:
        data, kind = recorded.data, recorded.type
        if "attempt" not in data:
            continue
        key = data["task"], data["attempt"]
        one = found.setdefault(key, _blank(*key))
        at = (recorded.recorded_at - start) / 1e6
        if kind == "SolverChosen":
            one |= {"chosen": at, "solver": data["solver"], "version": data["version"], "card": recorded.position}
        elif kind == "AttemptStarted":
            names = ("solver", "version", "device", "worker", "lanes", "resumed_from", "seeded_from", "iterations")
            one |= {"started": at} | {name: data[name] for name in names}
            if one["seeded_from"] is not None:
                one["objective"] = one["seeded_from"]["objective"]
        elif kind in MARKS:
            mark = {"kind": MARKS[kind], "at": at, "position": recorded.position, "objective": data.get("objective"), "iterations": data["iterations"]}  # fmt: skip
            one["marks"].append(mark)
            if kind == "IncumbentFound":
                one["objective"] = data["objective"]
            one["iterations"] = max(one["iterations"], data["iterations"])
            one["seconds"] = data["seconds"]
        elif kind in ENDS:
            one |= {"ended": at, "outcome": ENDS[kind], "end": recorded.position, "seconds": data["seconds"]}
            one |= {name: data[name] for name in ("objective", "loss", "iterations", "stopped", "compile_seconds", "work", "error", "message", "retry_in", "final", "reason") if name in data}  # fmt: skip
    for one in found.values():
        one["until"] = last if one["ended"] is None else one["ended"]
    return list(found.values())


def _blank(task: str, attempt: int) -> Json:
    return {"task": task, "attempt": attempt, "marks": [], "iterations": 0} | dict.fromkeys(
        (
            "solver", "version", "card", "chosen", "started", "ended", "until", "outcome", "end", "device", "worker", "lanes",
            "resumed_from", "seeded_from", "seconds", "objective", "loss", "stopped", "compile_seconds", "work", "error",
            "message", "retry_in", "final", "reason",
        )
    )  # fmt: skip
