"""What a process of one's own may set for itself."""

import os
import subprocess
import sys

SHOW = "import os; print(os.environ.get('PJRT_NPROC'), os.environ.get('JAX_CPU_ENABLE_ASYNC_DISPATCH'), 'jax' in sys.modules)"


def said(script, **environment):
    kept = {k: v for k, v in os.environ.items() if k not in {"PJRT_NPROC", "JAX_CPU_ENABLE_ASYNC_DISPATCH"}}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {script}; {SHOW}"],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_importing_sets_nothing():
    """Neither the doors nor their module touch the environment."""
    assert said("import mezan.api, mezan.api.process") == ["None", "None", "False"]


def test_jax_is_tuned_without_loading_it():
    """Both variables are set, and one that is already set stays as it is."""
    assert said("from mezan.api import tune_jax; tune_jax()") == ["1", "false", "False"]
    assert said("from mezan.api import tune_jax; tune_jax()", PJRT_NPROC="3") == ["3", "false", "False"]


def test_jax_that_has_started_is_left_alone():
    """Variables that nobody would read any more are not set."""
    assert said("import jax; jax.devices(); from mezan.api import tune_jax; tune_jax()") == ["None", "None", "True"]
