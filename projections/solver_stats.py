"""What became of every solver's attempts, per solver and version."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from mezan.engine.log import Recorded

from .canonical import dumps, loads
from .outcomes import ENDS, loss_of

INSTANCES = 4096
COUNTS = {
    "AttemptStarted": "attempts",
    "AttemptSucceeded": "successes",
    "AttemptFailed": "failures",
    "AttemptTimedOut": "timeouts",
}
IMPORTED = {"ok": "successes", "failed": "failures", "timeout": "timeouts"}


@dataclass(slots=True)
class StatsState:
    """``solvers``: ``name@version`` to its figures. ``best``: instance to the best objective among the last results."""

    solvers: dict[str, dict[str, Any]] = field(default_factory=dict)
    best: OrderedDict[str, float] = field(default_factory=OrderedDict)


class SolverStats:
    """Per solver and version: attempts by outcome, losses (a failure or timeout counts 1), seconds, proofs, and ``bests``.

    A transient failure that will be tried again is counted as ``retried`` as well, and is no outcome. A result counts as ``best`` when no earlier result on its instance was better (the last 4,096 instances are kept).
    An attempt that started from a known result is counted as ``seeded`` and nothing else: the solver was handed the answer.
    An imported outcome is counted as ``imported`` as well.
    A success in a race is counted as ``raced`` as well, and has no loss: its rival told the solver what it found.
    Sums, not means, are kept, so that figures of several logs can be added; :func:`means` divides.
    """

    name = "solver_stats"
    version = 3
    handles = frozenset(COUNTS) | ENDS

    def initial(self) -> StatsState:
        """No attempts."""
        return StatsState()

    def apply(self, state: StatsState, event: Recorded) -> StatsState:
        """One attempt's start or end."""
        data = event.data
        name = f"{data['solver']}@{data['version']}"
        figures = state.solvers.get(name)
        if figures is None:
            figures = state.solvers[name] = _blank(data["solver"], data["version"])
        if data.get("seeded_from") is not None:
            if event.type == "AttemptStarted":
                figures["seeded"] += 1
            elif event.type == "AttemptSucceeded":
                _is_best(state.best, data["instance"], data["objective"], data["sense"])
            return state
        if event.type == "OutcomeImported":
            _imported(state, figures, event)
            return state
        figures[COUNTS[event.type]] += 1
        if event.type == "AttemptStarted":
            return state
        figures["family"] = data["family"]
        figures["seconds"] += data["seconds"]
        if event.type != "AttemptSucceeded":
            if data.get("transient") and data["retry_in"] is not None:
                figures["retried"] += 1
                return state
            figures["loss_sum"] += 1.0
            figures["loss_squares"] += 1.0
            return state
        if data.get("rival") is None:
            loss = data["loss"]
            figures["loss_sum"] += loss
            figures["loss_squares"] += loss * loss
        else:
            figures["raced"] += 1
        figures["compile_seconds"] += data["compile_seconds"]
        figures["iterations"] += data["iterations"]
        if data["proved_optimal"]:
            figures["proofs"] += 1
        if _is_best(state.best, data["instance"], data["objective"], data["sense"]):
            figures["bests"] += 1
        return state

    def dump(self, state: StatsState) -> bytes:
        """See :class:`Projection`; instances are a list, for their order decides which is forgotten first."""
        return dumps({"solvers": state.solvers, "best": list(state.best.items())})

    def load(self, content: bytes) -> StatsState:
        """See :class:`Projection`."""
        kept = loads(content)
        return StatsState(kept["solvers"], OrderedDict(kept["best"]))


def means(figures: dict[str, Any]) -> dict[str, float | None]:
    """Mean loss (races left out), mean seconds and success rate of one solver; None before the first outcome."""
    outcomes = figures["successes"] + figures["failures"] + figures["timeouts"] - figures["retried"]
    if not outcomes:
        return {"mean_loss": None, "mean_seconds": None, "success_rate": None}
    return {
        "mean_loss": figures["loss_sum"] / alone if (alone := outcomes - figures["raced"]) else None,
        "mean_seconds": figures["seconds"] / outcomes,
        "success_rate": figures["successes"] / outcomes,
    }


def _blank(solver: str, version: str) -> dict[str, Any]:
    counts = dict.fromkeys(
        [*COUNTS.values(), "retried", "seeded", "raced", "imported", "proofs", "bests", "iterations"], 0
    )
    sums = dict.fromkeys(["loss_sum", "loss_squares", "seconds", "compile_seconds"], 0.0)
    return {"solver": solver, "version": version, "family": None, **counts, **sums}


def _imported(state: StatsState, figures: dict[str, Any], event: Recorded) -> None:
    data, loss = event.data, loss_of(event)
    figures["family"] = data["family"]
    for name in ("attempts", "imported", IMPORTED[data["status"]]):
        figures[name] += 1
    figures["seconds"] += data["seconds"]
    figures["loss_sum"] += loss
    figures["loss_squares"] += loss * loss
    if data["objective"] is not None and _is_best(state.best, data["instance"], data["objective"], data["sense"]):
        figures["bests"] += 1


def _is_best(best: OrderedDict[str, float], instance: str, objective: float, sense: str) -> bool:
    known = best.get(instance)
    if known is None:
        best[instance] = objective
        if len(best) > INSTANCES:
            best.popitem(last=False)
        return True
    if (objective > known) if sense == "min" else (objective < known):
        return False
    best[instance] = objective
    return True
