"""Accounts on a fresh folder, with a clock that tests turn."""

import pytest

from mezan.api.accounts.open import open_accounts
from mezan.api.accounts.secrets import VARIABLE

NOW = 1_800_000_000_000_000


class Clock:
    """Microseconds since the epoch; stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += round(seconds * 1e6)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def url(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    return f"sqlite:///{tmp_path}/mezan.db"


@pytest.fixture
async def accounts(url, clock):
    async with open_accounts(url, clock=clock) as opened:
        yield opened
