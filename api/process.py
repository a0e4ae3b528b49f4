"""For processes that are yours alone: settings that a library must not make on import."""

import gc
import os
import sys
from pathlib import Path


def tune_gc() -> None:
    """Keep garbage collection from pausing the event loop; call once, after your imports, in a process of your own.

    What is loaded by now is set aside (``gc.freeze``) and collections become rarer. An engine makes few cycles, so
    little waits for them; without this a process with a large heap pauses for 20 to 50 ms at every full collection.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def tune_jax(*, cache: str | Path | None = None) -> None:
    """Let each kernel call run on the one thread that makes it, and keep compiled kernels; call before JAX starts.

    XLA otherwise spreads every call over a pool of threads: on small kernels a lone call then costs 1.6 times the CPU time
    and is slower. With one thread per call two runs side by side have a core each. Once JAX's backend has started,
    its threads cannot be changed any more, and only the cache is set. Imports JAX.

    Args:
        cache: folder of compiled kernels, made if missing; by default ``mezan/jax`` in the user's cache folder
            (``XDG_CACHE_HOME`` or ``~/.cache``). ``JAX_COMPILATION_CACHE_DIR`` in the environment goes before.
    """
    os.environ.setdefault("PJRT_NPROC", "1")
    import jax

    if not _started():
        jax.config.update("jax_cpu_enable_async_dispatch", False)
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = Path(cache) if cache is not None else _cache_home() / "mezan" / "jax"
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _started() -> bool:
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and bool(bridge.backends_are_initialized())
