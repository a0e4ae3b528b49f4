"""Accounts with a door, on a clock that tests move."""

from contextlib import asynccontextmanager
from dataclasses import dataclass

from mezan.api.accounts.door import Door
from mezan.api.accounts.open import open_accounts
from mezan.engine.clock import micros

PASSWORD = "correct horse battery"


class Clock:
    """The real time, or one that stands in the middle of a step of 30 s, and what tests add to it in seconds."""

    def __init__(self, *, stands=False):
        self.ahead = 0.0
        self.stands = micros() // 30_000_000 * 30_000_000 + 15_000_000 if stands else None

    def __call__(self):
        return (micros() if self.stands is None else self.stands) + int(self.ahead * 1e6)


@dataclass
class Verdict:
    """What an attempt is told."""

    allowed: bool = True
    retry_after: int | None = 0


@dataclass
class Attempt:
    """One attempt."""

    verdict: Verdict


class Counting:
    """Lets ``most`` failures pass per account, and remembers who asked."""

    def __init__(self, most=1_000):
        self.most, self.failed, self.asked = most, {}, []

    def begin(self, account, address):
        self.asked.append((account, address))
        self.failed[account] = self.failed.get(account, 0) + 1
        attempt = Attempt(Verdict(self.failed[account] <= self.most, 7_000_000))
        attempt.account = account
        return attempt

    def succeeded(self, attempt):
        self.failed[attempt.account] -= 1


@asynccontextmanager
async def door(tmp_path, attempts=None, clock=None):
    """A door with the user ``ann``, an operator, who has PASSWORD."""
    async with open_accounts(f"sqlite:///{tmp_path}/mezan.db", clock=clock or Clock()) as accounts:
        made = Door(accounts, attempts or Counting())
        if accounts.principals.user_named("default", "ann") is None:
            ann = await accounts.add_user("ann", role="operator")
            await made.people.set_password(ann.id, PASSWORD)
        yield made
