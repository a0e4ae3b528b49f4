"""After a crash: find runs whose worker is dead, make sure that it stays dead, and take them over."""

from collections.abc import AsyncIterator, Sequence

import structlog

from mezan.solvers.errors import MezanError

from . import events as e
from . import faults
from .context import acting
from .errors import WrongExpectedVersion
from .follower import Follower
from .leases import Lease, Standing, fence_if_dead
from .log import Recorded, Write
from .run import RunState, decide, evolve, fold
from .stores.sqlite import SQLiteStore
from .streams import whole_stream

logger = structlog.get_logger(__name__)
PAGE = 1_000
MOST_ADOPTIONS = 3
"""Workers that may die on a run, one after another without a new checkpoint or result, before it is given up."""


async def adopt(
    store: SQLiteStore, follower: Follower, lease: Lease, mine: set[str]
) -> AsyncIterator[tuple[str, RunState, float, str, str]]:
    """Take over unfinished runs of dead workers: yields (run, state, requested at, tenant, actor) of each that is now this worker's.

    The dead worker is fenced first, then each run's takeover is appended at its exact version: of several workers
    that try at once, one wins.
    """
    head = await store.head()
    await follower.wait_for(head.position if head else 0)
    await follower.flush()
    known: dict[str, Standing] = {lease.worker: "alive"}
    for status in ("requested", "running"):
        before: int | None = None
        while rows := await store.rows("runs", tag=status, before=before, limit=PAGE):
            before = rows[-1].position
            for row in rows:
                worker = row.data["worker"]
                if row.key in mine:
                    continue
                if worker not in known:
                    known[worker] = await fence_if_dead(store, worker)
                    faults.reach("recovery.fenced")
                if known[worker] == "alive":
                    continue
                tenant = row.data["tenant"]
                with acting(in_tenant=tenant):
                    taken = await _take_over(store, lease, row.key, worker, handed_over=known[worker] == "left")
                if taken is not None:
                    state, actor = taken
                    yield row.key, state, row.data["requested_at"] / 1e6, tenant, actor


async def _take_over(
    store: SQLiteStore, lease: Lease, run: str, lost: str, *, handed_over: bool
) -> tuple[RunState, str] | None:
    """What the run has come to, and in whose name it was requested; None where it is not ours."""
    history = await whole_stream(store, run)
    try:
        state = fold(recorded.event for recorded in history)
    except MezanError as error:
        # a run of a newer version, say: it must not keep this worker from starting
        logger.error("run cannot be taken over", run=run, error=str(error))  # noqa: TRY400
        return None
    if state.over or state.worker != lost:  # another worker was faster, and is alive
        return None
    version = state.version
    events: list[e.Event] = []
    for name, task in state.tasks.items():
        if task.status == "running":
            saved = task.checkpoint
            command = e.AttemptAbandoned(
                task=name,
                attempt=task.attempt,
                lost_worker=lost,
                worker=lease.worker,
                checkpoint=None if saved is None else saved.checkpoint,
                iterations=0 if saved is None else saved.iterations,
                seconds=task.spent if saved is None else saved.seconds,
            )
            events += decide(command, state)
    deaths = _deaths(history) + (not handed_over)
    if deaths > MOST_ADOPTIONS:
        message = f"{deaths} workers died on it without progress; submit it again once the cause is known"
        events.append(e.RunFailed(task=None, error="abandoned", message=message, seconds=0.0))
    else:
        events += decide(e.RunAdopted(lost_worker=lost, worker=lease.worker, handed_over=handed_over), state)
    for event in events:
        state = evolve(state, event)
    try:
        await store.append(Write(run, events, version), fence=lease.fence)
    except WrongExpectedVersion:
        return None  # another worker was faster
    faults.reach("recovery.abandoned")
    if state.over:
        logger.error("run given up", run=run, deaths=deaths)
        return None
    logger.info("run taken over", run=run, lost_worker=lost)
    return state, history[0].actor


def _deaths(history: Sequence[Recorded]) -> int:
    """Workers that died on a run since it last got anywhere."""
    deaths = 0
    for recorded in reversed(history):
        if recorded.type in {"CheckpointSaved", "AttemptSucceeded"}:
            break
        deaths += recorded.type == "RunAdopted" and not recorded.data["handed_over"]
    return deaths
