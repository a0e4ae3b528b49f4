"""A run's events as of a moment."""

from mezan.engine.engine import Engine
from mezan.engine.errors import RunNotFound
from mezan.engine.log import Recorded
from mezan.engine.streams import whole_stream


async def history_at(engine: Engine, run: str, at: int | None) -> list[Recorded]:
    """A run's events up to a position (None: all); the id may be cut short. Raises RunNotFound when there is none by then."""
    full = await engine.find(run)
    history = await whole_stream(engine.log, full, at)
    if not history:
        raise not_yet(full, at)
    return history


def not_yet(run: str, at: int | None) -> RunNotFound:
    """The error for a run that had no event by a position."""
    return RunNotFound(f"run {run} did not exist at position {at}; look at a later one")
