"""What the tests of this door share."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from talking import ByHand


@pytest.fixture
def by_hand() -> Iterator[Callable[..., ByHand]]:
    """Starts servers that are spoken to by hand; what still runs at the end of the test is killed."""
    started: list[ByHand] = []

    def start(*options: str) -> ByHand:
        started.append(ByHand(*options))
        return started[-1].greet()

    yield start
    for hand in started:
        hand.process.kill()
        hand.process.communicate()
