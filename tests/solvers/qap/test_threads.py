"""How many threads BLAS may use while a bound is computed."""

import threading

import scipy.optimize  # noqa: F401  loads the library that is asked below
from threadpoolctl import threadpool_info

from mezan.solvers.qap.bounds.threads import one_thread


def threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_bounds_that_overlap_restore_the_number_of_threads():
    """The first to enter leaves first, in another thread: one thread until the last has left, then as before."""
    before, inside, leave = threads(), threading.Event(), threading.Event()

    def other():
        with one_thread():
            inside.set()
            leave.wait(10)

    worker = threading.Thread(target=other)
    worker.start()
    assert inside.wait(10)
    with one_thread():
        leave.set()
        worker.join(10)
        assert set(threads()) == {1}
    assert threads() == before


def test_an_error_restores_the_number_of_threads():
    """A bound that fails leaves BLAS as it was."""
    before = threads()
    try:
        with one_thread():
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert threads() == before
