"""Why a solver was chosen."""

from dataclasses import dataclass

from .events import Position
from .runs import ReplayReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A solver as the policy saw it: ``score`` is what it was ranked by, ``refused`` why it could not be chosen."""

    solver: str
    version: str
    score: float | None
    rating: float
    cluster_rating: float
    trials: int
    cluster_trials: int
    mean_loss: float | None
    propensity: float
    refused: str | None
    expected_loss: float | None
    loss_error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A feature of the instance beside its cluster's centre and its family's mean; ``deviation`` is in standard deviations."""

    name: str
    value: float
    centre: float
    mean: float
    deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """An outcome that the policy knew of."""

    position: Position
    run: str
    solver: str
    cluster: str
    event: str
    loss: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """What would have been chosen had one thing been otherwise."""

    change: str
    solver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """A decision card, and what spoke for it.

    ``as_of`` is the position whose fold the policy saw, ``key`` the seed of its randomness, ``propensity`` the chance that this
    solver had. ``rival`` is the best-scored solver that was not chosen, ``margin`` how far behind its score was. ``choices``
    counts the run's choices, of which this is the last; ``time_share`` of the time that was left is what the solver got to find
    anything, None for all of it; ``verification`` is there if it was asked for.
    """

    run: str
    position: Position
    task: str
    attempt: int
    family: str
    policy: str
    policy_version: str
    solver: str
    version: str
    propensity: float
    cluster: str
    as_of: int
    key: int
    reason: str
    candidates: tuple[Candidate, ...]
    excluded: tuple[str, ...]
    forced: bool
    arm: str | None
    experiment: str | None
    time_share: float | None
    choices: int
    features: tuple[Place, ...]
    evidence: tuple[Evidence, ...]
    rival: str | None
    margin: float | None
    alternatives: tuple[Alternative, ...]
    verification: ReplayReport | None
