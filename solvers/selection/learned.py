"""What learned policies do alike: find out whether there is anything to learn from, and put their numbers on a grid."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from .choices import certain, eligible
from .policy import Candidate, Choice, Scored
from .single_best import SingleBest
from .standings import Standings

GRID = 2.0**24
"""Expected losses and scores are multiples of 1 / GRID: what is equal but for its last bits is equal."""
UNKNOWN = None, None, None
"""Score, expected loss and error of a solver that cannot be chosen."""


def grid(value: float) -> float:
    """The nearest multiple of 1 / GRID."""
    return round(value * GRID) / GRID


def instance(standings: Standings, features: Mapping[str, float]) -> tuple[float, ...] | str:
    """The instance's features as the examples have them; or why a learned policy cannot use them."""
    if not standings.examples.count:
        return "there are no outcomes with features yet"
    names = standings.examples.names
    try:
        values = tuple(map(features.__getitem__, names))
    except KeyError:
        missing = [name for name in names if name not in features]
        return f"{len(missing)} of {len(names)} are missing ({', '.join(missing[:3])})"
    if all(map(math.isfinite, values)):
        return values
    wrong = [name for name, value in zip(names, values, strict=True) if not math.isfinite(value)]
    return f"{', '.join(wrong[:3])} must be finite"


def without_features(
    standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int, why: str
) -> Choice:
    """The choice of `SingleBest`, and why it is its; where nothing has been tried at all, of the highest prior, if there is one."""
    able = eligible(candidates)
    if any(candidate.prior for candidate in able) and not any(standings.record(one.solver).trials for one in able):
        pick = max(able, key=lambda candidate: candidate.prior or 0.0)
        reason = (
            f"nothing has been tried yet, and of {pick.solver} its author expects the most, {pick.prior or 0.0:+.0f}"
        )
        return replace(certain(pick, candidates, {}, reason), arm="single_best")
    choice = SingleBest().choose(standings, features, candidates, key)
    return Choice(choice.solver, choice.scored, f"{choice.reason}; features are not used: {why}", "single_best")


def most_promising(
    able: Sequence[Candidate],
    losses: Sequence[float],
    errors: Sequence[float],
    least: Sequence[float],
    candidates: Sequence[Candidate],
    reason: Callable[[int, float], str],
    arm: str | None = None,
) -> Choice:
    """The highest ``1 - least`` of the able; equal ones: catalogue order. ``reason`` says why, of an index and its score.

    Losses, their errors, and the least that each may lose are of the able, in order.
    """
    scores = [grid(1.0 - one) for one in least]
    best = max(range(len(able)), key=scores.__getitem__)
    pick = able[best].solver
    numbers = {
        candidate.solver: (score, grid(min(1.0, max(0.0, loss))), grid(error))
        for candidate, score, loss, error in zip(able, scores, losses, errors, strict=True)
    }
    scored = []
    for candidate in candidates:
        score, loss, error = numbers.get(candidate.solver, UNKNOWN)
        scored.append(Scored(candidate, score, float(candidate.solver == pick), loss, error))
    return Choice(pick, tuple(scored), reason(best, scores[best]), arm)
