"""Which runs are wanted, as a condition on the rows of :class:`Runs`."""

from collections.abc import Callable

from mezan.engine.folds import Row


def matching(
    *,
    family: str | None = None,
    solver: str | None = None,
    policy: str | None = None,
    purpose: str | None = None,
    label: str | None = None,
    error: str | None = None,
) -> Callable[[Row], bool]:
    """A condition that holds where everything given does; without anything, always.

    Args:
        family: of one of the run's tasks.
        solver: the latest of one of the run's tasks.
        policy: the one that chose, or was asked to.
        purpose: request, shadow, tournament or benchmark.
        label: a part of the label, upper and lower case alike.
        error: the kind of error that the run, or the last attempt at one of its tasks, ended with.
    """
    part = None if label is None else label.casefold()

    def keep(row: Row) -> bool:
        tasks = row["tasks"].values()
        return (
            (purpose is None or row["purpose"] == purpose)
            and (policy is None or row["policy"] == policy)
            and (part is None or part in row["label"].casefold())
            and (family is None or any(task["family"] == family for task in tasks))
            and (solver is None or row["solver"] == solver or any(task["solver"] == solver for task in tasks))
            and (error is None or row["error"] == error or any(task["error"] == error for task in tasks))
        )

    return keep
