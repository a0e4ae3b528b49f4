"""What is installed."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverEntry:
    """A solver of a portfolio: ``repeatable`` when the same seed gives the same result, ``exact`` when it proves optima."""

    solver: str
    version: str
    summary: str
    reference: str
    runs_in: str
    repeatable: bool
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyEntry:
    """A kind of problem, the endings of the files that it reads, and its portfolio."""

    family: str
    sense: Literal["min", "max"]
    files: tuple[str, ...]
    solution_file: str | None
    solvers: tuple[SolverEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolios:
    """Every family."""

    families: tuple[FamilyEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of the attempts of one version of a solver: ``seeded``, ``raced`` and ``imported`` ones are told apart.

    Sums are over outcomes: losses, their squares, seconds.
    """

    solver: str
    version: str
    family: str | None
    attempts: int
    successes: int
    failures: int
    timeouts: int
    retried: int
    seeded: int
    raced: int
    imported: int
    proofs: int
    bests: int
    iterations: int
    loss_sum: float
    loss_squares: float
    seconds: float
    compile_seconds: float
    mean_loss: float | None
    mean_seconds: float | None
    success_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverReport:
    """A solver and its record by version; of one that is not installed any more, only the record is known."""

    solver: str
    family: str
    installed: bool
    version: str | None
    summary: str | None
    reference: str | None
    runs_in: str | None
    repeatable: bool | None
    exact: bool | None
    seedable: bool | None
    islands: bool | None
    versions: tuple[Tried, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEntry:
    """A selection policy; ``default`` decides where nothing is named, ``learns`` fits a model to past outcomes."""

    policy: str
    version: str
    default: bool
    learns: bool
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyList:
    """Every policy."""

    policies: tuple[PolicyEntry, ...]
