"""Procedures in processes of their own: used again by the next call, never after a call that had no answer."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import anyio
import pytest
from calls import load, not_there
from toys import Toy, solver

from mezan.api.open import slots
from mezan.engine.executors import processes
from mezan.engine.executors.processes import Processes
from mezan.solvers.budget import Budget
from mezan.solvers.errors import SolverFailed

pytestmark = pytest.mark.anyio
TOLD = replace(solver("told", None, runs_in="process"), load=load)
BUDGET = Budget(time_limit=30.0)


KILLED = """
import os
import anyio
from test_processes import Processes, ask

async def main():
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, Processes(), "nap")
        await anyio.sleep(0.5)
        os.kill(os.getpid(), 9)

anyio.run(main)
"""


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def ask(there, name="", using=TOLD):
    """The process that answered."""
    answer = await there.call(using, Toy(numbers=(3, 1, 2), name=name), BUDGET, 0)
    assert answer.solution.tolist() == [1]
    return answer.work["process"]


async def test_the_next_call_uses_the_same_process(capfd):
    """Also after an error that the procedure raised; and what it prints is on standard error."""
    there = Processes()
    async with there.used():
        first = await ask(there, "print")
        assert await ask(there) == first != os.getpid()
        with pytest.raises(SolverFailed, match="as told"):
            await ask(there, "fail")
        with pytest.raises(RuntimeError, match="Odd: 1 and 2"):
            await ask(there, "odd")
        with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"):
            await ask(there, using=replace(TOLD, load=not_there))
        assert await ask(there) == first
    assert not alive(first)
    assert capfd.readouterr() == ("", "chatter\n")


@pytest.mark.parametrize(("name", "code"), [("exit", "3"), ("crash", "-11")])
async def test_the_death_of_a_process_is_one_failure(name, code):
    """With its exit code; the next call has another process."""
    there = Processes()
    async with there.used():
        first = await ask(there)
        with pytest.raises(SolverFailed, match=rf"the process of toy.told died \(exit code {code}\)"):
            await ask(there, name)
        assert await ask(there) != first


async def test_a_process_that_died_while_it_waited_is_not_called():
    """Somebody else has killed it."""
    there = Processes()
    async with there.used():
        first = await ask(there)
        os.kill(first, 9)
        with anyio.fail_after(10):
            while alive(first):  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.01)
        assert await ask(there) != first


async def test_a_cancelled_call_kills_its_process():
    """At once, and the next call gets its own answer from another one."""
    there = Processes()
    async with there.used():
        first = await ask(there)
        start = time.perf_counter()
        with anyio.move_on_after(0.2) as waited:
            await ask(there, "sleep")
        assert waited.cancelled_caught
        assert time.perf_counter() - start < 5
        assert not alive(first)
        assert await ask(there) != first


def test_nobody_hears_of_a_call_whose_parent_was_killed():
    """The process ends when it would answer, without a word."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (-9, "", "")


async def test_calls_at_once_have_processes_of_their_own_which_end_when_nobody_calls(monkeypatch):
    """Those that have waited for too long, and all when the last engine leaves."""
    there, found = Processes(), set()

    async def one():
        found.add(await ask(there))

    async with there.used():
        async with there.used(), anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(one)
        assert len(found) == 2
        assert all(map(alive, found))
        await there.tidy()
        assert all(map(alive, found))
        late = await ask(there)
        await there.tidy(0.0)
        assert not any(map(alive, found))
        monkeypatch.setattr(processes, "CALLS", 2)
        assert await ask(there) != late
        third = await ask(there)
        assert not alive(third)
    after = await ask(there)
    assert not alive(after)


async def test_a_process_finds_the_modules_that_this_one_finds(monkeypatch, tmp_path):
    """Where the path has changed, the next call has a new process."""
    there = Processes()
    async with there.used():
        first = await ask(there)
        monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
        (tmp_path / "found_now.py").write_text("def load():\n    from calls import told\n    return told\n")
        import found_now

        assert await ask(there, using=replace(TOLD, load=found_now.load)) != first
        monkeypatch.delitem(sys.modules, "found_now")


async def test_engines_share_processes(tmp_path, opened):
    """Those with the same slots; the process ends with the last of them."""
    shared = slots({"cpu": 1})
    async with opened(TOLD, shared=shared) as engine:
        one = await (await engine.submit(Toy(numbers=(3, 1, 2)), time_limit=20.0)).result()
        assert one.objective == 1
        (child,) = [child for child, _ in shared.processes._idle]
        again = await (await engine.submit(Toy(numbers=(5, 4)), time_limit=20.0)).result()
        assert again.objective == 4
        assert [child for child, _ in shared.processes._idle] == [child]
        assert child.calls == 2
    assert not child.ready
