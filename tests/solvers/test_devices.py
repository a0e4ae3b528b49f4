"""Searches that run at once have a device each."""

import contextlib
import gc
import os
import threading
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from mezan.solvers import devices
from mezan.solvers.driver import Drive
from mezan.solvers.qap import QAP
from mezan.solvers.qap.family import FAMILY

TABU = next(solver for solver in FAMILY.solvers if solver.name == "qap.tabu")


class Holder:
    """Something that searches."""


@pytest.fixture(autouse=True)
def _nothing_left_behind():
    gc.collect()


def test_those_at_once_have_one_each():
    """As many searches as there are devices never share one; those beyond do."""
    holders = [Holder() for _ in range(devices.count())]
    taken = [devices.take(holder) for holder in holders]
    assert len(set(taken)) == devices.count()
    late = Holder()
    assert devices.take(late) in taken


def test_one_after_another_share_one():
    """A device that is left is taken again, so that what is compiled for it is of use."""
    first = devices.take(Holder())
    second = devices.take(Holder())
    assert first is second


def test_the_environment_is_as_before(monkeypatch):
    """Making a device leaves no trace in what other JAX code may read."""
    monkeypatch.setenv("PJRT_NPROC", "5")
    devices._core()
    assert os.environ["PJRT_NPROC"] == "5"
    monkeypatch.delenv("PJRT_NPROC")
    devices._core()
    assert "PJRT_NPROC" not in os.environ


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="an accelerator's calls are not made by threads of ours")
def test_a_call_runs_on_one_thread_of_its_own():
    """Two searches side by side use two threads, and each no more than one."""
    problem = QAP(A=(M := np.arange(900).reshape(30, 30) % 17), B=M.T)
    drives = [Drive(FAMILY, TABU, [problem], [seed]) for seed in (1, 2)]
    for drive in drives:
        drive.advance(1)
    alone = _busiest(drives[:1])
    assert alone[1] < 1.2 * alone[0], "one search must not keep two threads busy"
    if devices.count() > 1:
        first, total = _busiest(drives)
        assert first < 0.7 * total, "two searches must not share one thread"


def _busiest(drives):
    """CPU seconds of the busiest thread of this process while the drives advance, and of all threads."""
    before = _threads()
    threads = [threading.Thread(target=drive.advance, args=(5000,)) for drive in drives]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.01)
        used = {name: seconds - before.get(name, 0) for name, seconds in _threads().items()}
        if used:
            most = used
    return max(most.values()), sum(most.values())


def _threads():
    """CPU seconds of every thread of this process but the first, by id (Linux)."""
    seconds = {}
    for thread in Path("/proc/self/task").iterdir():
        if thread.name != str(os.getpid()):
            with contextlib.suppress(OSError):  # it has just ended
                seconds[thread.name] = int((thread / "schedstat").read_text().split()[0]) / 1e9
    return seconds
