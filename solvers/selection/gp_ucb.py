"""The solver that may lose least on this instance, as far as all outcomes of all solvers tell: contextual GP-UCB.

Krause and Ong, "Contextual Gaussian Process Bandit Optimization" (NIPS 2011): the least ``m(x, a) - beta s(x, a)`` under the
process of `gaussian`. A timeout tells that the instance is hard for everybody, so that where everything is expected to fail
trying something new costs nothing and is done, and where something is known to work it is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from .choices import certain, eligible
from .learned import instance, most_promising, without_features
from .models.shelf import fitted
from .policy import Candidate, Choice
from .slicing import SHARE as TIME_SHARE
from .slicing import sliced
from .standings import Standings

ENOUGH = 10
"""Rows before which features are not yet judged."""
SHARE = 0.1
"""Of what a solver is expected to lose optimism leaves so much."""
FAULTLESS = 3
"""Outcomes from which on a solver that has never lost anything may lose nothing here either."""
FEW = 8
"""Rows up to which the process is made and asked within a millisecond."""


@dataclass(frozen=True, slots=True)
class ContextualGPUCB:
    """Scores are ``1 - (max(m - beta s, m / 10, 0) + p max(0, t - beta u))``, on a grid; equal ones: catalogue order.

    ``m`` and ``s`` are the expected loss and its standard error, ``t`` and ``u`` those of `Row.slowness`, and ``p`` its price, which is
    small against what solvers differ by. No loss is below 0, which is where one is that has never lost anything: optimism cannot
    prefer another to it, and among such time decides.

    For a solver without an outcome ``untried`` takes beta's place. It grows as ``1 + n / patience`` with the n outcomes of the others,
    so that one added to a family that is well known has its turn too, and falls as ``1 / (1 + s)`` with its s unrated trials (see
    `Record.seeded`), so that it does not keep a turn that brings no outcome.

    With ``guarded`` the single best solver decides as long as the features mislead: when, over the rows, the solvers' plain
    means have foretold losses better than the process has, by more than chance explains.

    ``time_share``: see `slicing`; None never slices.
    """

    learns: ClassVar[bool] = True
    name: str = "gp_ucb"
    version: str = "6"
    beta: float = 0.1
    untried: float = 0.45
    patience: int = 100
    guarded: bool = False
    time_share: float | None = TIME_SHARE

    def at_once(self, standings: Standings, candidates: Sequence[Candidate]) -> bool:
        """See :func:`~.policy.deliberates`: no model is needed, or one of so few outcomes that it is made in a moment."""
        return standings.examples.count <= FEW or sum(candidate.refused is None for candidate in candidates) <= 1

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        return sliced(self._chosen(standings, features, candidates, key), standings, candidates, self.time_share)

    def _chosen(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        able = eligible(candidates)
        if len(able) == 1:
            return certain(able[0], candidates, {}, f"{able[0].solver} is the only one that takes the problem")
        values = instance(standings, features)
        if isinstance(values, str):
            return without_features(standings, features, candidates, key, values)
        from .models.surrogate import surrogate  # here, so that reading what is folded stays quick to start

        model = fitted(standings.examples, surrogate)
        if self.guarded and standings.examples.count >= ENOUGH and model.features_mislead:
            why = f"so far the solvers' means foretell losses better (squared error, {len(model)} outcomes)"
            return without_features(standings, features, candidates, key, why)
        expected = model.expected(values, able)
        losses, errors = expected.losses.tolist(), expected.errors.tolist()
        times, time_errors = expected.times.tolist(), expected.time_errors.tolist()
        untried = self.untried * (1 + len(model) / self.patience)
        least = []
        for i, one in enumerate(able):
            tally = model.tallies.get(one.solver)
            width = self.beta if tally else untried / (1 + standings.record(one.solver).seeded)
            loss = max(0.0, losses[i] - width * errors[i])
            if tally:
                faultless = tally.outcomes >= FAULTLESS and not tally.total
                loss = 0.0 if faultless else max(loss, SHARE * losses[i])
            least.append(loss + expected.price * max(0.0, times[i] - width * time_errors[i]))

        def reason(best: int, score: float) -> str:
            pick = able[best].solver
            tally = model.tallies.get(pick)
            return (
                f"{pick} is expected to lose {max(0.0, losses[best]):.4g} ± {errors[best]:.2g} on an instance like this, and nobody "
                f"may lose less ({tally.outcomes if tally else 0} outcomes of its own, {len(model)} of all)"
            )

        return most_promising(able, losses, errors, least, candidates, reason, "gp_ucb")
