"""Where an attempt runs and with whom: its kind of device, and what must be equal to share a call."""

from collections.abc import Callable, Hashable
from typing import Any

import anyio
import anyio.to_thread

from mezan.solvers.problem import Problem
from mezan.solvers.solver import Solver, load

SMALL = 32
"""Problems up to this size are padded on the event loop: a thread hop would cost more."""


class Placing:
    """Remembers what is the same for every attempt, so that only the first one of a shape goes to a thread for it.

    The first answer loads JAX, and the first of each shape traces its kernel: once, whatever waits for it.
    """

    def __init__(self) -> None:
        self._platform: str | None = None
        self._weights: dict[Hashable, int] = {}
        self._loaded: set[str] = set()
        self._one = anyio.Lock()

    async def device(self, solver: Solver[Any]) -> str:
        """Which kind of slot it needs."""
        if solver.runs_in != "kernel":
            return "cpu"
        if (known := self._platform) is not None:
            return known
        async with self._one:
            if (found := self._platform) is None:
                found = self._platform = await anyio.to_thread.run_sync(_platform)
        return found

    async def group(self, solver: Solver[Any], problem: Problem) -> tuple[Hashable | None, int]:
        """What must be equal to share a call, and the bytes that one lane of it holds."""
        if solver.runs_in == "inline":
            return solver.name, 0
        if solver.runs_in != "kernel" or solver.islands:
            return None, 0

        def shaped() -> tuple[Hashable, Callable[[], int]]:
            from mezan.solvers.driver import lane_bytes, shape_key

            kernel = load(solver)
            shape = shape_key(kernel, problem)
            return (solver.name, shape), lambda: lane_bytes(kernel, shape)

        here = problem.size <= SMALL and solver.name in self._loaded
        key, weigh = shaped() if here else await anyio.to_thread.run_sync(shaped)
        self._loaded.add(solver.name)
        if key not in self._weights:
            async with self._one:
                if key not in self._weights:
                    self._weights[key] = await anyio.to_thread.run_sync(weigh)
        return key, self._weights[key]


def _platform() -> str:
    from mezan.solvers.driver import kernel_platform

    return kernel_platform()
