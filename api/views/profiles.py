"""How good solvers are after how many seconds."""

from typing import Any

from mezan.projections.anytime import TIMES, AnytimeState, Profile

from .families import check_family

Json = dict[str, Any]


def profiles(state: AnytimeState, family: str) -> list[Json]:
    """One object per solver of a family, in order of name: its mean losses at fixed times; raises BadInput for an unknown family."""
    check_family(family, state.profiles)
    return [_profile(solver, one) for solver, one in sorted(state.profiles.get(family, {}).items())]


def _profile(solver: str, one: Profile) -> Json:
    points = zip(TIMES, one.means(), one.counts, strict=True)
    return {
        "solver": solver,
        "attempts": one.attempts,
        "points": [{"seconds": at, "loss": mean, "attempts": n} for at, mean, n in points],
    }


def mean_of(profile: Json) -> float:
    """The mean of a profile's losses over the times that it has, by which profiles are ordered; 1 without any."""
    means = [point["loss"] for point in profile["points"] if point["loss"] is not None]
    return sum(means) / len(means) if means else 1.0
