"""Denials on their way to the log: so few that nobody can fill the disk by being refused, and none forgotten."""

from dataclasses import dataclass
from typing import Final

from mezan.api.addresses import network
from mezan.engine.account_events import AccessDenied

from .redaction import redacted, without_credentials

WINDOW: Final = 10_000_000
"""Microseconds in which one asker is recorded once per reason; doubled while it goes on, up to 32 times."""
MOST_PAIRS: Final = 100
"""Askers followed at a time; denials of more are counted together, under the address ``others``: at most 10 events a second."""
LONGEST_PATH: Final = 200
LONGEST: Final = 128
OTHERS: Final = "others"


@dataclass(slots=True)
class _Held:
    """The latest denial of a pair, how many of it are not recorded, and its window."""

    denial: AccessDenied
    times: int
    window: int
    until: int


class DenialBook:
    """Decides which denials become events now. It reads no clock: the time is given."""

    def __init__(self, *, window: int = WINDOW, most: int = MOST_PAIRS) -> None:
        self._window, self._most = window, most
        self._held: dict[tuple[str, str, str], _Held] = {}
        self._next = 0

    def note(self, denial: AccessDenied, now: int) -> list[AccessDenied]:
        """One more denial; returns the events to record now, ``times`` saying what each stands for."""
        due = self._ended(now)
        denial = fit(denial)
        pair = (denial.project, denial.reason, denial.principal or network(denial.address))
        if pair not in self._held and len(self._held) >= self._most:
            denial = denial.model_copy(update={"project": "", "principal": "", "address": OTHERS, "path": ""})
            pair = ("", denial.reason, OTHERS)
        held = self._held.get(pair)
        if held is None:
            self._held[pair] = _Held(denial, 0, self._window, now + self._window)
            self._next = min(self._next, now + self._window) if len(self._held) > 1 else now + self._window
            return [*due, denial]
        held.denial, held.times = denial, held.times + denial.times
        return due

    def drain(self) -> list[AccessDenied]:
        """Everything that is held back; for the end."""
        due = [_counted(held) for held in self._held.values() if held.times]
        self._held.clear()
        return due

    def _ended(self, now: int) -> list[AccessDenied]:
        """What was held back in windows that have ended; who was quiet is forgotten."""
        if now < self._next:
            return []
        due = []
        for pair, held in list(self._held.items()):
            if held.until > now:
                continue
            if held.times:
                due.append(_counted(held))
                held.times, held.window = 0, min(2 * held.window, 32 * self._window)
                held.until = now + held.window
            else:
                del self._held[pair]
        self._next = min((held.until for held in self._held.values()), default=0)
        return due


def _counted(held: _Held) -> AccessDenied:
    return held.denial.model_copy(update={"times": held.times})


def fit(denial: AccessDenied) -> AccessDenied:
    """The same with its texts cut, and free of control characters and of what may be a secret."""
    texts = {
        "reason": without_credentials(denial.reason)[:LONGEST],
        "project": without_credentials(denial.project)[:LONGEST],
        "principal": without_credentials(denial.principal)[:LONGEST],
        "address": redacted(denial.address)[:LONGEST],
        "path": redacted(denial.path.split("?")[0])[:LONGEST_PATH],
    }
    return denial.model_copy(update=texts)
