"""The facility layout behind a QAP: machines, rooms or clinics with names, and an answer in those names."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..errors import BadProblem
from .assignment import Assignment
from .evaluate import evaluate
from .problem import QAP, Mode
from .tables import read_table

LONGEST = 200
"""Characters of a name."""


@dataclass(frozen=True, eq=False)
class Facilities:
    """Facilities with flows between them, to be placed on locations with distances between them.

    Names are for people: they are no part of the problem, its identity or the log. Without names facilities and locations
    are numbered from 0, as solutions are.

    Attributes:
        flows: shape (n, n), from the facility of the row to that of the column.
        distances: shape (n, n), between locations.
        facilities: n distinct names, in the order of ``flows``.
        locations: n distinct names, in the order of ``distances``.

    Raises:
        BadProblem: a matrix breaks a rule of :class:`QAP`, or names are not n, distinct, and of 1 to 200 characters.
    """

    flows: Any
    distances: Any
    facilities: Sequence[str] | None = None
    locations: Sequence[str] | None = None
    name: str = ""
    mode: Mode = "auto"

    def __post_init__(self) -> None:
        n = self.problem.size
        object.__setattr__(self, "facilities", _names("facilities", self.facilities, n))
        object.__setattr__(self, "locations", _names("locations", self.locations, n))

    @classmethod
    def from_csv(cls, flows: str | Path, distances: str | Path, *, name: str | None = None) -> Self:
        """Read two CSV files; names stand in their header rows or columns. ``name`` is the first file's stem by default."""
        A, B = read_table(flows), read_table(distances)
        return cls(A.values, B.values, A.names, B.names, Path(flows).stem if name is None else name)

    @classmethod
    def of(cls, problem: QAP) -> Self:
        """Of a problem, with numbers for names."""
        return cls(problem.A, problem.B, name=problem.name)

    @cached_property
    def problem(self) -> QAP:
        """The problem to submit."""
        return QAP(A=self.flows, B=self.distances, name=self.name, mode=self.mode)

    def read(self, solution: Any) -> Assignment:
        """A solution of :attr:`problem` in names, with what it costs; raises BadProblem when it is none."""
        p = np.asarray(solution)
        checked = evaluate(self.problem, p)
        if not checked.feasible:
            raise BadProblem(checked.why)
        return Assignment(
            problem=self.problem,
            permutation=p,
            facilities=tuple(self.facilities or ()),
            locations=tuple(self.locations or ()),
            cost=checked.objective,
        )


def _names(what: str, given: Sequence[str] | None, n: int) -> tuple[str, ...]:
    if given is None:
        return tuple(map(str, range(n)))
    names = tuple(given)
    if isinstance(given, str) or len(names) != n:
        got = f"the text {given[:40]!r}" if isinstance(given, str) else f"{len(names)}"
        raise BadProblem(f"{what} must be {n} names, one for each row; got {got}")
    seen: dict[str, int] = {}
    for k, name in enumerate(names):
        if not isinstance(name, str) or not 1 <= len(name) <= LONGEST:
            raise BadProblem(
                f"a name in {what} must be 1 to {LONGEST} characters of text; number {k} is {str(name)[:40]!r}"
            )
        if name in seen:
            raise BadProblem(f"the names in {what} must differ; numbers {seen[name]} and {k} are both {name[:40]!r}")
        seen[name] = k
    return names
