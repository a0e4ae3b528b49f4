"""What runs in a process of its own: one procedure, called once. `python -m mezan.solvers.process` speaks pickle on its pipes.

The caller's script is never imported, so it needs no ``__main__`` guard; a procedure must therefore live in a module.
"""

import os
import pickle
import sys


def main() -> None:
    """Read (load, problem, budget, seed), write (True, answer) or (False, error)."""
    # libraries print as they like; only the answer may go where the caller reads
    answers = os.dup(1)
    os.dup2(2, 1)
    load, problem, budget, seed = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent wrote it
    result: tuple[bool, object]
    try:
        result = True, load()(problem, budget, seed)
    except Exception as error:  # noqa: BLE001 - the parent raises it
        result = False, error
    try:
        content = pickle.dumps(result)
    except Exception:  # noqa: BLE001 - an error that cannot travel is at least named
        content = pickle.dumps((False, RuntimeError(f"{type(result[1]).__name__}: {result[1]}")))
    with os.fdopen(answers, "wb") as pipe:
        pipe.write(content)


if __name__ == "__main__":
    main()
