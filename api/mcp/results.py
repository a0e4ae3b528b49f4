"""What the tools answer where the HTTP API has no such value: lists as objects, and families with what is needed to use them."""

from dataclasses import dataclass
from typing import Any, Literal

from mezan.api.http.schemas import PolicyEntry, Rated, SolverEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleNote:
    """An instance that ships with its family; ``problem`` is what `solve` takes, null in lists and where it is long."""

    name: str
    about: str
    size: int
    best_known: float | None
    problem: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyNote:
    """A kind of problem: ``files`` are the endings that it reads, ``schema`` is of its `problem`, null in lists."""

    family: str
    sense: Literal["min", "max"]
    files: tuple[str, ...]
    solvers: tuple[str, ...]
    examples: tuple[ExampleNote, ...]
    schema: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyNotes:
    """Families."""

    families: tuple[FamilyNote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """The solvers of a family."""

    family: str
    sense: Literal["min", "max"]
    solvers: tuple[SolverEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Solvers by family, and the policies that choose among them."""

    families: tuple[Portfolio, ...]
    policies: tuple[PolicyEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Solvers by rating, the best first."""

    solvers: tuple[Rated, ...]
