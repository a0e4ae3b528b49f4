"""What tests of the engine share: one on a database of the test's own, with the toy family."""

from contextlib import asynccontextmanager

import pytest
from toys import catalog

from mezan.api import open_engine


@pytest.fixture
def opened(tmp_path):
    """Opens the engine with some toy solvers; ``family`` changes the family."""

    @asynccontextmanager
    async def open_(*solvers, family=None, **options):
        options = {"durability": "relaxed", "capacity": {"cpu": 2}, "catalog": catalog(*solvers, **(family or {}))} | options  # fmt: skip
        async with open_engine(f"sqlite:///{tmp_path}/mezan.db", **options) as engine:
            yield engine

    return open_
