"""The cross-validation protocol of ASlib (Bischl et al. 2016), as its challenges score selectors.

For each of a scenario's folds a selector learns from the others. It pays the time of the default feature steps where it looks at
features, and a schedule is run step by step; what is not solved by the cutoff loses 10 times the cutoff. The share of the gap
that is closed compares sums over all test instances, ``(SBS - selector) / (SBS - VBS)``, with the single best solver (SBS) of
each training part and the virtual best solver (VBS), which pay for no features.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mezan.solvers.selection.models.schedules import Step, loss_of
from mezan.solvers.selection.past.aslib import Scenario

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Part:
    """The instances of a scenario that a selector may see: features and costs, and for training ones what solvers did."""

    X: Floats
    feature_cost: Floats
    performance: Floats
    par10: Floats
    solved: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Decision:
    """Solvers by number, one after another, whether features were computed for it, and which rule decided."""

    steps: Sequence[Step]
    uses_features: bool
    decided_by: str = ""


class Selector(Protocol):
    """What is cross-validated."""

    def fit(self, scenario: Scenario, train: Part, seed: int) -> None:
        """Learn from the training instances; of ``scenario`` only names, cutoff and senses may be read."""

    def decide(self, X: Floats, feature_cost: Floats) -> list[Decision]:
        """A decision for each row of ``X`` [n, d]."""


@dataclass(frozen=True, slots=True)
class Result:
    """A selector on a scenario. ``par10`` are means over the test instances, in seconds or negated qualities.

    ``solved_given_solvable``: of the instances that any solver solves, the share that the selector solves (None for qualities).
    ``seconds`` of CPU time for learning and deciding; ``rules``: how many decisions each rule made.
    """

    scenario: str
    policy: str
    gap_closed: float
    par10: float
    par10_single_best: float
    par10_virtual_best: float
    solved_given_solvable: float | None
    instances: int
    algorithms: int
    seconds: float
    rules: dict[str, int] = field(default_factory=dict)


def cross_validate(
    scenario: Scenario,
    policy: str,
    make: Callable[[], Selector],
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Result:
    """The result of the selector that ``make`` makes, over all repetitions and folds.

    ``gap_closed`` is NaN where no solver is ever better than the single best. ``progress`` is told (done, all) folds.
    """
    splits = [(folds, fold) for folds in scenario.folds for fold in np.unique(folds[folds > 0])]
    lost, single, virtual, solved, solvable = [], [], [], 0, 0
    rules: Counter[str] = Counter()
    start = time.process_time()
    for done, (folds, fold) in enumerate(splits):
        train, test = np.flatnonzero((folds > 0) & (folds != fold)), np.flatnonzero(folds == fold)
        progress(done, len(splits))
        known = part(scenario, train)
        best = int(known.par10.mean(axis=0).argmin())
        selector = make()
        selector.fit(scenario, known, seed * 1000 + int(fold))
        for i, decision in zip(test, selector.decide(scenario.X[test], scenario.feature_cost[test]), strict=True):
            loss = score(scenario, int(i), decision)
            lost.append(loss)
            able = bool(scenario.solved[i].any())
            solvable += able
            solved += able and loss < 10 * scenario.cutoff
            rules[decision.decided_by] += 1
        single.append(scenario.par10[test, best])
        virtual.append(scenario.par10[test].min(axis=1))
    progress(len(splits), len(splits))
    sbs, vbs = np.concatenate(single), np.concatenate(virtual)
    gap = float((sbs - vbs).sum())
    return Result(
        scenario=scenario.name,
        policy=policy,
        gap_closed=float((sbs - np.array(lost)).sum()) / gap if gap > 0 else math.nan,
        par10=float(np.mean(lost)),
        par10_single_best=float(sbs.mean()),
        par10_virtual_best=float(vbs.mean()),
        solved_given_solvable=solved / solvable if scenario.runtime and solvable else None,
        instances=len(lost),
        algorithms=len(scenario.algorithms),
        seconds=time.process_time() - start,
        rules=dict(rules),
    )


def part(scenario: Scenario, rows: NDArray[np.int64]) -> Part:
    """Some instances of a scenario."""
    return Part(
        scenario.X[rows],
        scenario.feature_cost[rows],
        scenario.performance[rows],
        scenario.par10[rows],
        scenario.solved[rows],
    )


def score(scenario: Scenario, i: int, decision: Decision) -> float:
    """What a decision loses on instance ``i``: PAR10 in seconds with the features' time, or the (negated) quality."""
    if not scenario.runtime:
        return float(scenario.par10[i, decision.steps[0].solver])
    times = np.where(scenario.solved[i], scenario.par10[i], math.inf)
    spent = float(scenario.feature_cost[i]) if decision.uses_features else 0.0
    return loss_of(decision.steps, times, scenario.cutoff, spent)
