"""How a solver's rating came about: its course, and the matches that moved it."""

from typing import Any

import anyio.to_thread

from mezan.engine.engine import Engine
from mezan.engine.log import Recorded
from mezan.projections.courses import Course, CoursesState
from mezan.projections.elo import Elo, EloState
from mezan.projections.games import Games, games_of
from mezan.projections.outcomes import ENDS

from .times import when

Json = dict[str, Any]
LOOK_BACK = 4_096
"""Events that one look at the log goes back at most."""


def points(course: Course) -> list[Json]:
    """A course as objects: after ``move`` (counted from 1) the rating was this, by the event at ``position``."""
    return [{"position": position, "rating": rating, "move": move + 1} for position, rating, move in course.points]


def families_of(state: CoursesState, solver: str) -> list[str]:
    """The families in which a solver has played."""
    return [family for family, courses in sorted(state.overall.items()) if solver in courses]


async def matches(
    engine: Engine, family: str, solver: str, cluster: str | None, *, after: int, upto: int, limit: int
) -> tuple[list[Json], int]:
    """The outcomes in ``after < position <= upto`` that moved a rating, the newest first, and where the next look begins.

    Ratings are folded again from their value ``LOOK_BACK`` events before ``upto``, or at ``after``. At most ``limit`` are
    returned; the second value is the position up to which everything that is newer was looked at, ``after`` at the end.
    """
    start = max(after, upto - LOOK_BACK, 0)
    state: EloState = await engine.as_of(Elo.name, start)
    events: list[Recorded] = []
    at = start
    while page := await engine.log.read(after=at, upto=upto, types=ENDS, limit=1_000):
        events += page
        at = page[-1].position
    found = await anyio.to_thread.run_sync(_replayed, state, events, family, solver, cluster)
    found = found[-limit:]
    reached = start if len(found) < limit else found[0].event.position - 1
    return [_match(games) for games in reversed(found)], max(after, reached)


def _replayed(state: EloState, events: list[Recorded], family: str, solver: str, cluster: str | None) -> list[Games]:
    elo = Elo()
    played = [games_of(elo, state, event, family, solver, cluster) for event in events]
    return [games for games in played if games is not None]


def _match(games: Games) -> Json:
    event = games.event
    data = event.data
    return {
        "position": event.position,
        "at": when(event.recorded_at),
        "run": event.stream if event.type != "OutcomeImported" else None,
        "type": event.type,
        "instance": data["instance"],
        "cluster": data["cluster"],
        "own": games.own,
        "objective": games.objective,
        "met": [{"solver": met.solver, "objective": met.objective, "score": met.score} for met in games.met],
        "before": games.before,
        "after": games.after,
        "change": games.after - games.before,
    }
