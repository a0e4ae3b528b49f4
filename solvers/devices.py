"""Where searches run: JAX's accelerators if it has any, else the cores of this machine, each as a CPU device of its own.

JAX's own CPU device spreads every call over one pool of threads. Kernels of many small steps then take up to twice the CPU
time for no gain, and calls made side by side wait for each other: XLA hands a call over to the pool as soon as more than
eight of its steps are ready (``ExecuteSession::kSplitThreshold``). On a CPU client whose pool is one thread a call has one
core, and calls on different clients have different ones.
"""

import os
import threading
import weakref
from collections import Counter
from typing import Any

import jax

_lock = threading.RLock()  # reentrant: the collector may call _leave in a thread that holds it
_searches: Counter[Any] = Counter()
_cores: list[Any] = []


def count() -> int:
    """How many searches can run at once without sharing a device."""
    if _accelerated():
        return len(jax.devices())
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def take(holder: object) -> Any:
    """The JAX device with the fewest searches on it; ``holder``'s counts as one until ``holder`` is gone."""
    with _lock:
        devices = jax.devices() if _accelerated() else _cores
        device = min(devices, key=_searches.__getitem__, default=None)
        if devices is _cores and (device is None or (_searches[device] and len(_cores) < count())):
            device = _core()
            _cores.append(device)
        _searches[device] += 1
    weakref.finalize(holder, _leave, device).atexit = False
    return device


def _leave(device: Any) -> None:
    with _lock:
        _searches[device] -= 1


def _accelerated() -> bool:
    return jax.default_backend() != "cpu"


def _core() -> Any:
    """A CPU device with one thread. Made when it is first needed: each costs a millisecond and some idle threads."""
    from jaxlib import xla_client

    before = os.environ.get("PJRT_NPROC")
    os.environ["PJRT_NPROC"] = "1"  # read when a client is made
    try:
        client: Any = xla_client.make_cpu_client(asynchronous=False, num_devices=1)
        return client.devices()[0]
    finally:
        if before is None:
            del os.environ["PJRT_NPROC"]
        else:
            os.environ["PJRT_NPROC"] = before
