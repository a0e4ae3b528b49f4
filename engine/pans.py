"""Which two solvers race: names as users give them, checked against the family; and which of them won."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mezan.solvers.errors import BadInput
from mezan.solvers.gaps import equal

if TYPE_CHECKING:  # read models ask who leads, and load no NumPy for it
    from mezan.solvers.catalog import Catalog
    from mezan.solvers.problem import Problem
    from mezan.solvers.solver import Solver


def pans_of(catalog: "Catalog", problem: "Problem", given: Sequence[str]) -> "dict[str, Solver[Any]]":
    """The two solvers of a race by the name of their task, which is the solver's name without its family.

    Raises:
        BadInput: there are not two different ones, one is unknown or refuses the problem, or it takes no solutions
            from outside.
    """
    family = catalog.family_of(problem)
    if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(name, str) for name in given):
        msg = f"pans must be the names of two solvers; got {given!r}"
        raise BadInput(msg)
    start = f"{family.name}."
    solvers = [catalog.solver(name if name.startswith(start) else start + name) for name in given]
    if len({solver.name for solver in solvers}) != 2 or len(solvers) != 2:
        msg = f"a race has two pans, two different solvers; got {', '.join(given) or 'none'}"
        raise BadInput(msg)
    for solver in solvers:
        if not solver.seedable or solver.runs_in != "kernel":
            able = ", ".join(s.name for s in family.solvers if s.seedable and s.runs_in == "kernel") or "none"
            msg = f"a pan must take solutions from outside while it runs; {solver.name} does not (in {family.name}: {able})"
            raise BadInput(msg)
        if (why := solver.refuses(problem)) is not None:
            msg = f"{solver.name} cannot take this problem: {why}"
            raise BadInput(msg)
    return {solver.name.removeprefix(start): solver for solver in solvers}


def leaders(objectives: Mapping[str, float], sense: Literal["min", "max"]) -> list[str]:
    """The pans with the best objective, in their order; more than one is a draw."""
    best = min(objectives.values()) if sense == "min" else max(objectives.values())
    return [name for name, objective in objectives.items() if equal(objective, best)]
