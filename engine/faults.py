"""Named points at which a test can make the process die or an error appear; nothing happens unless one is armed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

POINTS = frozenset(
    {
        "store.before-commit",
        "store.after-commit",
        "run.requested",
        "run.profiled",
        "run.chosen",
        "attempt.started",
        "attempt.chunk",
        "attempt.incumbent",
        "attempt.checkpoint",
        "attempt.finished",
        "run.finished",
        "follower.before-save",
        "follower.after-save",
        "recovery.fenced",
        "recovery.abandoned",
        "import.batch",
        "tournament.match",
        "accounts.kept",
    }
)
_armed: dict[str, Callable[[], None]] = {}


def reach(point: str) -> None:
    """Called by the engine between any two writes."""
    if _armed and (action := _armed.get(point)) is not None:
        action()


@contextmanager
def armed(point: str, action: Callable[[], None]) -> Iterator[None]:
    """Run ``action`` whenever the point is reached inside the block; raises ValueError for an unknown point."""
    if point not in POINTS:
        msg = f"fault point must be one of {', '.join(sorted(POINTS))}; got {point!r}"
        raise ValueError(msg)
    _armed[point] = action
    try:
        yield
    finally:
        del _armed[point]
