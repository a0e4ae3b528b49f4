"""Who is worked on: a fixed number at a time, by priority, and nobody is lost when they wait in vain."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.engine.admission import BEAT, LATE, Admission

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def inside(gate: Admission, priority: int = 0, until: float = float("inf")) -> AsyncIterator[None]:
    """Wait to be let in; who goes away while waiting is let in to leave."""
    let_in = anyio.Event()
    waiting = gate.enter(priority, until, let_in.set)
    try:
        if not let_in.is_set():
            await let_in.wait()
        yield
    finally:
        gate.hurry(waiting)
        gate.leave()


async def test_by_priority_then_by_arrival() -> None:
    """Those who wait come in by priority, and first come first served among equals."""
    gate, order = Admission(1), []

    async def one(name: str, priority: int) -> None:
        async with inside(gate, priority):
            order.append(name)

    async with anyio.create_task_group() as tasks, inside(gate):
        for name, priority in (("a", 0), ("b", 5), ("c", 0), ("d", 5)):
            tasks.start_soon(one, name, priority)
            await anyio.wait_all_tasks_blocked()
    assert order == ["b", "d", "a", "c"]


async def test_the_late_come_in_at_once() -> None:
    """A run whose deadline passes while it waits is let in, so that its end is recorded."""
    gate = Admission(1)
    async with inside(gate):
        with anyio.fail_after(5):
            async with inside(gate, until=anyio.current_time() + 0.01):
                pass
    async with inside(gate):
        pass


async def test_few_while_requests_pour_in() -> None:
    """Then only a few are let in; the others follow when the requests stop, without anybody leaving."""
    gate, held = Admission(6, 2), 0
    done, every = anyio.Event(), anyio.Event()

    async def one() -> None:
        nonlocal held
        async with inside(gate):
            held += 1
            if held == 5:
                every.set()
            await done.wait()

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            gate.requested()
            tasks.start_soon(one)
        await anyio.wait_all_tasks_blocked()
        assert held == 2
        with anyio.fail_after(5):
            await every.wait()
        done.set()


@pytest.mark.parametrize("late", [True, False])
async def test_the_pace_follows_the_event_loop(*, late: bool) -> None:
    """While requests pour in, a loop that is late lets in one run a beat; one that is on time ever more of them."""
    gate, entered, beats = Admission(32, 32), 0, 20

    async def one() -> None:
        nonlocal entered
        async with inside(gate):
            entered += 1

    async with anyio.create_task_group() as tasks:
        gate.requested()
        for _ in range(500):
            tasks.start_soon(one)
        for _ in range(beats):
            gate.requested()
            if late:
                time.sleep(BEAT + 2 * LATE)  # noqa: ASYNC251 - what makes a loop late
            await anyio.sleep(0 if late else BEAT)
        if late:
            assert 32 <= entered <= 2 * 32 + 2 * beats
        else:
            with anyio.fail_after(10):
                while entered < 500:
                    gate.requested()
                    await anyio.sleep(BEAT)
        tasks.cancel_scope.cancel()


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 3)), max_size=30), st.integers(1, 3))
def test_never_more_than_allowed_and_nobody_lost(visits: list[tuple[int, bool, int]], most: int) -> None:
    """Whatever is cancelled at whatever point, the gate never holds more, and at the end it is empty and open."""

    async def scenario() -> None:
        gate, held, seen = Admission(most), 0, 0

        async def one(priority: int, rounds: int, scope: anyio.CancelScope) -> None:
            nonlocal held, seen
            with scope:
                async with inside(gate, priority):
                    held += 1
                    seen = max(seen, held)
                    try:
                        for _ in range(rounds):
                            await anyio.lowlevel.checkpoint()
                    finally:
                        held -= 1

        async with anyio.create_task_group() as tasks:
            scopes = []
            for priority, cancelled, rounds in visits:
                scope = anyio.CancelScope()
                tasks.start_soon(one, priority, rounds, scope)
                if cancelled:
                    scopes.append(scope)
            for scope in scopes:
                await anyio.lowlevel.checkpoint()
                scope.cancel()
        assert seen <= most
        assert held == 0
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                for _ in range(most):
                    tasks.start_soon(one, 0, 1, anyio.CancelScope())

    anyio.run(scenario)
