"""The solver that may lose least on this instance, as far as all outcomes of all solvers tell: contextual GP-UCB.

Krause and Ong, "Contextual Gaussian Process Bandit Optimization" (NIPS 2011): the least ``m(x, a) - beta s(x, a)`` under the
process of `gaussian`. A timeout tells that the instance is hard for everybody, so that where everything is expected to fail
trying something new costs nothing and is done, and where something is known to work it is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from .choices import eligible
from .learned import instance, most_promising, without_features
from .models.shelf import fitted
from .policy import Candidate, Choice
from .standings import Standings

ENOUGH = 10
"""Rows before which features are not yet judged."""


@dataclass(frozen=True, slots=True)
class ContextualGPUCB:
    """Scores are ``1 - (m - beta s)``, on a grid; equal ones: catalogue order.

    For a solver without an outcome beta grows as ``1 + n / patience`` with the n outcomes of the others, so that one added to a
    family that is well known has its turn too, and falls as ``1 / (1 + s)`` with its s unrated trials (see `Record.seeded`), so that
    it does not keep a turn that brings no outcome.

    With ``guarded`` the single best solver decides as long as the features mislead: when, over the rows, the solvers' plain
    means have foretold losses better than the process has, by more than chance explains.
    """

    learns: ClassVar[bool] = True
    name: str = "gp_ucb"
    version: str = "1"
    beta: float = 0.45
    patience: int = 100
    guarded: bool = False

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        able = eligible(candidates)
        values = instance(standings, features)
        if isinstance(values, str):
            return without_features(standings, features, candidates, key, values)
        from .models.surrogate import surrogate  # here, so that reading what is folded stays quick to start

        model = fitted("gaussian/1", standings.examples, surrogate)
        if self.guarded and standings.examples.count >= ENOUGH and model.features_mislead:
            why = f"so far the solvers' means foretell losses better (squared error, {len(model.process)} outcomes)"
            return without_features(standings, features, candidates, key, why)
        losses, errors = model.expected(values, able)
        untried = self.beta * (1 + len(model.process) / self.patience)
        widths = [
            self.beta if one.solver in model.tallies else untried / (1 + standings.record(one.solver).seeded)
            for one in able
        ]

        def reason(best: int, score: float) -> str:
            pick = able[best].solver
            tally = model.tallies.get(pick)
            return (
                f"{pick} is expected to lose {max(0.0, losses[best]):.4g} ± {errors[best]:.2g} on an instance like this, and nobody "
                f"may lose less ({tally.outcomes if tally else 0} outcomes of its own, {len(model.process)} of all)"
            )

        return most_promising(able, losses.tolist(), errors.tolist(), widths, candidates, reason, "gp_ucb")
