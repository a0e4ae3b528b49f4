"""The floors of the house, and what importing must not do."""

import subprocess
import sys
from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]


def test_imports_go_down_only() -> None:
    """api over projections over engine over solvers; the contract stands in pyproject.toml."""
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_importing_mezan_changes_nothing_global() -> None:
    """No JAX setting, logging handler, signal handler, environment variable, thread or file comes from an import."""
    code = """
import logging, os, signal, sys, threading
import jax
before = (dict(os.environ), signal.getsignal(signal.SIGINT), list(logging.getLogger().handlers), logging.getLogger().level)
config = dict(jax.config.values)
import mezan.api, mezan.api.open, mezan.api.cli.app, mezan.api.cli.solving, mezan.projections, mezan.engine.engine
import mezan.solvers.qap.family, mezan.solvers.knapsack.family, mezan.solvers.driver
after = (dict(os.environ), signal.getsignal(signal.SIGINT), list(logging.getLogger().handlers), logging.getLogger().level)
assert before == after
assert config == dict(jax.config.values)
assert threading.active_count() == 1
import structlog
assert not structlog.is_configured()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_the_doors_is_light() -> None:
    """`import mezan.api` loads neither JAX nor the database nor the command line."""
    heavy = "jax", "sqlmodel", "alembic", "numpy", "pydantic", "typer", "rich"
    code = f"import sys, mezan.api; print(*(m for m in {heavy} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""
