"""What a process of one's own may set for itself."""

import os
import subprocess
import sys

SHOW = "import sys; jax = sys.modules.get('jax'); print(jax is not None, jax and jax.config.jax_compilation_cache_dir)"


def said(script, **environment):
    kept = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; {SHOW}"], env=kept | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_importing_sets_nothing():
    """Neither the doors nor their module load JAX."""
    assert said("import mezan.api, mezan.api.process") == ["False", "None"]


def test_compiled_kernels_have_a_folder(tmp_path):
    """The user's cache folder, or the one that is named."""
    cache = "from mezan.api import cache_kernels; cache_kernels"
    assert said(f"{cache}()", XDG_CACHE_HOME=str(tmp_path)) == ["True", f"{tmp_path}/mezan/jax"]
    assert said(f"{cache}('/x')") == ["True", "/x"]


def test_the_environment_goes_before():
    """A cache folder that is set there already is left alone."""
    assert said("from mezan.api import cache_kernels; cache_kernels('/x')", JAX_COMPILATION_CACHE_DIR="/y") == [
        "True",
        "/y",
    ]


def test_a_second_process_compiles_nothing(tmp_path):
    """What the first has compiled is there for the next one."""
    script = f"""
from mezan.api import cache_kernels
cache_kernels({str(tmp_path)!r})
from mezan.solvers.driver import Drive
from mezan.solvers.qap import QAP
from mezan.solvers.qap.family import FAMILY
solver = next(s for s in FAMILY.solvers if s.name == "qap.tabu")
Drive(FAMILY, solver, [QAP(A=[[0, 1], [1, 0]], B=[[0, 2], [2, 0]])], [1]).advance(1)
"""
    said(f"exec({script!r})")
    kept = {path.name for path in tmp_path.glob("*-cache")}
    assert any("step" in name for name in kept)
    said(f"exec({script!r})")
    assert {path.name for path in tmp_path.glob("*-cache")} == kept
