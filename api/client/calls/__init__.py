"""Every call of the clients, as a plan. What each takes, returns and raises is said here, once for both."""

from .asking import predict, solve, submit, submit_file
from .audit import follow_log, head, health, log, projections, rebuild, verify_log
from .knowledge import clusters, experiments, lab, leaderboard, policies, profiles, rating_history, solver, solvers
from .runs import artifact, cancel, events, replay, result, run, runs, why

__all__ = [
    "artifact",
    "cancel",
    "clusters",
    "events",
    "experiments",
    "follow_log",
    "head",
    "health",
    "lab",
    "leaderboard",
    "log",
    "policies",
    "predict",
    "profiles",
    "projections",
    "rating_history",
    "rebuild",
    "replay",
    "result",
    "run",
    "runs",
    "solve",
    "solver",
    "solvers",
    "submit",
    "submit_file",
    "verify_log",
    "why",
]
