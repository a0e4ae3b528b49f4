"""Ratings, clusters, profiles."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .events import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """A Bradley-Terry rating with its 95 % interval; null without matches."""

    rating: float | None
    error: float | None
    low: float | None
    high: float | None
    matches: int
    ranked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """A solver on a leaderboard. ``rank`` is null while there are not enough matches; ``low`` to ``high`` is a 95 % interval."""

    rank: int | None
    family: str
    solver: str
    cluster: str | None
    rating: float
    error: float | None
    low: float | None
    high: float | None
    bradley_terry: Strength
    games: int
    wins: int
    draws: int
    losses: int
    outcomes: int
    mean_loss: float | None
    failures: int
    ranked: bool
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoursePoint:
    """A rating after so many moves, by the event at ``position``."""

    position: Position
    rating: float
    move: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A solver that was met in a match: its objective, and the score against it (1 won, 0.5 drawn, 0 lost)."""

    solver: str
    objective: float | None
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
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
    met: tuple[Met, ...]
    before: float
    after: float
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingHistory:
    """The thinned course of a solver's rating after ``moves`` moves, and a page of the matches that moved it."""

    solver: str
    family: str
    cluster: str | None
    moves: int
    points: tuple[CoursePoint, ...]
    matches: tuple[Match, ...]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BestRated:
    """The best Bradley-Terry rating of a cluster."""

    solver: str
    rating: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastLoss:
    """The smallest mean loss of a cluster."""

    solver: str
    mean_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StandsOut:
    """A feature that tells a cluster from its family, ``z`` standard deviations away."""

    feature: str
    centre: float
    z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Instances that look alike."""

    family: str
    cluster: str
    instances: int
    outcomes: int
    best: BestRated | None
    least_mean_loss: LeastLoss | None
    stands_out: tuple[StandsOut, ...]
    centre: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePoint:
    """The mean loss after so many seconds, over so many attempts; 0 is the bound or the best known, 1 no solution."""

    seconds: float
    loss: float | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How good a solver is after how long."""

    solver: str
    attempts: int
    points: tuple[ProfilePoint, ...]
