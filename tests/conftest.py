"""What all tests share: one event loop backend, and child processes that die with the test."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "engine"))
pytest.register_assert_rewrite("store_contract")


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
