"""Who is worked on: a fixed number at a time, by priority, and nobody is lost when they wait in vain."""

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.engine import admission
from mezan.engine.admission import BEAT, BUSY, LATE, LULL, TRICKLE, Admission

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
    """While requests pour in, a loop that is late lets in a trickle; one that has time to spare ever more of them."""
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
            assert 32 <= entered <= 2 * 32 + 2 * TRICKLE * beats + 1
        else:
            with anyio.fail_after(10):
                while entered < 500:
                    gate.requested()
                    await anyio.sleep(BEAT)
        tasks.cancel_scope.cancel()


class Loop:
    """A clock for `Admission` in the place of an event loop: what is asked and begun takes processor time."""

    def __init__(self) -> None:
        self.now = self.used = 0.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> None:
        self.calls.append((when, call))

    def work(self, seconds: float) -> None:
        self.now += seconds
        self.used += seconds

    def beat(self) -> None:
        """Wait for the next call, if it is not due already, and make all that are."""
        self.now = max(self.now, min((when for when, _ in self.calls), default=self.now + BEAT))
        due, self.calls = [c for c in self.calls if c[0] <= self.now], [c for c in self.calls if c[0] > self.now]
        for _, call in due:
            call()


@pytest.mark.parametrize(
    ("a_second", "keeps_up"), [(100, True), (400, True), (540, True), (1_000, False), (1_500, False)]
)
def test_runs_get_what_requests_leave(monkeypatch: pytest.MonkeyPatch, *, a_second: int, keeps_up: bool) -> None:
    """A request costs 0.45 ms of the loop and a run 1 ms: runs keep up where there is time for it, else accepting comes first."""
    loop = Loop()
    monkeypatch.setattr(admission, "asyncio", SimpleNamespace(get_running_loop=lambda: loop))
    monkeypatch.setattr(admission, "time", SimpleNamespace(thread_time=lambda: loop.used))
    gate, begun, came, lags = Admission(32, 8), 0, 0, []
    inside: deque[None] = deque()

    def begin() -> None:
        nonlocal begun
        begun += 1
        inside.append(None)

    while loop.now < 6:
        before = loop.used
        while came < a_second * loop.now:
            came += 1
            loop.work(0.00045)
            gate.requested()
            gate.enter(0, float("inf"), begin)
        for _ in range(len(inside)):
            inside.popleft()
            loop.work(0.001)
            gate.leave()
        lags.append(loop.used - before)
        loop.beat()
    if keeps_up:
        assert begun > 0.9 * came
    else:
        assert 0.8 * 6 * TRICKLE / BEAT <= begun < came / 2
        assert loop.used / loop.now < BUSY + 0.05
        assert sorted(lags)[int(0.99 * len(lags))] < 0.02


def test_a_commit_that_takes_long_is_no_lull(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that come are counted when they come, so that a slow disk does not let everybody in."""
    loop = Loop()
    monkeypatch.setattr(admission, "asyncio", SimpleNamespace(get_running_loop=lambda: loop))
    monkeypatch.setattr(admission, "time", SimpleNamespace(thread_time=lambda: loop.used))
    gate, begun = Admission(32, 2), []
    for _ in range(500):
        gate.requested()
        gate.enter(0, float("inf"), lambda: begun.append(None))
    for _ in range(20):  # 100 ms in which none is recorded
        gate.requested()
        loop.beat()
    assert len(begun) == 2
    until = loop.now + LULL + 2 * BEAT
    while loop.now < until:
        loop.beat()
    assert len(begun) == 32


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
