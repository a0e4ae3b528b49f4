"""Policies tried on the log, and A/B tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean loss with its 95 % interval."""

    mean_loss: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A policy on the log's decisions: mean loss by three estimators (doubly robust, self-normalised, plain importance weights).

    ``agreement`` is the mean chance that it chooses as the log did, ``known`` the share of its choices whose outcome the log has,
    ``unsupported`` the share that nothing speaks for; ``curve`` is its cumulative regret at evenly thinned decisions.
    """

    policy: str
    version: str
    agreement: float
    known: float
    unsupported: float
    effective_sample_size: float
    dr: Estimate | None
    snips: Estimate | None
    ips: Estimate | None
    mean_loss_known: float | None
    regret_best_known: float | None
    regret_single_best: float | None
    warnings: tuple[str, ...]
    curve: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabReport:
    """Policies on the decisions of ``since < position <= as_of``; ``single_best`` is the best solver of each family."""

    since: int
    as_of: int
    decisions: int
    unrated: int
    left_out: int
    mean_loss_logged: float | None
    single_best: Mapping[str, str]
    policies: tuple[Judged, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One side of a test; ``dropped`` outcomes had no partner."""

    arm: str
    policy: str
    share: float
    assigned: int
    outcomes: int
    dropped: int
    mean_loss: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PValues:
    """``p_value[i]`` after ``blocks[i]`` matched blocks; valid at any time of stopping."""

    blocks: tuple[int, ...]
    p_value: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """An A/B test as it stands; ``difference`` in mean loss with its confidence sequence ``lower`` to ``upper``."""

    experiment: str
    family: str | None
    alpha: float
    least_difference: float
    maximum: int
    metric: str
    started_at: datetime
    status: str
    stopped_at: datetime | None
    arms: tuple[Arm, ...]
    blocks: int
    winner: str | None
    difference: float | None
    lower: float | None
    upper: float | None
    p_value: float | None
    course: PValues
