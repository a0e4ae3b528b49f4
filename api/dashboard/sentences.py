"""An event in one line."""

from collections.abc import Callable, Mapping
from typing import Any

from mezan.api.cli.output import number, percent, seconds, short
from mezan.engine.log import Recorded


def sentence(recorded: Recorded) -> str:
    """What happened, for people; empty for what its type alone says."""
    make = _SENTENCES.get(recorded.type)
    return "" if make is None else make(recorded.data)


def _requested(data: dict[str, Any]) -> str:
    specs = data["tasks"]
    about = ", ".join(f"{spec['family']} {spec['label'] or 'unnamed'} (size {spec['size']})" for spec in specs[:3])
    more = f" and {len(specs) - 3} more" if len(specs) > 3 else ""
    budget = data["budget"]
    limits = [f"within {budget['time_limit']:g} s"]
    limits += [f"{budget['iterations']:,} iterations"] if budget["iterations"] else []
    limits += [f"target {number(budget['target'])}"] if budget["target"] is not None else []
    limits += [f"gap {percent(budget['gap'])}"] if budget["gap"] is not None else []
    return f"{about}{more}; {', '.join(limits)}; seed {data['seed']}"


def _profiled(data: dict[str, Any]) -> str:
    bound = data["bound"]
    proved = "" if bound is None else f"; bound {number(bound['value'])} ({bound['method']})"
    return f"{len(data['features'])} features{proved}; in {seconds(data['seconds'])}"


def _chosen(data: dict[str, Any]) -> str:
    by = "the request names it" if data["forced"] else f"{data['policy']}: {data['reason']}"
    return f"{data['solver']}; {by}"


def _started(data: dict[str, Any]) -> str:
    seed, resumed = data["seeded_from"], data["resumed_from"]
    beginning = ""
    if resumed is not None:
        beginning = f", resuming a checkpoint at {data['iterations']:,} iterations"
    elif seed is not None:
        beginning = f", from the {number(seed['objective'])} of {short(seed['run'])}"
    return f"{data['solver']} v{data['version']} on {data['device']}{beginning}"


def _after(data: dict[str, Any]) -> str:
    return f"after {data['iterations']:,} iterations, {seconds(data['seconds'])}"


def _succeeded(data: dict[str, Any]) -> str:
    proved = ", proved optimal" if data["proved_optimal"] else f", loss {data['loss']:.4f}"
    return f"{number(data['objective'])}{proved}; stopped by {data['stopped']} {_after(data)}"


def _failed(data: dict[str, Any]) -> str:
    again = "" if data["retry_in"] is None else f"; again in {seconds(data['retry_in'])}"
    return f"{data['error']}: {data['message']}{again}"


def _completed(data: dict[str, Any]) -> str:
    found = ", ".join(f"{task} {number(value)}" for task, value in list(data["objectives"].items())[:4])
    return f"{found}; in {seconds(data['seconds'])}"


_SENTENCES: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "RunRequested": _requested,
    "RunPlanned": lambda data: ", ".join(data["order"][:12]),
    "ProblemProfiled": _profiled,
    "SolverChosen": _chosen,
    "AttemptStarted": _started,
    "BoundTightened": lambda data: f"{number(data['value'])} ({data['method']}), {seconds(data['seconds'])}",
    "IncumbentFound": lambda data: f"{number(data['objective'])} {_after(data)}",
    "IncumbentShared": lambda data: f"{number(data['objective'])} of {data['source_task']} {_after(data)}",
    "CheckpointSaved": _after,
    "AttemptSucceeded": _succeeded,
    "AttemptFailed": _failed,
    "AttemptTimedOut": lambda data: (
        f"nothing feasible within {seconds(data['seconds'])}{'' if data['final'] else '; another solver is tried'}"
    ),
    "AttemptCancelled": lambda data: f"{data['reason']}; {_after(data)}",
    "AttemptAbandoned": lambda data: f"by {data['lost_worker']}, {_after(data)}",
    "RunAdopted": lambda data: f"by {data['worker']} from {data['lost_worker']}",
    "RunCompleted": _completed,
    "RunFailed": lambda data: f"{data['error']}: {data['message']}",
    "RunCancelled": lambda data: data["reason"],
}
