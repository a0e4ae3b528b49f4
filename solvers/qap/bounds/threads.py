"""One BLAS thread while a bound is computed.

OpenBLAS shares a 30 by 30 eigenproblem among threads that wait for each other by spinning. Where kernels keep the cores
busy, that takes up to a hundred times as long as one thread does, and never less.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

_lock = Lock()
_limits: list[Any] = []
"""The limit in force, if any, once for each bound being computed: the number of threads belongs to the process."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS to one thread; the number from before is back when the last of those inside, in any thread, leaves."""
    with _lock:
        _limits.append(_limits[0] if _limits else _blas().limit(limits=1))
    try:
        yield
    finally:
        with _lock:
            limit = _limits.pop()
            if not _limits:
                limit.restore_original_limits()


@cache
def _blas() -> Any:
    import scipy.optimize  # noqa: F401  its library, too, is to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
