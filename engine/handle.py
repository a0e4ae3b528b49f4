"""What a user holds of a run: its id, its events, its result."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mezan.solvers.gaps import gap
from mezan.solvers.pack import Array

from . import events as e
from .log import EventLog, Recorded
from .pans import leaders


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """A checked result of one task.

    ``bound`` bounds the optimum from below for ``min`` and from above for ``max``; ``gap`` is the distance to the best known
    objective in percent, None where none is known; ``seconds`` is the attempt's wall time. ``seeded_from`` is the run whose
    result, of ``seed_objective``, the search started from: it never ends worse.
    """

    task: str
    family: str
    sense: e.Sense
    label: str
    solver: str
    version: str
    objective: float
    solution: Array
    bound: float | None
    bound_method: str | None
    best_known: float | None
    proved_optimal: bool
    stopped: str
    iterations: int
    seconds: float
    compile_seconds: float
    seeded_from: str | None = None
    seed_objective: float | None = None

    @property
    def improved(self) -> bool | None:
        """Whether it is better than the result that it started from; None when it started from none."""
        return None if self.seed_objective is None else self.objective != self.seed_objective

    @property
    def gap(self) -> float | None:
        """Distance to the best known objective in percent of it."""
        return gap(self.objective, self.best_known)

    @property
    def lower_bound(self) -> float | None:
        """What no solution can be below."""
        return self.bound if self.sense == "min" else self.objective

    @property
    def upper_bound(self) -> float | None:
        """What the optimum cannot be above."""
        return self.objective if self.sense == "min" else self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A completed run: one result per task; those of a run with a single task, or of a race's best pan, are reachable directly.

    ``policy`` is the one that the request named, if any; ``pans`` are the tasks of a race; one that broke has no result.
    """

    run: str
    policy: str | None
    seed: int
    seconds: float
    tasks: Mapping[str, TaskResult]
    pans: tuple[str, ...] = ()

    @property
    def winner(self) -> str | None:
        """The pan that found the best of a race; None for a draw, and for other runs."""
        best = leaders({name: task.objective for name, task in self.tasks.items()}, self._sense)
        return best[0] if self.pans and len(best) == 1 else None

    @property
    def _sense(self) -> e.Sense:
        return next(iter(self.tasks.values())).sense

    @property
    def only(self) -> TaskResult:
        """The result of a run with a single task, or of the best pan of a race; raises ValueError for others."""
        if self.pans:
            return self.tasks[leaders({name: task.objective for name, task in self.tasks.items()}, self._sense)[0]]
        if len(self.tasks) != 1:
            msg = f"this run has tasks {', '.join(self.tasks)}; read result.tasks"
            raise ValueError(msg)
        return next(iter(self.tasks.values()))

    def __getattr__(self, name: str) -> Any:
        """Fields of the single task's result (``objective``, ``solution``, ``gap``, ``solver``, ...)."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.only, name)


class RunsEngine(Protocol):
    """What a handle needs of the engine."""

    @property
    def log(self) -> EventLog:
        """The log."""

    async def result_of(self, run: str) -> Result:
        """See :meth:`Run.result`."""

    async def cancel(self, run: str, reason: str) -> None:
        """See :meth:`Run.cancel`."""


class Run:
    """A run in the log, of this or any other process. Cheap: it holds an id and asks the engine."""

    def __init__(self, engine: RunsEngine, run: str) -> None:
        self._engine, self.id = engine, run

    def __repr__(self) -> str:
        return f"Run({self.id!r})"

    async def events(self, *, after: int = 0) -> AsyncIterator[Recorded]:
        """Every event of the run in order: those recorded first, then live until its last; a finished run just replays."""
        async for recorded in self._engine.log.subscribe(after=after, stream=self.id):
            yield recorded
            if recorded.type in e.TERMINAL:
                return

    async def result(self) -> Result:
        """Wait for the end.

        Raises:
            RunFailedError: the run failed; carries the recorded error.
            RunCancelledError: the run was cancelled.
        """
        return await self._engine.result_of(self.id)

    async def cancel(self, reason: str = "cancelled by its owner") -> None:
        """Stop the run and wait until that is recorded; nothing happens when it is over already."""
        await self._engine.cancel(self.id, reason)
