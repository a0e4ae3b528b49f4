"""The composition root: one call wires log, projections, selection, scheduler and executors."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from anyio import CancelScope, CapacityLimiter

from mezan.engine.engine import Engine
from mezan.engine.errors import StoreError
from mezan.engine.experiments import Experiments
from mezan.engine.follower import Follower
from mezan.engine.log import Durability
from mezan.engine.shadow import Shadow
from mezan.engine.slots import Slots
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.projections import DEFAULT, experiments, known, shadow_seconds, standings
from mezan.solvers.catalog import Catalog
from mezan.solvers.selection.registry import DEFAULT_POLICY, Policies

DEFAULT_URL = "sqlite:///mezan.db"
STANDINGS_READ = ("elo", "clusters", "examples", "bradley_terry")


@asynccontextmanager
async def open_engine(
    url: str = DEFAULT_URL,
    *,
    durability: Durability = "full",
    recover: bool = True,
    read_only: bool = False,
    capacity: Mapping[str, int] | None = None,
    largest_batch: int = 64,
    shared: Slots | None = None,
    catalog: Catalog | None = None,
    policies: Policies | None = None,
    policy: str | Mapping[str, str] = DEFAULT_POLICY,
    shadow: Shadow | None = None,
    hand_over: bool = False,
) -> AsyncIterator[Engine]:
    """Open a database and run an engine on it; a new file is created, and runs of dead workers are resumed.

    Runs that are still going when the block ends are cancelled, and that is recorded, unless they are handed over.

    Args:
        url: ``sqlite:///relative.db`` or ``sqlite:////absolute.db``.
        durability: ``full`` survives power loss; ``relaxed`` may then lose the last commits, but never on a crash.
        recover: resume unfinished runs of workers that are dead.
        read_only: open an existing database to look; nothing is written and nothing can be submitted.
        capacity: slots per device; default: one per CPU core, and one for an accelerator.
        largest_batch: most same-shape problems solved in one call.
        shared: slots that several engines of this process take turns by, from :func:`slots`; ``capacity`` is then theirs together.
        catalog: families and solvers; default: the built-in ones and those of installed packages.
        policies: selection policies; likewise.
        policy: who decides where a request names no policy: one name, or names by family (``{"qap": "thompson"}``).
        shadow: the share of requests that the other candidates solve as well, in idle time, and what that may cost;
            nothing by default.
        hand_over: leave runs that are still going when the block ends unfinished: the next engine on the database, of this
            process or another, takes them up from their last checkpoints.

    Raises:
        UnknownName: there is no policy of that name.
        StoreError: the database is not ours, at another migration, locked, read-only, full or corrupt.
    """
    raised: BaseException | None = None
    chosen = (policies or Policies.default()).deciding(policy)
    try:
        async with _open(
            url, durability, recover, read_only, capacity, largest_batch, shared, catalog, chosen, shadow, hand_over
        ) as engine:
            try:
                yield engine
            except BaseException as error:
                raised = error
                raise
    except BaseExceptionGroup as group:
        raise _sole(group, raised) from None


def slots(capacity: Mapping[str, int] | None = None) -> Slots:
    """What engines of one process share, so that together they use no more than ``capacity`` slots per device."""
    return Slots({device: CapacityLimiter(count) for device, count in (capacity or _capacity()).items()})


def _capacity() -> Mapping[str, int]:
    return {"cpu": os.cpu_count() or 1, "gpu": 1, "tpu": 1}


def _sole(group: BaseException, raised: BaseException | None) -> BaseException:
    """What the block raised, or the one error inside: callers catch `BadInput`, not groups of our background tasks."""
    while group is not raised and isinstance(group, BaseExceptionGroup) and len(group.exceptions) == 1:
        group = group.exceptions[0]
    return group


@asynccontextmanager
async def _open(
    url: str,
    durability: Durability,
    recover: bool,
    read_only: bool,
    capacity: Mapping[str, int] | None,
    largest_batch: int,
    shared: Slots | None,
    catalog: Catalog | None,
    policies: Policies,
    shadow: Shadow | None,
    hand_over: bool,
) -> AsyncIterator[Engine]:
    async with SQLiteStore.open(url, durability=durability, read_only=read_only) as store:
        follower = Follower(store, store, DEFAULT)
        engine = Engine(
            store,
            follower,
            catalog=catalog or Catalog.default(),
            policies=policies,
            standings=standings,
            standings_read=STANDINGS_READ,
            capacity=capacity or _capacity(),
            largest_batch=largest_batch,
            shared=shared,
            known=known,
            shadow=shadow,
            shadow_seconds=shadow_seconds,
            experiments=Experiments(experiments.running, experiments.due),
        )
        if read_only:
            yield engine
            return
        store.observe(follower.observe)
        await follower.start()
        refused = False
        try:
            async with engine.running(recover=recover, hand_over=hand_over):
                yield engine
        except BaseException as error:
            # a last save would wait for the same lock again; what is not saved is folded from the log at the next opening
            refused = isinstance(_sole(error, None), StoreError)
            raise
        finally:
            if not refused:
                await _close(follower)


async def _close(follower: Follower) -> None:
    with CancelScope(shield=True):
        await follower.close()
