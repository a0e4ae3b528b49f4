"""Ratings, clusters, anytime profiles."""
"""Ratings, clusters, profiles."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from .events import Position

Loss = Annotated[float, Field(ge=0, le=1, description="0 is the proved bound or the best known, 1 is no solution.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """A Bradley-Terry rating with its standard error and 95 % interval; not ``ranked`` with too few matches."""

    rating: float
    error: float
    low: float
    high: float



    """A Bradley-Terry rating with its 95 % interval; null without matches."""

    rating: float | None
    error: float | None
    low: float | None
    high: float | None
    matches: int
    ranked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """A solver's ratings; ``rank`` is null where there are not enough matches. The first four figures are Elo's."""
    """A solver on a leaderboard. ``rank`` is null while there are not enough matches; ``low`` to ``high`` is a 95 % interval."""

    rank: int | None
    family: str
    solver: str
    cluster: str | None
    rating: float
    error: float
    low: float
    high: float
    error: float | None
    low: float | None
    high: float | None
    bradley_terry: Strength
    games: int
    wins: int
    draws: int
    losses: int
    outcomes: int
    mean_loss: Loss | None
    failures: int
    ranked: bool
    by: Literal["elo", "bt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingPoint:
    """After so many moves, the last by the event at ``position``, the rating was this."""
    mean_loss: float | None
    by: str


class CoursePoint:
    """A rating after so many moves, by the event at ``position``."""

    position: Position
    rating: float
    move: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opponent:
    """Who was met with which score; a null ``solver`` is the par of the cluster."""

    solver: str | None
    objective: float | None
    score: Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedMatch:
    """An outcome that moved the rating; ``own`` unless another solver's result met this one's. ``run`` is null for imports."""
class Met:
    """A solver that was met in a match: its objective, and the score against it (1 won, 0.5 drawn, 0 lost)."""

    solver: str
    score: float


class Match:
    """An outcome that moved a rating from ``before`` to ``after``; ``own`` says whether it was the solver's own."""

    position: Position
    at: datetime
    run: str | None
    type: str
    instance: str
    cluster: str
    own: bool
    objective: float | None
    met: tuple[Opponent, ...]
    met: tuple[Met, ...]
    before: float
    after: float
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingHistory:
    """The thinned course of a rating over ``moves`` moves, and a page of the matches behind it."""
    """The thinned course of a solver's rating after ``moves`` moves, and a page of the matches that moved it."""

    solver: str
    family: str
    cluster: str | None
    moves: int
    points: tuple[RatingPoint, ...]
    matches: tuple[RatedMatch, ...]
    points: tuple[CoursePoint, ...]
    matches: tuple[Match, ...]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRating:
    """Who is best by Bradley-Terry."""
class BestRated:
    """The best Bradley-Terry rating of a cluster."""

    solver: str
    rating: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterLoss:
    """Who has the least mean loss."""

    solver: str
    mean_loss: Loss


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureOfCluster:
    """A feature's value at the centre, and how many standard deviations that is from the family's mean."""
class LeastLoss:
    """The smallest mean loss of a cluster."""

    mean_loss: float


class StandsOut:
    """A feature that tells a cluster from its family, ``z`` standard deviations away."""

    feature: str
    centre: float
    z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterReport:
    """One cluster of the latest generation; ``instances`` is scaled up from a sample."""
class Cluster:
    """Instances that look alike."""

    family: str
    cluster: str
    instances: int
    outcomes: int
    best: ClusterRating | None
    least_mean_loss: ClusterLoss | None
    stands_out: tuple[FeatureOfCluster, ...]
    best: BestRated | None
    least_mean_loss: LeastLoss | None
    stands_out: tuple[StandsOut, ...]
    centre: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePoint:
    """The mean loss after so many seconds, over the attempts that count there; null without any."""

    seconds: float
    loss: Loss | None
    """The mean loss after so many seconds, over so many attempts; 0 is the bound or the best known, 1 no solution."""

    loss: float | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How good a solver is after how long."""

    solver: str
    attempts: int
    points: tuple[ProfilePoint, ...]
