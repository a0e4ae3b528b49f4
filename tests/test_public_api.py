"""What users may rely on."""

import pytest

import mezan.api
from mezan.api import open_engine
from mezan.solvers.errors import BadBudget, BadInput
from mezan.solvers.knapsack import Knapsack

pytestmark = pytest.mark.anyio
SMALL = Knapsack(values=[6, 10, 12], weights=[1, 2, 3], capacity=5)


def test_the_public_names_are_these() -> None:
    """Adding or removing a name is a decision, and shows here."""
    assert mezan.api.__all__ == [
        "AsyncClient", "Client", "Engine", "Explanation", "Forecast", "Prediction", "Result", "Run", "Shadow", "TaskResult",
        "cache_kernels", "explain", "open_engine", "tune_gc",
    ]  # fmt: skip
    for name in mezan.api.__all__:
        assert getattr(mezan.api, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'odd'"):
        _ = mezan.api.odd


async def test_an_engine_solves_explains_and_replays(tmp_path) -> None:
    """The path of the README: submit, events, result, why, replay, on one database."""
    async with open_engine(f"sqlite:///{tmp_path}/mezan.db") as engine:
        run = await engine.submit(SMALL, seed=7)
        types = [event.type async for event in run.events()]
        result = await run.result()
        assert (types[0], types[-1]) == ("RunRequested", "RunCompleted")
        assert (result.objective, list(result.solution)) == (22, [0, 1, 1])
        assert (await engine.why(run.id)).solver == result.solver
        assert (await engine.replay(run.id)).identical


async def test_errors_in_the_block_arrive_as_they_are(tmp_path) -> None:
    """Callers catch BadInput, not a group of it; their own exceptions and groups pass through untouched."""
    url = f"sqlite:///{tmp_path}/mezan.db"
    with pytest.raises(BadBudget):
        async with open_engine(url) as engine:
            await engine.submit(SMALL, time_limit=-1)
    mine = ZeroDivisionError("mine")
    with pytest.raises(ZeroDivisionError) as caught:
        async with open_engine(url):
            raise mine
    assert caught.value is mine
    group = ExceptionGroup("mine", [ValueError("a")])
    with pytest.raises(ExceptionGroup) as grouped:
        async with open_engine(url):
            raise group
    assert grouped.value is group
    with pytest.raises(BadInput):
        async with open_engine("postgres://somewhere"):
            pass
