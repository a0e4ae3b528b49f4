"""The smallest family there can be: what the engine costs when solving costs nothing."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from mezan.solvers.catalog import Catalog
from mezan.solvers.pack import Array
from mezan.solvers.problem import Bound, Evaluation, Family, Problem
from mezan.solvers.solver import Answer, Solver


class Trivial(Problem):
    """Minimise nothing over one number."""

    family: ClassVar[str] = "trivial"
    number: int

    @property
    def size(self) -> int:
        return 1

    def content(self) -> dict[str, Array]:
        return {"number": np.array(self.number, np.int64)}

    @classmethod
    def from_content(cls, arrays: Mapping[str, Array], *, name: str = "", best_known: float | None = None) -> Self:
        return cls(number=int(arrays["number"]), name=name, best_known=best_known)


def _solve(problem: Trivial, budget: Any, seed: int) -> Answer:
    return Answer(np.array([problem.number]))


FAMILY: Family[Trivial] = Family(
    name="trivial",
    sense="min",
    problem=Trivial,
    features=lambda p: {"number": float(p.number)},
    bound=lambda p: Bound(float(p.number), "itself"),
    evaluate=lambda p, s: Evaluation(float(s[0]), feasible=True),
    solvers=(
        Solver(
            name="trivial.echo",
            family="trivial",
            version="1",
            summary="Returns its input",
            reference="none",
            load=lambda: _solve,
            runs_in="inline",
        ),
    ),
    read=lambda text, name: Trivial(number=int(text), name=name),
    from_json=lambda data: Trivial(**data),
)
CATALOG = Catalog([FAMILY])
