"""One BLAS thread while a bound is computed.

OpenBLAS shares a 30 by 30 eigenproblem among threads that wait for each other by spinning. Where kernels keep the cores
busy, that takes up to a hundred times as long as one thread does, and never less.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

ALONE = 25
"""Facilities up to which OpenBLAS uses one thread by itself."""

_lock = Lock()


@contextmanager
def one_thread(n: int) -> Iterator[None]:
    """Limit BLAS to one thread for matrices of order ``n``; one caller at a time, since the limit belongs to the process."""
    if n <= ALONE:
        yield
        return
    with _lock, _blas().limit(limits=1):
        yield


@cache
def _blas() -> Any:
    import scipy.optimize  # noqa: F401  its library, too, is to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
