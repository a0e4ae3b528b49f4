"""Search in the log: what is found is what a look at every event finds, in either direction and by any steps."""

import anyio
import pytest
from histories import History
from hypothesis import given, settings
from hypothesis import strategies as st
from test_follower import fill

from mezan.engine.stores import searching
from mezan.engine.stores.searching import Wanted, search
from mezan.engine.stores.sqlite import SQLiteStore

TYPES = ("RunRequested", "SolverChosen", "IncumbentFound", "RunCompleted", "RunFailed")
wanted = st.builds(
    Wanted,
    types=st.lists(st.sampled_from(TYPES), max_size=3, unique=True).map(tuple),
    actor=st.sampled_from([None, None, "local", "somebody"]),
    text=st.sampled_from([None, None, "QAP", "%", "_", "\\", '"seed":1', "é", "runs"]),
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = f"sqlite:///{tmp_path_factory.mktemp('search')}/log.db"

    async def make() -> None:
        async with SQLiteStore.open(path, durability="relaxed") as store:
            await fill(store, History(11, imports=0.1), 300)

    anyio.run(make)
    return path


@given(
    wanted, st.integers(0, 320), st.integers(0, 300), st.integers(1, 9), st.integers(1, 90), st.booleans(), st.data()
)
@settings(max_examples=60, deadline=None)
def test_pages_of_a_search_are_every_match(url, one, upto, after, limit, most, backwards, data):
    """Going on from where each page ended gives every match once, in order, and no page looks further than it may."""
    old, searching.STRETCH = searching.STRETCH, 37

    async def run() -> None:
        async with SQLiteStore.open(url, read_only=True) as store:
            events = await store.read(limit=1_000)
            if data.draw(st.booleans()):
                picked = data.draw(st.sampled_from(events)).stream
                asked = Wanted(one.types, picked, one.actor, None, one.text)
            else:
                asked = one
            truth = [e.position for e in events if after < e.position <= upto and asked.matches(e)]
            found, low, high = [], after, upto
            for _ in range(1_000):
                page = await search(
                    store.fetch, asked, after=low, upto=high, limit=limit, backwards=backwards, most=most
                )
                assert len(page.events) <= limit
                found += [e.position for e in page.events]
                if page.done:
                    break
                assert (page.reached <= high) if backwards else (page.reached > low)
                low, high = (low, page.reached - 1) if backwards else (page.reached, high)
            assert found == (truth[::-1] if backwards else truth)

    try:
        anyio.run(run)
    finally:
        searching.STRETCH = old
