"""Whether one more run may be submitted: quotas on runs under way and on solver seconds per UTC day, of each actor and of the project."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from mezan.projections.usage import DAY, Use
from mezan.solvers.errors import BadInput

from .limit import LONGEST_TEXT, SECOND

MOST: Final = 1_000_000_000
_WORD: Final = re.compile(r"(runs|seconds)=([0-9]{1,10})")
RULE: Final = "a quota is written runs=N seconds=N, or one of them, as in 'runs=100 seconds=36000'"


@dataclass(frozen=True, slots=True)
class Quota:
    """How many runs may be under way at once, and how many solver seconds a UTC day has; None is without bound."""

    runs: int | None = None
    seconds: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Quota":
        """Read ``runs=100 seconds=36000``; what is not named has no bound, and ``unlimited`` has none at all.

        Raises:
            BadInput: the text breaks the rule.
        """
        if text.strip() == "unlimited":
            return cls()
        found: dict[str, int] = {}
        words = text.split() if len(text) <= LONGEST_TEXT else []
        for word in words or [""]:
            match = _WORD.fullmatch(word)
            if match is None or match[1] in found or int(match[2]) > MOST:
                msg = f"{RULE}; got {text[:80]!r}"
                raise BadInput(msg)
            found[match[1]] = int(match[2])
        return cls(**found)

    def __str__(self) -> str:
        named = (("runs", self.runs), ("seconds", self.seconds))
        return " ".join(f"{name}={value}" for name, value in named if value is not None) or "unlimited"


@dataclass(frozen=True, slots=True)
class Exceeded:
    """Why a run may not be submitted now.

    Attributes:
        whose: ``actor`` or ``project``.
        what: ``runs`` or ``seconds``.
        quota: the bound: a count, or seconds per day.
        used: runs under way; or seconds used today, with those that the runs under way may still use.
        wait: microseconds after which it is worth another try: runs may have ended, or at midnight UTC; None: never.
    """

    whose: str
    what: str
    quota: int
    used: float
    wait: int | None

    def __str__(self) -> str:
        if self.what == "runs":
            return f"the {self.whose} may have {self.quota} runs under way at once; it has {self.used:.0f}: wait for one to end"
        advice = "ask for less time" if self.wait is None else "wait, or ask for less time"
        return f"the {self.whose} has {self.quota} solver seconds per day (UTC); {self.used:.3f} are used or promised: {advice}"


AGAIN: Final = SECOND
"""When runs under way are in the way, nobody knows when one ends."""
USUAL: Final = {"actor": Quota(runs=10_000), "project": Quota(runs=50_000)}


class Quotas:
    """Asks the fold of the log (`mezan.projections.usage`), and counts what is being submitted and is not in it yet.

    One per project and process, on its event loop. With several processes on one log each sees the others' runs when they are
    recorded, so at most what is submitted in the same moment goes beyond a quota.

    Args:
        usage: the live value of the projection ``usage``: ``lambda: engine.states["usage"]``.
        actor: the quota of each actor that has none of its own.
        project: that of all together.
        special: quotas of single actors.
    """

    def __init__(
        self,
        usage: Callable[[], Use],
        *,
        actor: Quota = USUAL["actor"],
        project: Quota = USUAL["project"],
        special: Mapping[str, Quota] | None = None,
    ) -> None:
        self._usage = usage
        self.actor, self.project, self.special = actor, project, dict(special or {})
        self._runs: dict[str, int] = {}
        self._promised: dict[str, int] = {}

    def exceeded(self, actor: str, *, seconds: float, now: int, runs: int = 1) -> Exceeded | None:
        """Why ``runs`` more, of at most ``seconds`` of solving together, may not be submitted at ``now`` (microseconds); None: they may.

        A run under way counts with its whole time limit until it ends, so that the seconds of a day are never exceeded by
        what was let in.
        """
        use = self._usage()
        today = use.days.get(now // DAY, {})
        asked = round(seconds * SECOND)
        own = self.special.get(actor, self.actor)
        mine = (
            use.runs.get(actor, 0) + self._runs.get(actor, 0),
            today.get(actor, 0),
            use.limits.get(actor, 0) + self._promised.get(actor, 0),
        )
        if (found := _beyond("actor", own, *mine, asked, runs, now)) is not None:
            return found
        if self.project == Quota():
            return None
        everybody = (
            len(use.going) + sum(self._runs.values()),
            sum(today.values()),
            sum(use.limits.values()) + sum(self._promised.values()),
        )
        return _beyond("project", self.project, *everybody, asked, runs, now)

    @contextmanager
    def promised(self, actor: str, *, seconds: float, runs: int = 1) -> Iterator[None]:
        """Count runs as under way while they are being submitted: enter it with no ``await`` after :meth:`exceeded`."""
        asked = round(seconds * SECOND)
        self._runs[actor] = self._runs.get(actor, 0) + runs
        self._promised[actor] = self._promised.get(actor, 0) + asked
        try:
            yield
        finally:
            for counts, change in ((self._runs, runs), (self._promised, asked)):
                counts[actor] -= change
                if not counts[actor]:
                    del counts[actor]


def _beyond(
    whose: str, quota: Quota, under_way: int, used: int, promised: int, asked: int, runs: int, now: int
) -> Exceeded | None:
    if quota.runs is not None and under_way + runs > quota.runs:
        return Exceeded(whose, "runs", quota.runs, under_way, AGAIN if runs <= quota.runs else None)
    if quota.seconds is not None and used + promised + asked > (most := quota.seconds * SECOND):
        midnight = DAY - now % DAY
        wait = None if asked > most else AGAIN if used + asked <= most else midnight
        return Exceeded(whose, "seconds", quota.seconds, (used + promised) / SECOND, wait)
    return None
