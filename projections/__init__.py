"""What the log means: pure folds from events to read models."""

from typing import Any

from mezan.engine.folds import Projection, RowProjection

from .anytime import Anytime
from .bradley_terry import BradleyTerry
from .clusters import Clusters, assign
from .courses import Courses
from .decisions import Decisions
from .elo import Elo
from .examples import LabelledOutcomes
from .experiments import ABTests
from .instances import Instances
from .known import KnownResults, known
from .policy_outcomes import PolicyOutcomes
from .run_counts import RunCounts, run_counts
from .runs import Runs
from .shadow_work import ShadowWork, shadow_seconds
from .solver_stats import SolverStats
from .standings import standings
from .throughput import Throughput
from .under_way import UnderWay
from .usage import Usage

DEFAULT: tuple[Projection[Any] | RowProjection, ...] = (
    Elo(),
    BradleyTerry(),
    Clusters(),
    LabelledOutcomes(),
    SolverStats(),
    Anytime(),
    Throughput(),
    UnderWay(),
    Runs(),
    Decisions(),
    KnownResults(),
    ShadowWork(),
    ABTests(),
    Courses(),
    PolicyOutcomes(),
    Instances(),
    RunCounts(),
    Usage(),
)

__all__ = [
    "DEFAULT",
    "ABTests",
    "Anytime",
    "BradleyTerry",
    "Clusters",
    "Courses",
    "Decisions",
    "Elo",
    "Instances",
    "KnownResults",
    "LabelledOutcomes",
    "PolicyOutcomes",
    "RunCounts",
    "Runs",
    "ShadowWork",
    "SolverStats",
    "Throughput",
    "UnderWay",
    "Usage",
    "assign",
    "known",
    "run_counts",
    "shadow_seconds",
    "standings",
]
