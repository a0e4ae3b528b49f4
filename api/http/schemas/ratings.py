"""Ratings, clusters, anytime profiles."""

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
    matches: int
    ranked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """A solver's ratings; ``rank`` is null where there are not enough matches. The first four figures are Elo's."""

    rank: int | None
    family: str
    solver: str
    cluster: str | None
    rating: float
    error: float
    low: float
    high: float
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

    position: Position
    at: datetime
    run: str | None
    type: str
    instance: str
    cluster: str
    own: bool
    objective: float | None
    met: tuple[Opponent, ...]
    before: float
    after: float
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingHistory:
    """The thinned course of a rating over ``moves`` moves, and a page of the matches behind it."""

    solver: str
    family: str
    cluster: str | None
    moves: int
    points: tuple[RatingPoint, ...]
    matches: tuple[RatedMatch, ...]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRating:
    """Who is best by Bradley-Terry."""

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

    feature: str
    centre: float
    z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterReport:
    """One cluster of the latest generation; ``instances`` is scaled up from a sample."""

    family: str
    cluster: str
    instances: int
    outcomes: int
    best: ClusterRating | None
    least_mean_loss: ClusterLoss | None
    stands_out: tuple[FeatureOfCluster, ...]
    centre: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePoint:
    """The mean loss after so many seconds, over the attempts that count there; null without any."""

    seconds: float
    loss: Loss | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How good a solver is after how long."""

    solver: str
    attempts: int
    points: tuple[ProfilePoint, ...]
