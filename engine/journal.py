"""One run's stream as its worker writes it: what is decided is folded at once, and recorded soon or now."""

import time
from collections.abc import Sequence
from contextvars import copy_context

import anyio

from mezan.solvers.errors import SolverFailed

from . import events as e
from .leases import Lease
from .log import Artifact, EventLog, Write
from .run import Command, RunState, decide, evolve, fold
from .streams import whole_stream


class Journal:
    """The state of a run, and the only way to change it: by a command whose events go to the log.

    Attributes:
        state: what has been decided; ahead of the log by what is on its way there.
        final: the terminal event, once it is decided.
        recorded: the end of the run is in the log; what was decided and then refused does not count.
    """

    def __init__(self, log: EventLog, lease: Lease, run: str, state: RunState, requested_at: float) -> None:
        self.run, self.state = run, state
        self.final: e.Event | None = None
        self.recorded = False
        self._log, self._lease, self._requested_at = log, lease, requested_at
        self._context = copy_context()

    @property
    def request(self) -> e.RunRequested:
        """What the user asked for."""
        if self.state.request is None:
            msg = f"run {self.run} must begin with RunRequested"
            raise SolverFailed(msg)
        return self.state.request

    @property
    def ref(self) -> str:
        """The name of the last event decided."""
        return f"{self.run}@{self.state.version}"

    def elapsed(self) -> float:
        """Seconds since the run was requested."""
        return max(0.0, time.time() - self._requested_at)

    def soon(self, command: Command, cause: str | None = None, artifacts: tuple[Artifact, ...] = ()) -> None:
        """Record with the next append of the run, or within moments."""
        self.all_soon((command,), cause, artifacts)

    def all_soon(
        self, commands: Sequence[Command], cause: str | None = None, artifacts: tuple[Artifact, ...] = ()
    ) -> None:
        """As ``soon``, for several commands of which the log gets all or none."""
        write = self._stage(commands, cause)
        # reports come from an executor's task, which has neither this run's tenant nor its actor
        self._context.run(self._log.append_soon, write, artifacts=artifacts, fence=self._lease.fence)

    async def append(
        self,
        command: Command,
        cause: str | None = None,
        artifacts: tuple[Artifact, ...] = (),
        forget: tuple[str, ...] = (),
    ) -> None:
        """Record durably; what has been decided is recorded even when a cancellation arrives meanwhile."""
        await self.append_all((command,), cause, artifacts, forget)

    async def append_all(
        self,
        commands: Sequence[Command],
        cause: str | None = None,
        artifacts: tuple[Artifact, ...] = (),
        forget: tuple[str, ...] = (),
    ) -> None:
        """As ``append``, for several commands of which the log gets all or none."""
        write = self._stage(commands, cause)
        over = self.state.over
        with anyio.CancelScope(shield=True):
            await self._log.append(write, artifacts=artifacts, forget=forget, fence=self._lease.fence)
        self.recorded = self.recorded or over

    async def refold(self) -> None:
        """After an append that failed the state is ahead of the log: fold it again."""
        history = await whole_stream(self._log, self.run)
        self.state = fold(recorded.event for recorded in history)
        self.final = history[-1].event if self.state.over else None
        self.recorded = self.state.over

    def _stage(self, commands: Sequence[Command], cause: str | None) -> Write:
        expected, cause = self.state.version, cause or self.ref
        state, events = self.state, list[e.Event]()
        for command in commands:
            decided = decide(command, state, elapsed=self.elapsed())
            for event in decided:
                state = evolve(state, event)
            events += decided
        self.state = state
        if state.over:
            self.final = events[-1]
        return Write(self.run, events, expected, cause)
