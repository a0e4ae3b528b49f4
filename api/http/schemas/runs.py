"""Runs: what was asked, what came out, how it went."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from .events import Position

Status = Literal["requested", "running", "completed", "failed", "cancelled"]
Percent = Annotated[float | None, Field(description="Distance to the best known objective, in percent of it.")]
Solution = Annotated[Any, Field(description="The family's array, as JSON; null until the run succeeds.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReport:
    """What came of one task. Objectives are recomputed by the family's evaluator; bounds are proved."""

    family: str | None
    instance: str | None
    size: int | None
    sense: Literal["min", "max"] | None
    solver: str | None
    version: str | None
    objective: float | None
    solution: Solution
    lower_bound: float | None
    upper_bound: float | None
    bound_method: str | None
    best_known: float | None
    gap: Percent
    proved_optimal: bool | None
    stopped: str | None
    iterations: int | None
    compile_seconds: float | None
    cluster: str | None
    seeded_from: str | None
    seed_objective: float | None
    improved: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport(TaskReport):
    """One run: of a single task, or of a race, with that result's figures; of several tasks with a report for each.

    ``seconds`` is wall time once it has ended; ``events`` how many it has; ``position`` its latest. ``error`` and
    ``message`` say why it failed. Of a race, ``pans`` are its two tasks and ``winner`` the better one, null for a draw.
    """

    run: str
    status: Status
    policy: str | None
    forced: str | None
    seed: int
    time_limit: float
    seconds: float | None
    attempts: int
    events: int
    requested_at: datetime
    finished_at: datetime | None
    error: str | None
    message: str | None
    position: Position
    pans: tuple[str, ...] = ()
    winner: str | None = None
    tasks: Mapping[str, TaskReport] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status not in {"requested", "running"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A request that is recorded: it survives a crash of the server from here on. ``links`` say where everything about it is."""

    run: str
    status: Literal["requested"]
    links: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """What a list tells of a run; ``gap`` is in percent of the best known objective, ``position`` where the run begins."""

    run: str
    status: Status
    label: str
    family: str
    size: int
    policy: str | None
    solver: str | None
    objective: float | None
    gap: float | None
    best_known: float | None
    seconds: float | None
    seed: int | None
    attempts: int
    error: str | None
    message: str | None
    purpose: str
    within: str | None
    requested_at: datetime
    finished_at: datetime | None
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """Runs, newest first; the next page's address is in ``Link``, and its ``before`` here."""

    runs: tuple[RunRow, ...]
    more: bool
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first event that came out differently, and how."""

    position: Position
    version: int
    type: str
    field: str
    recorded: Any
    replayed: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What was done again, ``compared`` how many events; ``notes`` say what could only be checked in part."""

    run: str
    identical: bool
    compared: int
    difference: Difference | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptArtifact:
    """An artifact that a run's events name; ``size`` and ``url`` are null when it is no longer kept."""

    digest: str
    kind: Literal["problem", "solution", "checkpoint"]
    task: str
    position: Position
    size: int | None
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """Everything that a run's events name."""

    run: str
    artifacts: tuple[KeptArtifact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedArray:
    """An array as JSON; its values are nested as deep as its shape is long."""

    dtype: str
    shape: tuple[int, ...]
    values: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrays:
    """An artifact's arrays by name; ``size`` is its bytes."""

    digest: str
    size: int
    arrays: Mapping[str, NamedArray]
