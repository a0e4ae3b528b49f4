"""What the API answers, as frozen dataclasses: the OpenAPI document is made from them, and `mezan.api.client` returns them.

Members that a later version adds are ignored by an earlier client.
"""

from .asking import ExampleProblem, Expected, SolverForecast
from .events import Event, EventPage
from .ratings import ClusterReport, Profile, Rated, RatingHistory
from .runs import Accepted, RunReport, TaskReport
from .catalogue import FamilyEntry, PolicyEntry, PolicyList, Portfolios, SolverEntry, SolverReport, Tried
from .lab import Arm, Estimate, Experiment, Judged, LabReport, PValues
from .log import Head, LogPage, ReadModel, ReadModels, Rebuilt, Verification
from .ratings import Cluster, Match, Profile, Rated, RatingHistory
from .runs import (
    Accepted,
    Arrays,
    Artifacts,
    Difference,
    KeptArtifact,
    NamedArray,
    ReplayReport,
    RunPage,
    RunReport,
    RunRow,
    TaskReport,
)
from .system import Health, Live, Problem, ProblemKind
from .why import Alternative, Candidate, Evidence, Place, Why

__all__ = [
    "Accepted",
    "ClusterReport",
    "Event",
    "EventPage",
    "ExampleProblem",
    "Expected",
    "Alternative",
    "Arm",
    "Arrays",
    "Artifacts",
    "Candidate",
    "Cluster",
    "Difference",
    "Estimate",
    "Evidence",
    "Experiment",
    "FamilyEntry",
    "Head",
    "Health",
    "Judged",
    "KeptArtifact",
    "LabReport",
    "Live",
    "LogPage",
    "Match",
    "NamedArray",
    "PValues",
    "Place",
    "PolicyEntry",
    "PolicyList",
    "Portfolios",
    "Problem",
    "ProblemKind",
    "Profile",
    "Rated",
    "RatingHistory",
    "RunReport",
    "SolverForecast",
    "ReadModel",
    "ReadModels",
    "Rebuilt",
    "ReplayReport",
    "RunPage",
    "RunRow",
    "SolverEntry",
    "SolverReport",
    "TaskReport",
    "Tried",
    "Verification",
    "Why",
]
