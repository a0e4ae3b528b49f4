"""What the API answers, as frozen dataclasses: the OpenAPI document is made from them, and `mezan.api.client` returns them.

Members that a later version adds are ignored by an earlier client.
"""

from .asking import ExampleProblem, Expected, SolverForecast
from .catalogue import FamilyEntry, PolicyEntry, PolicyList, Portfolios, SolverEntry, SolverReport, Tried
from .events import Event, EventPage
from .lab import Arm, Estimate, Experiment, Judged, LabReport, PValues
from .log import Head, KeptHead, LogPage, ReadModel, ReadModels, Rebuilt, Verification
from .ratings import ClusterReport, Profile, Rated, RatedMatch, RatingHistory
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
    "Alternative",
    "Arm",
    "Arrays",
    "Artifacts",
    "Candidate",
    "ClusterReport",
    "Difference",
    "Estimate",
    "Event",
    "EventPage",
    "Evidence",
    "ExampleProblem",
    "Expected",
    "Experiment",
    "FamilyEntry",
    "Head",
    "Health",
    "Judged",
    "KeptArtifact",
    "KeptHead",
    "LabReport",
    "Live",
    "LogPage",
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
    "RatedMatch",
    "RatingHistory",
    "ReadModel",
    "ReadModels",
    "Rebuilt",
    "ReplayReport",
    "RunPage",
    "RunReport",
    "RunRow",
    "SolverEntry",
    "SolverForecast",
    "SolverReport",
    "TaskReport",
    "Tried",
    "Verification",
    "Why",
]
