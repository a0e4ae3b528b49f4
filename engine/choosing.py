"""From standings to a decision card, and back: the same pure function chooses live and checks the choice later."""

from collections.abc import Mapping
from typing import Any, Protocol

from mezan.solvers.errors import SolverFailed
from mezan.solvers.problem import Family, Problem
from mezan.solvers.selection.forced import Forced
from mezan.solvers.selection.policy import Candidate, Policy
from mezan.solvers.selection.registry import Policies
from mezan.solvers.selection.standings import Standings

from .events import BoundSpec, CandidateCard, RunRequested, SolverChosen


class StandingsOf(Protocol):
    """What makes standings of projections' states; given by the composition root."""

    def __call__(
        self,
        states: Mapping[str, Any],
        family: str,
        features: Mapping[str, float],
        position: int,
        *,
        compared: bool = True,
    ) -> Standings:
        """The standings as of ``position``; without ``compared`` nobody will read their strengths."""


def profile(family: Family[Any], problem: Problem) -> tuple[dict[str, float], BoundSpec | None]:
    """Features and bound in the form in which events keep them."""
    features = {name: float(value) for name, value in family.features(problem).items()}
    bound = family.bound(problem)
    return features, None if bound is None else BoundSpec(value=bound.value, method=bound.method)


def named(request: RunRequested, task: str) -> str | None:
    """The solver that a task asks for itself, or else the one that the user named for the run; None leaves it to the policy."""
    own = next((spec.solver for spec in request.tasks if spec.task == task), None)
    return own or request.solver


def policy_for(policies: Policies, solver: str | None, name: str | None, family: str) -> Policy:
    """The policy of that name, or the one set for the family, unless the solver is named; raises UnknownName."""
    return Forced(solver) if solver else policies.policy(name, family)


def candidates_for(family: Family[Any], problem: Problem, excluded: tuple[str, ...]) -> list[Candidate]:
    """The portfolio in catalogue order; those that refuse the problem, or have failed on it, say why."""
    return [
        Candidate(
            solver.name,
            solver.version,
            "it has already failed on this task" if solver.name in excluded else solver.refuses(problem),
            solver.prior,
            solver.name in excluded,
        )
        for solver in family.solvers
    ]


def explained(card: SolverChosen, family: Family[Any], problem: Problem) -> SolverChosen:
    """The card with what the chosen solver says that it will do, where it says so."""
    plan = next(solver.plan for solver in family.solvers if solver.name == card.solver)
    return card if plan is None else card.model_copy(update={"reason": f"{card.reason}; {plan(problem)}"})


def choose(
    policy: Policy,
    standings: Standings,
    features: Mapping[str, float],
    candidates: list[Candidate],
    *,
    task: str,
    attempt: int,
    key: int,
    excluded: tuple[str, ...],
    forced: bool,
) -> SolverChosen:
    """The card of one choice: everything the policy saw, and what it made of it.

    Raises:
        NoCandidate: every solver refuses the problem.
        SolverFailed: the policy gives the solver no share of the time that there is.
    """
    choice = policy.choose(standings, features, candidates, key)
    if choice.time_share is not None and not 0.0 < choice.time_share < 1.0:
        msg = f"a policy must give all the time (None) or a share between 0 and 1; {policy.name} gave {choice.time_share!r}"
        raise SolverFailed(msg)
    cards = []
    for scored in choice.scored:
        solver = scored.candidate.solver
        overall, local = standings.record(solver), standings.cluster_record(solver)
        cards.append(
            CandidateCard(
                solver=solver,
                version=scored.candidate.version,
                score=scored.score,
                rating=overall.rating,
                cluster_rating=local.rating,
                trials=overall.trials,
                cluster_trials=local.trials,
                mean_loss=overall.mean_loss,
                propensity=scored.propensity,
                refused=scored.candidate.refused,
                expected_loss=scored.expected_loss,
                loss_error=scored.loss_error,
            )
        )
    chosen = next(card for card in cards if card.solver == choice.solver)
    return SolverChosen(
        task=task,
        attempt=attempt,
        family=standings.family,
        policy=policy.name,
        policy_version=policy.version,
        solver=chosen.solver,
        version=chosen.version,
        propensity=chosen.propensity,
        cluster=standings.cluster,
        as_of=standings.position,
        key=key,
        reason=choice.reason,
        candidates=tuple(cards),
        excluded=excluded,
        forced=forced,
        arm=choice.arm,
        time_share=choice.time_share,
    )
