"""How many threads BLAS may use while a bound is computed."""

import threading

import pytest
import scipy.optimize  # noqa: F401  loads the library that is asked below
from threadpoolctl import threadpool_info

from mezan.solvers.qap.bounds.threads import one_thread


def threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def in_a_thread(work):
    found = []
    worker = threading.Thread(target=lambda: found.append(work()))
    worker.start()
    worker.join(10)
    return found[0]


def limited():
    with one_thread(100):
        return threads()


def test_every_thread_can_set_the_limit():
    """In the main thread, in another, and in the main one again: one thread inside, as before outside.

    A limit that was not released belonged to the first thread for good, and others' were ignored.
    """
    before = threads()
    for _ in range(2):
        assert limited() == {1}
        assert threads() == before
        assert in_a_thread(limited) == {1}
        assert threads() == before


def test_bounds_at_the_same_time_leave_the_number_as_it_was():
    """Many threads that enter and leave in any order."""
    before, found = threads(), []
    workers = [threading.Thread(target=lambda: found.extend(limited() for _ in range(20))) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert found == [{1}] * 160
    assert threads() == before


def test_an_error_restores_the_number_of_threads():
    """A bound that fails leaves BLAS as it was, and the next one may go on."""
    before = threads()
    with pytest.raises(ZeroDivisionError), one_thread(100):
        raise ZeroDivisionError
    assert threads() == before
    assert limited() == {1}
