"""What a process of one's own may set for itself."""

import os
import subprocess
import sys

SHOW = (
    "import os, sys; jax = sys.modules.get('jax'); print(os.environ.get('PJRT_NPROC'), jax is not None, "
    "jax and jax.config.jax_compilation_cache_dir)"
)
SET = {"PJRT_NPROC", "JAX_COMPILATION_CACHE_DIR"}


def said(script, **environment):
    kept = {k: v for k, v in os.environ.items() if k not in SET}
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; {SHOW}"], env=kept | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_importing_sets_nothing():
    """Neither the doors nor their module touch the environment, or load JAX."""
    assert said("import mezan.api, mezan.api.process") == ["None", "False", "None"]


def test_jax_is_tuned(tmp_path):
    """One thread, calls on the thread that makes them, and a folder for what is compiled: the user's, unless told."""
    tune = "from mezan.api import tune_jax; tune_jax()"
    assert said(tune, XDG_CACHE_HOME=str(tmp_path)) == ["1", "True", f"{tmp_path}/mezan/jax"]
    assert said("from mezan.api import tune_jax; tune_jax(cache='/x')") == ["1", "True", "/x"]


def test_what_the_environment_says_stays():
    """A number of threads and a cache folder that are set already are left alone."""
    tune = "from mezan.api import tune_jax; tune_jax()"
    assert said(tune, PJRT_NPROC="3", JAX_COMPILATION_CACHE_DIR="/y") == ["3", "True", "/y"]


def test_jax_that_has_started_keeps_its_threads():
    """Once the backend is there only the cache is set."""
    script = "import jax; jax.devices(); from mezan.api import tune_jax; tune_jax(cache='/x')"
    assert said(script)[1:] == ["True", "/x"]


def test_two_calls_at_once_have_a_core_each():
    """Tuned, a long call on one thread does not wait for a long call on another."""
    script = """
from mezan.api import tune_jax
tune_jax()
import jax, jax.numpy as jnp, threading, time
step = jax.jit(lambda x: jax.lax.fori_loop(0, 3_000_000, lambda i, x: x * 1.0001 + i, x))
step(jnp.float32(1)).block_until_ready()
busy = []
def call():
    start = time.thread_time()
    step(jnp.float32(1)).block_until_ready()
    busy.append(time.thread_time() - start)
threads = [threading.Thread(target=call) for _ in range(2)]
[t.start() for t in threads]; [t.join() for t in threads]
assert all(seconds > 0.001 for seconds in busy), busy
"""
    assert said(f"exec({script!r})")[0] == "1"
