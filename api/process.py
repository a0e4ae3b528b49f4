"""For processes that are yours alone: settings that a library must not make on import."""

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path


def tune_gc() -> None:
    """Keep garbage collection from pausing the event loop; call once, after your imports, in a process of your own.

    What is loaded by now is set aside (``gc.freeze``), young generations are small enough to be looked through in a few
    milliseconds, and full collections become rare. An engine makes hardly any cycles, so little waits for them; without this a
    process with a large heap pauses for 20 to 100 ms at every full collection.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(3_000, 1, 3_000)


def take_turns() -> None:
    """Let threads have Python's lock after 0.5 ms instead of 5, in a process of your own.

    The thread that writes the log needs the lock back after each call into SQLite; while the event loop is busy it would wait
    for 5 ms every time, and with it everybody whose events it writes.
    """
    sys.setswitchinterval(0.0005)


def cache_kernels(folder: str | Path | None = None) -> None:
    """Keep compiled kernels on disk, so that the next process need not compile them again. Imports JAX.

    Args:
        folder: made if missing; by default ``mezan/jax`` in the user's cache folder (``XDG_CACHE_HOME`` or ``~/.cache``).
            ``JAX_COMPILATION_CACHE_DIR`` in the environment goes before.
    """
    import jax

    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = Path(folder) if folder is not None else _cache_home() / "mezan" / "jax"
        update: Callable[[str, object], None] = jax.config.update
        update("jax_compilation_cache_dir", str(folder))
        update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
