"""Procedures that hold the GIL or cannot be interrupted: each call has a process to itself, which is killed when the call is cancelled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from mezan.engine.child import Child, Died, packed
from mezan.solvers.budget import Budget
from mezan.solvers.errors import SolverFailed
from mezan.solvers.problem import Problem
from mezan.solvers.process import solve
from mezan.solvers.solver import Answer, Solver

IDLE_SECONDS = 30.0
"""How long a process waits for another call before it is ended."""
CALLS = 200
"""After so many a process is ended, whatever its libraries have piled up."""


class Processes:
    """Calls procedures in processes, which are used again while an engine uses them."""

    def __init__(self) -> None:
        self._idle: list[tuple[Child, float]] = []
        self._users = 0

    @asynccontextmanager
    async def used(self) -> AsyncIterator[None]:
        """Keep processes for the next call until the block ends."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                await self.tidy(0.0)

    async def call(self, solver: Solver[Any], problem: Problem, budget: Budget, seed: int) -> Answer:
        """Call a procedure.

        Raises:
            SolverFailed: the procedure cannot be sent there, or its process died.
            Exception: what the procedure raised.
        """
        try:
            request = packed(solve, solver.load, problem, budget, seed)
        except Exception as error:
            msg = f"{solver.name} runs in a process, so its `load` must be a function of a module that can be imported: {error}"
            raise SolverFailed(msg) from error
        child = await self._ready()
        try:
            answer: Answer = await child.call(request)
        except Died as error:
            msg = f"the process of {solver.name} died ({error})"
            raise SolverFailed(msg) from None
        finally:
            if child.ready and child.calls < CALLS and self._users:
                self._idle.append((child, anyio.current_time()))
            else:
                await child.end()
        return answer

    async def tidy(self, longest: float = IDLE_SECONDS) -> None:
        """End those that have waited for longer than so many seconds."""
        since = anyio.current_time() - longest
        idle, self._idle = self._idle, []
        self._idle = [one for one in idle if one[1] > since]
        for child, at in idle:
            if at <= since:
                await child.end()

    async def _ready(self) -> Child:
        while self._idle:
            child, _ = self._idle.pop()
            if child.ready:
                return child
            await child.end()
        return await Child.start()
