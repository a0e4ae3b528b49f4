"""Of the solvers that nobody is known to beat, the one of least expected loss.

Bradley-Terry ratings (see `comparisons`) say who wins on an instance that both were given, whatever else each was given; they do
not say by how much. So they decide who is out, at level 0.1, and mean losses decide among the others.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .choices import certain, eligible
from .elo_ucb import PRIOR_TRIALS
from .guard import QUANTILE
from .losses import expected_losses
from .models.comparisons import NO_STRENGTH
from .policy import Candidate, Choice
from .standings import Standings


@dataclass(frozen=True, slots=True)
class BradleyTerry:
    """The score is the rating in the cluster, shrunk towards the family's, and an author's prior that fades as in `EloUCB`.

    A solver is out when its score is below the best one by more than 1.28 standard errors of the difference. With no games
    yet, nobody is out. Solvers that were never tried go first in catalogue order, unless some have priors.
    """

    name: str = "bradley_terry"
    version: str = "2"
    compares: bool = True

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        able = eligible(candidates)
        strengths = standings.strengths.in_cluster
        rated = {candidate.solver: strengths.get(candidate.solver, NO_STRENGTH) for candidate in able}
        trials = {candidate.solver: standings.record(candidate.solver).trials for candidate in able}
        fading = {c.solver: (c.prior or 0.0) * PRIOR_TRIALS / (PRIOR_TRIALS + trials[c.solver]) for c in able}
        scores = {solver: one.rating + fading[solver] for solver, one in rated.items()}
        if all(candidate.prior is None for candidate in candidates):
            for candidate in able:
                if not trials[candidate.solver] and not rated[candidate.solver].matches:
                    del scores[candidate.solver]
                    reason = (
                        f"{candidate.solver} has never been tried on {standings.family}, and untried solvers go first"
                    )
                    return certain(candidate, candidates, scores, reason)
        best = max(scores, key=lambda solver: scores[solver])
        contenders = [
            candidate
            for candidate in able
            if scores[best] - scores[candidate.solver]
            <= QUANTILE * math.hypot(rated[best].error, rated[candidate.solver].error)
        ]
        expected = expected_losses(standings, able)
        pick = min(contenders, key=lambda candidate: expected[candidate.solver].loss)
        rating, error = rated[pick.solver].rating, rated[pick.solver].error
        said = f"Bradley-Terry {rating:.0f} ± {error:.0f} in cluster {standings.cluster}"
        if len(contenders) == 1:
            reason = f"{pick.solver} beats every other solver by evidence: {said}"
        else:
            reason = (
                f"{pick.solver} has the least expected loss, {expected[pick.solver].loss:.4g}, of the {len(contenders)} solvers "
                f"that are within chance of the best rating ({best}, {scores[best]:.0f}): {said}"
            )
        return certain(pick, candidates, scores, reason)
