"""A log that says what did not happen: one run's events copied into another stream, one field of them changed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio

from mezan.api import open_engine
from mezan.engine.log import NEW, Write
from mezan.engine.streams import whole_stream
from mezan.solvers.problem import Problem

FORGED = "run_forged00000000000000000000"


def forge(db: Path, problem: Problem, kind: str, change: dict[str, Any], **options: Any) -> str:
    """Solve a problem, and record beside it the same run with the last event of a type changed; the id of that one."""

    async def work() -> None:
        async with open_engine(f"sqlite:///{db}") as engine:
            run = await engine.submit(problem, **options)
            await run.result()
            events = [recorded.event for recorded in await whole_stream(engine.log, run.id)]
            place = max(i for i, event in enumerate(events) if type(event).__name__ == kind)
            events[place] = events[place].model_copy(update=change)
            await engine.log.append(Write(FORGED, events, NEW))

    with ThreadPoolExecutor(1) as thread:  # Playwright runs a loop in a test's own
        thread.submit(anyio.run, work).result()
    return FORGED
