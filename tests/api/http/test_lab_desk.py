"""The lab's desk: each comparison is made once, for whoever waits or looks twice."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from mezan.api import open_engine
from mezan.api.http import lab_desk
from mezan.api.http.lab_desk import LabDesk, Question
from mezan.engine.engine import Engine
from mezan.engine.lab import compare
from mezan.solvers.errors import BadInput
from mezan.solvers.knapsack.problem import Knapsack

pytestmark = pytest.mark.anyio
QUESTION = Question(("elo_ucb", "ucb1"), None, 0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with open_engine(f"sqlite:///{tmp_path}/log.db") as engine:
        yield engine


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Where every comparison that is begun notes its position."""
    begun: list[int] = []

    async def noted(*given: Any, **options: Any) -> Any:
        begun.append(options["upto"])
        return await compare(*given, **options)

    monkeypatch.setattr(lab_desk, "compare", noted)
    return begun


async def solve(engine: Engine, count: int) -> int:
    for seed in range(count):
        problem = Knapsack(values=[6 + seed, 10, 12], weights=[1, 2, 3], capacity=5)
        await (await engine.submit(problem, seed=seed, fresh=True)).result()
    head = await engine.log.head()
    assert head is not None
    return head.position


async def test_many_who_wait_get_one_comparison(engine: Engine, made: list[int]) -> None:
    """Five at once, and a sixth later, have the same answer from one computation; positions without decisions share it."""
    head = await solve(engine, 3)
    desk, answers = LabDesk(engine), list[dict[str, Any]]()

    async def ask() -> None:
        answers.append(await desk.report(QUESTION, head))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.run)
        async with anyio.create_task_group() as asking:
            for _ in range(5):
                asking.start_soon(ask)
        await ask()
        with pytest.raises(BadInput, match="it has none"):
            await desk.report(Question(("ucb1",), None, head), head)
        tasks.cancel_scope.cancel()
    assert answers == [answers[0]] * 6
    assert answers[0]["decisions"] == 3
    assert made == [head, head]  # the second one is of the question without decisions


async def test_a_page_that_passes_by_begins_nothing(engine: Engine, made: list[int]) -> None:
    """One look begins no work, a second one does; what nobody looks at again is given up."""
    head = await solve(engine, 2)
    desk = LabDesk(engine)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.run)
        passing, _ = await desk.glance(QUESTION, head - 8, live=False)
        staying, _ = await desk.glance(QUESTION, head, live=False)
        await anyio.sleep(lab_desk.LOOK)
        assert not made
        with anyio.fail_after(30):
            while not staying.over:
                assert (await desk.glance(QUESTION, head, live=False))[0] is staying
                await anyio.sleep(0.05)
            await passing.finished.wait()
        tasks.cancel_scope.cancel()
    assert made == [head]
    assert staying.result is not None
    assert passing.result is None


async def test_a_live_page_keeps_the_last_answer_while_a_later_one_is_made(engine: Engine, made: list[int]) -> None:
    """It says that a later one is due, and has it after some looks."""
    first = await solve(engine, 2)
    desk = LabDesk(engine)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.run)
        await desk.report(QUESTION, first)
        later = await solve(engine, 1)
        shown, due = await desk.glance(QUESTION, later, live=True)
        assert (shown.upto, due) == (first, True)
        with anyio.fail_after(60):
            while due:
                await anyio.sleep(0.1)
                shown, due = await desk.glance(QUESTION, later, live=True)
        tasks.cancel_scope.cancel()
    assert shown.upto == later
    assert shown.result is not None
    assert shown.result["decisions"] == 3
    assert made == [first, later]
