"""What the log means: pure folds from events to read models."""

from typing import Any

from mezan.engine.folds import Projection, RowProjection

from .bradley_terry import BradleyTerry
from .clusters import Clusters, assign
from .decisions import Decisions
from .elo import Elo
from .examples import LabelledOutcomes
from .known import KnownResults, known
from .runs import Runs
from .solver_stats import SolverStats
from .standings import standings
from .throughput import Throughput

DEFAULT: tuple[Projection[Any] | RowProjection, ...] = (
    Elo(),
    BradleyTerry(),
    Clusters(),
    LabelledOutcomes(),
    SolverStats(),
    Throughput(),
    Runs(),
    Decisions(),
    KnownResults(),
)

__all__ = [
    "DEFAULT",
    "BradleyTerry",
    "Clusters",
    "Decisions",
    "Elo",
    "KnownResults",
    "LabelledOutcomes",
    "Runs",
    "SolverStats",
    "Throughput",
    "assign",
    "known",
    "standings",
]
