"""What runs in a process of its own: `python -m mezan.solvers.process` answers one call after the other, as pickles on its pipes."""

import os
import pickle
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any

from .budget import Budget
from .problem import Problem
from .solver import Answer

LENGTH = struct.Struct("<Q")
"""What goes before each request and each answer: how many bytes it has."""


def solve(load: Callable[[], Callable[..., Answer]], problem: Problem, budget: Budget, seed: int) -> Answer:
    """Load a procedure and call it."""
    return load()(problem, budget, seed)


def main() -> None:
    """Answer calls until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    # libraries print as they like; only answers may go where the caller reads
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    while header := sys.stdin.buffer.read(LENGTH.size):
        (length,) = LENGTH.unpack(header)
        content = _answer(sys.stdin.buffer.read(length))
        try:
            answers.write(LENGTH.pack(len(content)) + content)
            answers.flush()
        except BrokenPipeError:
            os._exit(1)  # the parent was killed; there is nobody to tell


def _answer(request: bytes) -> bytes:
    """(True, what the function returned) or (False, what it raised)."""
    result: tuple[bool, Any]
    try:
        function, arguments = pickle.loads(request)  # noqa: S301 - our own parent wrote it
        result = True, function(*arguments)
    except Exception as error:  # noqa: BLE001 - the parent raises it
        result = False, error
    try:
        content = pickle.dumps(result, protocol=pickle.HIGHEST_PROTOCOL)
        if not result[0]:
            pickle.loads(content)  # noqa: S301 - an error's own constructor may refuse what it was pickled with
    except Exception:  # noqa: BLE001 - one that cannot travel is at least named
        content = pickle.dumps((False, RuntimeError(f"{type(result[1]).__name__}: {result[1]}")))
    return content


if __name__ == "__main__":
    main()
