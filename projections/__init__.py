"""What the log means: pure folds from events to read models."""

from typing import Any

from mezan.engine.folds import Projection, RowProjection

from .anytime import Anytime
from .bradley_terry import BradleyTerry
from .clusters import Clusters, assign
from .decisions import Decisions
from .elo import Elo
from .examples import LabelledOutcomes
from .experiments import ABTests
from .known import KnownResults, known
from .run_counts import RunCounts, run_counts
from .run_filter import matching
from .runs import Runs
from .shadow_work import ShadowWork, shadow_seconds
from .solver_stats import SolverStats
from .standings import standings
from .throughput import Throughput
from .under_way import UnderWay

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
    RunCounts(),
)

__all__ = [
    "DEFAULT",
    "ABTests",
    "Anytime",
    "BradleyTerry",
    "Clusters",
    "Decisions",
    "Elo",
    "KnownResults",
    "LabelledOutcomes",
    "RunCounts",
    "Runs",
    "ShadowWork",
    "SolverStats",
    "Throughput",
    "UnderWay",
    "assign",
    "known",
    "matching",
    "run_counts",
    "shadow_seconds",
    "standings",
]
