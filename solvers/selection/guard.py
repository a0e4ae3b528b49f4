"""A one-sided guard: a policy decides as long as evidence does not say that the single best solver does better.

The evidence is a one-sided Welch test on mean losses (Welch, Biometrika 34, 1947) with the normal quantile, at level
0.1, from five outcomes on each side. Elo counts wins, not how much is lost; the guard looks at what is lost.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from .choices import eligible
from .policy import Candidate, Choice, Policy, Scored, compares
from .single_best import shrunk_losses
from .standings import Record, Standings

ENOUGH = 5
QUANTILE = 1.2815515655446004
"""The normal quantile at 0.9."""


def clearly_worse(pick: Record, best: Record) -> bool:
    """Whether the pick's mean loss is above the best's by more than chance explains; False with too few outcomes."""
    if pick.outcomes < ENOUGH or best.outcomes < ENOUGH:
        return False
    means, variances = [], []
    for record in (pick, best):
        mean = record.loss_sum / record.outcomes
        means.append(mean)
        spread = max(0.0, record.loss_squares - record.outcomes * mean * mean) / (record.outcomes - 1)
        variances.append(spread / record.outcomes)
    # equal losses summed in another order differ in the last bits; that is no evidence
    return means[0] - means[1] > QUANTILE * math.sqrt(math.fsum(variances)) + 1e-9


def evidence(standings: Standings, pick: str, best: str) -> tuple[Record, Record, str] | None:
    """The two records that speak for ``best`` over ``pick``, and where from; None when nothing does.

    The cluster's records decide where both have enough, else the family's; and these do not count against a pick that
    has done at least as well in this cluster.
    """
    local, rival = standings.cluster_record(pick), standings.cluster_record(best)
    if local.outcomes >= ENOUGH and rival.outcomes >= ENOUGH:
        return (local, rival, f"in cluster {standings.cluster}") if clearly_worse(local, rival) else None
    if local.outcomes and rival.outcomes and local.loss_sum / local.outcomes <= rival.loss_sum / rival.outcomes:
        return None
    overall, other = standings.record(pick), standings.record(best)
    return (overall, other, f"over all of {standings.family}") if clearly_worse(overall, other) else None


@dataclass(frozen=True, slots=True)
class Guard:
    """``inner``, but the single best solver wherever the inner pick is by evidence worse in mean loss.

    Propensities stay true: whatever the inner policy would give to a solver that is set aside goes to the single best.
    """

    inner: Policy
    name: str

    @property
    def version(self) -> str:
        """The guard's own version and the inner policy's."""
        return f"2+{self.inner.version}"

    @property
    def compares(self) -> bool:
        """Whether the inner policy does."""
        return compares(self.inner)

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        choice = self.inner.choose(standings, features, candidates, key)
        losses = shrunk_losses(standings, eligible(candidates))
        if not losses:
            return choice
        best = min(losses, key=lambda solver: losses[solver])
        out = {
            scored.candidate.solver: against
            for scored in choice.scored
            if scored.propensity and scored.candidate.solver != best
            if (against := evidence(standings, scored.candidate.solver, best)) is not None
        }
        if not out:
            return choice
        scored = _moved(choice.scored, out, best)
        if choice.solver not in out:
            return replace(choice, scored=scored)
        mine, other, where = out[choice.solver]
        reason = (
            f"guard: {self.inner.name} would take {choice.solver}, but {where} its mean loss {mine.mean_loss or 0.0:.4g} "
            f"({mine.outcomes} outcomes) is by evidence above that of the single best, {best}: "
            f"{other.mean_loss or 0.0:.4g} ({other.outcomes})"
        )
        return Choice(best, scored, reason)


def _moved(scored: Sequence[Scored], out: Collection[str], best: str) -> tuple[Scored, ...]:
    moved = math.fsum(entry.propensity for entry in scored if entry.candidate.solver in out)
    gains = {best: moved}
    return tuple(
        entry._replace(propensity=0.0)
        if entry.candidate.solver in out
        else entry._replace(propensity=entry.propensity + gains.get(entry.candidate.solver, 0.0))
        for entry in scored
    )
