"""What is there before a run: examples, and what is to be expected."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleProblem:
    """An instance that ships with its family; ``body`` is what `POST /solve` takes."""

    name: str
    family: str
    about: str
    size: int
    best_known: float | None
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverForecast:
    """One solver on the instance.

    ``loss`` is the expected distance to the bound in [0, 1] with its standard ``error``; 80 % of the losses to come are
    expected between ``low`` and ``high``; ``objective`` is what the loss comes to; ``best`` the chance that no other solver has
    a lower one; ``seconds`` median, first and last decile of its latest ``outcomes``. ``refused`` says why it cannot be taken.
    """

    solver: str
    version: str
    refused: str | None
    loss: float
    error: float
    low: float | None
    high: float | None
    objective: float | None
    best: float
    seconds: tuple[float, float, float] | None
    outcomes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the policy would choose as of a position, and a forecast per solver; ``forced`` is the solver that the request names."""

    family: str
    instance: str
    size: int
    cluster: str
    as_of: int
    bound: dict[str, Any] | None
    features: dict[str, float]
    policy: str
    solver: str
    propensity: float
    reason: str
    forced: str | None
    forecasts: tuple[SolverForecast, ...]
