"""What is registered: families and their solvers, by name."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from .errors import UnknownName
from .problem import Family, Problem
from .solver import Solver

ENTRY_POINTS = "mezan.families"
BUILT_IN = ("mezan.solvers.qap.family", "mezan.solvers.knapsack.family")


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """The error for a name that is not registered, with the nearest one that is."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return UnknownName(f"{kind} must be one of {', '.join(names)}; got {name!r}{hint}")


class Catalog:
    """An immutable set of families.

    Raises:
        ValueError: two families, or two solvers, have the same name.
    """

    def __init__(self, families: Iterable[Family[Any]]) -> None:
        self._families: dict[str, Family[Any]] = {}
        self._solvers: dict[str, Solver[Any]] = {}
        for family in families:
            if family.name in self._families:
                msg = f"family names must be unique; {family.name!r} is registered twice"
                raise ValueError(msg)
            self._families[family.name] = family
            for solver in family.solvers:
                if solver.name in self._solvers:
                    msg = f"solver names must be unique; {solver.name!r} is registered twice"
                    raise ValueError(msg)
                self._solvers[solver.name] = solver

    @classmethod
    def default(cls) -> "Catalog":
        """The built-in families and those that installed packages offer under ``mezan.families``."""
        built_in = [import_module(module).FAMILY for module in BUILT_IN]
        return cls([*built_in, *(point.load() for point in entry_points(group=ENTRY_POINTS))])

    def __iter__(self) -> Iterator[Family[Any]]:
        return iter(self._families.values())

    def family(self, name: str) -> Family[Any]:
        """The family of that name; raises UnknownName."""
        try:
            return self._families[name]
        except KeyError:
            raise unknown("family", name, self._families) from None

    def family_of(self, problem: Problem) -> Family[Any]:
        """The family a problem belongs to; raises UnknownName."""
        return self.family(type(problem).family)

    def solver(self, name: str) -> Solver[Any]:
        """The solver of that name; raises UnknownName."""
        try:
            return self._solvers[name]
        except KeyError:
            raise unknown("solver", name, self._solvers) from None
