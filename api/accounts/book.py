"""Denials on their way to the log: so few that nobody can fill the disk by being refused, and none forgotten."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from mezan.engine.account_events import AccessDenied

from .redaction import redacted

WINDOW: Final = 10_000_000
"""Microseconds in which one pair of reason and asker is recorded once."""
MOST_PAIRS: Final = 1_000
"""Pairs followed at a time; denials of more askers are counted together, under the address ``others``."""
LONGEST_PATH: Final = 200
LONGEST: Final = 128


@dataclass(slots=True)
class _Held:
    """The latest denial of a pair, what of it is not recorded, and when its window ends."""

    denial: AccessDenied
    until: int
    times: int = 0


class DenialBook:
    """Decides which denials become events now. Pure but for what it remembers: the time is given."""

    def __init__(self, *, window: int = WINDOW, most: int = MOST_PAIRS) -> None:
        self._window, self._most = window, most
        self._held: OrderedDict[tuple[str, str, str], _Held] = OrderedDict()

    def note(self, denial: AccessDenied, now: int) -> list[AccessDenied]:
        """One more denial; returns the events to record now, ``times`` saying what was held back."""
        due = self._ended(now)
        denial = replace_texts(denial)
        pair = (denial.project, denial.reason, denial.principal or denial.address)
        if pair not in self._held and len(self._held) >= self._most:
            denial = denial.model_copy(update={"project": "", "principal": "", "address": "others", "path": ""})
            pair = ("", denial.reason, "others")
        held = self._held.get(pair)
        if held is None:
            self._held[pair] = _Held(denial, now + self._window)
            return [*due, denial]
        held.denial, held.times = denial, held.times + denial.times
        return due

    def drain(self) -> list[AccessDenied]:
        """Everything that is held back; for the end."""
        due = [_counted(held) for held in self._held.values() if held.times]
        self._held.clear()
        return due

    def _ended(self, now: int) -> list[AccessDenied]:
        """What was held back in windows that have ended: they are in the order in which they began."""
        due = []
        while self._held and (first := next(iter(self._held.values()))).until <= now:
            pair, _ = self._held.popitem(last=False)
            if first.times:
                # its asker is refused all the time: what comes next is held back again
                due.append(_counted(first))
                self._held[pair] = replace(first, until=now + self._window, times=0)
        return due


def _counted(held: _Held) -> AccessDenied:
    return held.denial.model_copy(update={"times": held.times})


def replace_texts(denial: AccessDenied) -> AccessDenied:
    """The same with its texts cut, free of control characters and of what looks like a secret."""
    cut = {name: redacted(getattr(denial, name))[:LONGEST] for name in ("principal", "address", "project")}
    return denial.model_copy(update={**cut, "path": redacted(denial.path.split("?")[0])[:LONGEST_PATH]})
