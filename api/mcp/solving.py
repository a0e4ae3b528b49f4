"""Waiting for a run: progress while it goes, and its end when the caller leaves."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

import anyio
import anyio.lowlevel

from .backend import Asked, Backend, Happening
from .words import number

Tell = Callable[[float, float | None, str], Awaitable[None]]
"""Told (progress, total, message); progress never goes back."""
BEAT = 5.0
"""Seconds between two signs of life, so that hosts which count from the last one do not give up."""
PAUSE = 0.2
"""Seconds between two messages, at least."""
FAREWELL = 10.0
"""Seconds in which a run must be stopped whose caller has left."""


async def submitted(backend: Backend, asked: Asked, *, wait: float, total: float | None, tell: Tell) -> str:
    """Submit, wait for the end up to ``wait`` seconds, and return the run's id.

    A caller that is cancelled meanwhile takes the run with it: its end is in the log before the cancellation goes on.

    Raises:
        MezanError: the request was refused; or the run could not be followed, then the message names it.
    """
    with anyio.CancelScope(shield=True):  # a request without an owner would run to its end for nobody
        run = await backend.submit(asked)
    try:
        await anyio.lowlevel.checkpoint()
        if wait:
            await followed(backend, run, wait, total, tell)
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(FAREWELL, shield=True):
            await backend.cancel(run)
        raise
    return run


async def followed(backend: Backend, run: str, seconds: float, total: float | None, tell: Tell) -> None:
    """Tell what happens in a run until it ends or the time is up."""
    teller = _Teller(tell, total)
    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(teller.run)
            async with aclosing(backend.events(run)) as events:
                async for event in events:
                    teller.hear(event)
            await teller.last()
            tasks.cancel_scope.cancel()


class _Teller:
    """Makes messages of events, the latest only where they come fast; progress is seconds."""

    def __init__(self, tell: Tell, total: float | None) -> None:
        self._tell, self._total = tell, total
        self._started, self._passed = anyio.current_time(), 0.0
        self._message, self._solver, self._best, self._told = "requested", "", "", ""
        self._moved = anyio.Event()

    def hear(self, event: Happening) -> None:
        """Take an event in."""
        data = event.data
        match event.type:
            case "SolverChosen":
                self._solver = str(data["solver"])
                self._message = f"{self._solver} was chosen"
            case "IncumbentFound":
                self._best = f": {number(data['objective'])}"
                self._message = f"{self._solver}{self._best}"
            case "BoundTightened":
                self._message = f"proved bound {number(data['value'])}"
            case "RunCompleted" | "RunFailed" | "RunCancelled":
                self._message = event.type.removeprefix("Run").lower() + self._best
            case _:
                return
        self._moved.set()

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            with anyio.move_on_after(BEAT):
                await self._moved.wait()
            self._moved = anyio.Event()
            await self._say()
            await anyio.sleep(PAUSE)

    async def last(self) -> None:
        """Tell what has not been told."""
        if self._message != self._told:
            await self._say()

    async def _say(self) -> None:
        self._told = self._message
        passed = self._passed = max(self._passed + 0.001, anyio.current_time() - self._started)
        total = None if self._total is None else max(self._total, passed)
        await self._tell(round(passed, 3), total, self._message)


async def ended(backend: Backend, run: str, seconds: float, tell: Tell) -> None:
    """Wait for a run that somebody else may own; leaving does not stop it."""
    if seconds:
        await followed(backend, run, seconds, seconds, tell)
