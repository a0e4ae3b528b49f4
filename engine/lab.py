"""The log under other policies: what each would have chosen at every decision of a user's run, and what that would have lost.

The log is folded forward once. Where the fold has reached the position as of which a recorded choice was made, every policy is
asked with the standings of that moment, and the recorded features, candidates and key: exactly as the engine would have asked.
So a policy is judged on what was known then, not on what it would have learned by its own choices.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput
from mezan.solvers.selection.policy import Policy

from .choosing import StandingsOf
from .folds import Projection
from .lab_log import Decision, DecisionLog, events, read_decisions
from .log import EventLog, Recorded

if TYPE_CHECKING:
    from mezan.solvers.pack import Array
    from mezan.solvers.selection.evaluation.off_policy import Decisions, Evaluation

BATCH = 500
"""Events that are folded in one go on a thread."""
MOST_POLICIES = 20
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Judged:
    """One policy. ``best_regret`` is its mean loss above the best known outcome of each decision's instance and budget,
    ``single_regret`` above the solver that would have been best for all; ``curve[n]`` sums the former over the decisions.
    """

    policy: str
    version: str
    evaluation: "Evaluation"
    best_regret: float
    single_regret: float | None
    curve: "Array"


@dataclass(frozen=True, slots=True)
class LabReport:
    """What a comparison found over ``decisions`` in ``since < position <= upto``.

    ``unrated`` decisions had no outcome of their own (cancelled, handed a result) and ``left_out`` ones were beyond the limit:
    neither is counted. ``logged`` is the mean loss that there was; ``single_best`` the best solver in hindsight of each family.
    """

    since: int
    upto: int
    decisions: int
    unrated: int
    left_out: int
    logged: float
    single_best: Mapping[str, str]
    policies: tuple[Judged, ...]


async def compare(
    log: EventLog,
    policies: Sequence[Policy],
    *,
    projections: Sequence[Projection[Any]],
    standings: StandingsOf,
    catalog: Catalog,
    family: str | None = None,
    since: int = 0,
    upto: int,
    progress: Progress | None = None,
) -> LabReport:
    """Ask the policies at every decision of users' runs, and estimate what each would have lost.

    Args:
        log: what is read, twice: once for the decisions and outcomes, once to fold it.
        policies: one or more, of different names.
        projections: those that ``standings`` reads.
        standings: as the engine's.
        catalog: knows the solvers' priors.
        family: decisions of this family only.
        since: decisions and outcomes after this position only; the fold begins at the first event all the same.
        upto: nothing after this position.
        progress: called with (events folded, of how many) as the second reading goes on.

    Raises:
        BadInput: there is no decision with an outcome in that range, or a policy is named twice.
    """
    names = [policy.name for policy in policies]
    if not 1 <= len(names) <= MOST_POLICIES or len(set(names)) != len(names):
        msg = f"a comparison is of 1 to {MOST_POLICIES} different policies; got {', '.join(names)[:200]}"
        raise BadInput(msg)
    priors = {solver.name: solver.prior for one in catalog for solver in one.solvers}
    found = await read_decisions(log, priors, family=family, since=since, upto=upto)
    kept = await anyio.to_thread.run_sync(lambda: [one for one in found.decisions if _settled(found, one)])
    if not kept:
        of = "" if family is None else f" of {family}"
        msg = (
            f"the log must have a decision{of} with an outcome, of a run that named no solver, after position {since} "
            f"and up to {upto}; it has none: solve something, or look at a longer range"
        )
        raise BadInput(msg)
    asked = await anyio.to_thread.run_sync(_Asked, policies, standings, kept)
    handles = frozenset[str]().union(*(projection.handles for projection in projections))
    fold = _Fold(projections, asked)
    batch: list[Recorded] = []
    end = max(decision.as_of for decision in kept)
    async for event in events(log, handles, end):
        batch.append(event)
        if len(batch) == BATCH:
            await anyio.to_thread.run_sync(fold.feed, batch)
            if progress is not None:
                progress(event.position, end)
            batch = []
    await anyio.to_thread.run_sync(fold.finish, batch)
    judged, logged, single = await anyio.to_thread.run_sync(_judge, found, asked)
    unrated = len(found.decisions) - len(kept)
    return LabReport(since, upto, len(kept), unrated, found.left_out, logged, single, judged)


def _settled(found: DecisionLog, decision: Decision) -> bool:
    """Whether the loss of the recorded choice is known; from another run of the same solver there, where its own is not."""
    if decision.loss is None:
        decision.loss = found.known(decision, decision.solver)
    return decision.loss is not None


class _Asked:
    """The chances that each policy gives at each decision, ``chances[policy][decision]`` by solver, as far as it was asked."""

    def __init__(self, policies: Sequence[Policy], standings: StandingsOf, decisions: Sequence[Decision]) -> None:
        self.policies, self.decisions = policies, decisions
        self.chances: list[list[dict[str, float]]] = [[{} for _ in decisions] for _ in policies]
        self._standings = standings
        self._order = sorted(range(len(decisions)), key=lambda i: decisions[i].as_of, reverse=True)

    def reach(self, position: int, states: Mapping[str, Any]) -> None:
        """Ask at every decision that was made before what is folded next, at ``position``."""
        while self._order and self.decisions[self._order[-1]].as_of < position:
            i = self._order.pop()
            made = self.decisions[i]
            now = self._standings(states, made.family, made.features, made.as_of)
            for policy, chances in zip(self.policies, self.chances, strict=True):
                choice = policy.choose(now, made.features, made.candidates, made.key)
                chances[i] = {one.candidate.solver: one.propensity for one in choice.scored if one.propensity}


class _Fold:
    def __init__(self, projections: Sequence[Projection[Any]], asked: _Asked) -> None:
        self._states = {projection.name: projection.initial() for projection in projections}
        self._projections, self._asked = projections, asked

    def feed(self, batch: Sequence[Recorded]) -> None:
        for event in batch:
            self._asked.reach(event.position, self._states)
            for projection in self._projections:
                if event.type in projection.handles:
                    self._states[projection.name] = projection.apply(self._states[projection.name], event)

    def finish(self, batch: Sequence[Recorded]) -> None:
        self.feed(batch)
        self._asked.reach(2**63, self._states)


def _judge(found: DecisionLog, asked: _Asked) -> tuple[tuple[Judged, ...], float, dict[str, str]]:
    import numpy as np

    from mezan.solvers.selection.evaluation.off_policy import evaluate

    decisions = _arrays(found, asked.decisions)
    predictions = _predictions(decisions, asked.decisions)
    best = np.fmin(decisions.losses, np.fmin.reduce(decisions.known, axis=1))
    single, at_best = _single_best(decisions, asked.decisions, predictions)
    judged = []
    for policy, chances in zip(asked.policies, asked.chances, strict=True):
        target = np.array([[one.get(solver, 0.0) for solver in decisions.solvers] for one in chances])
        evaluation = evaluate(decisions, target, predictions)
        mean = evaluation.dr.value
        curve = np.round(np.cumsum(evaluation.summands - best), 12)
        over = None if at_best is None else mean - at_best
        judged.append(Judged(policy.name, policy.version, evaluation, mean - float(best.mean()), over, curve))
    return tuple(judged), float(decisions.losses.mean()), single


def _arrays(found: DecisionLog, made: Sequence[Decision]) -> "Decisions":
    import numpy as np

    from mezan.solvers.selection.evaluation.off_policy import Decisions

    solvers = tuple(dict.fromkeys(one.solver for decision in made for one in decision.candidates))
    index = {solver: i for i, solver in enumerate(solvers)}
    n, k = len(made), len(solvers)
    chances, known = np.zeros((n, k)), np.full((n, k), np.nan)
    places: dict[tuple[str, str], int] = {}
    for i, decision in enumerate(made):
        for solver, chance in decision.propensities.items():
            chances[i, index[solver]] = chance
        for solver in found.outcomes.get(decision.place, ()):
            loss = found.known(decision, solver)
            if solver in index and loss is not None:
                known[i, index[solver]] = loss
    return Decisions(
        solvers,
        np.array([index[decision.solver] for decision in made]),
        np.array([decision.loss for decision in made], float),
        chances,
        known,
        np.zeros((n, 0)),
        np.array([places.setdefault(decision.place[:2], len(places)) for decision in made]),
    )


def _predictions(decisions: "Decisions", made: Sequence[Decision]) -> "Array":
    """Predicted losses, family by family: features of different families do not compare."""
    from dataclasses import replace

    import numpy as np

    from mezan.solvers.selection.evaluation.off_policy import losses_model

    predictions = np.zeros_like(decisions.known)
    for family in dict.fromkeys(decision.family for decision in made):
        rows = np.array([i for i, decision in enumerate(made) if decision.family == family])
        names = sorted({name for i in rows for name in made[i].features})
        X = np.array([[made[i].features.get(name, 0.0) for name in names] for i in rows], float)
        of = {
            name: getattr(decisions, name)[rows] for name in ("chosen", "losses", "propensities", "known", "instances")
        }
        features = np.sign(X) * np.log1p(np.abs(X))
        predictions[rows] = losses_model(replace(decisions, features=features, **of))
    return predictions


def _single_best(
    decisions: "Decisions", made: Sequence[Decision], predictions: "Array"
) -> tuple[dict[str, str], float | None]:
    """Of each family the solver that took all its problems and would have lost least, by DR; and their mean loss together."""
    import numpy as np

    from mezan.solvers.selection.evaluation.off_policy import evaluate

    able = np.array(
        [[{one.solver: one.refused is None for one in decision.candidates}.get(s, False) for s in decisions.solvers] for decision in made]
    )  # fmt: skip
    families = np.array([decision.family for decision in made])
    one_hot = np.eye(len(decisions.solvers))
    summands = [
        evaluate(decisions, np.where(able[:, [s]], one_hot[s], decisions.propensities), predictions).summands
        for s in range(len(decisions.solvers))
    ]
    total, best = 0.0, dict[str, str]()
    for family in dict.fromkeys(families.tolist()):
        mine = families == family
        means = {s: float(found[mine].mean()) for s, found in enumerate(summands) if able[mine, s].all()}
        if not means:
            return best, None
        s = min(means, key=lambda one: means[one])
        best[family] = decisions.solvers[s]
        total += means[s] * int(mine.sum())
    return best, total / len(decisions)
