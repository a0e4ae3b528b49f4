"""A better bound beside a QAP search: recorded, kept in the result, and proved again by a replay."""

import pytest

from mezan.api import open_engine
from mezan.engine import tightening
from mezan.engine.streams import whole_stream

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_qap_search_gets_a_better_bound_than_it_began_with(tmp_path, instance, monkeypatch):
    """On nug12 the convex bound is above the first one and below the optimum of 578."""
    monkeypatch.setattr(tightening, "HEAD_START", 0.0)
    async with open_engine(f"sqlite:///{tmp_path}/mezan.db", durability="relaxed") as engine:
        run = await engine.submit(instance("nug12"), solver="qap.tabu", time_limit=6, seed=1)
        result = await run.result()
        events = {r.type: r.data for r in await whole_stream(engine.store, run.id)}
        first, better = events["ProblemProfiled"]["bound"], events["BoundTightened"]
        assert first["value"] < better["value"] == result.bound <= 578 == result.objective
        assert result.bound_method == better["method"]
        assert (await engine.replay(run.id)).identical
