"""What a dead worker leaves behind: a run that kills whoever touches it is given up in the end."""

import pytest
from toys import Toy, catalog, smallest, solver

from mezan.api import open_engine
from mezan.engine import events as ev
from mezan.engine.artifacts import prepare
from mezan.engine.context import acting
from mezan.engine.log import Write
from mezan.engine.recovery import MOST_ADOPTIONS
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.engine.streams import whole_stream

pytestmark = pytest.mark.anyio
RUN = "run_00000000000000000000000000"


def life(digest, adoptions, *, checkpoint=False):
    """A run whose workers have died ``adoptions`` times already, the last of them in the middle of an attempt."""
    task = ev.TaskSpec(task="main", family="toy", sense="min", problem=digest, size=3)
    card = {
        "task": "main", "attempt": 1, "family": "toy", "policy": "elo_ucb", "policy_version": "1", "solver": "toy.smallest",
        "version": "1", "propensity": 1.0, "cluster": "toy/0", "as_of": 0, "key": 1, "reason": "test", "candidates": [],
    }  # fmt: skip
    events = [
        ev.RunRequested(
            tasks=(task,), budget=ev.BudgetSpec(time_limit=1.0), seed=1, policy="elo_ucb", worker="worker_0"
        ),
        ev.RunPlanned(order=("main",)),
        ev.ProblemProfiled(task="main", family="toy", instance=digest, size=3, features={}, seconds=0.0),
        ev.SolverChosen.model_validate(card),
    ]
    for n in range(adoptions + 1):
        started = ev.AttemptStarted(
            task="main", attempt=n + 1, solver="toy.smallest", version="1", seed=1, worker=f"worker_{n}", device="cpu"
        )
        events.append(started)
        if checkpoint and n == adoptions:
            events.append(
                ev.CheckpointSaved(task="main", attempt=n + 1, checkpoint="ab" * 32, iterations=1, seconds=0.1)
            )
        if n < adoptions:
            lost = {"lost_worker": f"worker_{n}", "worker": f"worker_{n + 1}"}
            events.append(
                ev.AttemptAbandoned(task="main", attempt=n + 1, checkpoint=None, iterations=0, seconds=0.0, **lost)
            )
            events.append(ev.RunAdopted(**lost, handed_over=False))
    return events


async def left_behind(url, adoptions, **kwargs):
    content, digest = Toy(numbers=(3, 1, 2)).packed()
    async with SQLiteStore.open(url) as store:
        await store.append(
            Write(RUN, life(digest, adoptions, **kwargs)), artifacts=[prepare("problem", content, digest)]
        )
        await store.transact(
            lambda c: c.execute("INSERT INTO leases VALUES (?,1,'elsewhere',1,'',0)", (f"worker_{adoptions}",))
        )


async def ends(url):
    async with open_engine(url, catalog=catalog(solver("smallest", smallest))) as engine:
        async for _ in (await engine.run(RUN)).events():
            pass
        return [recorded.event for recorded in await whole_stream(engine.log, RUN)]


async def test_a_run_that_kills_its_workers_is_given_up(tmp_path):
    """After so many deaths without progress it fails with what happened, and its last attempt is abandoned."""
    url = f"sqlite:///{tmp_path}/mezan.db"
    await left_behind(url, MOST_ADOPTIONS)
    *_, abandoned, failed = await ends(url)
    assert isinstance(abandoned, ev.AttemptAbandoned)
    assert isinstance(failed, ev.RunFailed)
    assert failed.error == "abandoned"
    assert f"{MOST_ADOPTIONS + 1} workers died" in failed.message


async def test_fewer_deaths_or_any_progress_are_forgiven(tmp_path):
    """One death less, or a checkpoint since, and the run goes on to its result."""
    for name, adoptions, checkpoint in (("fewer", MOST_ADOPTIONS - 1, False), ("progress", MOST_ADOPTIONS, True)):
        url = f"sqlite:///{tmp_path}/{name}.db"
        await left_behind(url, adoptions, checkpoint=checkpoint)
        assert isinstance((await ends(url))[-1], ev.RunCompleted)


async def test_a_run_of_another_tenant_is_finished_in_its_own_tenant(tmp_path):
    """Whoever opens the database takes over the runs of all tenants, and every event stays with the run's tenant."""
    url = f"sqlite:///{tmp_path}/mezan.db"
    with acting(in_tenant="acme"):
        await left_behind(url, 0)
    async with open_engine(url, catalog=catalog(solver("smallest", smallest))) as engine:
        assert engine.adopted == [RUN]
        with acting(in_tenant="acme"):
            assert (await (await engine.run(RUN)).result()).objective == 1
        assert {recorded.tenant for recorded in await engine.log.read()} == {"acme"}
