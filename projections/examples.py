"""The table that learned policies are fitted on: every rated outcome with the features of its instance, per family.

An outcome is rated when the loss is the solver's own: not of a search that was handed a result, not of a pan of a race, not
of a failure that will be tried again. A final failure or a timeout has loss 1. Imported instances and outcomes count like those
of here; an instance imported without features is left out where the family has some. When a family's features change their names, the
table starts afresh; the features of the last 8,192 instances are kept for outcomes to come.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from mezan.engine.endings import rated
from mezan.engine.log import Recorded
from mezan.solvers.selection.examples import CAPACITY, Examples, Row, Table

from .canonical import dumps, loads
from .outcomes import ENDS, loss_of


@dataclass(slots=True)
class Lessons:
    """One family: the table, and the features of its latest instances in the order of the table's names."""

    table: Table = field(default_factory=Table)
    features: OrderedDict[str, tuple[float, ...]] = field(default_factory=OrderedDict)


State = dict[str, Lessons]
PROFILES = frozenset({"ProblemProfiled", "InstanceImported"})


class LabelledOutcomes:
    """See the module."""

    name = "examples"
    version = 2
    handles = PROFILES | ENDS

    def initial(self) -> State:
        """No examples."""
        return {}

    def apply(self, state: State, event: Recorded) -> State:
        """One instance's features, or one outcome."""
        data, kind = event.data, event.type
        lessons = state.get(data["family"])
        if kind in PROFILES:
            if kind == "InstanceImported" and not data["features"] and lessons is not None and lessons.table.names:
                return state
            if lessons is None:
                lessons = state[data["family"]] = Lessons()
            _profiled(lessons, data["instance"], data["features"])
            return state
        if lessons is None or not rated(kind, data):
            return state
        features = lessons.features.get(data["instance"])
        if features is not None:
            row = Row(data["instance"], features, data["solver"], data["version"], loss_of(event), data["seconds"])
            lessons.table = lessons.table.grown(row)
        return state

    def dump(self, state: State) -> bytes:
        """See :class:`Projection`; features are kept once per instance."""
        return dumps({family: _packed(lessons) for family, lessons in state.items()})

    def load(self, content: bytes) -> State:
        """See :class:`Projection`."""
        return {family: _unpacked(kept) for family, kept in loads(content).items()}


def examples(state: State, family: str) -> Examples:
    """What there is to learn from now: later rows do not change it."""
    lessons = state.get(family)
    table = Table() if lessons is None else lessons.table
    return Examples(table, len(table.rows))


def _profiled(lessons: Lessons, instance: str, features: dict[str, float]) -> None:
    names = lessons.table.names
    if len(features) != len(names) or not all(map(features.__contains__, names)):
        names = tuple(sorted(features))
        lessons.table, lessons.features = Table(names), OrderedDict()
    kept = lessons.features
    kept[instance] = tuple(map(features.__getitem__, names))
    kept.move_to_end(instance)
    if len(kept) > CAPACITY:
        kept.popitem(last=False)


def _packed(lessons: Lessons) -> dict[str, Any]:
    table = lessons.table
    points: dict[tuple[str, tuple[float, ...]], int] = {}
    rows = []
    for row in table.rows:
        point = points.setdefault((row.instance, tuple(row.features)), len(points))
        rows.append([point, row.solver, row.version, row.loss, row.seconds])
    return {
        "names": table.names,
        "start": table.start,
        "points": list(points),
        "rows": rows,
        "features": list(lessons.features.items()),
    }


def _unpacked(kept: dict[str, Any]) -> Lessons:
    points = [(instance, tuple(values)) for instance, values in kept["points"]]
    rows = [
        Row(points[point][0], points[point][1], solver, version, loss, seconds)
        for point, solver, version, loss, seconds in kept["rows"]
    ]
    features = OrderedDict((instance, tuple(values)) for instance, values in kept["features"])
    return Lessons(Table(tuple(kept["names"]), kept["start"], rows), features)
