"""The course of every solver's Elo rating, thinned as it grows: what a leaderboard draws without reading the log again.

The fold of `elo` with a memory. Each time a solver's rating takes part in a game, its course gets a point. At most ``MOST`` points
are kept per family, and ``MOST_IN_CLUSTER`` per cluster: those of every ``stride``-th move from the first, and always the last; when there would be more, the stride doubles and
every other point is dropped. So which points are kept depends on the number of moves alone, and each was once the rating.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mezan.engine.log import Recorded

from .canonical import dumps, loads
from .elo import GAMES, RATING, Elo, EloState, packed, unpacked
from .games import opponents
from .outcomes import ENDS

MOST = 128
MOST_IN_CLUSTER = 32


@dataclass(slots=True)
class Course:
    """Points ``[position, rating, move]`` in log order; ``move`` counts from 0 and ``moves`` is how many there were."""

    moves: int = 0
    stride: int = 1
    points: list[list[Any]] = field(default_factory=list)

    def add(self, position: int, rating: float, most: int) -> None:
        """One more move; at most ``most`` points, at least two, stay."""
        if self.points and self.points[-1][2] % self.stride:
            self.points.pop()
        self.points.append([position, rating, self.moves])
        self.moves += 1
        if len(self.points) > most:
            self.stride *= 2
            last = self.points[-1]
            self.points = [point for point in self.points if point[2] % self.stride == 0]
            if self.points[-1] is not last:
                self.points.append(last)


@dataclass(slots=True)
class CoursesState:
    """Courses by family and solver, and by cluster and solver; the ratings that they are the courses of."""

    overall: dict[str, dict[str, Course]] = field(default_factory=dict)
    clusters: dict[str, dict[str, Course]] = field(default_factory=dict)
    ratings: EloState = field(default_factory=EloState)

    def of(self, family: str, cluster: str | None) -> Mapping[str, Course]:
        """By solver, of a family or inside one cluster."""
        return self.overall.get(family, {}) if cluster is None else self.clusters.get(cluster, {})


class Courses:
    """See the module."""

    name = "courses"
    version = 100 * Elo.version + 1
    """Follows that of the ratings."""
    handles = ENDS

    def __init__(self) -> None:
        self._elo = Elo()

    def initial(self) -> CoursesState:
        """No games."""
        return CoursesState()

    def apply(self, state: CoursesState, event: Recorded) -> CoursesState:
        """One outcome, which may move several solvers."""
        data = event.data
        family, cluster, ratings = data["family"], data["cluster"], state.ratings
        names = [data["solver"], *opponents(ratings, event)]
        table = ratings.overall.get(family, {})
        before = [record[GAMES] if (record := table.get(name)) is not None else 0 for name in names]
        self._elo.apply(ratings, event)
        table = ratings.overall.get(family, {})
        after = [record[GAMES] if (record := table.get(name)) is not None else 0 for name in names]
        moved = [name for name, was, now in zip(names, before, after, strict=True) if was != now]
        if moved:
            local = ratings.clusters[cluster].records
            overall, inside = state.overall.setdefault(family, {}), state.clusters.setdefault(cluster, {})
            for name in moved:
                _add(overall, name, event.position, table[name][RATING], MOST)
                _add(inside, name, event.position, local[name][RATING], MOST_IN_CLUSTER)
        return state

    def dump(self, state: CoursesState) -> bytes:
        """See :class:`Projection`."""
        kept = {"overall": _packed(state.overall), "clusters": _packed(state.clusters)}
        return dumps({**kept, "ratings": packed(state.ratings)})

    def load(self, content: bytes) -> CoursesState:
        """See :class:`Projection`."""
        kept = loads(content)
        return CoursesState(_unpacked(kept["overall"]), _unpacked(kept["clusters"]), unpacked(kept["ratings"]))


def _add(courses: dict[str, Course], solver: str, position: int, rating: float, most: int) -> None:
    course = courses.get(solver)
    if course is None:
        course = courses[solver] = Course()
    course.add(position, rating, most)


def _packed(tables: dict[str, dict[str, Course]]) -> dict[str, Any]:
    return {name: {s: [c.moves, c.stride, c.points] for s, c in courses.items()} for name, courses in tables.items()}


def _unpacked(tables: dict[str, Any]) -> dict[str, dict[str, Course]]:
    return {name: {s: Course(*kept) for s, kept in courses.items()} for name, courses in tables.items()}
