"""Extremely randomised trees on each solver's losses, shrunk to the solver's mean, with optimism for the little tried.

Per-solver regression forests as in SATzilla (Xu, Hutter, Hoos and Leyton-Brown, JAIR 32, 2008; trees after Hutter et al.,
Artificial Intelligence 206, 2014), learned from what the chosen solvers did. A solver's forest is refitted when its outcomes
have grown by 15 % or come from a new version, so that over n outcomes O(log n) fits are made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .choices import eligible
from .examples import Examples, Row
from .learned import instance, most_promising, without_features
from .models.shelf import fitted
from .policy import Candidate, Choice
from .standings import Standings

if TYPE_CHECKING:
    from .models.forests import Forest
    from .models.surrogate import Tally

TREES = 24
LEAST = 6
"""Outcomes of a solver from which on it has a forest."""
GROWTH = 0.15
MOST = 4096
"""Outcomes of a solver that its forest is fitted to at most: the latest."""
OLDER = 0.5
"""How an outcome of an older version weighs."""


def fit_at(outcomes: int) -> int:
    """The outcomes of a solver at its latest fit; 0 before the first."""
    at = LEAST if outcomes >= LEAST else 0
    while at and (following := at + max(2, int(GROWTH * at))) <= outcomes:
        at = following
    return at


@dataclass(frozen=True, slots=True)
class Grove:
    """Each solver's tally; its latest version and with which of its outcomes that began; its forest and how many it was fitted to.

    ``stacked`` are all the forests in their order, to be descended at once; None before the first.
    """

    tallies: Mapping[str, "Tally"]
    versions: Mapping[str, tuple[str, int]]
    forests: Mapping[str, tuple[int, "Forest"]]
    stacked: "Forest | None" = None

    def foretold(self, values: Sequence[float]) -> dict[str, float]:
        """What each solver's forest says of an instance."""
        from .models.encoding import compress

        if self.stacked is None:
            return {}
        by_tree = self.stacked.tree_values(compress([values])).reshape(len(self.forests), -1)
        return dict(zip(self.forests, (by_tree.sum(axis=1) / by_tree.shape[1]).tolist(), strict=True))


def grove(examples: Examples, kept: Mapping[int, Any]) -> Grove:
    """The model of the examples; what is still good is taken from the nearest of ``kept``."""
    from .models.surrogate import Tally

    near = max((count for count in kept if count <= examples.count), default=0)
    known = kept[near] if near else Grove({}, {}, {})
    tallies, versions, forests = dict(known.tallies), dict(known.versions), dict(known.forests)
    for row in examples.table.rows[near : examples.count]:
        tallies[row.solver] = tallies.get(row.solver, Tally()).plus(row.cost)
        if row.solver not in versions or versions[row.solver][0] != row.version:
            versions[row.solver] = (row.version, tallies[row.solver].outcomes)
    due = {}
    for solver, tally in tallies.items():
        at = fit_at(tally.outcomes)
        if at:
            at = max(at, versions[solver][1])
            if solver not in forests or forests[solver][0] != at:
                due[solver] = at
    if due:
        rows: dict[str, list[Row]] = {solver: [] for solver in due}
        for row in examples.table.rows[: examples.count]:
            if row.solver in due:
                rows[row.solver].append(row)
        for number, solver in enumerate(tallies):
            if solver in due:
                forests[solver] = (due[solver], _fitted(rows[solver][: due[solver]], number))
    stacked = known.stacked
    if due:
        from .models.forests import stack

        stacked = stack([forest for _, forest in forests.values()])
    return Grove(tallies, versions, forests, stacked)


def _fitted(rows: list[Row], number: int) -> "Forest":
    from .models.encoding import compress
    from .models.forests import fit

    taken, version = rows[-MOST:], rows[-1].version
    return fit(
        compress([row.features for row in taken]),
        [row.cost for row in taken],
        trees=TREES,
        max_features=0.33,
        min_leaf=2,
        seed=number * 2**32 + len(rows),
        weights=[1.0 if row.version == version else OLDER for row in taken],
        bootstrap=True,
    )


@dataclass(frozen=True, slots=True)
class ForestGreedy:
    """Scores are ``1 - (m - beta s)``; equal ones: catalogue order.

    ``m = (n f + mean) / (n + 1)`` with f what the solver's forest (or, before there is one, its mean) says, n its outcomes and
    the mean of all losses; ``s^2 = v / (n + 1)``, v the variance of losses within solvers.
    """

    learns: ClassVar[bool] = True
    name: str = "forest"
    version: str = "2"
    beta: float = 0.6

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        able = eligible(candidates)
        values = instance(standings, features)
        if isinstance(values, str) or not values:
            why = values if isinstance(values, str) else "there are none"
            return without_features(standings, features, candidates, key, why)
        from .models.surrogate import Tally, pooled

        model = fitted(standings.examples, grove)
        mean, variance = pooled(model.tallies)
        foretold = model.foretold(values)
        losses, errors = [], []
        for candidate in able:
            tally = model.tallies.get(candidate.solver, Tally())
            outcomes: float = tally.outcomes
            value = foretold.get(candidate.solver, tally.total / tally.outcomes if tally.outcomes else mean)
            if candidate.solver in foretold and model.versions[candidate.solver][0] != candidate.version:
                outcomes *= OLDER
            losses.append((outcomes * value + mean) / (outcomes + 1))
            errors.append((variance / (outcomes + 1)) ** 0.5)

        def reason(best: int, score: float) -> str:
            pick = able[best].solver
            whose = "its forest" if pick in foretold else "its mean"
            return f"{pick} has the highest score, {score:.4g}: by {whose} it loses {losses[best]:.4g} on this instance"

        least = [loss - self.beta * error for loss, error in zip(losses, errors, strict=True)]
        return most_promising(able, losses, errors, least, candidates, reason)
