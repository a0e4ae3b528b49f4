"""What every policy does alike: drop the refused, and hand out propensities."""

from collections.abc import Mapping, Sequence

from ..errors import NoCandidate
from .policy import Candidate, Choice, Scored


def eligible(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that are not refused, in catalogue order; raises NoCandidate when there is none."""
    able = [candidate for candidate in candidates if candidate.refused is None]
    if not able:
        why = "; ".join(f"{candidate.solver}: {candidate.refused}" for candidate in candidates) or "none is registered"
        msg = f"a choice needs a solver that takes the problem; every one is out ({why})"
        raise NoCandidate(msg)
    return able


def certain(pick: Candidate, candidates: Sequence[Candidate], scores: Mapping[str, float], reason: str) -> Choice:
    """A choice without randomness: propensity 1 for the pick; a solver missing from ``scores`` has no number."""
    scored = tuple(
        Scored(candidate, scores.get(candidate.solver), float(candidate.solver == pick.solver))
        for candidate in candidates
    )
    return Choice(pick.solver, scored, reason)
