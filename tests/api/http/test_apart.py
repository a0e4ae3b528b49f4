"""The process for large bodies: it answers, its errors travel, and its death costs one request."""

import os
import time

import anyio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.api.http.apart import Apart, opened, parcel
from mezan.api.http.asking import portable, read_request, sent_request
from mezan.api.http.problems import Refused
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadProblem
from mezan.solvers.qap import QAP

pytestmark = pytest.mark.anyio
CATALOG = Catalog.default()


async def test_answers_errors_and_death() -> None:
    """Results and errors come back as they are; after a death or a cancelled call the next one gets its own answer."""
    apart = Apart()
    try:
        assert await apart.call(len, b"x" * 3_000_000) == 3_000_000
        with pytest.raises(BadProblem, match="values and weights must be equally long"):
            await apart.call(sent_request, b'{"values": [1], "weights": [1, 2], "capacity": 1}', "knapsack")
        with pytest.raises(Refused, match="seed must be int") as refused:
            await apart.call(sent_request, b'{"type": "qap", "seed": "x"}', None)
        assert refused.value.code == "bad-input"
        with pytest.raises(Refused, match="died; send the request again"):
            await apart.call(os._exit, 1)
        assert await apart.call(abs, -7) == 7
        with anyio.move_on_after(0.2) as waited:
            await apart.call(time.sleep, 60)
        assert waited.cancelled_caught
        assert await apart.call(abs, -8) == 8
        async with anyio.create_task_group() as tasks:
            found: list[int] = []

            async def one(number: int) -> None:
                found.append(await apart.call(abs, -number) - number)

            for number in range(20):
                tasks.start_soon(one, number)
        assert found == [0] * 20
    finally:
        await apart.close()


@given(st.integers(2, 6), st.integers(0, 2**32), st.sampled_from([np.int64, np.float64]))
def test_a_parcel_holds_the_whole_problem(n: int, seed: int, kind: type) -> None:
    """Content, name, best known value and mode arrive as they were sent."""
    A, B = np.random.default_rng(seed).normal(0, 100, (2, n, n)).astype(kind)
    problem = QAP(A=A, B=B, name="sent", best_known=-1.5, mode="hybrid")
    received = opened(parcel(problem), CATALOG)
    assert (received, received.preferred, received.packed()) == (problem, "qap.hybrid", problem.packed())


def test_both_ways_read_the_same() -> None:
    """A body means the same problem and options wherever it is decoded."""
    body = b'{"type": "knapsack", "values": [6, 10], "weights": [1, 2], "capacity": 2, "mode": "auto", "seed": 3, "name": "n"}'
    problem, options = read_request(body, None, CATALOG)
    sent, same = sent_request(body, None)
    assert (opened(sent, CATALOG), same) == (problem, options)
    assert options == {"seed": 3}


def test_only_installed_families_are_decoded_elsewhere() -> None:
    """A catalogue made by hand is not known to another process."""
    assert portable(CATALOG)
    assert not portable(Catalog([CATALOG.family("qap")]))
