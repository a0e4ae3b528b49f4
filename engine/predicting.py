"""What to expect before a run: loss, objective and time of every solver, and how likely each is to be the best."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from mezan.solvers.problem import Bound, Family, Problem, objective_at
from mezan.solvers.selection.losses import expected_losses
from mezan.solvers.selection.policy import Candidate, Policy
from mezan.solvers.selection.standings import Standings
from mezan.solvers.selection.thompson import chances

from .choosing import choose
from .events import BoundSpec, CandidateCard, SolverChosen

LATEST = 256
"""Outcomes of a solver that its spread of losses and seconds is taken from."""
ENOUGH = 5
QUANTILE = 1.2815515655446004
"""The normal quantile at 0.9."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """One solver on one instance.

    Attributes:
        loss: expected distance to the bound in [0, 1], a failure counting 1, with its standard ``error``.
        low, high: 80 % of the losses to come are expected between them; None below five outcomes.
        objective: what ``loss`` comes to on this instance; None without a positive bound.
        best: the probability that no other solver has a lower expected loss; 0 for one that is refused.
        seconds: median time of its latest outcomes, with the first and last decile; None below five.
        outcomes: rated outcomes that speak for all this, in the whole family.
    """

    solver: str
    version: str
    refused: str | None
    loss: float
    error: float
    low: float | None
    high: float | None
    objective: float | None
    best: float
    seconds: tuple[float, float, float] | None
    outcomes: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the policy would choose now, and what to expect of every solver, the best first."""

    family: str
    label: str
    size: int
    cluster: str
    as_of: int
    bound: BoundSpec | None
    features: Mapping[str, float]
    card: SolverChosen
    forecasts: tuple[Forecast, ...]


def predict(
    family: Family[Problem],
    problem: Problem,
    features: Mapping[str, float],
    bound: BoundSpec | None,
    policy: Policy,
    standings: Standings,
    candidates: list[Candidate],
    key: int,
) -> Prediction:
    """A choice that is not recorded. Expected losses are the policy's where it has them, else the standings'.

    Raises:
        NoCandidate: every solver refuses the problem.
    """
    card = choose(policy, standings, features, candidates, task="main", attempt=1, key=key, excluded=(), forced=False)
    known = None if bound is None else Bound(bound.value, bound.method)
    forecasts = _forecasts(card, standings, candidates, known, family)
    return Prediction(
        family.name, problem.name, problem.size, standings.cluster, standings.position, bound, features, card, forecasts
    )


def _forecasts(
    card: SolverChosen,
    standings: Standings,
    candidates: Sequence[Candidate],
    bound: Bound | None,
    family: Family[Problem],
) -> tuple[Forecast, ...]:
    shrunk = expected_losses(standings, candidates)
    rows = standings.examples.rows
    able = [c for c in card.candidates if c.refused is None]
    seen = {c.solver: _expected(c, shrunk[c.solver].loss, shrunk[c.solver].error) for c in card.candidates}
    likely = dict(zip((c.solver for c in able), chances([seen[c.solver] for c in able]), strict=True))
    found = []
    for c in card.candidates:
        latest = [row for row in rows if row.solver == c.solver][-LATEST:]
        loss, error = seen[c.solver]
        low = high = None
        if len(latest) >= ENOUGH:
            mean = math.fsum(row.loss for row in latest) / len(latest)
            variance = math.fsum((row.loss - mean) ** 2 for row in latest) / (len(latest) - 1)
            spread = QUANTILE * math.sqrt(variance + error * error)
            low, high = max(0.0, loss - spread), min(1.0, loss + spread)
        found.append(
            Forecast(
                c.solver,
                c.version,
                c.refused,
                loss,
                error,
                low,
                high,
                None if bound is None else objective_at(loss, bound, family.sense),
                likely.get(c.solver, 0.0),
                _deciles([row.seconds for row in latest]),
                standings.record(c.solver).outcomes,
            )
        )
    return tuple(sorted(found, key=lambda one: (one.refused is not None, -one.best)))


def _expected(card: CandidateCard, loss: float, error: float) -> tuple[float, float]:
    if card.expected_loss is None or card.loss_error is None:
        return loss, error
    return card.expected_loss, card.loss_error


def _deciles(seconds: Sequence[float]) -> tuple[float, float, float] | None:
    if len(seconds) < ENOUGH:
        return None
    cuts = quantiles(seconds, n=10, method="inclusive")
    return cuts[4], cuts[0], cuts[8]
