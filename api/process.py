"""For processes that are yours alone: settings that a library must not make on import."""

import gc
import os
import sys


def tune_gc() -> None:
    """Keep garbage collection from pausing the event loop; call once, after your imports, in a process of your own.

    What is loaded by now is set aside (``gc.freeze``) and collections become rarer. An engine makes few cycles, so
    little waits for them; without this a process with a large heap pauses for 20 to 50 ms at every full collection.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def tune_jax() -> None:
    """Let one thread do all the work of XLA on the CPU; call before JAX starts, in a process of your own that solves one thing at a time.

    XLA otherwise spreads every call over a pool of threads: on small kernels a lone call then costs 1.4 times the CPU time
    and is no faster. But that one thread is shared by all calls, so leave this out where several are to run side by
    side (a flood of runs, races, ``qap.aggressive``) on more than one core: they would take turns.

    What the environment says already stays, and once JAX's backend has started nothing can be changed any more.
    """
    if _started():
        return
    os.environ.setdefault("PJRT_NPROC", "1")
    os.environ.setdefault("JAX_CPU_ENABLE_ASYNC_DISPATCH", "false")


def _started() -> bool:
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and bool(bridge.backends_are_initialized())
