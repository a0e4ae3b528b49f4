"""A race again: both pans to the recorded counts, and what one found into the other exactly where it was told."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import SolverFailed
from mezan.solvers.pack import pack
from mezan.solvers.problem import Family, Problem

from . import events as e
from .artifacts import digest_of
from .log import Recorded

if TYPE_CHECKING:
    from mezan.solvers.driver import Incumbent
    from mezan.solvers.scale import Pan


class Check(Protocol):
    """Compares what was recorded with what came now, and stops at the first difference."""

    def same(self, recorded: Recorded, **fields: tuple[Any, Any]) -> None:
        """Each field is (recorded, now)."""

    def note(self, text: str) -> None:
        """Say what could only be checked in part."""


def race(history: Sequence[Recorded], family: Family[Any], catalog: Catalog, problem: Problem, check: Check) -> None:
    """Repeat a race's recorded work; ``history`` is the whole run."""
    again = _Again(history, family, catalog, problem, check)
    for recorded in history:
        match recorded.event:
            case e.AttemptStarted() as started:
                again.started(started)
            case e.IncumbentFound() | e.AttemptSucceeded() as event:
                again.found(recorded, event)
            case e.IncumbentShared() as event:
                again.told(recorded, event)
            case e.CheckpointSaved() as event:
                again.saved(recorded, event)
            case _:
                pass


class _Again:
    def __init__(
        self, history: Sequence[Recorded], family: Family[Any], catalog: Catalog, problem: Problem, check: Check
    ) -> None:
        self._family, self._catalog, self._problem, self._check = family, catalog, problem, check
        self._saves = [(r, r.event) for r in history if isinstance(r.event, e.CheckpointSaved)]
        self._starts: dict[str, e.AttemptStarted] = {}
        self._pans: dict[str, Pan] = {}
        self._checkpoints: dict[str, bytes] = {}

    def started(self, started: e.AttemptStarted) -> None:
        from mezan.solvers.driver import kernel_platform

        self._starts[started.task] = started
        self._pans.pop(started.task, None)
        solver = self._catalog.solver(started.solver)
        if solver.version != started.version:
            self._check.note(f"{solver.name} was at version {started.version} and is at {solver.version} now")
        if started.device not in {"none", kernel_platform()}:
            self._check.note(
                f"it ran on {started.device}; results are only promised to repeat on the same kind of device"
            )

    def found(self, recorded: Recorded, event: e.IncumbentFound | e.AttemptSucceeded) -> None:
        self._compare(recorded, event, self._at(recorded, event.task, event.iterations).best)

    def told(self, recorded: Recorded, event: e.IncumbentShared) -> None:
        source = self._at(recorded, event.source_task, event.source_iterations)
        receiver = self._at(recorded, event.task, event.iterations)
        self._compare(recorded, event, source.best)
        if source.best is not None:
            receiver.tell(source.best)

    def saved(self, recorded: Recorded, event: e.CheckpointSaved) -> None:
        """One artifact holds all pans at one moment, so all go there before it is made."""
        from mezan.solvers.scale import checkpoint

        if event.checkpoint not in self._checkpoints:
            together = [(r, save) for r, save in self._saves if save.checkpoint == event.checkpoint]
            pans = {save.task: self._at(r, save.task, save.iterations) for r, save in together}
            content = checkpoint(pans)
            self._check.same(recorded, checkpoint=(event.checkpoint, digest_of(content)))
            self._checkpoints[event.checkpoint] = content

    def _compare(self, recorded: Recorded, was: Any, now: "Incumbent | None") -> None:
        solution = None if now is None else digest_of(pack({"solution": now.solution}))
        objective = None if now is None else now.objective
        self._check.same(recorded, objective=(was.objective, objective), solution=(was.solution, solution))

    def _at(self, recorded: Recorded, task: str, iterations: int) -> "Pan":
        """A pan after so many iterations; one that is beyond them is a difference."""
        pan = self._pan(task)
        if iterations > pan.iterations or pan.best is None:
            pan.advance(max(0, iterations - pan.iterations))
        if iterations != pan.iterations:
            self._check.same(recorded, iterations=(iterations, pan.iterations))
        return pan

    def _pan(self, task: str) -> "Pan":
        # made when it is first needed: an attempt that broke before its first chunk has none
        from mezan.solvers.scale import Pan, restore

        if task not in self._pans:
            started = self._starts[task]
            pan = Pan(self._family, self._catalog.solver(started.solver), self._problem, started.seed)
            if started.resumed_from is not None:
                content = self._checkpoints.get(started.resumed_from)
                if content is None:
                    msg = f"the checkpoint {started.resumed_from[:12]} that attempt {started.attempt} resumed was not saved before"
                    raise SolverFailed(msg)
                restore(content, {task: pan})
            self._pans[task] = pan
        return self._pans[task]
