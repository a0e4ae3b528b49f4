"""What a run was asked, as a request that can be sent again."""

from typing import Any

from mezan.engine.events import RunRequested
from mezan.solvers.errors import BadInput

Json = dict[str, Any]


def options_of(requested: RunRequested) -> Json:
    """The options of a request: those that differ from their defaults, its time limit and its seed.

    Raises:
        BadInput: the run has several tasks that are no race, which one request cannot say.
    """
    first = requested.tasks[0]
    if len(requested.tasks) > 1 and not requested.pans:
        msg = f"a run must have one task to be asked for again over HTTP; this one has {len(requested.tasks)}"
        raise BadInput(msg)
    solver = None if requested.pans else requested.solver or first.solver
    budget = requested.budget.model_dump(include={"time_limit", "iterations", "target", "gap"})
    given = {
        **budget,
        "seed": requested.seed,
        "policy": requested.policy,
        "solver": solver,
        "priority": requested.priority or None,
        "fresh": (requested.fresh and not requested.pans) or None,  # a race always is
        "pans": [task.solver for task in requested.tasks] if requested.pans else None,
    }
    return {name: value for name, value in given.items() if value is not None}
