"""What the API answers, as frozen dataclasses: the OpenAPI document is made from them, and `mezan.api.client` returns them.

Members that a later version adds are ignored by an earlier client.
"""

from .asking import ExampleProblem, Expected, SolverForecast
from .events import Event, EventPage
from .ratings import ClusterReport, Profile, Rated, RatingHistory
from .runs import Accepted, RunReport, TaskReport
from .system import Health, Live, Problem, ProblemKind

__all__ = [
    "Accepted",
    "ClusterReport",
    "Event",
    "EventPage",
    "ExampleProblem",
    "Expected",
    "Health",
    "Live",
    "Problem",
    "ProblemKind",
    "Profile",
    "Rated",
    "RatingHistory",
    "RunReport",
    "SolverForecast",
    "TaskReport",
]
