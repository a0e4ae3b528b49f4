"""Shadow runs: a share of the requests is also solved by the other candidates, while the engine has nothing else to do.

A policy sees only what its choices did. For the requests that a lot picks, the log learns what each other solver would have
done with the same budget and seed. Nobody waits for a shadow: it starts when no other run has been going for a moment, one at
a time, and a request that arrives stops it at its next chunk; then it is tried again later.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import anyio
import structlog

from mezan.solvers.errors import MezanError
from mezan.solvers.seeds import derive

from . import events as e
from .conductor import Conductor
from .run import RunState
from .shadow import Shadow

logger = structlog.get_logger(__name__)
LOWEST = 1 - 2**53
"""The priority of shadow runs: behind every other."""
LOT = 2**30
TRIES = 3
"""Times that a shadow is begun before it gives way for good."""
MOST_WAITING = 1_000
QUIET = 0.5
"""Seconds without any other run before a shadow begins: who has just been answered may well ask again."""

SpentOf = Callable[[Mapping[str, Any], int], float]
"""(projection states, now in microseconds since the epoch) -> seconds of solving that shadows used in the last 24 hours."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One shadow to be run: of which run, by which solver, and how often it has given way."""

    run: str
    tenant: str
    request: e.RunRequested
    solver: str
    tried: int = 0

    @property
    def key(self) -> str:
        """Under which it is submitted: each try is one run, whoever makes it."""
        return f"shadow/{self.run}/{self.solver}/{self.tried}"


def drawn(shadow: Shadow, request: e.RunRequested) -> bool:
    """The lot: the same for the same seed and instance."""
    return derive(request.seed, request.tasks[0].problem, "shadow") % LOT < shadow.share * LOT


def others(state: RunState) -> list[str]:
    """The solvers whose outcome on a run's instance would tell something new, in catalogue order.

    None of a race or of several tasks, of a run that did not complete, or of one that started from a known result: its
    instance has been here before.
    """
    request = state.request
    if request is None or request.purpose != "request" or request.pans or len(state.tasks) != 1:
        return []
    task = next(iter(state.tasks.values()))
    if state.status != "completed" or task.chosen is None or task.result is None or task.result.seeded_from is not None:
        return []
    return [c.solver for c in task.chosen.candidates if c.refused is None and c.solver != task.result.solver]


class Shadows:
    """The shadows of one engine, in the background of its other runs.

    Args:
        shadow: what may be spent.
        begin: submits one and returns it as it goes, None when it has been run before.
        busy: whether another run is going.
        spent: seconds that shadows used in the last 24 hours.
    """

    def __init__(
        self,
        shadow: Shadow,
        begin: Callable[[Wanted], Awaitable[Conductor | None]],
        busy: Callable[[], bool],
        spent: Callable[[], float],
    ) -> None:
        self.shadow = shadow
        self._begin, self._busy, self._spent = begin, busy, spent
        self._waiting: deque[Wanted] = deque()
        self._going: Conductor | None = None
        self._changed, self._settled = anyio.Event(), anyio.Event()
        self._scope = anyio.CancelScope()
        self._working = self._closed = False
        self._quiet_from = 0.0

    @property
    def due(self) -> int:
        """Shadows that wait or are going."""
        return len(self._waiting) + self._working

    def ended(self, run: str, tenant: str, state: RunState) -> None:
        """Look at a run that has ended: draw the lot, and note its shadows."""
        request = state.request
        if request is not None and request.purpose != "shadow":
            self._quiet_from = anyio.current_time() + QUIET
        if not self._closed and request is not None and len(request.tasks) == 1 and drawn(self.shadow, request):
            room = MOST_WAITING - len(self._waiting)
            self._waiting.extend([Wanted(run, tenant, request, solver) for solver in others(state)][:room])
        self._wake()

    def arrived(self) -> None:
        """Another run begins: the shadow that is going gives way."""
        if self._going is not None:
            self._going.cancel("it gave way to a request")

    def stop(self) -> None:
        """Begin no more; whatever is going ends with the engine's other runs."""
        self._closed = True
        self._waiting.clear()
        self._settled.set()
        self._scope.cancel()

    async def settled(self) -> None:
        """Return once no shadow is going or waiting."""
        while not self._closed and (self._waiting or self._working):
            await self._settled.wait()

    async def run(self) -> None:
        """Run shadows, one at a time, until stopped."""
        with self._scope:
            while True:
                while not self._waiting or self._busy():
                    await self._changed.wait()
                if (early := self._quiet_from - anyio.current_time()) > 0:
                    await anyio.sleep(early)
                    continue
                wanted, self._working = self._waiting.popleft(), True
                if self._spent() + wanted.request.budget.time_limit <= self.shadow.seconds:
                    await self._one(wanted)
                self._working = False
                settled, self._settled = self._settled, anyio.Event()
                settled.set()

    async def _one(self, wanted: Wanted) -> None:
        try:
            going = self._going = await self._begin(wanted)
            if going is None:
                return
            if self._busy():  # a request arrived while this was recorded
                self.arrived()
            await going.finished.wait()
        except MezanError as error:
            logger.warning("shadow not run", run=wanted.run, solver=wanted.solver, error=str(error))
            return
        finally:
            self._going = None
        if going.journal.state.status == "cancelled" and wanted.tried + 1 < TRIES:
            self._waiting.append(replace(wanted, tried=wanted.tried + 1))

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
