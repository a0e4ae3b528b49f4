"""What the known instances say about learning from them: out of bag, the learned choices against the single best solver."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .careful import careful_pick
from .forest_kernel import ForestKernel
from .growing import Uniform
from .labels import Labels
from .schedules import UNIT, best_schedule, loss_of

Floats = NDArray[np.float64]

MOST = 400
"""Known instances that are judged by, drawn at random."""
GUARD = 1.2815515655446004
"""The normal quantile at 0.9: how sure it must be that the single best solver is better."""
BEYOND_DOUBT = 2.5758293035489004
"""The quantile at 0.995: level 0.01, shared by the two rules that the single best solver is compared with (Bonferroni)."""
PREFER = 2.0
"""How many standard errors picks must be better than what they replace: folds of few instances say little."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Mean losses in [0, 1] on ``judged`` known instances, each from the others alone, and the rule that follows.

    ``other``: of schedules where there are runtimes, else of careful picks (see `careful`).
    """

    judged: int
    single_best: float
    pick: float
    other: float
    kind: str
    rule: str

    def said(self) -> str:
        """In one sentence."""
        return (
            f"out of bag on {self.judged} known instances picks lose {self.pick:.4g}, {self.kind} {self.other:.4g} and the "
            f"single best solver {self.single_best:.4g} (1 is a failure)"
        )


def gathered(kernel: ForestKernel, X: Floats, labels: Labels, costs: Floats, longest: int, seed: int) -> Evidence:
    """The evidence of the known instances with prepared features ``X`` [n, d] that take ``costs`` [n] seconds.

    With runtimes a schedule is the rule, unless picks are better by two standard errors, or the single best solver is by a
    one-sided test at level 0.1. Without them there is no schedule to hedge with, and the single best solver is the rule, unless
    picks or careful picks are better by one-sided tests at level 0.01 together.

    The single best solver is that of all known instances, the judged one included. Left out, it would lose by the choice: of two
    solvers nearly as good, the instances on which one fails would be judged by that one.
    """
    n = len(X)
    judged = np.argsort(Uniform(seed ^ 0xE71D)((n,)), kind="stable")[:MOST]
    best = int(np.add.reduce(labels.losses, axis=0).argmin())
    found = []
    for i, weights in zip(judged, kernel.out_of_bag(X, judged), strict=True):
        near = np.flatnonzero(weights)
        if not len(near):
            found.append([labels.losses[i, best]] * 3)
            continue
        found.append([labels.losses[i, best], *_losses(weights[near], near, labels, i, float(costs[i]), best, longest)])
    table = np.array(found)
    means = np.add.reduce(table, axis=0) / len(table)
    single, pick, other = table.T
    if labels.times is None:
        kind, rule = "careful picks", "single_best"
        if _surely_less(other, single, BEYOND_DOUBT):
            rule = "careful"
        if _surely_less(pick, single, BEYOND_DOUBT) and means[1] <= means[2]:
            rule = "pick"
    else:
        kind, rule = "schedules", "pick" if _surely_less(pick, other, PREFER) else "schedule"
        if _surely_less(single, pick if rule == "pick" else other, GUARD):
            rule = "single_best"
    return Evidence(len(table), float(means[0]), float(means[1]), float(means[2]), kind, rule)


def _losses(
    weights: Floats, near: NDArray[np.int64], labels: Labels, i: int, cost: float, single: int, longest: int
) -> tuple[float, float]:
    """What the pick, and what the schedule or else the careful pick lose on known instance ``i``."""
    if labels.times is None or labels.cutoff is None:
        losses = labels.losses[near]
        picks = int((weights @ losses).argmin()), careful_pick(weights, losses, single)
        return float(labels.losses[i, picks[0]]), float(labels.losses[i, picks[1]])
    spent = float(np.rint(min(cost, labels.cutoff) * UNIT / 10 / labels.cutoff))
    times = labels.times[i] * (10.0 * labels.cutoff / UNIT)
    lost = []
    for steps in (1, longest):
        schedule, _ = best_schedule(weights, labels.times[near], labels.cutoff, spent, steps)
        lost.append(loss_of(schedule, times, labels.cutoff, cost) / (10.0 * labels.cutoff))
    return lost[0], lost[1]


def _surely_less(a: Floats, b: Floats, errors: float) -> bool:
    """Whether ``a`` is less than ``b`` by so many standard errors of their paired difference."""
    gain = b - a
    mean = float(np.add.reduce(gain)) / len(gain)
    error = math.sqrt(float(np.add.reduce((gain - mean) ** 2)) / max(1, len(gain) - 1) / len(gain))
    return mean - errors * error > 1e-9
