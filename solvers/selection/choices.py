"""What every policy does alike: drop the refused, draw lots, and hand out propensities."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from ..errors import NoCandidate
from .losses import Expected
from .policy import Candidate, Choice, Scored

GRID = 2**30
"""Propensities of a lottery are multiples of 1 / GRID, so that they sum to one exactly."""


def eligible(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that are not refused, in catalogue order; raises NoCandidate when there is none."""
    able = [candidate for candidate in candidates if candidate.refused is None]
    if not able:
        why = "; ".join(f"{candidate.solver}: {candidate.refused}" for candidate in candidates) or "none is registered"
        msg = f"a choice needs a solver that takes the problem; every one is out ({why})"
        raise NoCandidate(msg)
    return able


def certain(
    pick: Candidate,
    candidates: Sequence[Candidate],
    scores: Mapping[str, float],
    reason: str,
    expected: Mapping[str, Expected] | None = None,
) -> Choice:
    """A choice without randomness: propensity 1 for the pick; a solver missing from ``scores`` has no number."""
    return Choice(pick.solver, _scored(candidates, scores, {pick.solver: 1.0}, expected or {}), reason)


def drawn(
    weights: Mapping[str, float],
    candidates: Sequence[Candidate],
    scores: Mapping[str, float],
    key: int,
    reason: Callable[[str], str],
    expected: Mapping[str, Expected] | None = None,
) -> Choice:
    """A choice by lot: solvers with chances in proportion to ``weights``, which are their propensities, and ``key`` the lot.

    ``reason`` says why for the solver that was drawn. A share below 1 / GRID is no chance at all.
    """
    total = math.fsum(weights.values())
    shares = {solver: int(weight / total * GRID) for solver, weight in weights.items()}
    shares[max(shares, key=lambda solver: shares[solver])] += GRID - sum(shares.values())
    solver = next(name for name, end in zip(shares, accumulate(shares.values()), strict=True) if key % GRID < end)
    chances = {name: share / GRID for name, share in shares.items()}
    return Choice(solver, _scored(candidates, scores, chances, expected or {}), reason(solver))


def _scored(
    candidates: Sequence[Candidate],
    scores: Mapping[str, float],
    chances: Mapping[str, float],
    expected: Mapping[str, Expected],
) -> tuple[Scored, ...]:
    scored = []
    for candidate in candidates:
        solver = candidate.solver
        one = expected.get(solver)
        loss, error = (None, None) if one is None else (one.loss, one.error)
        scored.append(Scored(candidate, scores.get(solver), chances.get(solver, 0.0), loss, error))
    return tuple(scored)
