"""Results of elsewhere: instances with features, what solvers did with them, and how bad that was."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import fsum
from statistics import median
from typing import Literal

from ...errors import BadInput
from ...problem import Bound, Sense, loss

Status = Literal["ok", "timeout", "failed"]
PENALTY = 10
"""PAR10: an instance that was not solved counts as ten cutoffs."""
MAX_NAME = 256
UNVERSIONED = "imported"
"""The version of a solver whose version nobody said."""


class BadResults(BadInput):
    """Raised when past results break a rule of their form; nothing was recorded."""

    code = "bad-results"


@dataclass(frozen=True, slots=True)
class PastOutcome:
    """What one solver did with one instance.

    ``budget`` and ``seconds`` are wall or processor seconds, as the source has them; ``objective`` is None without a result;
    ``loss`` is in [0, 1].
    """

    instance: str
    solver: str
    budget: float
    status: Status
    objective: float | None
    seconds: float
    loss: float = 1.0
    version: str = UNVERSIONED


@dataclass(frozen=True, slots=True)
class PastResults:
    """Everything of one source about one family; every instance has the same features (or none has any)."""

    family: str
    sense: Sense
    source: str
    outcomes: Sequence[PastOutcome]
    features: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def instances(self) -> list[str]:
        """Every instance with an outcome, in order of appearance."""
        return list(dict.fromkeys(outcome.instance for outcome in self.outcomes))

    @property
    def solvers(self) -> list[str]:
        """Every solver with an outcome, in order of appearance."""
        return list(dict.fromkeys(outcome.solver for outcome in self.outcomes))


def qualified(family: str, solver: str) -> str:
    """A solver's name as the catalogue has it, ``family.solver``, so that equal names of two families stay apart."""
    return solver if solver.startswith(f"{family}.") else f"{family}.{solver}"


def runtime_loss(status: Status, seconds: float, cutoff: float) -> float:
    """PAR10 as a share of its worst: ``seconds / (10 cutoff)`` of a solved instance, else 1."""
    return min(1.0, seconds / (PENALTY * cutoff)) if status == "ok" else 1.0


def with_quality_losses(outcomes: Iterable[PastOutcome], sense: Sense) -> list[PastOutcome]:
    """The outcomes with the loss of their objectives: the relative distance to the best that any of them has on the instance.

    It is that of `mezan.solvers.problem.loss`, the best taking the place of the bound; 1 without a result.
    """
    known = list(outcomes)
    best: dict[str, float] = {}
    better = min if sense == "min" else max
    for one in known:
        if one.objective is not None:
            best[one.instance] = better(best.get(one.instance, one.objective), one.objective)
    return [
        one
        if one.objective is None
        else replace(one, loss=loss(one.objective, Bound(best[one.instance], "best of all"), sense))
        for one in known
    ]


def without_gaps(features: Mapping[str, Mapping[str, float]], instances: Iterable[str]) -> dict[str, dict[str, float]]:
    """Every instance with every feature: a missing value becomes the median of the others (a column without any is left out)."""
    names = sorted({name for row in features.values() for name in row})
    columns = {name: [row[name] for row in features.values() if name in row] for name in names}
    middle = {name: float(median(values)) for name, values in columns.items()}
    return {instance: {n: features.get(instance, {}).get(n, middle[n]) for n in names} for instance in instances}


def summary(results: PastResults) -> dict[str, dict[str, float]]:
    """Per solver: outcomes, how many are results, and the mean loss."""
    told: dict[str, dict[str, float]] = {}
    for solver in results.solvers:
        own = [outcome for outcome in results.outcomes if outcome.solver == solver]
        told[solver] = {
            "outcomes": len(own),
            "solved": sum(outcome.status == "ok" for outcome in own),
            "mean_loss": fsum(outcome.loss for outcome in own) / len(own),
        }
    return told
