"""What all tests share: one event loop backend, and child processes that die with the test."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mezan.api import cache_kernels

sys.path.insert(0, str(Path(__file__).parent / "engine"))
pytest.register_assert_rewrite("store_contract")

# What one test process compiles the others need not.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", tempfile.mkdtemp(prefix="mezan-tests-"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
cache_kernels()


@pytest.fixture(scope="session")
def anyio_backend():
    """Asyncio is the loop that stores are written for."""
    return "asyncio"


@pytest.fixture
def spawn():
    """Starts Python scripts as child processes; whatever still runs at the end of the test is killed."""
    children = []

    def start(script, *arguments, **options):
        child = subprocess.Popen(
            [sys.executable, "-u", str(script), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()
