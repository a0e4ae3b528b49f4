"""Policies that learn from instances on which (nearly) every solver was tried: by imports, tournaments or shadow runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .choices import certain, eligible
from .policy import Candidate, Choice
from .single_best import SingleBest
from .slicing import SHARE, sliced
from .standings import Standings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .models.evidence import Evidence
    from .models.forest_kernel import ForestKernel
    from .models.label_table import LabelTable
    from .models.pairwise import PairwiseForests
    from .models.preparing import Preparation

LEAST = 30
"""Instances in the table before it is learned from."""
KEPT = 4
"""Models that a policy keeps for a table."""


@dataclass(frozen=True, slots=True)
class Model:
    """What is fitted to a table: a pure function of its rows."""

    table: "LabelTable"
    preparation: "Preparation"
    kernel: "ForestKernel"
    evidence: "Evidence"
    pairwise: "PairwiseForests | None"


@dataclass(frozen=True, slots=True)
class Tabled:
    """The solver that does best on similar instances, by a forest's kernel or by votes between pairs of solvers.

    Similar instances weigh in by a forest (see `forest_kernel`). With ``pairwise`` the solver with most votes is chosen (see
    `pairwise`), else the one of least expected loss, or, as long as it is not clear that this beats the single best solver, the
    one whose advantage over it is surest. Scores are ``1 - expected loss``, or votes.
    Solvers that have lost mostly by failing get a slice of the time (see `slicing`); what follows a slice is chosen by the similar
    instances on which its solver failed too.
    The single best solver is chosen as long as fewer than 30 instances are labelled for nearly all solvers, where the features
    say nothing, and where by evidence on the labelled instances it is the better choice; the reason says so.
    """

    name: str
    pairwise: bool = False
    version: str = "3"
    learns: bool = True

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """See :class:`Policy`."""
        return sliced(self._chosen(standings, features, candidates, key), standings, candidates, SHARE)

    def _chosen(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        able = eligible(candidates)
        model = self._model(standings, candidates)
        if model is None:
            why = f"fewer than {LEAST} instances are labelled for nearly all solvers"
            return self._single_best(standings, features, candidates, key, why)
        import numpy as np

        x = np.array([features.get(name, math.nan) for name in standings.examples.names], dtype=np.float64)
        if model.preparation.poisoned(x[None])[0]:
            return self._single_best(standings, features, candidates, key, "the features say nothing")
        if model.evidence.rule == "single_best":
            return self._single_best(standings, features, candidates, key, model.evidence.said())
        known = [n for n, solver in enumerate(model.table.solvers) if any(c.solver == solver for c in able)]
        if not known:
            return self._single_best(standings, features, candidates, key, "no labelled solver takes the problem")
        return self._learned(model, model.preparation(x[None]), np.array(known), candidates)

    def _learned(
        self, model: Model, x: "NDArray[np.float64]", known: "NDArray[np.int64]", candidates: Sequence[Candidate]
    ) -> Choice:
        import numpy as np

        from .models.careful import careful_pick

        weights = model.kernel.weights(x[0])
        losses = model.table.labels.losses
        gone = [
            n for n, solver in enumerate(model.table.solvers) if any(c.tried and c.solver == solver for c in candidates)
        ]
        if gone and (failed := weights * (losses[:, gone] >= 1.0).all(axis=1)).any():
            weights = failed
        total = float(weights.sum())
        expected = weights @ losses / total
        variance = np.maximum(weights @ (losses * losses) / total - expected * expected, 0.0)
        errors = np.sqrt(variance * float(weights @ weights)) / total
        if model.pairwise is not None:
            votes = model.pairwise.votes(x)[0]
            pick = int(known[votes[known].argmax()])
            scores = {solver: float(votes[n]) for n, solver in enumerate(model.table.solvers)}
            said = f"has the most votes against the others, {votes[pick]:.3g} of 1"
        else:
            single = int(np.add.reduce(losses[:, known], axis=0).argmin())
            careful = model.evidence.rule == "careful"
            pick = (
                careful_pick(weights, losses[:, known], single)
                if careful
                else int((weights @ losses[:, known]).argmin())
            )
            pick = int(known[pick])
            scores = {solver: 1.0 - float(expected[n]) for n, solver in enumerate(model.table.solvers)}
            said = (
                "does best on similar instances" if pick != known[single] else "is best overall and not surely beaten"
            )
        solver = model.table.solvers[pick]
        chosen = next(candidate for candidate in candidates if candidate.solver == solver)
        able = {model.table.solvers[n] for n in known}
        reason = f"{solver} {said}; expected loss {expected[pick]:.4g} ± {errors[pick]:.2g}, {model.evidence.said()}"
        choice = certain(chosen, candidates, {name: score for name, score in scores.items() if name in able}, reason)
        numbers = {name: n for n, name in enumerate(model.table.solvers)}
        return replace(
            choice,
            scored=tuple(
                scored._replace(
                    expected_loss=float(expected[numbers[scored.candidate.solver]]),
                    loss_error=float(errors[numbers[scored.candidate.solver]]),
                )
                if scored.candidate.solver in able
                else scored
                for scored in choice.scored
            ),
        )

    def _single_best(
        self,
        standings: Standings,
        features: Mapping[str, float],
        candidates: Sequence[Candidate],
        key: int,
        why: str,
    ) -> Choice:
        choice = SingleBest().choose(standings, features, candidates, key)
        return replace(choice, reason=f"guard: {choice.reason}, for {why}", arm="single_best")

    def _model(self, standings: Standings, candidates: Sequence[Candidate]) -> Model | None:
        from .models.label_table import fitted_count

        examples = standings.examples
        count = fitted_count(examples.count)
        solvers = tuple((candidate.solver, candidate.version) for candidate in candidates)
        key = (self.name, self.version, solvers, count)
        models = examples.table.models
        if key not in models:
            models[key] = self._fit(examples.table.rows[:count], solvers) if count else None
            ours = [other for other in list(models) if isinstance(other, tuple) and other[:2] == key[:2]]
            for old in ours[:-KEPT]:
                models.pop(old, None)
        found: Model | None = models.get(key)
        return found

    def _fit(self, rows: Sequence[object], solvers: tuple[tuple[str, str], ...]) -> Model | None:
        import numpy as np

        from .models import forest_kernel
        from .models.evidence import gathered
        from .models.label_table import label_table
        from .models.pairwise import MOST_SOLVERS, PairwiseForests
        from .models.preparing import Preparation

        table = label_table(rows, solvers, LEAST)  # type: ignore[arg-type]
        if table is None or not table.X.shape[1] or (self.pairwise and len(table.solvers) > MOST_SOLVERS):
            return None
        preparation = Preparation.of(table.X)
        X = preparation(table.X)
        kernel = forest_kernel.fit(X, table.labels.targets(), trees=100, max_features=0.8, min_leaf=4, seed=len(rows))
        evidence = gathered(kernel, X, table.labels, np.zeros(len(X)), 1, len(rows))
        votes = PairwiseForests.fit(X, table.labels.losses, seed=len(rows)) if self.pairwise else None
        return Model(table, preparation, kernel, evidence, votes)
