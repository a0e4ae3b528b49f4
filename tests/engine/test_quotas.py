"""Quotas over an engine that runs: what is submitted counts at once, and what has ended no more."""

import time

import anyio
import pytest
from toys import Climber, SeedableKernel, Toy, catalog, solver

from mezan.api import open_engine
from mezan.api.limits.quotas import Quota, Quotas
from mezan.engine.context import acting
from mezan.projections.usage import DAY

pytestmark = pytest.mark.anyio
VALLEYS = Toy(numbers=(5, 3, 9, 9, 9, 9, 2, 1, 0, -1, -2, -3, -4, -5, -6, -7))
CLIMBER = solver("climber", Climber(strides=4), "kernel", seedable=True)
SCANNER = solver("scanner", SeedableKernel(), "kernel", seedable=True)


@pytest.fixture
async def engine(tmp_path):
    async with open_engine(f"sqlite:///{tmp_path}/mezan.db", catalog=catalog(CLIMBER, SCANNER)) as engine:
        yield engine


async def test_of_many_at_once_no_more_than_the_quota_are_let_in(engine):
    """A submission that has returned is in the fold; one that has not is promised; one that has ended is neither."""
    quotas = Quotas(lambda: engine.follower.state("usage"), actor=Quota(runs=3))
    admitted, under_way = [], []

    def exceeded():
        return quotas.exceeded("key_ann", seconds=0.5, now=time.time_ns() // 1_000)

    async def submit():
        if exceeded() is not None:
            return
        with quotas.promised("key_ann", seconds=0.5), acting(as_actor="key_ann"):
            run = await engine.submit(VALLEYS, time_limit=0.5)
        admitted.append(run)
        use = engine.follower.state("usage")
        assert f"default/{run.id}" in use.going
        under_way.append(use.runs["key_ann"])

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(submit)
    assert len(admitted) == max(under_way) == 3
    for run in admitted:
        await run.result()
    use = engine.follower.state("usage")
    assert use.runs == use.limits == use.going == {}
    assert exceeded() is None


async def test_a_race_is_charged_the_time_that_it_took(engine):
    """To who requested it, and not once for each pan."""
    with acting(as_actor="key_ann"):
        run = await engine.submit(VALLEYS, pans=("climber", "scanner"), time_limit=0.4, seed=1)
    result = await run.result()
    (day,) = (use := engine.follower.state("usage")).days
    assert abs(day - time.time_ns() // 1_000 // DAY) <= 1
    assert list(use.days[day]) == ["key_ann"]
    assert 0.1e6 < use.days[day]["key_ann"] <= result.seconds * 1e6
