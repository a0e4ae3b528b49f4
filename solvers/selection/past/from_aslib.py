"""An ASlib scenario as past results; see `aslib` for the form of the files."""

import math
from collections.abc import Iterator
from pathlib import Path

from ...problem import Sense
from .aslib import Scenario, read_scenario
from .from_csv import name_of
from .results import PastOutcome, PastResults, Status, qualified, runtime_loss, with_quality_losses, without_gaps


def read(directory: Path, *, family: str | None = None, source: str | None = None) -> PastResults:
    """Every run of a scenario: a family of its own, ``aslib/NAME``, if none is named.

    Losses: of runtimes PAR10 over its worst; of qualities the relative distance to the best of the instance. A run that was not
    solved timed out if it took its cutoff, or if nobody knows how long it took. A missing feature becomes the median.

    Raises:
        BadInput: the folder is no scenario, or a file in it is malformed.
    """
    scenario = read_scenario(directory)
    named = name_of(f"aslib/{scenario.name}" if family is None else family, "a family")
    outcomes = list(_outcomes(scenario, named))
    sense: Sense = "max" if scenario.maximize and not scenario.runtime else "min"
    features = {
        instance: {name: float(x) for name, x in zip(scenario.features, row, strict=True) if math.isfinite(x)}
        for instance, row in zip(scenario.instances, scenario.X.tolist(), strict=True)
    }
    return PastResults(
        named,
        sense,
        name_of(f"ASlib {scenario.name}" if source is None else source, "a source"),
        outcomes if scenario.runtime else with_quality_losses(outcomes, sense),
        without_gaps(features, scenario.instances),
    )


def _outcomes(scenario: Scenario, family: str) -> Iterator[PastOutcome]:
    cutoff = scenario.cutoff if math.isfinite(scenario.cutoff) and scenario.cutoff > 0 else 1.0
    solvers = [qualified(family, name_of(name, "a solver")) for name in scenario.algorithms]
    performance, solved = scenario.performance.tolist(), scenario.solved.tolist()
    for i, instance in enumerate(scenario.instances):
        name_of(instance, "an instance")
        for solver, value, ok in zip(solvers, performance[i], solved[i], strict=True):
            if not scenario.runtime:
                yield PastOutcome(instance, solver, cutoff, "ok" if ok else "failed", value if ok else None, 0.0)
                continue
            seconds = min(cutoff, max(0.0, value)) if math.isfinite(value) else cutoff
            status: Status = "ok" if ok else "timeout" if seconds >= cutoff else "failed"
            yield PastOutcome(
                instance=instance,
                solver=solver,
                budget=cutoff,
                status=status,
                objective=seconds if ok else None,
                seconds=seconds,
                loss=runtime_loss(status, seconds, cutoff),
            )
