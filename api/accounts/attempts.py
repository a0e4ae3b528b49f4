"""How often one may try a password: a protocol that the limiters fill."""

from dataclasses import dataclass
from typing import Any, Protocol

import anyio.to_thread

from .errors import TooManyAttempts


class Attempts(Protocol):
    """Counts attempts: `mezan.api.limits.logins.Logins`. It may block for a disk access, and is called on threads."""

    def begin(self, account: str, address: str) -> Any:
        """Count an attempt as failed; what is returned has ``verdict.allowed`` and ``verdict.retry_after`` in microseconds."""

    def succeeded(self, attempt: Any) -> None:
        """It was no failure."""


async def attempted(attempts: Attempts, account: str, address: str, *, who: str, project: str) -> Any:
    """Begin an attempt; raises TooManyAttempts before anything is looked at."""
    attempt = await anyio.to_thread.run_sync(attempts.begin, account, address)
    if not attempt.verdict.allowed:
        wait = attempt.verdict.retry_after
        raise TooManyAttempts(
            "logins of one account or address must not be tried so often; wait",
            retry_after=None if wait is None else wait / 1e6,
            who=who,
            project=project,
        )
    return attempt


@dataclass(frozen=True, slots=True)
class _Passes:
    allowed: bool = True
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class _Free:
    verdict: _Passes = _Passes()


class Unlimited:
    """For the command line, which checks no passwords; a server must have limits."""

    def begin(self, account: str, address: str) -> Any:
        """Always allowed."""
        return _Free()

    def succeeded(self, attempt: Any) -> None:
        """Nothing was counted."""
