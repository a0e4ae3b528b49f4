"""A log that says what did not happen: a run's events copied into other streams, and changed there."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio

from mezan.api import open_engine
from mezan.engine.events import AttemptSucceeded, AttemptTimedOut, Event, RunFailed
from mezan.engine.log import NEW, Write
from mezan.engine.streams import whole_stream
from mezan.solvers.problem import Problem

Edit = Callable[[Sequence[Event]], Sequence[Event]]


def forge(db: Path, problem: Problem, edits: Mapping[str, Edit], **options: Any) -> None:
    """Solve a problem, and record beside it one run for each edit of its events, under the id that the edit has."""

    async def work() -> None:
        async with open_engine(f"sqlite:///{db}") as engine:
            run = await engine.submit(problem, **options)
            await run.result()
            events = [recorded.event for recorded in await whole_stream(engine.log, run.id)]
            for stream, edit in edits.items():
                await engine.log.append(Write(stream, edit(events), NEW))

    with ThreadPoolExecutor(1) as thread:  # Playwright runs a loop in a test's own
        thread.submit(anyio.run, work).result()


def better(events: Sequence[Event]) -> Sequence[Event]:
    """The result is one more than what was found."""
    return [
        event.model_copy(update={"objective": event.objective + 1}) if isinstance(event, AttemptSucceeded) else event
        for event in events
    ]


def timed_out(events: Sequence[Event]) -> Sequence[Event]:
    """Nothing was found within the time limit, and the run failed."""
    end = next(event for event in events if isinstance(event, AttemptSucceeded))
    about = {name: value for name, value in end.model_dump().items() if name in AttemptTimedOut.model_fields}
    failed = RunFailed(task=end.task, error="timed-out", message="no feasible solution", seconds=end.seconds)
    return [*events[: events.index(end)], AttemptTimedOut.model_validate(about), failed]
