"""`mezan mcp`: the door for assistants, on standard input and output."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from mezan.solvers.budget import MAX_SECONDS
from mezan.solvers.errors import BadInput

from .errors import DONE
from .options import database
from .output import notice

if TYPE_CHECKING:
    from mezan.api.mcp.backend import Backend

KEY = "MEZAN_API_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command was told."""

    db: str
    server: str | None
    longest: float
    wait: float
    max_message: int
    files: str | None


def run(wanted: Wanted) -> int:
    """Serve until the input is closed or a signal comes, and return the exit code."""
    from mezan.api.mcp.limits import Limits

    for option, seconds in (("--max-time", wanted.longest), ("--wait", wanted.wait)):
        if not 0 < seconds <= MAX_SECONDS:
            raise BadInput(f"{option} must be more than 0 and at most {MAX_SECONDS:g} seconds; got {seconds:g}")
    files = None if wanted.files is None else Path(wanted.files)
    if files is not None and not files.is_dir():
        raise BadInput(f"--files must name a folder; {wanted.files!r} is none")
    limits = Limits(seconds=wanted.longest, wait=wanted.wait, message=wanted.max_message, files=files)

    try:
        from mezan.api.mcp.stdio import serve
    except ModuleNotFoundError as error:
        raise BadInput(_missing(error)) from None

    async def body() -> None:
        scope = anyio.CancelScope()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_stop, scope)
            async with _backend(wanted) as backend:
                with scope:
                    await serve(backend, limits)
            tasks.cancel_scope.cancel()

    anyio.run(body)
    return DONE


@asynccontextmanager
async def _backend(wanted: Wanted) -> AsyncIterator["Backend"]:
    if wanted.server is not None:
        try:
            from mezan.api.mcp.on_server import connected
        except ModuleNotFoundError as error:
            raise BadInput(_missing(error)) from None
        async with connected(wanted.server, os.environ.get(KEY)) as backend:
            notice(f"serving the Model Context Protocol on standard input and output, for {wanted.server}")
            yield backend
        return
    from mezan.api.mcp.on_engine import EngineBackend
    from mezan.api.open import open_engine
    from mezan.api.process import tune_gc

    async with open_engine(database(wanted.db)) as engine:
        tune_gc()
        notice(f"serving the Model Context Protocol on standard input and output, for {database(wanted.db)}")
        yield EngineBackend(engine)


async def _stop(scope: anyio.CancelScope) -> None:
    """The first signal ends the session and its runs, the second leaves at once: what is unfinished is taken up by another process."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for received in signals:
            if scope.cancel_called and received == signal.SIGINT:
                os._exit(128 + received)
            scope.cancel()


def _missing(error: ModuleNotFoundError) -> str:
    return f"`mezan mcp` needs the extra `mcp` ({error.name} is missing): pip install 'mezan[mcp]'"
