"""Runs side by side: their results, the courses of their searches, and the event at which two of them part."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mezan.engine.log import Recorded
from mezan.engine.pans import leaders

from .outcome import outcome

Json = dict[str, Any]
CIRCUMSTANCES = frozenset(
    {
        "seconds", "compile_seconds", "worker", "device", "lanes", "lane", "as_of", "lost_worker", "deadline",
        "priority", "purpose", "within", "retry_in", "candidates", "propensity", "reason",
    }
)  # fmt: skip
"""What differs between equal runs: clocks, places, why they were asked for, and the evidence that a policy had by then."""
CLOCKED = frozenset({"CheckpointSaved", "BoundTightened", "RunAdopted", "AttemptAbandoned"})
"""Events that come when a clock says so, or when a process dies: they are not aligned."""
SEARCH: Mapping[str, tuple[str, ...]] = {
    "SolverChosen": ("solver", "version"),
    "AttemptStarted": ("solver", "version"),
    "IncumbentFound": ("task", "objective", "solution", "iterations"),
    "IncumbentShared": ("task", "objective", "solution", "iterations"),
    "AttemptSucceeded": ("task", "objective", "solution", "iterations", "stopped"),
    "AttemptFailed": ("task", "error"),
    "AttemptTimedOut": ("task",),
    "AttemptCancelled": ("task",),
}
"""What a search is, without what was asked and who decided."""


def course(history: Sequence[Recorded]) -> list[Json]:
    """The best objective over the search: ``seconds``, ``iterations``, ``objective`` and the event's ``position``, in order.

    Of a race the best of both pans; of a run of several tasks its first task; of several attempts the last that found something.
    """
    request = history[0].data
    pans = request["pans"]
    task, sense = request["tasks"][0]["task"], request["tasks"][0]["sense"]
    found: list[Json] = []
    attempt = None
    for event in history:
        data = event.data
        if event.type not in {"IncumbentFound", "AttemptSucceeded"} or (not pans and data["task"] != task):
            continue
        if not pans and attempt not in {None, data["attempt"]}:
            found = []
        attempt = data["attempt"]
        ahead = found[-1]["objective"] if found else data["objective"]
        best = min(ahead, data["objective"]) if sense == "min" else max(ahead, data["objective"])
        point = {"seconds": data["seconds"], "iterations": data["iterations"], "objective": best, "position": event.position}  # fmt: skip
        found.append(point)
    return sorted(found, key=lambda point: (point["seconds"], point["position"])) if pans else found


def side_by_side(histories: Sequence[Sequence[Recorded]]) -> Json:
    """One object per run with its outcome and course; which found the best, and where each parts from the first of its instance."""
    runs = []
    for history in histories:
        spec = history[0].data["tasks"][0]
        about = outcome(history)
        about.pop("tasks", None)
        runs.append({**about, "problem": spec["problem"], "course": course(history)})
    best: list[str] = []
    problems = {run["problem"] for run in runs}
    found = {run["run"]: run["objective"] for run in runs if run["objective"] is not None}
    if len(problems) == 1 and found:
        best = leaders(found, runs[0]["sense"])
    first: dict[str, Sequence[Recorded]] = {}
    parted = []
    for run, history in zip(runs, histories, strict=True):
        other = first.setdefault(run["problem"], history)
        if other is not history:
            parted.append(
                {
                    "first": other[0].stream,
                    "second": run["run"],
                    "content": difference(other, history),
                    "search": difference(other, history, search=True),
                }
            )
    return {"runs": runs, "same_instance": len(problems) == 1, "best": best, "differences": parted}


def difference(one: Sequence[Recorded], other: Sequence[Recorded], *, search: bool = False) -> Json | None:
    """The first event, by type and then by field, in which two histories differ; None where they are alike.

    Circumstances are not compared. With ``search`` only what the search did is, whoever asked for it with whatever seed.
    ``first`` and ``second`` have the event's position, version, type and the field's value; None for a history that is over.
    """
    left, right = _aligned(one, search=search), _aligned(other, search=search)
    while True:
        a, b = next(left, None), next(right, None)
        if a is None and b is None:
            return None
        if a is None or b is None or a[0].type != b[0].type:
            field = "type"
        else:
            names = [name for name in dict.fromkeys((*a[1], *b[1])) if a[1].get(name) != b[1].get(name)]
            if not names:
                continue
            field = names[0]
        return {"field": field, "first": _side(a, field), "second": _side(b, field)}


def _aligned(history: Sequence[Recorded], *, search: bool) -> Iterator[tuple[Recorded, Json]]:
    for event in history:
        if event.type in CLOCKED or (search and event.type not in SEARCH):
            continue
        data = event.data
        if search:
            yield event, {name: data[name] for name in SEARCH[event.type]}
        else:
            yield event, {name: value for name, value in data.items() if name not in CIRCUMSTANCES}


def _side(one: tuple[Recorded, Json] | None, field: str) -> Json | None:
    if one is None:
        return None
    event, data = one
    value = event.type if field == "type" else data.get(field)
    return {"position": event.position, "version": event.version, "type": event.type, "value": value}
